//! What the registry has of our crates.

use std::collections::BTreeMap;

use stagegate_manifest::Workspace;

use crate::World;
use crate::blocker::Blocker;
use crate::facts::{Found, RegistryFacts};

/// Requests to the index at a time.
const AT_ONCE: usize = 16;

pub(super) fn look(world: &World, workspace: &Workspace) -> Found<RegistryFacts> {
    let name = &world.config.registry.name;
    let unreachable = |e: &dyn std::fmt::Display| {
        Blocker::new(
            format!("the registry {name} cannot be read: {e}"),
            "check the network, and `registry.index` in stagegate.toml",
        )
    };
    let registry = world.registry().map_err(|e| unreachable(&e))?;
    let names: Vec<&str> = workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(name))
        .map(|p| p.name.as_str())
        .collect();
    let mut versions = BTreeMap::new();
    // Each crate's index file is a request of its own: a few at a time.
    for some in names.chunks(AT_ONCE) {
        let answers: Vec<_> = std::thread::scope(|threads| {
            let asked: Vec<_> = some
                .iter()
                .map(|name| threads.spawn(|| registry.versions(name)))
                .collect();
            asked
                .into_iter()
                .map(|a| a.join().expect("asking does not panic"))
                .collect()
        });
        for (name, known) in some.iter().zip(answers) {
            versions.insert((*name).to_owned(), known.map_err(|e| unreachable(&e))?);
        }
    }
    let variable = world.registry_token_variable();
    let token = match world.registry_token() {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Blocker::new(
            format!("there is no token for the registry {name}"),
            format!("set {variable}, or run `cargo login`"),
        )),
        Err(e) => Err(Blocker::new(
            format!("the token for the registry {name} cannot be read: {e}"),
            format!("set {variable}, or repair credentials.toml"),
        )),
    };
    Ok(RegistryFacts {
        name: name.clone(),
        token,
        versions,
    })
}
