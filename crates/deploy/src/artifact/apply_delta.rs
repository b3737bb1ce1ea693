//! What a host makes of the bytes that it was sent: a program, or a bundle's files.
//!
//! With what every host has, and its `zstd` where it has one. Half of something is never
//! where the whole is looked for: all happens in the incoming directory, or beside it.

use super::host_digest::TREE_HASH_SH;
use crate::model::part_kind::PartKind;

/// `contents DIRECTORY` prints the contents of its files, in the order of their names.
pub(crate) const CONTENTS_SH: &str = r#"contents() (
  cd -- "$1"
  find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r cat --
)
"#;

/// `$1` incoming directory, `$2` name, `$3` program, or nothing for a bundle, `$4` how it
/// travelled, for a patch `$5` the window and `$6` what the host has, a file or a directory.
const RESTORE_SH: &str = r#"set -eu
umask 022
sent=$1/$2
whole=$1/whole-$2
case $4 in
  plain) mv -T "$sent" "$whole" ;;
  compressed) zstd -d -q -c "$sent" >"$whole" ;;
  patch)
    other=$6
    if [ -d "$6" ]; then
      other=$1/other-$2
      contents "$6" >"$other"
    fi
    zstd -d -q -c "--long=$5" "--patch-from=$other" "$sent" >"$whole"
    rm -f "$1/other-$2"
    ;;
esac
rm -f "$sent"
"#;

/// Follows: makes the program of what is whole, and prints its hash.
const PROGRAM_SH: &str = r#"mv -T "$whole" "$1/$3"
chmod 0755 "$1/$3" "$1"
sha256sum -- "$1/$3" | cut -d ' ' -f 1
"#;

/// Follows: makes the incoming directory the bundle, which is to hold nothing else. The
/// hash of it follows in turn.
const BUNDLE_SH: &str = r#"rm -rf "$1.bundle"
mkdir "$1.bundle"
tar -x -f "$whole" --no-same-owner -C "$1.bundle"
chmod -R u=rwX,go=rX "$1.bundle"
rm -rf "$1"
mv -T "$1.bundle" "$1"
"#;

/// Returns the script that makes the artifact of what was sent, and prints its hash.
pub(crate) fn script(kind: PartKind<'_>) -> String {
    let ends: &[&str] = match kind {
        PartKind::Service(_) => &[PROGRAM_SH],
        PartKind::Bundle(_) => &[BUNDLE_SH, TREE_HASH_SH],
    };
    [&[CONTENTS_SH, RESTORE_SH], ends].concat().concat()
}
