//! Workspaces to measure on: layers of small libraries, each built on some of
//! the layer below, with enough code that building them is work.

use std::fmt::Write;
use std::process::Command;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

/// The registry's name, as the manifests have it.
pub(crate) const REGISTRY: &str = "bench";
/// The version of every crate.
pub(crate) const VERSION: &str = "0.1.0";

/// A workspace's shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many crates.
    pub(crate) crates: usize,
    /// In how many layers.
    pub(crate) levels: usize,
    /// How many functions each has.
    pub(crate) functions: usize,
}

impl Shape {
    /// Crates of one layer; the last takes what is left over.
    fn per_level(self) -> usize {
        (self.crates / self.levels).max(1)
    }

    fn level(self, index: usize) -> usize {
        (index / self.per_level()).min(self.levels - 1)
    }

    /// Returns the crates of the layer below that one is built on.
    fn needs(self, index: usize) -> Vec<usize> {
        let level = self.level(index);
        if level == 0 {
            return Vec::new();
        }
        let (start, width) = ((level - 1) * self.per_level(), self.per_level());
        let mut needs: Vec<usize> = (0..width.min(2))
            .map(|k| start + (index + k) % width)
            .collect();
        needs.sort_unstable();
        needs
    }
}

/// Returns a crate's name.
pub(crate) fn name(index: usize) -> String {
    format!("bench-crate-{index:03}")
}

/// Writes the workspace as a git checkout with a bare remote beside it.
pub(crate) fn write(
    directory: &Utf8Path,
    shape: Shape,
    configuration: &str,
) -> anyhow::Result<Utf8PathBuf> {
    let root = directory.join("work");
    let file = |path: &str, text: &str| -> anyhow::Result<()> {
        let path = root.join(path);
        let parent = path.parent().context("a file is in a directory")?;
        std::fs::create_dir_all(parent).with_context(|| format!("creating {parent}"))?;
        std::fs::write(&path, text).with_context(|| format!("writing {path}"))
    };
    file(
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n",
    )?;
    file(".gitignore", "/target\n/.shipper\n")?;
    file("stagegate.toml", configuration)?;
    for index in 0..shape.crates {
        let place = format!("crates/{}", name(index));
        file(&format!("{place}/Cargo.toml"), &manifest(shape, index))?;
        file(&format!("{place}/src/lib.rs"), &source(shape, index))?;
    }
    let run = |program: &str, arguments: &[&str]| -> anyhow::Result<()> {
        let status = Command::new(program)
            .args(arguments)
            .current_dir(&root)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env(crate::tool::INDEX_VARIABLE, "sparse+http://127.0.0.1:1/")
            .status()
            .with_context(|| format!("starting {program}"))?;
        if !status.success() {
            bail!("`{program} {}` failed: {status}", arguments.join(" "));
        }
        Ok(())
    };
    run("cargo", &["generate-lockfile", "--quiet", "--offline"])?;
    let remote = directory.join("remote.git");
    run("git", &["init", "--quiet", "--initial-branch", "main"])?;
    for (key, value) in [("user.name", "Bench"), ("user.email", "bench@example.org")] {
        run("git", &["config", key, value])?;
    }
    run("git", &["add", "--all"])?;
    run("git", &["commit", "--quiet", "--message", "All of it"])?;
    run("git", &["init", "--quiet", "--bare", remote.as_str()])?;
    run("git", &["remote", "add", "origin", remote.as_str()])?;
    run(
        "git",
        &["push", "--quiet", "--set-upstream", "origin", "main"],
    )?;
    Ok(root)
}

fn manifest(shape: Shape, index: usize) -> String {
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"{VERSION}\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
         description = \"Something to publish\"\nrepository = \"https://example.org/bench\"\npublish = [\"{REGISTRY}\"]\n\n[dependencies]\n",
        name(index)
    );
    for need in shape.needs(index) {
        let name = name(need);
        let _ = writeln!(
            text,
            "{name} = {{ path = \"../{name}\", version = \"{VERSION}\", registry = \"{REGISTRY}\" }}"
        );
    }
    text
}

fn source(shape: Shape, index: usize) -> String {
    let mut text = format!("//! Crate {index}.\n\n");
    for number in 0..shape.functions {
        let width = 8 << (number % 4);
        let _ = writeln!(
            text,
            "/// Counts.\npub fn count{number}(key: &str) -> String {{\n    \
             let mut all = std::collections::BTreeMap::<String, Vec<u{width}>>::new();\n    \
             all.entry(key.to_owned()).or_default().push({});\n    format!(\"{{all:?}}\")\n}}",
            number % 100
        );
    }
    for need in shape.needs(index) {
        let crate_name = name(need).replace('-', "_");
        let _ = writeln!(text, "pub use {crate_name}::count0 as from{need};");
    }
    text
}
