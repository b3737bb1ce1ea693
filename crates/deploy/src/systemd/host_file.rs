//! A file that stagegate writes on a host, and how it is written: whole, or not at all.

use crate::model::error::DeployError;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` path, `$2` mode, the text on standard input; prints whether it differed.
const WRITE_SH: &str = r#"set -eu
umask 022
mkdir -p "$(dirname "$1")"
cat >"$1.new"
if [ -e "$1" ] && cmp -s "$1.new" "$1"; then rm -f "$1.new"; echo same; exit 0; fi
chmod "$2" "$1.new"
sync "$1.new"
mv -T "$1.new" "$1"
echo written
"#;

/// A file the host must have, with its mode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostFile {
    pub(crate) path: String,
    pub(crate) mode: &'static str,
    pub(crate) text: String,
}

/// Writes the files where they differ; returns how many did.
pub(crate) fn write_files(host: &Host, files: &[HostFile]) -> Result<usize, DeployError> {
    let write = |file: &HostFile| {
        Command::script(WRITE_SH)
            .args([file.path.as_str(), file.mode])
            .input(file.text.as_bytes())
            .privileged()
    };
    let commands: Vec<Command> = files.iter().map(write).collect();
    let mut outputs = host.run_all(&commands)?.into_iter();
    let mut written = 0;
    for command in &commands {
        if host.expect_output(command, outputs.next())?.text().trim() == "written" {
            written += 1;
        }
    }
    Ok(written)
}
