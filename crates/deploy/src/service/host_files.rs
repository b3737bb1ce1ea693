//! The files that make a host run a service: its units, the slots' ports, the switch script.
//!
//! Texts only, made from the app's description; what differs from the host's is written
//! by the Start step.

use crate::model::app::Service;
use crate::model::layout::ServiceLayout;
use crate::model::slot::Slot;
use crate::model::switch_method::Method;
use crate::systemd::host_file::HostFile;
use crate::systemd::units::{boot_unit, keeper_unit, slot_unit};
use crate::traffic::{socket_activation, switchctl};

/// Returns the files of a service on a host, for what runs in one slot. Those of the other
/// slot are of the release that runs there, and are left alone.
pub(crate) fn files(layout: &ServiceLayout, service: &Service, slot: Slot) -> Vec<HostFile> {
    let mut files = slot_files(layout, service, slot).to_vec();
    files.extend(shared_files(layout, service));
    files
}

/// Returns the files of a service on a host, for both slots.
pub(crate) fn all_files(layout: &ServiceLayout, service: &Service) -> Vec<HostFile> {
    let of_slot = |slot| slot_files(layout, service, slot);
    let mut files: Vec<HostFile> = Slot::ALL.into_iter().flat_map(of_slot).collect();
    files.extend(shared_files(layout, service));
    files
}

/// Returns the files that both slots share.
fn shared_files(layout: &ServiceLayout, service: &Service) -> Vec<HostFile> {
    let units = layout.units();
    let mut files = vec![
        HostFile {
            path: layout.switch_script().into_string(),
            mode: "0755",
            text: switchctl::script(layout, service),
        },
        HostFile {
            path: units.join(layout.boot_unit()).into_string(),
            mode: "0644",
            text: boot_unit(layout, service),
        },
    ];
    if service.switch == Method::Nft {
        files.push(HostFile {
            path: units.join(layout.keeper_unit()).into_string(),
            mode: "0644",
            text: keeper_unit(layout),
        });
    }
    if service.switch == Method::Socket {
        files.extend(socket_activation::files(layout, service));
    }
    files
}

/// Returns the files that one slot's unit is made of.
pub(crate) fn slot_files(layout: &ServiceLayout, service: &Service, slot: Slot) -> [HostFile; 2] {
    [
        HostFile {
            path: layout.units().join(layout.unit(slot)).into_string(),
            mode: "0644",
            text: slot_unit(layout, service),
        },
        HostFile {
            path: layout.slot_env(slot).into_string(),
            mode: "0644",
            text: format!("PORT={}\n", slot.port(service.port)),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, backend};
    use crate::model::layout::Layout;
    use crate::model::part::Part;
    use crate::model::target::Target;

    fn all(prefix: &str) -> Vec<HostFile> {
        let target = Target {
            prefix: prefix.into(),
            ..Target::parse("root@host").unwrap()
        };
        let layout = Layout::new(&target, &app()).service(Part::Backend);
        files(&layout, &backend(), Slot::Blue)
    }

    #[test]
    fn every_path_goes_through_the_prefix() {
        for file in all("/scratch/50%") {
            assert!(file.path.starts_with("/scratch/50%/"), "{}", file.path);
            let settings = file.text.lines().filter(|line| {
                line.split_once('=').is_some_and(|(name, _)| {
                    let in_script =
                        ["base", "here", "other_switchctl", "run", "units"].contains(&name);
                    in_script || name.starts_with(|c: char| c.is_ascii_uppercase())
                })
            });
            for setting in settings.filter(|setting| setting.contains("=/")) {
                assert!(
                    setting.contains("=/scratch/50%"),
                    "{setting} in {}",
                    file.path
                );
            }
        }
    }

    #[test]
    fn a_slots_unit_reads_as_expected() {
        let files = all("/");
        let unit = files
            .iter()
            .find(|file| file.path.ends_with("@blue.service"))
            .unwrap();
        assert_eq!(
            unit.path,
            "/etc/systemd/system/guestbook-backend@blue.service"
        );
        let expected = "User=guestbook\n\
             EnvironmentFile=/etc/guestbook/.env\n\
             EnvironmentFile=/opt/guestbook/slots/%i.env\n\
             EnvironmentFile=-/opt/guestbook/slots/%i.public\n\
             WorkingDirectory=/opt/guestbook/slots/%i/backend\n\
             ExecStart=/opt/guestbook/slots/%i/backend/guestbook-backend\n";
        assert!(unit.text.contains(expected), "{}", unit.text);
    }

    #[test]
    fn the_script_is_one_that_a_shell_can_read() {
        let files = all("/it's a \"place\"");
        let script = files
            .iter()
            .find(|file| file.path.ends_with("/switchctl"))
            .unwrap();
        let output = std::process::Command::new("sh")
            .args(["-n", "-c", &script.text])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script.text])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "switchctl does not know nothing\n"
        );
    }
}
