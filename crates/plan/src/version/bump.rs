//! A group's step from one version to the next.

use semver::Version;

use crate::version::Group;

/// A group's way to its new version.
#[derive(Clone, Debug)]
pub struct VersionBump<'a> {
    pub(crate) group: &'a Group,
    pub(crate) to: Version,
    /// Why it moves, where nobody asked for just this.
    pub reasons: Vec<String>,
    /// Somebody asked for it.
    pub asked: bool,
}

impl VersionBump<'_> {
    pub(crate) fn tag(&self) -> String {
        self.group.tag_of(&self.to)
    }
}
