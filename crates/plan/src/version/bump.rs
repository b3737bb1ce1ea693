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

impl<'a> VersionBump<'a> {
    /// Creates the bump of a group that stays at the version that it has.
    pub(crate) fn of(group: &'a Group) -> VersionBump<'a> {
        VersionBump {
            group,
            to: group.version.clone(),
            reasons: Vec::new(),
            asked: true,
        }
    }

    pub(crate) fn tag(&self) -> String {
        self.group.tag_of(&self.to)
    }

    /// Returns every tag that the release gets; the first is the one that it is known by.
    pub(crate) fn tags(&self) -> Vec<String> {
        let version = self.to.to_string();
        let more = self.group.more_tags.iter();
        let more = more.map(|form| form.replace("{version}", &version));
        std::iter::once(self.tag()).chain(more).collect()
    }
}
