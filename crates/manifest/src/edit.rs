//! An edit of one file as data: byte splices, guarded by checksums.
//!
//! An edit belongs in a plan, so it can be stored and compared, and it knows
//! whether a file is still as it was when the edit was planned, already edited,
//! or something else. It refuses to be applied to anything but the first.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The replacement of bytes `start..end` of the file before any edit.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Splice {
    /// First byte replaced.
    pub start: usize,
    /// Byte after the last one replaced; equal to `start` for an insertion.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// All edits of one file.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct FileEdit {
    /// Path relative to the workspace root, with `/`.
    pub path: Utf8PathBuf,
    /// SHA-256 of the whole file before, in lower-case hex.
    pub before: String,
    /// SHA-256 of the whole file after, in lower-case hex.
    pub after: String,
    /// The changes, in order and without overlap.
    pub splices: Vec<Splice>,
}

/// What a file is with regard to an edit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditState {
    /// As it was when the edit was planned.
    Before,
    /// The edit is done.
    After,
    /// Changed by somebody else.
    Other,
}

/// Why an edit was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file is not the one that the edit was made for.
    #[error(
        "{path} was changed since its edit was planned (SHA-256 is {found}, expected {expected}); \
         restore the file, or plan again"
    )]
    Changed {
        /// The file.
        path: Utf8PathBuf,
        /// Checksum of the file as planned.
        expected: String,
        /// Checksum of the file as it is.
        found: String,
    },
    /// The stored edit contradicts itself.
    #[error(
        "the edit of {path} is damaged: {detail}; the plan that holds it was altered, plan again"
    )]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        detail: String,
    },
}

impl FileEdit {
    /// Returns the edit that turns `before` into `after`: one splice around everything that
    /// differs, none if nothing does. Both are UTF-8; what is not makes an edit that
    /// [`FileEdit::apply`] refuses as damaged.
    pub fn from_texts(path: impl Into<Utf8PathBuf>, before: &[u8], after: &[u8]) -> FileEdit {
        let shorter = before.len().min(after.len());
        let mut start = (0..shorter)
            .find(|&at| before[at] != after[at])
            .unwrap_or(shorter);
        let mut same_end = (0..shorter - start)
            .find(|&at| before[before.len() - 1 - at] != after[after.len() - 1 - at])
            .unwrap_or(shorter - start);
        // A splice holds text: it may not begin or end within a character.
        let is_boundary = |byte: Option<&u8>| byte.is_none_or(|byte| byte & 0xc0 != 0x80);
        while !is_boundary(after.get(start)) || !is_boundary(before.get(start)) {
            start -= 1;
        }
        while !is_boundary(after.get(after.len() - same_end)) {
            same_end -= 1;
        }
        let splices = if before == after {
            Vec::new()
        } else {
            vec![Splice {
                start,
                end: before.len() - same_end,
                text: String::from_utf8_lossy(&after[start..after.len() - same_end]).into_owned(),
            }]
        };
        FileEdit {
            path: path.into(),
            before: sha256_hex(before),
            after: sha256_hex(after),
            splices,
        }
    }

    /// Returns an edit of `before` by splices in order; none overlap.
    pub(crate) fn new(path: &Utf8Path, before: &[u8], splices: Vec<Splice>) -> FileEdit {
        let after = splice(before, &splices);
        FileEdit {
            path: path.to_owned(),
            before: sha256_hex(before),
            after: sha256_hex(&after),
            splices,
        }
    }

    /// Returns the content after the edit.
    ///
    /// # Errors
    ///
    /// [`EditError::Changed`] if the content is not the one the edit was
    /// planned for, [`EditError::Damaged`] if the result is not the planned one.
    pub fn apply(&self, content: &[u8]) -> Result<Vec<u8>, EditError> {
        let found = sha256_hex(content);
        if found != self.before {
            return Err(EditError::Changed {
                path: self.path.clone(),
                expected: self.before.clone(),
                found,
            });
        }
        let damaged = |detail: &str| EditError::Damaged {
            path: self.path.clone(),
            detail: detail.to_owned(),
        };
        let mut at = 0;
        for splice in &self.splices {
            if splice.start < at || splice.end < splice.start || splice.end > content.len() {
                return Err(damaged("its splices overlap or lie outside the file"));
            }
            at = splice.end;
        }
        let after = splice(content, &self.splices);
        if sha256_hex(&after) != self.after {
            return Err(damaged("its splices do not lead to the checksum it states"));
        }
        Ok(after)
    }

    /// Returns what this content is with regard to the edit. A file that the edit does not change
    /// is [`EditState::After`].
    pub fn state(&self, content: &[u8]) -> EditState {
        let found = sha256_hex(content);
        if found == self.after {
            EditState::After
        } else if found == self.before {
            EditState::Before
        } else {
            EditState::Other
        }
    }
}

fn splice(content: &[u8], splices: &[Splice]) -> Vec<u8> {
    let mut result = Vec::with_capacity(content.len() + 64);
    let mut at = 0;
    for splice in splices {
        result.extend_from_slice(&content[at..splice.start]);
        result.extend_from_slice(splice.text.as_bytes());
        at = splice.end;
    }
    result.extend_from_slice(&content[at..]);
    result
}

/// Returns the SHA-256 in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_edit_knows_its_file() {
        let edit = FileEdit::from_texts("a", b"one two three", b"one 2 three");
        assert_eq!(edit.splices.len(), 1);
        assert_eq!(edit.splices[0].text, "2");
        assert_eq!(edit.state(b"one two three"), EditState::Before);
        assert_eq!(edit.state(b"one 2 three"), EditState::After);
        assert_eq!(edit.state(b"one 2 three\n"), EditState::Other);
        assert!(matches!(
            edit.apply(b"one 2 three"),
            Err(EditError::Changed { .. })
        ));
        let mut damaged = edit.clone();
        damaged.splices[0].text.push('!');
        assert!(matches!(
            damaged.apply(b"one two three"),
            Err(EditError::Damaged { .. })
        ));
        damaged.splices[0].end = 100;
        assert!(matches!(
            damaged.apply(b"one two three"),
            Err(EditError::Damaged { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_two_texts(before in "[abéü\u{1f600}\n]{0,12}", after in "[abéü\u{1f600}\n]{0,12}") {
            let edit = FileEdit::from_texts("a", before.as_bytes(), after.as_bytes());
            prop_assert_eq!(edit.apply(before.as_bytes()).unwrap(), after.as_bytes());
            let json = serde_json::to_string(&edit).unwrap();
            prop_assert_eq!(serde_json::from_str::<FileEdit>(&json).unwrap(), edit);
        }
    }
}
