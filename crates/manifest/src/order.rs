//! The order in which packages can be published: dependencies first, in levels.
//!
//! Edges are normal and build dependencies, optional or not, for every target,
//! and those development dependencies that require a version: cargo strips the
//! others from what it publishes. In a cycle a development dependency gives
//! way, with a version or without: users never build it, and a registry asks
//! only that it knows the name (serde and serde_core are such a cycle).

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::workspace::{Package, Workspace};

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// Packages that depend on each other in a cycle.
    #[error(
        "no package of the cycle {} can be published first; \
         break it, for example by a development dependency with `path` and without `version`",
        cycle(packages)
    )]
    Cycle {
        /// The cycle: each depends on the next, the last on the first.
        packages: Vec<String>,
    },
    /// A package that goes to the registry depends on one that does not.
    #[error(
        "`{dependent}` ({dependent_manifest}) goes to {registry} but its {kind}dependency \
         `{dependency}` ({dependency_manifest}) does not; allow `{dependency}` to be published, \
         set `publish = false` for `{dependent}`, or drop the dependency"
    )]
    Unpublishable {
        /// The registry.
        registry: String,
        /// The package that is to be published.
        dependent: String,
        /// Its manifest.
        dependent_manifest: Utf8PathBuf,
        /// `build `, `development ` or nothing.
        kind: &'static str,
        /// The package that is not.
        dependency: String,
        /// Its manifest.
        dependency_manifest: Utf8PathBuf,
    },
}

fn cycle(packages: &[String]) -> String {
    let names = packages.iter().chain(packages.first());
    let quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(" → ")
}

impl Workspace {
    /// Returns the packages that go to any of the registries in levels: a package depends only on packages of
    /// earlier levels, and stands in the earliest that it can.
    ///
    /// # Errors
    ///
    /// Every cycle, and every publishable package that depends on an
    /// unpublishable one.
    pub fn publish_order(&self, registries: &[&str]) -> Result<Vec<Vec<String>>, Vec<OrderError>> {
        let published: BTreeMap<&str, &Package> = self
            .packages
            .iter()
            .filter(|package| package.publishable_to_any(registries))
            .map(|package| (package.name.as_str(), package))
            .collect();
        let mut errors = Vec::new();
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut firm: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (&name, package) in &published {
            let mut needs = BTreeSet::new();
            for dependency in package.internal.iter().filter(|d| d.is_published()) {
                if published.contains_key(dependency.name.as_str()) {
                    needs.insert(dependency.name.as_str());
                    if dependency.kind != cargo_metadata::DependencyKind::Development {
                        firm.insert((name, dependency.name.as_str()));
                    }
                } else if dependency.registry.is_none() && !self.is_left_out(registries, dependency)
                {
                    let registry = registries.join(" or ");
                    errors.push(self.unpublishable(&registry, package, dependency));
                }
            }
            edges.insert(name, needs);
        }
        errors.dedup();
        let (levels, cycles) = loosened(edges, &firm);
        errors.extend(cycles);
        if errors.is_empty() {
            Ok(levels)
        } else {
            Err(errors)
        }
    }

    /// Returns whether a dependency is only left out of releases, or is in the registry all the
    /// same.
    fn is_left_out(&self, registries: &[&str], dependency: &crate::InternalDependency) -> bool {
        let package = self.package(&dependency.name);
        package.is_some_and(|package| {
            package.is_in_registry || (package.left_out && package.may_go_to_any(registries))
        })
    }

    fn unpublishable(
        &self,
        registry: &str,
        dependent: &Package,
        dependency: &crate::InternalDependency,
    ) -> OrderError {
        use cargo_metadata::DependencyKind;
        OrderError::Unpublishable {
            registry: registry.to_owned(),
            dependent: dependent.name.clone(),
            dependent_manifest: dependent.manifest_path.clone(),
            kind: match dependency.kind {
                DependencyKind::Build => "build ",
                DependencyKind::Development => "development ",
                _ => "",
            },
            dependency: dependency.name.clone(),
            dependency_manifest: self
                .package(&dependency.name)
                .map(|package| package.manifest_path.clone())
                .unwrap_or_default(),
        }
    }
}

