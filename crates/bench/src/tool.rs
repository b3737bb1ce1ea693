//! The tools that publish a workspace, and how each is told to.

use std::process::{Command, Stdio};

use anyhow::Context;
use camino::Utf8Path;

use super::workspace::{REGISTRY, VERSION};

/// Where cargo reads the index of the registry from.
pub(crate) const INDEX_VARIABLE: &str = "CARGO_REGISTRIES_BENCH_INDEX";
/// Where cargo reads its token from.
const TOKEN_VARIABLE: &str = "CARGO_REGISTRIES_BENCH_TOKEN";
/// A token of a registry on this machine, which guards nothing.
pub(crate) const TOKEN: &str = "bench-token";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tool {
    /// This project's own
    Stagegate,
    /// `cargo publish --workspace`
    Cargo,
    /// `cargo release publish --workspace`
    CargoRelease,
    /// `cargo workspaces publish`
    CargoWorkspaces,
    /// `shipper publish`
    Shipper,
}

impl Tool {
    /// All of them.
    pub(crate) const ALL: [Tool; 5] = [
        Tool::Stagegate,
        Tool::Cargo,
        Tool::CargoRelease,
        Tool::CargoWorkspaces,
        Tool::Shipper,
    ];

    /// Returns its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Stagegate => "stagegate",
            Tool::Cargo => "cargo publish --workspace",
            Tool::CargoRelease => "cargo-release",
            Tool::CargoWorkspaces => "cargo-workspaces",
            Tool::Shipper => "shipper",
        }
    }

    /// Returns what it says its version is, or how to install it.
    pub(crate) fn version(self) -> Result<String, String> {
        let (program, arguments, install): (&str, &[&str], &str) = match self {
            Tool::Stagegate => return Ok("this checkout".to_owned()),
            Tool::Cargo => ("cargo", &["--version"], "rustup"),
            Tool::CargoRelease => (
                "cargo",
                &["release", "--version"],
                "cargo install cargo-release --locked",
            ),
            Tool::CargoWorkspaces => (
                "cargo",
                &["workspaces", "--version"],
                "cargo install cargo-workspaces --locked",
            ),
            Tool::Shipper => ("shipper", &["--version"], "cargo install shipper --locked"),
        };
        let asked = Command::new(program)
            .args(arguments)
            .stderr(Stdio::null())
            .output();
        match asked {
            Ok(said) if said.status.success() => {
                let text = String::from_utf8_lossy(&said.stdout);
                let words = text
                    .split_whitespace()
                    .find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
                Ok(words.unwrap_or_default().to_owned())
            }
            _ => Err(format!("{} is not installed: `{install}`", self.name())),
        }
    }

    /// Returns the command that takes the workspace from its packages to the registry.
    pub(crate) fn command(
        self,
        root: &Utf8Path,
        address: &str,
        home: &Utf8Path,
    ) -> anyhow::Result<Command> {
        let base = format!("http://{address}");
        let (program, arguments): (&str, Vec<&str>) = match self {
            Tool::Stagegate => ("", vec!["release", VERSION, "--format", "json"]),
            Tool::Cargo => (
                "cargo",
                vec!["publish", "--workspace", "--registry", REGISTRY],
            ),
            Tool::CargoRelease => (
                "cargo",
                vec![
                    "release",
                    "publish",
                    "--workspace",
                    "--registry",
                    REGISTRY,
                    "--execute",
                    "--no-confirm",
                    "--allow-branch",
                    "main",
                ],
            ),
            Tool::CargoWorkspaces => (
                "cargo",
                vec![
                    "workspaces",
                    "publish",
                    "--publish-as-is",
                    "--yes",
                    "--registry",
                    REGISTRY,
                    "--token",
                    TOKEN,
                ],
            ),
            Tool::Shipper => (
                "shipper",
                vec![
                    "publish",
                    "--registry",
                    REGISTRY,
                    "--api-base",
                    &base,
                    "--parallel",
                ],
            ),
        };
        let mut command = match self {
            Tool::Stagegate => {
                Command::new(std::env::current_exe().context("finding this program")?)
            }
            _ => Command::new(program),
        };
        command.args(arguments);
        surround(&mut command, root, address, home);
        Ok(command)
    }
}

/// Lets a command run in the workspace, with a cargo home of its own and the
/// registry at an address; nothing of an outer cargo is handed on.
pub(crate) fn surround(command: &mut Command, root: &Utf8Path, address: &str, home: &Utf8Path) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO") {
            command.env_remove(&name);
        }
    }
    command
        .current_dir(root)
        .env("CARGO_HOME", home)
        .env(INDEX_VARIABLE, format!("sparse+http://{address}/index/"))
        .env(TOKEN_VARIABLE, TOKEN)
        .env("CARGO_TERM_COLOR", "never")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
}

/// Returns what ours needs to know of the workspace: where to publish, and that nothing else is
/// measured.
pub(crate) fn configuration(address: &str) -> String {
    let gates: String = stagegate_config::stage::Stage::ALL
        .iter()
        .filter(|stage| **stage < stagegate_config::stage::Stage::Bump)
        .map(|stage| format!("{} = \"off\"\n", stage.name()))
        .collect();
    format!(
        "[registry]\nname = \"{REGISTRY}\"\nindex = \"sparse+http://{address}/index/\"\n\
         fresh_project = \"off\"\n\n\
         [github]\nrelease = false\n\n[gates]\n{gates}"
    )
}
