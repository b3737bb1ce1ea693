//! How a public interface changed.

use crate::version::Group;

/// How a public interface changed, by what cargo-semver-checks lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiChange {
    /// There is no library to compare.
    Absent,
    /// Nothing that asks for more than a patch.
    Same,
    /// What asks for a minor version. Few additions do: a new function passes
    /// as a patch, and it is the commits that tell of it.
    Additive,
    /// Something that callers may rely on is gone or different.
    Broken,
}

impl ApiChange {
    /// Returns the kind of version that it calls for, and why.
    pub fn call_for(self, group: &Group) -> Option<(crate::version::BumpKind, String)> {
        let (kind, why) = match self {
            ApiChange::Absent | ApiChange::Same => return None,
            ApiChange::Additive => (crate::version::BumpKind::Minor, "the public interface grew"),
            ApiChange::Broken => (
                crate::version::BumpKind::Major,
                "the public interface changed in a way that breaks callers",
            ),
        };
        let kind = kind.for_version(&group.version);
        Some((kind, format!("{}: {why}", kind.name())))
    }
}