/// Returns the levels once development dependencies have given way in every cycle; cycles of the
/// others remain.
fn loosened<'n>(
    mut edges: BTreeMap<&'n str, BTreeSet<&'n str>>,
    firm: &BTreeSet<(&'n str, &'n str)>,
) -> (Vec<Vec<String>>, Vec<OrderError>) {
    loop {
        let (levels, cycles) = levels(edges.clone());
        let mut gave_way = false;
        for cycle in &cycles {
            let OrderError::Cycle { packages } = cycle else {
                continue;
            };
            for (index, name) in packages.iter().enumerate() {
                let next = packages[(index + 1) % packages.len()].as_str();
                if let Some(needs) = edges.get_mut(name.as_str())
                    && !firm.contains(&(name.as_str(), next))
                {
                    gave_way |= needs.remove(next);
                }
            }
        }
        if !gave_way {
            return (levels, cycles);
        }
    }
}

/// Peels off level by level what depends on nothing that is left. What cannot
/// be peeled is in a cycle, or depends on one.
fn levels(mut edges: BTreeMap<&str, BTreeSet<&str>>) -> (Vec<Vec<String>>, Vec<OrderError>) {
    let mut levels = Vec::new();
    let mut cycles = Vec::new();
    while !edges.is_empty() {
        let free: BTreeSet<&str> = edges
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(&name, _)| name)
            .collect();
        let removed = if free.is_empty() {
            let cycle = find_cycle(&edges);
            cycles.push(OrderError::Cycle {
                packages: cycle.iter().map(|&name| name.to_owned()).collect(),
            });
            cycle.into_iter().collect()
        } else {
            levels.push(free.iter().map(|&name| name.to_owned()).collect());
            free
        };
        edges.retain(|name, _| !removed.contains(name));
        for needs in edges.values_mut() {
            needs.retain(|name| !removed.contains(name));
        }
    }
    (levels, cycles)
}

/// Returns a cycle among packages that all depend on another of them.
fn find_cycle<'n>(edges: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Vec<&'n str> {
    let mut path: Vec<&str> = Vec::new();
    let mut next = edges.keys().next().copied();
    while let Some(name) = next {
        if let Some(start) = path.iter().position(|&seen| seen == name) {
            return path.split_off(start);
        }
        path.push(name);
        next = edges.get(name).and_then(|needs| needs.first().copied());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with what they need: `a: b c`.
    fn check(graph: &[(&str, &[&str])], expected_levels: &[&str], expected_cycles: &[&str]) {
        let edges = graph
            .iter()
            .map(|&(name, needs)| (name, needs.iter().copied().collect()))
            .collect();
        let (levels, cycles) = levels(edges);
        let levels: Vec<_> = levels.iter().map(|level| level.join(" ")).collect();
        let cycles: Vec<_> = cycles
            .iter()
            .map(|error| match error {
                OrderError::Cycle { packages } => packages.join(" "),
                other => panic!("not a cycle: {other}"),
            })
            .collect();
        assert_eq!(levels, expected_levels);
        assert_eq!(cycles, expected_cycles);
    }

    #[test]
    fn five_nodes() {
        check(
            &[
                ("app", &["core", "macros"]),
                ("cli", &["app", "log"]),
                ("core", &[]),
                ("log", &["core"]),
                ("macros", &[]),
            ],
            &["core macros", "app log", "cli"],
            &[],
        );
    }

    #[test]
    fn circles_are_all_named() {
        check(
            &[
                ("a", &["b"]),
                ("b", &["a"]),
                ("c", &["a", "d"]),
                ("d", &["e"]),
                ("e", &["d"]),
            ],
            &["c"],
            &["a b", "d e"],
        );
        check(
            &[("a", &["b"]), ("b", &["c"]), ("c", &["b"])],
            &["a"],
            &["b c"],
        );
    }
}
