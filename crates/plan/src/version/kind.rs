//! Which number of a version moves.

use semver::{Prerelease, Version};

/// Which number moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BumpKind {
    /// `x . y . z + 1`
    Patch,
    /// `x . y + 1 . 0`
    Minor,
    /// `x + 1 . 0 . 0`
    Major,
}

impl BumpKind {
    /// Returns the next version of this kind. A pre-release of it becomes its release. Build
    /// metadata stays: it names what is packed along, which no kind of bump changes.
    pub fn after(self, current: &Version) -> Version {
        Version {
            build: current.build.clone(),
            ..self.numbers_after(current)
        }
    }

    fn numbers_after(self, current: &Version) -> Version {
        let Version {
            major,
            minor,
            patch,
            ..
        } = *current;
        let ahead = current.pre != Prerelease::EMPTY;
        match self {
            BumpKind::Major if ahead && minor == 0 && patch == 0 => Version::new(major, 0, 0),
            BumpKind::Major => Version::new(major + 1, 0, 0),
            BumpKind::Minor if ahead && patch == 0 => Version::new(major, minor, 0),
            BumpKind::Minor => Version::new(major, minor + 1, 0),
            BumpKind::Patch if ahead => Version::new(major, minor, patch),
            BumpKind::Patch => Version::new(major, minor, patch + 1),
        }
    }

    /// Returns the same below 1.0.0, as cargo reads such versions: what breaks moves the second
    /// number, and all else the third.
    pub fn for_version(self, current: &Version) -> BumpKind {
        match (self, current.major) {
            (BumpKind::Major, 0) => BumpKind::Minor,
            (BumpKind::Minor, 0) => BumpKind::Patch,
            _ => self,
        }
    }

    /// Returns the word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            BumpKind::Patch => "patch",
            BumpKind::Minor => "minor",
            BumpKind::Major => "major",
        }
    }
}
