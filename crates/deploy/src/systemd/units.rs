//! The files that make a host run an app: two systemd units and the switch script.
//!
//! Texts only, made from the app's description; what differs from the host's is written
//! by the Start step. A slot is not enabled by itself: one boot unit reads which slot is
//! confirmed, leads users to it and starts it, so that there is a single
//! truth about what runs after a reboot.

use crate::model::app::Service;
use crate::model::host_build::HostBuild;
use crate::model::layout::ServiceLayout;
use crate::model::limits::Limits;

/// Escapes one word of a unit file: `%` is systemd's own sign.
pub(crate) fn unit_word(path: &str) -> String {
    path.replace('%', "%%")
}

/// Escapes the first word of an `ExecStart=`: quoted, since a prefix may hold a space.
fn exec_word(path: &str) -> String {
    let escaped = path
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "$$");
    if escaped == path && !path.contains(char::is_whitespace) {
        return unit_word(path);
    }
    format!("\"{}\"", unit_word(&escaped))
}

/// Returns the unit of one slot. Each slot has a file of its own, so that a deploy changes
/// nothing that the unit of the users' slot reads: a release that fails must leave the running
/// one as it was, its next start included.
pub(crate) fn slot_unit(layout: &ServiceLayout, service: &Service) -> String {
    let slots = unit_word(layout.slots().as_str());
    let part = layout.part().name();
    let env_file = env_file(layout, service);
    // `%i` is the instance only where it is not escaped, so the path before it is done alone.
    let program = exec_word(&format!(
        "{}/SLOT/{part}/{}",
        layout.slots(),
        service.binary
    ))
    .replace("/SLOT/", "/%i/");
    // A release that users are meant to meet is never given up: after a reboot its database may
    // be there a minute later. One that nobody has confirmed is stopped by the health gate, at
    // its first restart.
    // The slot's files come last: their port wins over one in the app's own file, and the
    // public one, which is there after a restart on it, over the slot's.
    format!(
        "[Unit]\n\
         Description={app} {part}, slot %i\n\
         After=network.target\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         User={user}\n\
         {env_file}\
         EnvironmentFile={slots}/%i.env\n\
         EnvironmentFile=-{slots}/%i.public\n\
         WorkingDirectory={slots}/%i/{part}\n\
         ExecStart={program}\n\
         Restart=on-failure\n\
         RestartSec=1s\n\
         KillSignal={signal}\n\
         TimeoutStopSec={seconds}s\n\
         StateDirectory={name}\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=strict\n\
         ProtectHome=yes\n\
         PrivateTmp=yes\n\
         {limits}",
        app = layout.app_layout().app(),
        name = layout.name(),
        user = service.service_user,
        signal = service.stop.signal.name(),
        seconds = service.stop.seconds,
        limits = limit_lines(layout, &service.limits),
    )
}

fn limit_lines(layout: &ServiceLayout, limits: &Limits) -> String {
    let memory = limits
        .memory
        .iter()
        .map(|most| format!("MemoryMax={most}\n"));
    let tasks = limits.tasks.iter().map(|most| format!("TasksMax={most}\n"));
    let paths = limits.write_paths.iter().map(|path| {
        format!(
            "ReadWritePaths={}\n",
            unit_word(layout.host_path(path).as_str())
        )
    });
    memory.chain(tasks).chain(paths).collect()
}

/// Returns the unit that changes the data for one release, as the service's own account.
pub(crate) fn migrate_unit(
    layout: &ServiceLayout,
    service: &Service,
    release: &str,
    limit_seconds: u64,
) -> String {
    let env_file = env_file(layout, service);
    format!(
        "[Unit]\n\
         Description={name}: the data, for {release}\n\
         After=network.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         User={user}\n\
         {env_file}\
         ExecStart={script}\n\
         TimeoutStartSec={limit_seconds}s\n\
         StateDirectory={name}\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=full\n\
         ProtectHome=yes\n\
         PrivateTmp=yes\n",
        name = layout.name(),
        release = unit_word(release),
        user = service.service_user,
        script = exec_word(layout.migrate_script().as_str()),
    )
}

/// Returns the unit that builds a release from its sources, as the service's own account. Users
/// are served from the same machine meanwhile, so it comes after them.
pub(crate) fn build_unit(
    layout: &ServiceLayout,
    service: &Service,
    release: &str,
    build: &HostBuild,
) -> String {
    format!(
        "[Unit]\n\
         Description={name}: the build of {release}\n\
         After=network.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         User={user}\n\
         ExecStart={script}\n\
         TimeoutStartSec={limit}s\n\
         Nice=10\n\
         CPUWeight=20\n\
         IOWeight=20\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=full\n\
         PrivateTmp=yes\n\
         {limits}",
        name = layout.name(),
        release = unit_word(release),
        user = service.service_user,
        script = exec_word(layout.build_script().as_str()),
        limit = build.limit_seconds,
        limits = limit_lines(layout, &build.limits),
    )
}

fn env_file(layout: &ServiceLayout, service: &Service) -> String {
    service.env_file.as_ref().map_or_else(String::new, |file| {
        format!(
            "EnvironmentFile={}\n",
            unit_word(layout.host_path(file).as_str())
        )
    })
}

pub(crate) fn boot_unit(layout: &ServiceLayout, service: &Service) -> String {
    let switchctl = exec_word(layout.switch_script().as_str());
    // nftables.service flushes every table when it starts or reloads; this unit follows.
    // A proxy that starts after it reads the right file.
    let proxy = service.switch.proxy().and_then(|proxy| proxy.unit.as_ref());
    let before = proxy.map_or_else(String::new, |unit| format!("Before={unit}\n"));
    format!(
        "[Unit]\n\
         Description={name}: which slot answers on the public port\n\
         After=nftables.service\n\
         {before}\
         PartOf=nftables.service\n\
         ReloadPropagatedFrom=nftables.service\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         ExecStart={switchctl} boot\n\
         ExecReload={switchctl} boot\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        name = layout.name(),
    )
}

/// Returns the unit that watches for rules that somebody flushes: a firewall that reloads, or a
/// person with `nft flush ruleset`. nftables.service is not the only one.
pub(crate) fn keeper_unit(layout: &ServiceLayout) -> String {
    format!(
        "[Unit]\n\
         Description={name}: brings back the rules that lead users to their slot\n\
         After={boot}\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={switchctl} keep\n\
         Restart=always\n\
         RestartSec=1s\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        name = layout.name(),
        boot = layout.boot_unit(),
        switchctl = exec_word(layout.switch_script().as_str()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, backend};
    use crate::model::layout::Layout;
    use crate::model::part::Part;
    use crate::model::target::Target;

    #[test]
    fn specifiers_of_systemd_in_a_path_are_escaped() {
        assert_eq!(exec_word("/opt/a/b"), "/opt/a/b");
        assert_eq!(exec_word("/50%/a b/$x\"\\"), "\"/50%%/a b/$$x\\\"\\\\\"");
    }

    #[test]
    fn limits_are_what_was_asked_for() {
        let limits = Limits {
            memory: Some("512M".into()),
            tasks: Some(64),
            write_paths: vec!["/srv/guestbook".into()],
        };
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app());
        let service = Service {
            limits,
            ..backend()
        };
        let unit = slot_unit(&layout.service(Part::Backend), &service);
        let expected = "MemoryMax=512M\nTasksMax=64\nReadWritePaths=/srv/guestbook\n";
        assert!(unit.ends_with(expected), "{unit}");
    }
}
