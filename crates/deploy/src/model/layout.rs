//! Where things are on a host, and what they are called.
//!
//! ```text
//! /opt/APP/
//!   releases/VERSION-SHA/{backend,frontend}   immutable, root-owned
//!   slots/{blue,green}                        → a release; slots/SLOT.env has its port,
//!                                             SLOT.public the public one after a restart
//!   switch/{settle,armed,confirmed}           which slot answers, and the script that settles it
//!   switch/retired                            the last switch of a service that is being ended
//!   switch/listener.conf                      what a slot's unit is told when it inherits a listener
//!   frontend/current                          → frontend/served/VERSION-SHA
//!   migrations/RELEASE.{migrated,backup}      what has changed the data, and what they were
//!   build/{source,home}                       where the host builds, if it does; the service's own
//!   frontend/{slots,switch,migrations,build}  the same of a frontend that is a service
//!   deploys.jsonl                             what was deployed, and how it ended
//!   lease, .lock                              who deploys now
//! ```
//! Every path is made here, through the target's prefix; nothing else joins paths.

mod service;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

pub(crate) use service::ServiceLayout;

use crate::model::app::App;
use crate::model::target::Target;

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

/// The paths and names of one app on one host, as far as its parts share them.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Utf8PathBuf,
    app: String,
}

impl Layout {
    pub(crate) fn new(target: &Target, app: &App) -> Layout {
        Layout {
            prefix: target.prefix.clone(),
            app: app.name.clone(),
        }
    }

    /// Returns the app's name.
    pub(crate) fn app(&self) -> &str {
        &self.app
    }

    /// Returns the layout of one of the app's services.
    pub(crate) fn service(&self, part: Part) -> ServiceLayout {
        ServiceLayout::new(self.clone(), part)
    }

    fn at(&self, path: &str) -> Utf8PathBuf {
        self.prefix.join(path)
    }

    /// Returns where an absolute path of the host is, below the prefix.
    pub(crate) fn host_path(&self, path: &Utf8PathBuf) -> Utf8PathBuf {
        self.prefix.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub(crate) fn base(&self) -> Utf8PathBuf {
        self.at(&format!("opt/{}", self.app))
    }

    pub(crate) fn releases(&self) -> Utf8PathBuf {
        self.base().join("releases")
    }

    /// Returns the directory of one part of a release.
    pub(crate) fn part_directory(&self, release: &str, part: Part) -> Utf8PathBuf {
        self.releases().join(release).join(part.name())
    }

    pub(crate) fn frontend(&self) -> Utf8PathBuf {
        self.base().join("frontend")
    }

    /// Returns the link to the bundle that users are served.
    pub(crate) fn current(&self) -> Utf8PathBuf {
        self.frontend().join("current")
    }

    pub(crate) fn record(&self) -> Utf8PathBuf {
        self.base().join("deploys.jsonl")
    }

    pub(crate) fn units(&self) -> Utf8PathBuf {
        self.at("etc/systemd/system")
    }

    /// Returns the transient unit that watches over the lease, which is the app's, of all its
    /// parts.
    pub(crate) fn lease_unit(&self) -> String {
        format!("{}-lease.service", self.app)
    }
}
