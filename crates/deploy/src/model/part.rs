//! The two parts of an app.

use serde::{Deserialize, Serialize};

/// The part of an app that a record or directory is about.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The service behind what users see.
    Backend,
    /// What users see: a static bundle, or a service.
    Frontend,
}

impl Part {
    /// Both, in the order in which they are deployed.
    pub const ALL: [Part; 2] = [Part::Backend, Part::Frontend];

    /// Returns the other one.
    pub fn other(self) -> Part {
        match self {
            Part::Backend => Part::Frontend,
            Part::Frontend => Part::Backend,
        }
    }

    /// Returns its name in paths, units and records.
    pub fn name(self) -> &'static str {
        match self {
            Part::Backend => "backend",
            Part::Frontend => "frontend",
        }
    }
}
