//! Where one service of an app is on a host, and what it is called there.
//!
//! The backend's names are the app's own. A frontend that is a service has the same ones
//! with `APP.frontend` in the place of `APP`: no app's name has a dot, so they are no other
//! app's names either. Its directories are below the app's `frontend`.

use camino::Utf8PathBuf;

use super::Layout;
use crate::model::part::Part;
use crate::model::slot::Slot;

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

    /// Returns the paths and names that the parts of the app share.
    pub(crate) fn app_layout(&self) -> &Layout {
        &self.app
    }

    /// Returns the part that it is.
    pub(crate) fn part(&self) -> Part {
        self.part
    }

    /// Returns the layout of the app's other service, if it has another one.
    pub(crate) fn other_service(&self) -> ServiceLayout {
        ServiceLayout::new(self.app.clone(), self.part.other())
    }

    /// Returns what its units, its table and its place in a proxy's file are named after.
    pub(crate) fn name(&self) -> String {
        match self.part {
            Part::Backend => self.app.app().to_owned(),
            Part::Frontend => format!("{}.frontend", self.app.app()),
        }
    }

    /// Returns where an absolute path of the host is, below the prefix.
    pub(crate) fn host_path(&self, path: &Utf8PathBuf) -> Utf8PathBuf {
        self.app.host_path(path)
    }

    pub(crate) fn units(&self) -> Utf8PathBuf {
        self.app.units()
    }

    pub(crate) fn releases(&self) -> Utf8PathBuf {
        self.app.releases()
    }

    /// Returns the directory of this part of a release.
    pub(crate) fn release(&self, release: &str) -> Utf8PathBuf {
        self.app.part_directory(release, self.part)
    }

    /// Returns what a slot's link says to lead to a release.
    pub(crate) fn slot_link_target(&self, release: &str) -> String {
        match self.part {
            Part::Backend => format!("../releases/{release}"),
            Part::Frontend => format!("../../releases/{release}"),
        }
    }

    /// Returns the directory that the service has to itself.
    pub(crate) fn directory(&self) -> Utf8PathBuf {
        match self.part {
            Part::Backend => self.app.base(),
            Part::Frontend => self.app.frontend(),
        }
    }

    pub(crate) fn slots(&self) -> Utf8PathBuf {
        self.directory().join("slots")
    }

    /// Returns the link of a slot to its release.
    pub(crate) fn slot(&self, slot: Slot) -> Utf8PathBuf {
        self.slots().join(slot.name())
    }

    /// Returns the file that gives a slot its port.
    pub(crate) fn slot_env(&self, slot: Slot) -> Utf8PathBuf {
        self.slots().join(format!("{slot}.env"))
    }

    pub(crate) fn switch(&self) -> Utf8PathBuf {
        self.directory().join("switch")
    }

    /// Returns the script that makes every change of the switch.
    pub(crate) fn switch_script(&self) -> Utf8PathBuf {
        self.switch().join("switchctl")
    }

    /// Returns the file of a switch that nobody has confirmed yet.
    pub(crate) fn armed(&self) -> Utf8PathBuf {
        self.switch().join("armed")
    }

    /// Returns the file of the switch that users are meant to follow.
    pub(crate) fn confirmed(&self) -> Utf8PathBuf {
        self.switch().join("confirmed")
    }

    /// Returns the text of the drop-in by which a slot's unit inherits the listener.
    pub(crate) fn socket_drop_in_source(&self) -> Utf8PathBuf {
        self.switch().join("listener.conf")
    }

    /// Returns where the switch script puts that drop-in, for one slot.
    pub(crate) fn socket_drop_in(&self, slot: Slot) -> Utf8PathBuf {
        self.units()
            .join(format!("{}.d/listener.conf", self.unit(slot)))
    }

    /// Returns the script that a migration runs.
    pub(crate) fn migrate_script(&self) -> Utf8PathBuf {
        self.switch().join("migrate")
    }

    /// Returns the directory of migrations' marks and backups; the service's own.
    pub(crate) fn migrations(&self) -> Utf8PathBuf {
        self.directory().join("migrations")
    }

    /// Returns the script that a build runs.
    pub(crate) fn build_script(&self) -> Utf8PathBuf {
        self.switch().join("build")
    }

    /// Returns the directory of sources and what is built of them; the service's own.
    pub(crate) fn build(&self) -> Utf8PathBuf {
        self.directory().join("build")
    }

    /// Returns the directory of what lives as long as the host is up.
    pub(crate) fn runtime_directory(&self) -> Utf8PathBuf {
        self.app.at(&format!("run/stagegate-{}", self.name()))
    }

    /// Returns the name of the slots' units up to the `@`.
    pub(crate) fn unit_prefix(&self) -> String {
        format!("{}-{}", self.app.app(), self.part.name())
    }

    /// Returns the unit of one slot.
    pub(crate) fn unit(&self, slot: Slot) -> String {
        format!("{}@{slot}.service", self.unit_prefix())
    }

    /// Returns the unit that restores the switch after a reboot.
    pub(crate) fn boot_unit(&self) -> String {
        format!("{}-switch.service", self.name())
    }

    /// Returns the unit that brings back the kernel's rules when somebody has flushed them.
    pub(crate) fn keeper_unit(&self) -> String {
        format!("{}-keeper.service", self.name())
    }

    /// Returns the name, without suffix, of the units of the listener on the public port: its
    /// socket, and what holds it while no slot does.
    pub(crate) fn listener(&self) -> String {
        format!("{}-listener", self.name())
    }

    /// Returns the unit that migrates the data.
    pub(crate) fn migrate_unit(&self) -> String {
        format!("{}-migrate.service", self.name())
    }

    /// Returns the unit that builds the program.
    pub(crate) fn build_unit(&self) -> String {
        format!("{}-build.service", self.name())
    }

    /// Returns the transient unit that drains and stops a slot.
    pub(crate) fn drain_unit(&self, slot: Slot) -> String {
        format!("{}-drain-{slot}.service", self.name())
    }

    /// Returns the nft table; nft's names have no `-`.
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
            layout.boot_unit(),
            layout.keeper_unit(),
            layout.migrate_unit(),
            layout.build_unit(),
            layout.listener(),
            layout.app_layout().lease_unit(),
            layout.table(),
            layout.runtime_directory().into_string(),
            layout.switch_script().into_string(),
            layout.migrations().into_string(),
            layout.build().into_string(),
        ]);
        names
    }

    #[test]
    fn no_two_services_of_a_host_share_a_name() {
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
            let link = layout.slot_link_target("1.0.0-0123456");
            let mut rest = link.as_str();
            while let Some(next) = rest.strip_prefix("../") {
                place.pop();
                rest = next;
            }
            assert_eq!(place.join(rest), layout.releases().join("1.0.0-0123456"));
        }
    }
}
