//! What happened since each group's last release.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use stagegate_manifest::{Workspace, relative_to};
use stagegate_plan::facts::{CommitFacts, GitFacts, History};
use stagegate_plan::version::Group;

use crate::context::Context;
use crate::tools::git::Git;

/// The tag of a group's last release: of the version it has now, or of the
/// highest one before.
fn last_release(git: &GitFacts, group: &Group) -> Option<String> {
    let released = git.tags.keys().filter_map(|tag| {
        let version = group.version_of(tag)?;
        (version <= group.version).then_some((version, tag))
    });
    released
        .max_by(|(a, _): &(Version, _), (b, _)| a.cmp(b))
        .map(|(_, tag)| tag.clone())
}

pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
    groups: &[Group],
    git: &GitFacts,
) -> anyhow::Result<BTreeMap<String, History>> {
    let directories = directories(context, workspace);
    let mut logs: BTreeMap<String, Vec<(CommitFacts, BTreeSet<String>)>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for group in groups {
        let since = last_release(git, group);
        let mut commits = Vec::new();
        if let Some(tag) = &since {
            if !logs.contains_key(tag) {
                logs.insert(tag.clone(), log(&context.git(), tag, &directories)?);
            }
            let touched = logs[tag]
                .iter()
                .filter(|(_, packages)| packages.iter().any(|package| group.has(package)));
            commits.extend(touched.map(|(commit, _)| commit.clone()));
        }
        found.insert(group.name.clone(), History { since, commits });
    }
    Ok(found)
}

/// Each member's directory within the git checkout.
fn directories(context: &Context, workspace: &Workspace) -> Vec<(Utf8PathBuf, String)> {
    let within = |package: &stagegate_manifest::Package| {
        let directory = package.directory();
        let relative = relative_to(&workspace.root, &directory);
        Some((context.within_checkout(&relative)?, package.name.clone()))
    };
    workspace.packages.iter().filter_map(within).collect()
}

/// The commits since a tag, and the packages that each touched.
fn log(
    git: &Git,
    tag: &str,
    directories: &[(Utf8PathBuf, String)],
) -> anyhow::Result<Vec<(CommitFacts, BTreeSet<String>)>> {
    // Names are written raw and end in NUL with -z, whatever is in them.
    let range = format!("refs/tags/{tag}..HEAD");
    let text = git.read([
        "log",
        "-z",
        "--name-only",
        "--format=%x01%H%x02%B%x02",
        &range,
    ])?;
    Ok(text
        .split('\u{1}')
        .filter_map(|record| {
            let mut parts = record.splitn(3, '\u{2}');
            let (id, message, names) = (parts.next()?, parts.next()?, parts.next()?);
            let packages = names
                .split(['\0', '\n'])
                .filter_map(|name| package_of(Utf8Path::new(name), directories))
                .collect();
            let commit = CommitFacts {
                id: id.to_owned(),
                message: message.trim().to_owned(),
            };
            Some((commit, packages))
        })
        .collect())
}

/// The package whose directory holds a file; of nested ones the innermost.
fn package_of(file: &Utf8Path, directories: &[(Utf8PathBuf, String)]) -> Option<String> {
    directories
        .iter()
        .filter(|(directory, _)| !file.as_str().is_empty() && file.starts_with(directory))
        .max_by_key(|(directory, _)| directory.as_str().len())
        .map(|(_, package)| package.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let directories = [
            ("", "root"),
            ("crates/core", "core"),
            ("crates/core/macros", "macros"),
        ]
        .map(|(directory, name)| (Utf8PathBuf::from(directory), name.to_owned()));
        let check = |file: &str, want: Option<&str>| {
            let got = package_of(Utf8Path::new(file), &directories);
            assert_eq!(got.as_deref(), want, "{file}");
        };
        check("README.md", Some("root"));
        check("crates/core/src/lib.rs", Some("core"));
        check("crates/core/macros/src/lib.rs", Some("macros"));
        check("crates/core-io/src/lib.rs", Some("root"));
        check("", None);
    }
}
