//! What is to run where: a host and a version of the app.

use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};
use stagegate_deploy::{App, Target};

/// One version of an app on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// The host.
    pub target: Target,
    /// The app.
    pub app: App,
    /// The version.
    pub version: Version,
    /// The commit, or a reference to it.
    pub revision: String,
    /// Built for this run; otherwise it is on the host.
    pub built: bool,
}

/// Which of a plan's placements a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlacementId(usize);

/// A step of a plan that was read names a placement that the plan does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPlacement(PlacementId);

impl fmt::Display for UnknownPlacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the plan has no placement {}: its file was changed; plan the run again",
            self.0.0
        )
    }
}

impl std::error::Error for UnknownPlacement {}

/// Returns the placement with that number.
///
/// # Errors
/// Where there is none, as in a file that somebody changed.
pub(super) fn find(
    placements: &[Placement],
    id: PlacementId,
) -> Result<&Placement, UnknownPlacement> {
    placements.get(id.0).ok_or(UnknownPlacement(id))
}

/// Adds a placement, or finds the same one.
pub(super) fn add(placements: &mut Vec<Placement>, placement: Placement) -> PlacementId {
    let known = placements.iter().position(|known| *known == placement);
    PlacementId(known.unwrap_or_else(|| {
        placements.push(placement);
        placements.len() - 1
    }))
}
