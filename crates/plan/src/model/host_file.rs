//! A file beside the release that a deploy writes on hosts.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// A file that the plan's deploy writes, or writes otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFile {
    /// The hosts, as `user@host:port`.
    pub hosts: Vec<String>,
    /// Its path there.
    pub path: Utf8PathBuf,
    /// What becomes of its text: the hunks of a unified diff. Absent: the file is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}
