//! Whether the registry takes the packages' metadata.

use stagegate_config::schema::Config;
use stagegate_manifest::{MetadataProblem, metadata_problems};

use crate::facts::Facts;
use crate::model::Blocker;

/// What the manifests' metadata would be refused for.
pub fn metadata(facts: &Facts, config: &Config, blockers: &mut Vec<Blocker>) {
    for package in facts
        .workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name))
    {
        let crates_io = config.registry.name == "crates-io";
        let holds = |problem: &MetadataProblem| crates_io || problem.holds_everywhere();
        for problem in metadata_problems(package).into_iter().filter(holds) {
            blockers.push(Blocker::new(
                format!("{}: {problem}", package.manifest_path),
                "correct the manifest, or set `publish = false`",
            ));
        }
    }
}
