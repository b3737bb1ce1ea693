//! What this machine can build for.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::Scope;
use crate::World;
use crate::account::Spent;
use crate::blocker::Blocker;
use crate::command::{Tool, read};
use crate::facts::Found;

/// Every target that the configuration names, if a release would be built for it here.
pub(super) fn look(world: &World, scope: &Scope) -> BTreeMap<String, Found<()>> {
    let builds = scope.targets && world.config.github.release;
    let targets = world.config.release.targets.keys().filter(|_| builds);
    let look = |target: &String| (target.clone(), standard_library(world, target));
    targets.map(look).collect()
}

/// Whether the standard library of a target is there.
pub(crate) fn standard_library(world: &World, target: &str) -> Found<()> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let args = ["--print", "target-libdir", "--target", target];
    let Ok(place) = read(Tool::new(&rustc, &world.root, Spent::Cargo).args(args)) else {
        return Err(Blocker::new(
            format!("rustc knows no target {target}"),
            "correct `targets` under [release] in stagegate.toml; `rustc --print target-list` has all of them",
        ));
    };
    match Utf8Path::new(place.trim()).is_dir() {
        true => Ok(()),
        false => Err(Blocker::new(
            format!("the standard library for {target} is not installed"),
            format!(
                "run `rustup target add {target}`, or take it out of `targets` under [release] in stagegate.toml"
            ),
        )),
    }
}
