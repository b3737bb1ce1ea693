//! Where things are on a host, and what they are called.
//!
//! ```text
//! /opt/APP/
//!   releases/VERSION-SHA/{backend,frontend}   immutable, root-owned
//!   slots/{blue,green}                        → a release; slots/SLOT.env has its port,
//!                                             SLOT.public the public one after a restart
//!   switch/{switchctl,armed,confirmed}        which slot answers, and the script that changes it
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

pub(crate) use service::ServiceLayout;

use crate::model::app::App;
use crate::model::part::Part;
use crate::model::target::Target;

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
