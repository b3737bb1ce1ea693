//! The listener on the public port that systemd holds, for apps that take one by
//! `LISTEN_FDS`.
//!
//! A socket unit; the service that systemd starts when a connection comes and no slot runs,
//! which does nothing, so that systemd never accepts or closes by itself; and what a slot's
//! unit is told when it is to inherit the listener. Texts only: who inherits it, and when,
//! is the settling script's.

use crate::app::Backend;
use crate::layout::Layout;
use crate::method::{By, Method};
use crate::switch::Switch;
use crate::units::{HostFile, unit_word};

/// The files of an app whose users are led by a listener.
pub(crate) fn files(layout: &Layout, app: &str, backend: &Backend) -> [HostFile; 3] {
    let (name, units) = (layout.listener(), layout.units());
    let file = |path: camino::Utf8PathBuf, text| HostFile {
        path: path.into_string(),
        mode: "0644",
        text,
    };
    [
        file(units.join(format!("{name}.socket")), socket(app, backend)),
        file(units.join(format!("{name}.service")), holder(app, backend)),
        file(layout.listener_settings(), settings(&name, backend)),
    ]
}

/// What the slot that users are led to was handed it by.
pub(crate) fn handed_on(layout: &Layout, backend: &Backend, current: &Switch) -> Option<HostFile> {
    let by_listener = current.by_what == By::Socket && backend.switch == Method::Socket;
    by_listener.then(|| HostFile {
        path: layout.listener_drop_in(current.slot).into_string(),
        mode: "0644",
        text: settings(&layout.listener(), backend),
    })
}

/// A slot that crashes lets systemd look at the listener again, so such looks are not
/// counted: they would close it.
fn socket(app: &str, backend: &Backend) -> String {
    format!(
        "[Unit]\n\
         Description={app}: the listener on port {port}\n\
         \n\
         [Socket]\n\
         ListenStream={port}\n\
         TriggerLimitIntervalSec=0\n",
        port = backend.port
    )
}

/// It inherits the listener as well, and leaves it alone.
fn holder(app: &str, backend: &Backend) -> String {
    format!(
        "[Unit]\n\
         Description={app}: holds the listener while no slot does\n\
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
        user = backend.service_user
    )
}

/// A unit that is not started again for its start limit takes the socket with it, so there
/// is none. That accepting does not block is a property of the listener, and not of who
/// inherits it: a start that said otherwise would say it for the slot that accepts now.
fn settings(name: &str, backend: &Backend) -> String {
    format!(
        "[Unit]\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Sockets={name}.socket\n\
         NonBlocking=yes\n\
         TimeoutStopSec={seconds}s\n",
        name = unit_word(name),
        seconds = backend.drain_seconds
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::samples::{app, backend};
    use crate::layout::Slot;
    use crate::target::Target;

    #[test]
    fn whoever_inherits_the_listener_keeps_it_as_it_is() {
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app());
        let [socket, holder, settings] = files(&layout, "guestbook", &backend());
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
            layout.listener_drop_in(Slot::Blue),
            "/etc/systemd/system/guestbook-backend@blue.service.d/listener.conf"
        );
    }
}
