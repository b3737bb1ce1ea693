//! What the registry has of our crates.

use std::collections::BTreeMap;

use stagegate_manifest::{Package, Workspace};
use stagegate_plan::facts::{RegistryFacts, SurveyResult, TokenPlaces};
use stagegate_plan::model::Blocker;
use stagegate_registry::crates_io::{Categories, PackageMetadata};
use stagegate_registry::{CrateInfo, IndexVersion, Registry};

use crate::context::Context;
use crate::parallel::parallel_map;

/// Requests at a time.
const AT_ONCE: usize = 16;

/// Crates whose owners are asked for. The index is served to everybody, but
/// crates.io asks programs for no more than a request a second to its web API
/// (<https://crates.io/data-access>), so a large workspace is not asked for whole.
const OWNERS_ASKED: usize = 16;

/// Looks at one of the registries that a release publishes to.
pub(crate) fn look(
    context: &Context,
    name: &str,
    workspace: &Workspace,
) -> SurveyResult<RegistryFacts> {
    let unreachable = |e: &dyn std::fmt::Display| {
        Blocker::new(
            format!("the registry {name} cannot be read: {e}"),
            "check the network, `registry.name` and `registry.index` in stagegate.toml, and what cargo's configuration says of it",
        )
    };
    let registry = context.registry_of(name).map_err(|e| unreachable(&e))?;
    let mut names: Vec<&str> = workspace
        .packages
        .iter()
        .filter(|p| p.may_go_to(name) || is_required(workspace, p))
        .map(|p| p.name.as_str())
        .collect();
    let is_released = |one: &&str| {
        let package = workspace.package(one);
        package.is_some_and(|package| package.publishable_to(name))
    };
    // Of those that may be left out only the versions are asked for.
    names.sort_by_key(|one| !is_released(one));
    let is_crates_io = name == CRATES_IO;
    let mut versions = BTreeMap::new();
    let mut crates = BTreeMap::new();
    let mut owners = BTreeMap::new();
    let with_owners = &names[..names.partition_point(is_released).min(OWNERS_ASKED)];
    // Each crate's index file is a request of its own.
    let (answers, categories) = std::thread::scope(|threads| {
        // An unknown category is a refusal at crates.io since 2024; where its list cannot be
        // had, the one that is built in counts.
        let categories = threads.spawn(|| match is_crates_io {
            true => Some(Categories::of(&registry).slugs),
            false => registry.categories().ok().flatten(),
        });
        let answers = parallel_map(AT_ONCE, &names, |name| {
            one(&registry, name, with_owners.contains(name))
        });
        (
            answers,
            categories.join().expect("the survey does not panic"),
        )
    });
    for (name, answer) in names.iter().zip(answers) {
        let One {
            versions: known,
            owners: who,
            info,
        } = answer.map_err(|e| unreachable(&e))?;
        versions.insert((*name).to_owned(), known);
        owners.extend(who.map(|who| ((*name).to_owned(), who)));
        crates.extend(info.map(|info| ((*name).to_owned(), info)));
    }
    Ok(RegistryFacts {
        name: name.to_owned(),
        index: registry.index().to_owned(),
        categories,
        token: token(context, name),
        versions,
        owners,
        crates,
        packages: match is_crates_io {
            true => metadata(workspace, name),
            false => BTreeMap::new(),
        },
    })
}

/// Returns whether another member requires a version of this one, so that it may be in the
/// registry.
fn is_required(workspace: &Workspace, member: &Package) -> bool {
    let edges = workspace.packages.iter().flat_map(|p| &p.internal);
    let mut required = edges.filter(|d| d.is_published() && d.has_version);
    required.any(|edge| edge.name == member.name)
}

/// The registry whose rules are known.
const CRATES_IO: &str = "crates-io";

/// Returns what the packages say of themselves, readmes included: a long one is refused, too.
fn metadata(workspace: &Workspace, registry: &str) -> BTreeMap<String, PackageMetadata> {
    let published = workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(registry));
    let one = |package: &Package| {
        let readme = package.metadata.readme.as_ref();
        let readme = readme.map(|file| package.directory().join(file));
        let readme = readme.and_then(|file| std::fs::read_to_string(file).ok());
        (
            package.name.clone(),
            PackageMetadata::new(&package.metadata, readme),
        )
    };
    published.map(one).collect()
}

type Owners = Result<Vec<String>, String>;

/// What the registry has of one crate.
struct One {
    versions: Vec<IndexVersion>,
    owners: Option<Owners>,
    info: Option<CrateInfo>,
}

/// Returns the versions of one crate; where there are any its owners, and what is said of it. Of a
/// name that the index does not know it is asked whether another spelling is taken.
fn one(
    registry: &Registry,
    name: &str,
    asks_api: bool,
) -> Result<One, stagegate_registry::RegistryError> {
    let versions = registry.versions(name)?;
    // crates.io tells them to everybody; a registry that does not is no obstacle.
    let owners = (asks_api && !versions.is_empty()).then(|| {
        registry
            .owners(None, name)
            .map_err(|error| error.to_string())
    });
    // A registry without such an address is no obstacle.
    let info = asks_api.then(|| registry.crate_info(None, name).ok().flatten());
    Ok(One {
        versions,
        owners,
        info: info.flatten(),
    })
}

fn token(context: &Context, name: &str) -> SurveyResult<TokenPlaces> {
    let variable = stagegate_registry::Token::variable(name);
    match context.token_places(name) {
        Ok(places) if places == TokenPlaces::default() => Err(Blocker::new(
            format!("there is no token for the registry {name}"),
            format!("set {variable}, or run `cargo login`"),
        )),
        Ok(places) => Ok(places),
        Err(e) => Err(Blocker::new(
            format!("the token for the registry {name} cannot be read: {e:#}"),
            format!("set {variable}, or repair what is named there"),
        )),
    }
}
