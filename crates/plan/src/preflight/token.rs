//! Whether there is a token that may do what the plan wants.

use stagegate_registry::Token;

use crate::facts::{Facts, TokenPlaces};
use crate::model::Blocker;

/// Checks the token. A workflow's identity publishes what is known, and nothing new.
pub fn token(facts: &Facts, levels: &[Vec<String>], blockers: &mut Vec<Blocker>) {
    for registry in facts.registries() {
        let Ok(TokenPlaces { plain: None, .. }) = &registry.token else {
            continue;
        };
        let goes = |name: &&String| {
            let package = facts.workspace.package(name);
            package.is_none_or(|package| package.publishable_to(&registry.name))
        };
        let new: Vec<&str> = levels
            .iter()
            .flatten()
            .filter(goes)
            .filter(|name| registry.versions.get(*name).is_some_and(Vec::is_empty))
            .map(String::as_str)
            .collect();
        if !new.is_empty() {
            blockers.push(Blocker::new(
                format!(
                    "new on {}, and trusted publishing cannot create a crate: {}",
                    registry.name,
                    new.join(", ")
                ),
                format!(
                    "give a token in {} for this once, or publish them by hand first",
                    Token::variable(&registry.name)
                ),
            ));
        }
    }
}
