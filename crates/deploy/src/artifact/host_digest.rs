//! The digest of a release as its host computes it, the same that [`Artifact`] has here.
//!
//! [`Artifact`]: super::measure::Artifact

use crate::model::error::DeployError;
use crate::model::part_kind::PartKind;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

use super::upload_progress::SILENCE_TIMEOUT;

/// The hash of a directory's listing, as `Artifact::of_directory` computes it: `$1`.
pub(crate) const TREE_HASH_SH: &str = r#"cd -- "$1" || exit 1
odd=$(find . ! -type d ! -type f -print | head -n 1)
if [ -n "$odd" ]; then printf '%s is neither file nor directory\n' "$odd" >&2; exit 1; fi
find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r sha256sum -- | sha256sum | cut -d ' ' -f 1
"#;

/// `$1` the file: its hash.
const FILE_HASH_SH: &str = r#"sha256sum -- "$1" | cut -d ' ' -f 1"#;

/// Asks for the digest of a part of a release, in the directory `place`.
pub(crate) fn query_content_hash(
    host: &Host,
    kind: PartKind<'_>,
    place: &str,
) -> Result<String, DeployError> {
    match kind {
        PartKind::Service(service) => {
            let program = format!("{place}/{}", service.settings.binary);
            query_hash(host, Command::script(FILE_HASH_SH).arg(program))
        }
        PartKind::Bundle(_) => query_hash(host, Command::script(TREE_HASH_SH).arg(place)),
    }
}

fn query_hash(host: &Host, command: Command) -> Result<String, DeployError> {
    Ok(host.sha256(&command.privileged().silence_timeout(SILENCE_TIMEOUT))?)
}
