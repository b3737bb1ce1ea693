//! Where things are on a host, and what they are called.
//!
//! ```text
//! /opt/APP/
//!   releases/VERSION-SHA/{backend,frontend}   immutable, root-owned
//!   slots/{blue,green}                        → a release; slots/SLOT.env has its port,
//!                                             SLOT.public the public one after a restart
//!   switch/{settle,armed,confirmed}           which slot answers, and the script that settles it
//!   switch/listener.conf                      what a slot's unit is told when it inherits a listener
//!   frontend/current                          → frontend/served/VERSION-SHA
//!   migrations/RELEASE.{migrated,backup}      what has changed the data, and what they were
//!   build/{source,home}                       where the host builds, if it does; the service's own
//!   deploys.jsonl                             what was deployed, and how it ended
//!   lease, .lock                              who deploys now
//! ```
//! Every path is made here, through the target's prefix; nothing else joins paths.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::target::Target;

/// One of the two places where a backend runs.
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
    /// The service.
    Backend,
    /// The static bundle.
    Frontend,
}

impl Part {
    /// Its name in paths and records.
    pub fn name(self) -> &'static str {
        match self {
            Part::Backend => "backend",
            Part::Frontend => "frontend",
        }
    }
}

/// The paths and names of one app on one host.
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

    pub(crate) fn slots(&self) -> Utf8PathBuf {
        self.base().join("slots")
    }

    /// The link of a slot to its release.
    pub(crate) fn slot(&self, slot: Slot) -> Utf8PathBuf {
        self.slots().join(slot.name())
    }

    /// The file that gives a slot its port.
    pub(crate) fn slot_env(&self, slot: Slot) -> Utf8PathBuf {
        self.slots().join(format!("{slot}.env"))
    }

    pub(crate) fn switch(&self) -> Utf8PathBuf {
        self.base().join("switch")
    }

    /// The script that makes every change of the switch.
    pub(crate) fn settle(&self) -> Utf8PathBuf {
        self.switch().join("settle")
    }

    /// What a slot's unit is told when it is to inherit the listener that systemd holds.
    pub(crate) fn listener_settings(&self) -> Utf8PathBuf {
        self.switch().join("listener.conf")
    }

    /// Where the settling script puts that, for one slot.
    pub(crate) fn listener_drop_in(&self, slot: Slot) -> Utf8PathBuf {
        self.units()
            .join(format!("{}.d/listener.conf", self.unit(slot)))
    }

    /// The script that a migration runs.
    pub(crate) fn migrate_script(&self) -> Utf8PathBuf {
        self.switch().join("migrate")
    }

    /// Marks of migrations, and backups; the service's own.
    pub(crate) fn migrations(&self) -> Utf8PathBuf {
        self.base().join("migrations")
    }

    /// The script that a build runs.
    pub(crate) fn build_script(&self) -> Utf8PathBuf {
        self.switch().join("build")
    }

    /// Sources and what is built of them; the service's own.
    pub(crate) fn build(&self) -> Utf8PathBuf {
        self.base().join("build")
    }

    /// What lives as long as the host is up.
    pub(crate) fn run(&self) -> Utf8PathBuf {
        self.at(&format!("run/stagegate-{}", self.app))
    }

    pub(crate) fn frontend(&self) -> Utf8PathBuf {
        self.base().join("frontend")
    }

    pub(crate) fn record(&self) -> Utf8PathBuf {
        self.base().join("deploys.jsonl")
    }

    pub(crate) fn units(&self) -> Utf8PathBuf {
        self.at("etc/systemd/system")
    }

    /// The template unit, without the slot.
    pub(crate) fn template_unit(&self) -> String {
        format!("{}-backend@.service", self.app)
    }

    /// The unit of one slot.
    pub(crate) fn unit(&self, slot: Slot) -> String {
        format!("{}-backend@{slot}.service", self.app)
    }

    /// The unit that restores the switch after a reboot.
    pub(crate) fn boot_unit(&self) -> String {
        format!("{}-switch.service", self.app)
    }

    /// The units of the listener on the public port: its socket, and what holds it while no
    /// slot does. Without their suffix.
    pub(crate) fn listener(&self) -> String {
        format!("{}-listener", self.app)
    }

    /// The unit that migrates the data.
    pub(crate) fn migrate_unit(&self) -> String {
        format!("{}-migrate.service", self.app)
    }

    /// The unit that builds the program.
    pub(crate) fn build_unit(&self) -> String {
        format!("{}-build.service", self.app)
    }

    /// The transient unit that watches over a lease.
    pub(crate) fn lease_unit(&self) -> String {
        format!("{}-lease.service", self.app)
    }

    /// The transient unit that empties and stops a slot.
    pub(crate) fn drain_unit(&self, slot: Slot) -> String {
        format!("{}-drain-{slot}.service", self.app)
    }

    /// The nft table; nft's names have no `-`.
    pub(crate) fn table(&self) -> String {
        format!("stagegate_{}", self.app.replace('-', "_"))
    }
}
