//! Who is to own the crates that a release creates.

use stagegate_config::schema::Config;
use stagegate_registry::crates_io;

use crate::facts::{Facts, RegistryFacts};
use crate::model::{Blocker, missing_owners};

/// Returns those of the crates that the registry does not know yet.
pub fn new_crates<'n>(registry: &RegistryFacts, crates: &'n [String]) -> Vec<&'n String> {
    crates.iter().filter(|name| registry.is_new(name)).collect()
}

/// Refuses owners that crates.io would refuse for their form alone, before the crate is there for
/// good. Whether there are such users and teams nobody tells beforehand.
pub fn owners(facts: &Facts, config: &Config, blockers: &mut Vec<Blocker>) {
    if !matches!(&facts.registry, Some(Ok(registry)) if registry.name == "crates-io") {
        return;
    }
    for owner in &config.registry.owners {
        if let Some(why) = crates_io::owner_problem(owner) {
            blockers.push(Blocker::new(
                format!("`{owner}` in `registry.owners` is no owner on crates.io: {why}"),
                "write a login, or `github:ORGANIZATION:TEAM`, into stagegate.toml",
            ));
        }
    }
}

/// Returns what is worth knowing of owners before crates are published.
pub fn notes(facts: &Facts, config: &Config, crates: &[String]) -> Vec<String> {
    let wanted = &config.registry.owners;
    let (Some(Ok(registry)), false) = (&facts.registry, wanted.is_empty()) else {
        return Vec::new();
    };
    let mut notes: Vec<String> = needs_scope(config, &new_crates(registry, crates))
        .into_iter()
        .collect();
    for (name, known) in &registry.owners {
        let Ok(known) = known else { continue };
        let missing = missing_owners(wanted, known);
        if crates.contains(name) && !missing.is_empty() {
            let missing: Vec<&str> = missing.into_iter().map(String::as_str).collect();
            notes.push(format!(
                "{name} is not owned by {}, or an invitation is not accepted yet; it is not new, so nothing is changed (`cargo owner --add`)",
                missing.join(", ")
            ));
        }
    }
    notes
}

/// Returns what the token needs for the owners of new crates, where there are any.
pub fn needs_scope(config: &Config, new: &[&String]) -> Option<String> {
    let wanted = &config.registry.owners;
    let new: Vec<&str> = new.iter().map(|name| name.as_str()).collect();
    (!new.is_empty() && !wanted.is_empty()).then(|| {
        format!(
            "{} to own {}, once published: that takes a person's token with the scope `change-owners`, and whether it has that is only known then",
            wanted.join(", "),
            new.join(", ")
        )
    })
}
