//! Key pairs of a fake host, made afresh, and the known hosts file that names it.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

/// Creates an ed25519 key.
pub(super) fn fresh() -> Result<PrivateKey> {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).context("cannot make an ed25519 key")
}

/// Writes a private key as `ssh-keygen` would, readable by its owner alone.
pub(super) fn write_private(key: &PrivateKey, path: &Utf8Path) -> Result<()> {
    let text = key.to_openssh(LineEnding::LF)?;
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {path}"))
}

/// Writes one known hosts line for a port of 127.0.0.1, or an empty file.
pub(super) fn write_known_hosts(
    path: &Utf8Path,
    marker: &str,
    port: u16,
    key: Option<&PrivateKey>,
) -> Result<()> {
    let line = match key {
        None => String::new(),
        Some(key) => format!(
            "{marker}[127.0.0.1]:{port} {}\n",
            key.public_key().to_openssh()?
        ),
    };
    std::fs::write(path, line).with_context(|| format!("cannot write {path}"))
}
