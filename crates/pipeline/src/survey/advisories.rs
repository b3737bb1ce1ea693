//! The audit gate's database: there, or where it would come from.

use camino::Utf8PathBuf;

use crate::World;
use crate::blocker::Blocker;
use crate::config::Level;
use crate::facts::Found;

/// Where the RustSec database is kept when it is fetched: cargo's own place for
/// it, shared with cargo-audit.
pub(crate) fn default_database() -> Utf8PathBuf {
    let home = std::env::var("CARGO_HOME").map_or_else(
        |_| Utf8PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cargo"),
        Utf8PathBuf::from,
    );
    home.join("advisory-db")
}

pub(super) fn look(world: &World) -> Option<Found<String>> {
    let gate = &world.config.gates.audit;
    if gate.level == Level::Off || !world.root.join("Cargo.lock").is_file() {
        return None;
    }
    let Some(database) = &gate.database else {
        return Some(Ok(format!(
            "RustSec's, fetched into {}",
            default_database()
        )));
    };
    let path = world.root.join(database);
    Some(if path.join("crates").is_dir() {
        Ok(path.to_string())
    } else {
        Err(Blocker::new(
            format!("the advisory database {path} has no `crates` directory"),
            "correct `gates.audit.database` in stagegate.toml, or leave it out to use RustSec's own",
        ))
    })
}
