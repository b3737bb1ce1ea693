//! Where one service of an app is on a host, and what it is called there.
//!
//! The backend's names are the app's own. A frontend that is a service has the same ones
//! with `APP.frontend` in the place of `APP`: no app's name has a dot, so they are no other
//! app's names either. Its directories are below the app's `frontend`.

use camino::Utf8PathBuf;

use super::{Layout, Part, Slot};

/// The paths and names of one service of an app on one host.
#[derive(Clone, Debug)]
pub(crate) struct ServiceLayout {
    app: Layout,
    part: Part,
}

impl ServiceLayout {
    pub(super) fn new(app: Layout, part: Part) -> ServiceLayout {
        ServiceLayout { app, part }
    }

    /// The paths and names that the parts of the app share.
    pub(crate) fn whole(&self) -> &Layout {
        &self.app
    }

    /// The part that it is.
    pub(crate) fn part(&self) -> Part {
        self.part
    }

    /// The app's other service, if it has another one.
    pub(crate) fn beside(&self) -> ServiceLayout {
        ServiceLayout::new(self.app.clone(), self.part.other())
    }

    /// What its units, its table and its place in a proxy's file are named after.
    pub(crate) fn name(&self) -> String {
        match self.part {
            Part::Backend => self.app.app().to_owned(),
            Part::Frontend => format!("{}.frontend", self.app.app()),
        }
    }

    /// An absolute path of the host, e.g. of the environment file.
    pub(crate) fn host_path(&self, path: &Utf8PathBuf) -> Utf8PathBuf {
        self.app.host_path(path)
    }

    pub(crate) fn units(&self) -> Utf8PathBuf {
        self.app.units()
    }

    pub(crate) fn releases(&self) -> Utf8PathBuf {
        self.app.releases()
    }

    /// The directory of this part of a release.
    pub(crate) fn release(&self, release: &str) -> Utf8PathBuf {
        self.app.part(release, self.part)
    }

    /// What a slot's link says to lead to a release.
    pub(crate) fn link_to(&self, release: &str) -> String {
        match self.part {
            Part::Backend => format!("../releases/{release}"),
            Part::Frontend => format!("../../releases/{release}"),
        }
    }

    /// What the service has to itself.
    pub(crate) fn directory(&self) -> Utf8PathBuf {
        match self.part {
            Part::Backend => self.app.base(),
            Part::Frontend => self.app.frontend(),
        }
    }

    pub(crate) fn slots(&self) -> Utf8PathBuf {
        self.directory().join("slots")
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
        self.directory().join("switch")
    }

    /// The script that makes every change of the switch.
    pub(crate) fn settle(&self) -> Utf8PathBuf {
        self.switch().join("settle")
    }

    /// A switch that nobody has confirmed yet.
    pub(crate) fn armed(&self) -> Utf8PathBuf {
        self.switch().join("armed")
    }

    /// What users are meant to meet.
    pub(crate) fn confirmed(&self) -> Utf8PathBuf {
        self.switch().join("confirmed")
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
        self.directory().join("migrations")
    }

    /// The script that a build runs.
    pub(crate) fn build_script(&self) -> Utf8PathBuf {
        self.switch().join("build")
    }

    /// Sources and what is built of them; the service's own.
    pub(crate) fn build(&self) -> Utf8PathBuf {
        self.directory().join("build")
    }

    /// What lives as long as the host is up.
    pub(crate) fn run(&self) -> Utf8PathBuf {
        self.app.at(&format!("run/stagegate-{}", self.name()))
    }

    /// The slots' units, without `@` and what follows.
    pub(crate) fn unit_prefix(&self) -> String {
        format!("{}-{}", self.app.app(), self.part.name())
    }

    /// The template unit, without the slot.
    pub(crate) fn template_unit(&self) -> String {
        format!("{}@.service", self.unit_prefix())
    }

    /// The unit of one slot.
    pub(crate) fn unit(&self, slot: Slot) -> String {
        format!("{}@{slot}.service", self.unit_prefix())
    }

    /// The unit that restores the switch after a reboot.
    pub(crate) fn boot_unit(&self) -> String {
        format!("{}-switch.service", self.name())
    }

    /// The units of the listener on the public port: its socket, and what holds it while no
    /// slot does. Without their suffix.
    pub(crate) fn listener(&self) -> String {
        format!("{}-listener", self.name())
    }

    /// The unit that migrates the data.
    pub(crate) fn migrate_unit(&self) -> String {
        format!("{}-migrate.service", self.name())
    }

    /// The unit that builds the program.
    pub(crate) fn build_unit(&self) -> String {
        format!("{}-build.service", self.name())
    }

    /// The transient unit that empties and stops a slot.
    pub(crate) fn drain_unit(&self, slot: Slot) -> String {
        format!("{}-drain-{slot}.service", self.name())
    }

    /// The nft table; nft's names have no `-`.
    pub(crate) fn table(&self) -> String {
        format!("stagegate_{}", self.name().replace('-', "_"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::app;
    use crate::model::target::Target;

    fn names(name: &str, part: Part) -> Vec<String> {
        let app = crate::model::app::App {
            name: name.into(),
            ..app()
        };
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app).service(part);
        let slots = Slot::ALL.into_iter().flat_map(|slot| {
            let drain = layout.drain_unit(slot);
            [layout.unit(slot), drain, layout.slot(slot).into_string()]
        });
        let mut names: Vec<String> = slots.collect();
        names.extend([
            layout.template_unit(),
            layout.boot_unit(),
            layout.migrate_unit(),
            layout.build_unit(),
            layout.listener(),
            layout.whole().lease_unit(),
            layout.table(),
            layout.run().into_string(),
            layout.settle().into_string(),
            layout.migrations().into_string(),
            layout.build().into_string(),
        ]);
        names
    }

    #[test]
    fn no_two_services_of_a_host_meet_under_one_name() {
        let shared = "guestbook-lease.service";
        let backend = names("guestbook", Part::Backend);
        for part in Part::ALL {
            for name in ["guestbook-frontend", "frontend-guestbook", "guestbook"] {
                if (name, part) == ("guestbook", Part::Backend) {
                    continue;
                }
                for other in names(name, part) {
                    assert!(other == shared || !backend.contains(&other), "{other}");
                }
            }
        }
        let frontend = names("guestbook", Part::Frontend);
        for name in ["guestbook-frontend", "frontend-guestbook"] {
            for other in Part::ALL.into_iter().flat_map(|part| names(name, part)) {
                assert!(!frontend.contains(&other), "{other}");
            }
        }
    }

    #[test]
    fn a_slot_leads_to_its_release() {
        for part in Part::ALL {
            let layout = Layout::new(&Target::parse("root@host").unwrap(), &app()).service(part);
            let mut place = layout.slots();
            let link = layout.link_to("1.0.0-0123456");
            let mut rest = link.as_str();
            while let Some(next) = rest.strip_prefix("../") {
                place.pop();
                rest = next;
            }
            assert_eq!(place.join(rest), layout.releases().join("1.0.0-0123456"));
        }
    }
}
