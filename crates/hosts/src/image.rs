//! The root file system that all hosts share, made once by mmdebstrap and kept.
//!
//! What is in it is what a host's owner would have installed and prepared: sshd, nft,
//! sudo, the accounts. Nothing of stagegate's.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::program::run;

/// The Debian release.
const SUITE: &str = "bookworm";
/// What is installed.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,nftables,iproute2,sudo,zstd,procps,nginx-light,haproxy,caddy,git,fcgiwrap,ca-certificates";

/// Run as root within the new system. `deploy` may use sudo without a password; `limited`
/// is asked for one, and has none; `guestbook` runs the app. Control groups of the first
/// version are given to a host read-only: without the unit that opens them, and has systemd
/// look again, `MemoryMax=` and `TasksMax=` are taken and do nothing.
const PREPARE: &str = r#"set -eu
useradd --create-home --shell /bin/bash deploy
useradd --create-home --shell /bin/bash limited
useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin guestbook
printf 'deploy ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/deploy
printf 'limited ALL=(ALL) ALL\n' >/etc/sudoers.d/limited
chmod 0440 /etc/sudoers.d/deploy /etc/sudoers.d/limited
systemctl disable nginx.service haproxy.service caddy.service nftables.service fcgiwrap.socket apt-daily.timer apt-daily-upgrade.timer \
  dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
systemctl enable systemd-networkd.service
systemctl mask e2scrub_reap.service systemd-networkd-wait-online.service
cat >/etc/systemd/system/control-groups.service <<'UNIT'
[Unit]
Description=Limits, where control groups are of the first version and are given read-only
DefaultDependencies=no
Before=sysinit.target shutdown.target
ConditionPathIsReadWrite=!/sys/fs/cgroup/memory
ConditionPathIsDirectory=/sys/fs/cgroup/memory
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-mount -o remount,bind,rw /sys/fs/cgroup/memory
ExecStart=-mount -o remount,bind,rw /sys/fs/cgroup/pids
ExecStart=systemctl daemon-reexec
[Install]
WantedBy=sysinit.target
UNIT
systemctl enable control-groups.service
rm -f /etc/ssh/ssh_host_* /etc/machine-id
: >/etc/machine-id
"#;

/// Returns the root file system below `home`, which the first call makes.
pub(crate) fn base(home: &Utf8Path, tell: &mut dyn FnMut(&str)) -> Result<Utf8PathBuf> {
    // The recipe is in the name, so that a changed one makes a new system.
    let base = home.join(format!(
        "base-{:08x}",
        checksum(&[SUITE, PACKAGES, PREPARE])
    ));
    fs::create_dir_all(home).with_context(|| format!("cannot make {home}"))?;
    let lock = fs::File::create(home.join("base.lock"))?;
    lock.lock().context("cannot lock the root file system")?;
    if base.is_dir() {
        return Ok(base);
    }
    tell("making a Debian root file system (once; about a minute) …");
    let unfinished = home.join("base.unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot remove {unfinished}"))?;
    }
    let include = format!("--include={PACKAGES}");
    run(
        "mmdebstrap",
        &[
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            &include,
            SUITE,
            unfinished.as_str(),
        ],
    )
    .context("making the root file system of the hosts")?;
    run("chroot", &[unfinished.as_str(), "sh", "-c", PREPARE])
        .context("preparing the root file system of the hosts")?;
    fs::rename(&unfinished, &base)?;
    Ok(base)
}

/// FNV-1a: enough to tell recipes apart.
fn checksum(parts: &[&str]) -> u32 {
    parts
        .iter()
        .flat_map(|part| part.bytes())
        .fold(0x811c_9dc5, |sum, byte| {
            (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}
