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

    /// Its name in paths and units.
    pub fn name(self) -> &'static str {
        match self {
            Slot::Blue => "blue",
            Slot::Green => "green",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// The one beside it.
    pub fn other(self) -> Slot {
        match self {
            Slot::Blue => Slot::Green,
            Slot::Green => Slot::Blue,
        }
    }

    /// The port it listens on, next to the public one.
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

    /// The one beside it.
    pub fn other(self) -> Part {
        match self {
            Part::Backend => Part::Frontend,
            Part::Frontend => Part::Backend,
        }
    }

    /// Its name in paths and records.
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

    /// The app's name.
    pub(crate) fn app(&self) -> &str {
        &self.app
    }

    /// One of the app's services.
    pub(crate) fn service(&self, part: Part) -> ServiceLayout {
        ServiceLayout::new(self.clone(), part)
    }

    fn at(&self, path: &str) -> Utf8PathBuf {
        self.prefix.join(path)
    }

    /// An absolute path of the host, e.g. of the environment file.
    pub(crate) fn host_path(&self, path: &Utf8PathBuf) -> Utf8PathBuf {
        self.prefix.join(path.strip_prefix("/").unwrap_or(path))
    }

    pub(crate) fn base(&self) -> Utf8PathBuf {
        self.at(&format!("opt/{}", self.app))
    }

    pub(crate) fn releases(&self) -> Utf8PathBuf {
        self.base().join("releases")
    }

    /// The directory of one part of a release.
    pub(crate) fn part(&self, release: &str, part: Part) -> Utf8PathBuf {
        self.releases().join(release).join(part.name())
    }

    pub(crate) fn frontend(&self) -> Utf8PathBuf {
        self.base().join("frontend")
    }

    /// The link to the bundle that users meet.
    pub(crate) fn current(&self) -> Utf8PathBuf {
        self.frontend().join("current")
    }

    pub(crate) fn record(&self) -> Utf8PathBuf {
        self.base().join("deploys.jsonl")
    }

    pub(crate) fn units(&self) -> Utf8PathBuf {
        self.at("etc/systemd/system")
    }

    /// The transient unit that watches over a lease, which is the app's, of all its parts.
    pub(crate) fn lease_unit(&self) -> String {
        format!("{}-lease.service", self.app)
    }
}
