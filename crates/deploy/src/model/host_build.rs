//! How a host builds the program itself: settings, and what is refused of them.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::model::limits::Limits;

/// How a host builds the program from its sources.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct HostBuild {
    /// The address that the commit is fetched from, as the service's account.
    pub git: String,
    /// The workspace's directory within the sources; empty for their root.
    #[serde(default)]
    pub directory: Utf8PathBuf,
    /// Program and arguments, run in that directory. `{version}` stands for the version.
    pub run: Vec<String>,
    /// Where the program then lies, relative to that directory.
    pub program: Utf8PathBuf,
    /// Variables for the command. They are no place for secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the build may take of the host.
    #[serde(default)]
    pub limits: Limits,
    /// Free space that it is to find, in MiB.
    pub disk_mib: u64,
    /// Seconds that it may take, the fetching included.
    pub limit_seconds: u64,
}

impl HostBuild {
    /// Returns what is wrong with it: what it is, its value, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        if let Some(remedy) = problem_of_address(&self.git) {
            // What is refused may hold a password, so it is not repeated.
            let value = without_user(&self.git);
            return Some(("git address", value, remedy));
        }
        let command = self.run.first().is_some_and(|program| !program.is_empty())
            && self.run.iter().all(|word| !word.contains('\0'));
        if !command {
            let remedy = "give a program and its arguments";
            return Some(("build command", self.run.join(" "), remedy));
        }
        if self.program.file_name().is_none() || !stays_inside(&self.program) {
            let remedy = "give the file's path relative to the workspace's root";
            return Some(("built program", self.program.to_string(), remedy));
        }
        if !stays_inside(&self.directory) {
            let remedy = "give a directory within the repository";
            return Some(("workspace directory", self.directory.to_string(), remedy));
        }
        for (name, value) in &self.env {
            let well_formed = !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.is_empty();
            if !well_formed || value.contains('\0') {
                let remedy = "give the name of a variable, and a value without NUL";
                return Some(("build variable", name.clone(), remedy));
            }
        }
        if self.limit_seconds == 0 {
            let remedy = "a build needs a second at least";
            return Some(("build limit", "0".to_owned(), remedy));
        }
        self.limits.problem()
    }
}

/// Tells whether a relative path stays below where it begins.
fn stays_inside(path: &Utf8Path) -> bool {
    !path.as_str().contains(['\0', '\n'])
        && path
            .components()
            .all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir))
}

/// Returns what to write instead of an address that cannot be used.
fn problem_of_address(address: &str) -> Option<&'static str> {
    let odd = address.starts_with(['-', ' ']) || address.contains(char::is_control);
    if address.is_empty() || odd {
        return Some("give the address that the hosts fetch the sources from");
    }
    // `git@` is a login and no secret; what follows a colon is one.
    let secret = user_of(address).is_some_and(|user| user.contains(':'));
    let web = address.starts_with("http://") || address.starts_with("https://");
    if secret || (web && user_of(address).is_some()) {
        return Some(
            "leave the password out; the host's owner gives it to git there, e.g. by a credential helper",
        );
    }
    // git runs a helper for such an address, which may be any command.
    let helper = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    address
        .split_once("::")
        .is_some_and(|(word, _)| helper(word))
        .then_some("give an address of https, ssh, file, or a path")
}

/// Returns what is before the `@` of a URL's host.
fn user_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split('/').next()?;
    authority.rsplit_once('@').map(|(user, _)| user)
}

fn without_user(address: &str) -> String {
    match user_of(address) {
        Some(user) => address.replacen(&format!("{user}@"), "", 1),
        None => address.to_owned(),
    }
}
