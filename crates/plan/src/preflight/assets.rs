//! Whether the files of a GitHub release belong to something that is released.

use stagegate_config::schema::Config;

use crate::model::Blocker;
use crate::version::Group;

/// Refuses an asset of a group that there is not: it would silently be left out.
pub fn assets(config: &Config, groups: &[Group], blockers: &mut Vec<Blocker>) {
    let known = |name: &String| groups.iter().any(|group| group.name == *name);
    for asset in &config.assets {
        if let Some(name) = asset.group.as_ref().filter(|name| !known(name)) {
            blockers.push(Blocker::new(
                format!(
                    "the [[asset]] {} belongs to `{name}`, which is no version group",
                    asset.file
                ),
                "correct its `group` in stagegate.toml, or leave it out",
            ));
        }
    }
}
