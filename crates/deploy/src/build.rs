//! Building the program on its host: what is built how, and the script that does it.
//!
//! For teams whose hosts have git and a toolchain. The script runs as the service's own
//! account, never as root, in a directory of that account's: it fetches one commit by its
//! id, checks it out, and runs one command. Data reach it through [`quote`] only. It
//! knows nothing of the app's environment file: what builds has no need of its secrets.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::app::Release;
use crate::artifact::hash_of_bytes;
use crate::command::quote;
use crate::layout::ServiceLayout;
use crate::limits::Limits;

/// After the head's `build` and `home`: who builds, and what is found on the path.
const SURROUNDINGS: &str = r#"HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
if [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then HOME=$build/home; fi
PATH=$HOME/.cargo/bin:$PATH
GIT_TERMINAL_PROMPT=0
GIT_SSH_COMMAND='ssh -o BatchMode=yes'
export HOME PATH GIT_TERMINAL_PROMPT GIT_SSH_COMMAND
"#;

/// After the head; then, in the checked-out directory, comes the command.
const LAY: &str = r#"cd "$build"
mkdir -p "$HOME"
rm -f built-*
fresh() {
  rm -rf source
  git init --quiet source
  cd source
}
there() { git cat-file -e "$commit^{commit}" 2>/dev/null; }
fetch() {
  if there; then return 0; fi
  # Not every server gives a commit that no reference names.
  git -c gc.auto=0 fetch --quiet --no-tags --depth 1 "$address" "$commit" ||
    git -c gc.auto=0 fetch --quiet --no-tags "$address" \
      '+refs/heads/*:refs/source/heads/*' '+refs/tags/*:refs/source/tags/*'
  if there; then return 0; fi
  echo "$commit is not at $address; push it" >&2
  exit 1
}
# What was built stays, so that the next build is a small one.
check_out() {
  git -c advice.detachedHead=false checkout --quiet --force --detach "$commit" &&
    git clean -ffdxq -e target
}
if [ -d source/.git ]; then cd source; else fresh; fi
# One build at a time: a lock is what a power cut has left.
find .git -name '*.lock' -delete
fetch
if ! check_out; then
  cd "$build"
  fresh
  fetch
  check_out
fi
cd "./$directory"
rm -f -- "$program"
"#;

/// After the command: the product gets its name when it is whole.
const KEEP: &str = r#"if [ ! -f "$program" ]; then
  echo "the command ended well, and left no $program" >&2
  exit 1
fi
cp -- "$program" "$product.new"
sync "$product.new"
mv -T "$product.new" "$product"
"#;

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
    /// What is wrong with it: what it is, its value, and what to write instead.
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

    /// The script that builds a release, and where it leaves what it has built: named
    /// after the script's own text, for another command makes another product.
    pub(crate) fn script(
        &self,
        layout: &ServiceLayout,
        release: &Release,
    ) -> (String, Utf8PathBuf) {
        let version = release.version.to_string();
        let words = self
            .run
            .iter()
            .map(|word| quote(&word.replace("{version}", &version)));
        let head = [
            ("commit", release.commit.as_str()),
            ("address", &self.git),
            ("directory", self.directory.as_str()),
            ("program", self.program.as_str()),
        ]
        .map(|(name, value)| format!("{name}={}\n", quote(value)))
        .concat();
        let body = format!(
            "set -eu\numask 022\necho {}\n{}{head}{LAY}{}\n{KEEP}",
            quote(&first_line(release)),
            self.surroundings(layout),
            words.collect::<Vec<_>>().join(" "),
        );
        let key = &hash_of_bytes(body.as_bytes())[..16];
        let product = layout.build().join(format!("built-{key}"));
        let text = format!(
            "#!/bin/sh\n# {} of {}, from its sources.\nproduct={}\n{body}",
            release.id(),
            layout.name(),
            quote(product.as_str()),
        );
        (text, product)
    }

    /// The script that says what the account lacks, a word a line, as the build would
    /// meet it.
    pub(crate) fn question(&self, layout: &ServiceLayout) -> String {
        let tool = match self.run.first().map(String::as_str) {
            // One of the sources themselves.
            Some(tool) if tool.contains('/') && !tool.starts_with('/') => "sh",
            Some(tool) => tool,
            None => "sh",
        };
        format!(
            "{}command -v git >/dev/null || echo git\ncommand -v {} >/dev/null || echo tool\n\
             if [ -e \"$build\" ] && [ ! -w \"$build\" ]; then echo directory; fi\n",
            self.surroundings(layout),
            quote(tool),
        )
    }

    fn surroundings(&self, layout: &ServiceLayout) -> String {
        let mut text = format!("build={}\n{SURROUNDINGS}", quote(layout.build().as_str()));
        for (name, value) in &self.env {
            text.push_str(&format!("{name}={}\nexport {name}\n", quote(value)));
        }
        text
    }
}

/// What a build says first, so that its lines are told from those of the one before.
pub(crate) fn first_line(release: &Release) -> String {
    format!("building {}", release.id())
}

/// Whether a relative path leads nowhere else.
fn stays_inside(path: &Utf8Path) -> bool {
    !path.as_str().contains(['\0', '\n'])
        && path
            .components()
            .all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir))
}

/// What is to be written in the place of an address, if it cannot be used.
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

/// What stands before the host in a URL.
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

#[cfg(test)]
mod tests;
