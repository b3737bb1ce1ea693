//! What this machine must have before hosts can be made on it.

use anyhow::{Result, bail};

/// Each program, and Debian's package of it.
const PROGRAMS: &[(&str, &str)] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("ssh-keygen", "openssh-client"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
];

/// Returns what is missing, as a sentence with its remedy; `None` where hosts can be made.
pub(crate) fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some(
            "real hosts need root: they are booted with their own systemd; run this as root"
                .to_owned(),
        );
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there =
        |program: &str| std::env::split_paths(&path).any(|place| place.join(program).is_file());
    let packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !there(program))
        .map(|(_, package)| *package)
        .collect();
    (!packages.is_empty()).then(|| {
        format!(
            "real hosts need programs that are not here; on Debian: apt-get install --no-install-recommends {}",
            packages.join(" ")
        )
    })
}

/// Refuses where something is missing.
pub(crate) fn check() -> Result<()> {
    match missing() {
        None => Ok(()),
        Some(what) => bail!("{what}"),
    }
}
