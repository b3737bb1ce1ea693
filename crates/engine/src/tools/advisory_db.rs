//! Where the RustSec advisory database is kept.

use camino::Utf8PathBuf;

/// Returns where the RustSec database is kept when it is fetched: cargo's own place for it, shared
/// with cargo-audit.
pub(crate) fn default_database() -> Utf8PathBuf {
    let home = std::env::var("CARGO_HOME").map_or_else(
        |_| Utf8PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cargo"),
        Utf8PathBuf::from,
    );
    home.join("advisory-db")
}
