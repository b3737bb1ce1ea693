//! The two slots of a service, and their ports.

use serde::{Deserialize, Serialize};

/// One of the two places where a service runs.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Listens on the public port + 1.
    Blue,
    /// Listens on the public port + 2.
    Green,
}

impl Slot {
    /// Both, in order of their ports.
    pub const ALL: [Slot; 2] = [Slot::Blue, Slot::Green];

    /// Returns its name in paths, units and records.
    pub fn name(self) -> &'static str {
        match self {
            Slot::Blue => "blue",
            Slot::Green => "green",
        }
    }

    /// Finds the one of that name.
    pub fn from_name(name: &str) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// Returns the other one.
    pub fn other(self) -> Slot {
        match self {
            Slot::Blue => Slot::Green,
            Slot::Green => Slot::Blue,
        }
    }

    /// Returns the port it listens on, next to the public one.
    pub fn port(self, public: u16) -> u16 {
        match self {
            Slot::Blue => public + 1,
            Slot::Green => public + 2,
        }
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
