//! Small workspaces with configurations of every kind, and their workflows.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const APP: &str = "[app]\nname = \"shop\"\n[app.backend]\npackage = \"one\"\nport = 8080\npaths = [\"src/**\", \"Cargo.*\"]\n\
    [app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\npaths = [\"web/**\"]\n";
const BACKEND: &str = "[app]\nname = \"shop\"\n[app.backend]\npackage = \"one\"\nport = 8080\n";
const PRODUCTION: &str = "[deploy.production]\nhosts = [\"deploy@app.example.org\"]\n";

/// A name, stagegate.toml, whether crates are published, and where the
/// workspace lies in its checkout.
fn all() -> Vec<(&'static str, String, bool, &'static str)> {
    let two = "[deploy.staging]\nhosts = [\"deploy@staging.example.org\"]\n";
    let odd = "[release]\nbranch = \"release/1.x\"\n[registry]\nname = \"my-company\"\n\
        [github]\nsbom = false\n[ci]\nrunner = \"ubuntu-22.04-arm\"\ntoolchain = \"1.95.0\"\n\
        attest = false\non_tag = true\ngates = [\"fmt\"]\nsetup = [\"echo 'a: b' # c\", \"echo \\\"$HOME\\\"\"]\n\
        env = { RUST_BACKTRACE = \"1\", WORDS = \"a: b\" }\n\
        [[ci.job]]\nname = \"long-test\"\nrun = [\"sh\", \"-c\", \"echo 'it is' $HOME\"]\n";
    let targets = "[release]\ntargets = { \"x86_64-unknown-linux-gnu\" = \"ubuntu-24.04\", \"aarch64-unknown-linux-gnu\" = \"ubuntu-24.04-arm\" }\n";
    let ours = "[github]\nrepository = \"example/shop\"\n[ci]\ntoken = \"PUSH_TOKEN\"\n\
        [notify]\nwebhook = { env = \"RELEASE_WEBHOOK\" }\n\
        [[step]]\nafter = \"publish\"\nrun = [\"announce\"]\npass_env = [\"ANNOUNCE_KEY\", \"GITHUB_TOKEN\"]\n";
    let kept = "[ci]\nrelease_pull_request = true\non_tag = true\ntoken = \"PUSH_TOKEN\"\n\
        [ci.fetch]\nregistries = [\"my-company\"]\ngit = { \"https://github.com/acme\" = \"ACME_READ\" }\n\
        [release]\nbranches = [\"v*.x\"]\ntag = \"{name}-v{version}\"\n";
    vec![
        ("kept", kept.to_owned() + APP + PRODUCTION, true, ""),
        ("default", String::new(), true, ""),
        ("app", format!("{APP}{PRODUCTION}"), true, ""),
        ("backend", format!("{BACKEND}{PRODUCTION}"), true, ""),
        ("unpublished", format!("{APP}{PRODUCTION}"), false, ""),
        ("nothing", "[gates]\nmsrv = \"off\"\n".to_owned(), false, ""),
        (
            "two-environments",
            format!("{APP}{PRODUCTION}{two}[ci]\nenvironment = \"staging\"\n"),
            true,
            "",
        ),
        ("staging-only", format!("{APP}{two}"), true, ""),
        (
            "independent",
            "[release]\nversioning = \"independent\"\n".to_owned(),
            true,
            "",
        ),
        ("odd", odd.to_owned(), true, ""),
        ("ours-alone", ours.to_owned() + APP + PRODUCTION, true, ""),
        ("targets", format!("{targets}{APP}{PRODUCTION}"), true, ""),
        ("targets-only", format!("{targets}{BACKEND}"), false, ""),
        ("below", format!("{APP}{PRODUCTION}"), true, "rust"),
    ]
}

/// The checkouts, each below a directory of its own.
pub(crate) struct Variants {
    directory: TempDir,
}

impl Variants {
    /// Writes the workflows of every configuration.
    pub(crate) fn write() -> Variants {
        let directory = tempfile::tempdir().unwrap();
        for (name, config, published, below) in all() {
            let checkout = directory.path().join(name);
            let workspace = checkout.join(below);
            std::fs::create_dir_all(workspace.join("src")).unwrap();
            let publish = if published { "" } else { "publish = false\n" };
            let manifest = format!(
                "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.85\"\n{publish}[workspace]\n"
            );
            std::fs::write(workspace.join("Cargo.toml"), manifest).unwrap();
            std::fs::write(workspace.join("src/lib.rs"), "//! One.\n").unwrap();
            std::fs::write(workspace.join("stagegate.toml"), config).unwrap();
            let init = Command::new("git")
                .args(["init", "--quiet"])
                .current_dir(&checkout)
                .status();
            assert!(init.unwrap().success());
            super::must(&workspace, &["ci", "write"]);
            super::must(&workspace, &["ci", "check"]);
        }
        Variants { directory }
    }

    /// The directory of all of them.
    pub(crate) fn place(&self) -> &Path {
        self.directory.path()
    }

    /// One checkout.
    pub(crate) fn checkout(&self, name: &str) -> PathBuf {
        self.place().join(name)
    }

    /// Every checkout by its name.
    pub(crate) fn checkouts(&self) -> Vec<(&'static str, PathBuf)> {
        let names = all().into_iter().map(|(name, ..)| name);
        names.map(|name| (name, self.checkout(name))).collect()
    }
}
