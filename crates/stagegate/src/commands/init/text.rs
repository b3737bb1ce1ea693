//! The files that are made whole.

use camino::Utf8Path;

use super::translate::Settings;

/// `xtask/src/main.rs`
pub(super) const MAIN: &str = "\
//! This workspace's own tasks; `cargo xtask help` lists them.

fn main() -> std::process::ExitCode {
    stagegate::main()
}
";

/// Returns `xtask/Cargo.toml`, with stagegate from crates.io or from a directory.
pub(super) fn manifest(from: Option<&Utf8Path>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let source = match from {
        None => format!("version = \"{version}\""),
        Some(path) => format!("path = {}", toml_edit::Value::from(path.as_str())),
    };
    format!(
        "[package]\nname = \"xtask\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\nstagegate = {{ {source}, features = [\"rehearsal\"] }}\n"
    )
}

/// Returns `stagegate.toml` with what most teams look for first, and what other tools said.
/// An app is described, not guessed.
pub(super) fn settings(branch: &str, translated: &Settings) -> String {
    let branch = match translated.has("release", "branch") {
        true => String::new(),
        false => format!("branch = {}\n", toml_edit::Value::from(branch)),
    };
    let hint = |table: &str, key: &str, lines: &'static str| match translated.has(table, key) {
        true => "",
        false => lines,
    };
    format!(
        "# How this workspace is released. Everything has a default; an unknown key is an error.\n\
         [release]\n\
         {branch}{}{}\
         {}\
         \n{}\
         # [app]                        # what runs somewhere, if anything does\n\
         # name = \"guestbook\"\n\
         # [app.backend]\n\
         # package = \"guestbook-backend\"\n\
         # port = 8080\n\
         # [deploy.production]\n\
         # hosts = [\"deploy@app1.example.org\"]\n",
        translated.of_release(),
        hint(
            "release",
            "versioning",
            "# versioning = \"independent\"  # usually as the crates moved so far\n"
        ),
        translated.other_tables(),
        hint(
            "gates",
            "semver",
            "# [gates]                      # usually fmt, audit, links, secrets, clippy, test, doc\n\
             # semver = \"warn\"\n\n"
        ),
    )
}
