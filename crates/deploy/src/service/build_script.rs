//! Building the program on its host: what is built how, and the script that does it.
//!
//! For teams whose hosts have git and a toolchain. The script runs as the service's own
//! account, never as root, in a directory of that account's: it fetches one commit by its
//! id, checks it out, and runs one command. Data reach it through [`quote`] only. It
//! knows nothing of the app's environment file: what builds has no need of its secrets.

use camino::Utf8PathBuf;

use crate::model::app::Release;
use crate::model::digest::sha256_hex;
use crate::model::host_build::HostBuild;
use crate::model::layout::ServiceLayout;
use crate::model::shell_quote::quote;

/// After the head's `build` and `home`: who builds, and what is found on the path.
const ENVIRONMENT_SH: &str = r#"HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
if [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then HOME=$build/home; fi
PATH=$HOME/.cargo/bin:$PATH
GIT_TERMINAL_PROMPT=0
GIT_SSH_COMMAND='ssh -o BatchMode=yes'
export HOME PATH GIT_TERMINAL_PROMPT GIT_SSH_COMMAND
"#;

/// After the head; then, in the checked-out directory, comes the command.
const CHECK_OUT_SH: &str = r#"cd "$build"
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
const INSTALL_SH: &str = r#"if [ ! -f "$program" ]; then
  echo "the command ended well, and left no $program" >&2
  exit 1
fi
cp -- "$program" "$product.new"
sync "$product.new"
mv -T "$product.new" "$product"
"#;

/// Returns the script that builds a release, and where it leaves what it has built: named after
/// the script's own text, for another command makes another product.
pub(crate) fn script(
    build: &HostBuild,
    layout: &ServiceLayout,
    release: &Release,
) -> (String, Utf8PathBuf) {
    let version = release.version.to_string();
    let words = build
        .run
        .iter()
        .map(|word| quote(&word.replace("{version}", &version)));
    let head = [
        ("commit", release.commit.as_str()),
        ("address", &build.git),
        ("directory", build.directory.as_str()),
        ("program", build.program.as_str()),
    ]
    .map(|(name, value)| format!("{name}={}\n", quote(value)))
    .concat();
    let body = format!(
        "set -eu\numask 022\necho {}\n{}{head}{CHECK_OUT_SH}{}\n{INSTALL_SH}",
        quote(&first_line(release)),
        environment_script(build, layout),
        words.collect::<Vec<_>>().join(" "),
    );
    let key = &sha256_hex(body.as_bytes())[..16];
    let product = layout.build().join(format!("built-{key}"));
    let text = format!(
        "#!/bin/sh\n# {} of {}, from its sources.\nproduct={}\n{body}",
        release.id(),
        layout.name(),
        quote(product.as_str()),
    );
    (text, product)
}

/// Returns the script that says what the account lacks, a word a line, as the build would meet
/// it.
pub(crate) fn prerequisites_script(build: &HostBuild, layout: &ServiceLayout) -> String {
    let tool = match build.run.first().map(String::as_str) {
        // One of the sources themselves.
        Some(tool) if tool.contains('/') && !tool.starts_with('/') => "sh",
        Some(tool) => tool,
        None => "sh",
    };
    format!(
        "{}command -v git >/dev/null || echo git\ncommand -v {} >/dev/null || echo tool\n\
         if [ -e \"$build\" ] && [ ! -w \"$build\" ]; then echo directory; fi\n",
        environment_script(build, layout),
        quote(tool),
    )
}

fn environment_script(build: &HostBuild, layout: &ServiceLayout) -> String {
    let mut text = format!("build={}\n{ENVIRONMENT_SH}", quote(layout.build().as_str()));
    for (name, value) in &build.env {
        text.push_str(&format!("{name}={}\nexport {name}\n", quote(value)));
    }
    text
}

/// Returns what a build says first, so that its lines are told from those of the one before.
pub(crate) fn first_line(release: &Release) -> String {
    format!("building {}", release.id())
}

#[cfg(test)]
mod tests;
