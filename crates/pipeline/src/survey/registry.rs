//! What the registry has of our crates.

use std::collections::BTreeMap;

use stagegate_manifest::Workspace;

use crate::World;
use crate::blocker::Blocker;
use crate::facts::{Found, RegistryFacts};

pub(super) fn look(world: &World, workspace: &Workspace) -> Found<RegistryFacts> {
    let name = &world.config.registry.name;
    let unreachable = |e: &dyn std::fmt::Display| {
        Blocker::new(
            format!("the registry {name} cannot be read: {e}"),
            "check the network, and `registry.index` in stagegate.toml",
        )
    };
    let registry = world.registry().map_err(|e| unreachable(&e))?;
    let mut versions = BTreeMap::new();
    for package in workspace.packages.iter().filter(|p| p.publishable_to(name)) {
        let known = registry
            .versions(&package.name)
            .map_err(|e| unreachable(&e))?;
        versions.insert(package.name.clone(), known);
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
