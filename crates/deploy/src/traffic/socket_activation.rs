//! The listener on the public port that systemd holds, for apps that take one by
//! `LISTEN_FDS`.
//!
//! A socket unit; the service that systemd starts when a connection comes and no slot runs,
//! which does nothing, so that systemd never accepts or closes by itself; and what a slot's
//! unit is told when it is to inherit the listener. Texts only: who inherits it, and when,
//! is the switch script's.

use crate::model::app::Service;
use crate::model::layout::ServiceLayout;
use crate::model::switch::Switch;
use crate::model::switch_method::{Method, SwitchKind};
use crate::systemd::host_file::HostFile;
use crate::systemd::units::unit_word;

/// Returns the files of an app whose users are led by a listener.
pub(crate) fn files(layout: &ServiceLayout, service: &Service) -> [HostFile; 3] {
    let (name, units) = (layout.listener(), layout.units());
    let whose = layout.name();
    let file = |path: camino::Utf8PathBuf, text| HostFile {
        path: path.into_string(),
        mode: "0644",
        text,
    };
    [
        file(
            units.join(format!("{name}.socket")),
            socket_unit(&whose, service),
        ),
        file(
            units.join(format!("{name}.service")),
            holder_unit(&whose, service),
        ),
        file(layout.socket_drop_in_source(), drop_in_text(&name, service)),
    ]
}

/// Returns the drop-in by which the slot that users are led to was handed the listener.
pub(crate) fn drop_in_file(
    layout: &ServiceLayout,
    service: &Service,
    current: &Switch,
) -> Option<HostFile> {
    let by_listener = current.switch_kind == SwitchKind::Socket && service.switch == Method::Socket;
    by_listener.then(|| HostFile {
        path: layout.socket_drop_in(current.slot).into_string(),
        mode: "0644",
        text: drop_in_text(&layout.listener(), service),
    })
}

/// Returns the socket unit. A slot that crashes lets systemd look at the listener again, so
/// such looks are not counted: they would close it.
fn socket_unit(whose: &str, service: &Service) -> String {
    format!(
        "[Unit]\n\
         Description={whose}: the listener on port {port}\n\
         \n\
         [Socket]\n\
         ListenStream={port}\n\
         TriggerLimitIntervalSec=0\n",
        port = service.port
    )
}

/// Returns the service that inherits the listener as well, and leaves it alone.
fn holder_unit(whose: &str, service: &Service) -> String {
    format!(
        "[Unit]\n\
         Description={whose}: holds the listener while no slot does\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         User={user}\n\
         ExecStart=/bin/sleep infinity\n\
         NonBlocking=yes\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=strict\n\
         ProtectHome=yes\n\
         PrivateTmp=yes\n",
        user = service.service_user
    )
}

/// Returns the drop-in. A unit that is not started again for its start limit takes the socket
/// with it, so there is none. That accepting does not block is a property of the listener, and
/// not of who inherits it: a start that said otherwise would say it for the slot that accepts
/// now.
fn drop_in_text(name: &str, service: &Service) -> String {
    format!(
        "[Unit]\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Sockets={name}.socket\n\
         NonBlocking=yes\n\
         TimeoutStopSec={seconds}s\n",
        name = unit_word(name),
        seconds = service.drain_seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, backend};
    use crate::model::layout::Layout;
    use crate::model::part::Part;
    use crate::model::slot::Slot;
    use crate::model::target::Target;

    #[test]
    fn no_unit_that_inherits_the_listener_changes_it() {
        let target = Target::parse("root@host").unwrap();
        let layout = Layout::new(&target, &app()).service(Part::Backend);
        let [socket, holder, settings] = files(&layout, &backend());
        assert_eq!(socket.path, "/etc/systemd/system/guestbook-listener.socket");
        assert!(
            socket.text.contains("\nListenStream=8080\n"),
            "{}",
            socket.text
        );
        assert_eq!(settings.path, "/opt/guestbook/switch/listener.conf");
        let inherits = "\nSockets=guestbook-listener.socket\n";
        assert!(settings.text.contains(inherits), "{}", settings.text);
        for text in [&holder.text, &settings.text] {
            for line in ["NonBlocking=yes", "StartLimitIntervalSec=0"] {
                assert!(text.lines().any(|l| l == line), "{line} in {text}");
            }
        }
        assert_eq!(
            layout.socket_drop_in(Slot::Blue),
            "/etc/systemd/system/guestbook-backend@blue.service.d/listener.conf"
        );
    }
}
