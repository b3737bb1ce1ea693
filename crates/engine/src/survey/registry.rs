//! What the registry has of our crates.

use std::collections::BTreeMap;

use stagegate_manifest::Workspace;
use stagegate_plan::facts::{RegistryFacts, SurveyResult, TokenPlaces};
use stagegate_plan::model::Blocker;
use stagegate_registry::{IndexVersion, Registry};

use crate::context::Context;
use crate::parallel::parallel_map;

/// Requests at a time.
const AT_ONCE: usize = 16;

/// Crates whose owners are asked for. The index is served to everybody, but
/// crates.io asks programs for no more than a request a second to its web API
/// (<https://crates.io/data-access>), so a large workspace is not asked for whole.
const OWNERS_ASKED: usize = 16;

pub(crate) fn look(context: &Context, workspace: &Workspace) -> SurveyResult<RegistryFacts> {
    let name = &context.config.registry.name;
    let unreachable = |e: &dyn std::fmt::Display| {
        Blocker::new(
            format!("the registry {name} cannot be read: {e}"),
            "check the network, and `registry.name` and `registry.index` in stagegate.toml",
        )
    };
    let registry = context.registry().map_err(|e| unreachable(&e))?;
    let names: Vec<&str> = workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(name))
        .map(|p| p.name.as_str())
        .collect();
    let mut versions = BTreeMap::new();
    let mut owners = BTreeMap::new();
    let with_owners = &names[..names.len().min(OWNERS_ASKED)];
    // Each crate's index file is a request of its own.
    let (answers, categories) = std::thread::scope(|threads| {
        // What is not told is no obstacle: an unknown category is only remarked upon.
        let categories = threads.spawn(|| registry.categories().ok().flatten());
        let answers = parallel_map(AT_ONCE, &names, |name| {
            one(&registry, name, with_owners.contains(name))
        });
        (
            answers,
            categories.join().expect("the survey does not panic"),
        )
    });
    for (name, answer) in names.iter().zip(answers) {
        let (known, who) = answer.map_err(|e| unreachable(&e))?;
        versions.insert((*name).to_owned(), known);
        owners.extend(who.map(|who| ((*name).to_owned(), who)));
    }
    Ok(RegistryFacts {
        name: name.clone(),
        categories,
        token: token(context),
        versions,
        owners,
    })
}

type Owners = Result<Vec<String>, String>;

/// The versions of one crate and, where there are any, its owners.
fn one(
    registry: &Registry,
    name: &str,
    asks_owners: bool,
) -> Result<(Vec<IndexVersion>, Option<Owners>), stagegate_registry::RegistryError> {
    let versions = registry.versions(name)?;
    // crates.io tells them to everybody; a registry that does not is no obstacle.
    let owners = (asks_owners && !versions.is_empty()).then(|| {
        registry
            .owners(None, name)
            .map_err(|error| error.to_string())
    });
    Ok((versions, owners))
}

fn token(context: &Context) -> SurveyResult<TokenPlaces> {
    let name = &context.config.registry.name;
    let variable = stagegate_registry::Token::variable(name);
    match context.token_places() {
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
