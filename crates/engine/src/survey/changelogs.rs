//! Every changelog of a workspace, whether or not its package is released.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use stagegate_manifest::relative_to;
use stagegate_plan::facts::ChangelogFacts;
use stagegate_plan::model::Blocker;

use crate::context::Context;

/// What a changelog is called where nothing is configured. The last two cannot be
/// edited, and their readers are told so rather than that there is none.
const NAMES: [&str; 3] = ["CHANGELOG.md", "CHANGELOG.adoc", "CHANGELOG.asciidoc"];

/// Reads the changelogs that the configuration names, and those at the root and
/// beside each member's manifest: the workspace's first, each file once.
pub fn every_changelog(context: &Context) -> Vec<ChangelogFacts> {
    let workspace = &context.workspace;
    let release = &context.config.release;
    let groups = release.groups.values();
    let configured: Vec<Utf8PathBuf> = release
        .changelog
        .iter()
        .chain(groups.filter_map(|group| group.changelog.as_ref()))
        .cloned()
        .collect();
    let members = workspace.packages.iter();
    let directories = members.map(|package| relative_to(&workspace.root, &package.directory()));
    let usual = std::iter::once(Utf8PathBuf::new())
        .chain(directories)
        .filter_map(|directory| {
            let mut paths = NAMES.iter().map(|name| directory.join(name));
            paths.find(|path| context.root.join(path).is_file())
        });
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in configured.iter().cloned().chain(usual) {
        let file = crate::survey::behind_links(&context.root, &path);
        if !seen.insert(file.clone()) {
            continue;
        }
        let text = match std::fs::read(context.root.join(&path)) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|e| {
                let place = e.utf8_error().valid_up_to();
                Blocker::new(format!("not UTF-8 at byte {place}"), "save it as UTF-8")
            }),
            Err(e) => Err(Blocker::new(
                format!("cannot be read: {e}"),
                "correct `changelog` in stagegate.toml, or create the file",
            )),
        };
        found.push(ChangelogFacts { file, text });
    }
    found
}
