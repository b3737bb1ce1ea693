//! Where everything is: the workspace, the registry, GitHub, the hosts.
//!
//! A world is addresses and places, nothing else. A rehearsal is a world with
//! other addresses; no code below this knows which one it is in.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_github::{GitHub, Server};
use stagegate_manifest::Workspace;
use stagegate_registry::{Registry, Token};

use crate::command::Tool;
use crate::git::Git;
use crate::{Config, Interrupt};

/// Where everything is.
#[derive(Clone, Debug)]
pub struct World {
    /// The Cargo workspace's root.
    pub root: Utf8PathBuf,
    /// The root within the git checkout; empty where they are the same.
    pub subdirectory: Utf8PathBuf,
    /// Journals and what a resumed run needs: inside git's own directory, so
    /// that neither `cargo clean` nor `git clean` loses it.
    pub state: Utf8PathBuf,
    /// Cargo's target directory.
    pub target_directory: Utf8PathBuf,
    /// The workspace as it stood when this world was opened.
    pub workspace: Workspace,
    /// `stagegate.toml`, with what was laid over it.
    pub config: Config,
    /// The wish to stop.
    pub interrupt: Interrupt,
    /// The cargo that called us, or the one on the path.
    pub cargo: PathBuf,
    // Opening reads the trusted roots and the index's own configuration: once is enough.
    registry: OnceLock<Registry>,
}

impl World {
    /// Opens the workspace around `start`.
    pub fn open(
        start: &Utf8Path,
        overlay: Option<&Utf8Path>,
        interrupt: Interrupt,
    ) -> anyhow::Result<World> {
        let workspace = workspace_around(start)?;
        let root = workspace.root.clone();
        let config = Config::load(&root, overlay)?;
        let git = Git::at(&root);
        let top = git.read(["rev-parse", "--show-toplevel"]).with_context(|| {
            format!("{root} is not in a git checkout; a release is made from a commit: run `git init` and commit")
        })?;
        let top = Utf8Path::new(&top)
            .canonicalize_utf8()
            .with_context(|| format!("following {top}"))?;
        let inside = root
            .canonicalize_utf8()
            .with_context(|| format!("following {root}"))?;
        let subdirectory = inside
            .strip_prefix(&top)
            .unwrap_or(Utf8Path::new(""))
            .to_owned();
        let directory = git.read(["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        Ok(World {
            root,
            subdirectory,
            state: Utf8PathBuf::from(directory).join("stagegate"),
            target_directory: workspace.target_directory.clone(),
            workspace,
            config,
            interrupt,
            cargo: cargo(),
            registry: OnceLock::new(),
        })
    }

    /// git in the workspace.
    pub fn git(&self) -> Git {
        Git::at(&self.root)
    }

    /// cargo, in `directory`, with a clean environment.
    pub fn cargo_in(&self, directory: &Utf8Path) -> Tool {
        Tool::cargo(&self.cargo, directory)
    }

    /// Reports, logs and the release tree. Below the root, not below cargo's
    /// target directory, which may lie inside somebody else's workspace.
    pub fn output(&self) -> Utf8PathBuf {
        self.root.join("target/stagegate")
    }

    /// The registry's client.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        if let Some(registry) = self.registry.get() {
            return Ok(registry.clone());
        }
        let opened = Registry::open(&self.config.registry.index)?;
        Ok(self.registry.get_or_init(|| opened).clone())
    }

    /// The registry's token, if there is one.
    pub fn registry_token(&self) -> anyhow::Result<Option<Token>> {
        let home = match std::env::var_os("CARGO_HOME") {
            Some(home) => PathBuf::from(home),
            None => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        };
        Ok(Token::find(
            &self.config.registry.name,
            &|name| std::env::var(name).ok(),
            &home,
        )?)
    }

    /// The registry's token, or the word on how to give one.
    pub fn need_registry_token(&self) -> anyhow::Result<Token> {
        self.registry_token()?.ok_or_else(|| {
            anyhow!(
                "there is no token for the registry {}; set {} or run `cargo login`",
                self.config.registry.name,
                self.registry_token_variable()
            )
        })
    }

    /// The environment variable that cargo reads the token from.
    pub fn registry_token_variable(&self) -> String {
        match self.config.registry.name.as_str() {
            "crates-io" => "CARGO_REGISTRY_TOKEN".to_owned(),
            name => format!(
                "CARGO_REGISTRIES_{}_TOKEN",
                name.to_uppercase().replace('-', "_")
            ),
        }
    }

    /// GitHub's addresses.
    pub fn github_server(&self) -> Server {
        Server {
            api: self.config.github.api.clone(),
            uploads: self.config.github.uploads.clone(),
        }
    }

    /// Whether there is a token for GitHub.
    pub fn has_github_token(&self) -> bool {
        github_token().is_some()
    }

    /// GitHub's client.
    pub fn github(&self, server: &Server) -> anyhow::Result<GitHub> {
        Ok(GitHub::new(server, github_token().as_ref())?)
    }
}

fn github_token() -> Option<stagegate_github::Token> {
    let found = ["GITHUB_TOKEN", "GH_TOKEN"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    found
        .filter(|token| !token.trim().is_empty())
        .map(stagegate_github::Token::new)
}

/// The workspace around `start`, as the cargo that called us sees it.
///
/// # Errors
/// When there is none, or cargo cannot read it.
pub fn workspace_around(start: &Utf8Path) -> anyhow::Result<Workspace> {
    let mut manifests = start
        .ancestors()
        .map(|directory| directory.join("Cargo.toml"));
    let manifest = manifests.find(|path| path.is_file()).ok_or_else(|| {
        anyhow!("there is no Cargo.toml in {start} or above it; run this inside a Cargo workspace")
    })?;
    Ok(Workspace::load(
        &cargo(),
        &manifest,
        &crate::command::clean,
    )?)
}

/// The cargo that called us, or the one on the path.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
