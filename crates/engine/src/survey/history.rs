//! What happened since each group's last release.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::{PackedFiles, Workspace, changed_keys, inherited_keys, relative_to};
use stagegate_plan::facts::{CommitFacts, GitFacts, History};
use stagegate_plan::model::Blocker;
use stagegate_plan::release::commits::title_of_merge;
use stagegate_plan::version::Group;

use crate::context::Context;
use crate::tools::git::Git;

/// Manifests and their like, relative to the workspace's root.
type Files = BTreeMap<Utf8PathBuf, Vec<u8>>;

/// What the survey knows of the past.
#[derive(Default)]
pub(crate) struct Past {
    /// What happened to each group.
    pub(crate) groups: BTreeMap<String, History>,
    /// Why that cannot be known.
    pub(crate) gap: Option<Blocker>,
}

/// A member, and which commits count for it.
struct Member {
    name: String,
    /// Its directory within the checkout.
    directory: Utf8PathBuf,
    packed: PackedFiles,
    /// The keys that it takes from the workspace's manifest.
    inherited: BTreeSet<String>,
}

/// Returns the tag of a group's last release: of the version it has now, or of the highest one
/// before.
pub(crate) fn last_release<'t>(
    tags: impl Iterator<Item = &'t String>,
    group: &Group,
) -> Option<String> {
    let released = tags.filter_map(|tag| {
        let (version, age) = group.named_by(tag)?;
        (version <= group.version).then_some((version, std::cmp::Reverse(age), tag))
    });
    // Of two tags of one version, the form that releases have now is the later one: what was a
    // workspace's tag may have become a package's.
    let last = released.max_by(|(a, new, _), (b, newer, _)| (a, new).cmp(&(b, newer)));
    last.map(|(_, _, tag)| tag.clone())
}

pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
    files: &Files,
    groups: &[Group],
    git: &GitFacts,
    packed: &BTreeMap<String, String>,
) -> anyhow::Result<Past> {
    let members = members(context, workspace, files);
    let mut logs: BTreeMap<String, Vec<(CommitFacts, BTreeSet<String>)>> = BTreeMap::new();
    let mut past = Past::default();
    for group in groups {
        let tag = last_release(git.tags.keys(), group);
        past.gap = past
            .gap
            .or_else(|| gap(context, group, git, tag.as_deref()));
        let since = match &tag {
            Some(tag) => Some(format!("refs/tags/{tag}")),
            None => packed.get(&group.name).cloned(),
        };
        let mut commits = Vec::new();
        if let Some(revision) = &since {
            if !logs.contains_key(revision) {
                logs.insert(revision.clone(), log(context, revision, &members)?);
            }
            let touched = logs[revision]
                .iter()
                .filter(|(_, packages)| packages.iter().any(|package| group.has(package)));
            commits.extend(touched.map(|(commit, _)| commit.clone()));
        }
        let since = tag.or(since);
        past.groups
            .insert(group.name.clone(), History { since, commits });
    }
    Ok(past)
}

/// Returns why this checkout cannot tell what happened since a group's last release: what is not
/// here must not be read as "all new".
fn gap(context: &Context, group: &Group, git: &GitFacts, since: Option<&str>) -> Option<Blocker> {
    let remote = context.config.release.remote();
    let fetch = match git.shallow {
        true => format!("git fetch --unshallow --tags {remote}"),
        false => format!("git fetch --tags {remote}"),
    };
    let remedy = format!("`{fetch}` (in a workflow, `fetch-depth: 0`), and try again");
    let there = git.remote.as_ref().ok().map(|remote| &remote.tags);
    let there = there.into_iter().flat_map(BTreeMap::keys);
    let last = last_release(git.tags.keys().chain(there), group);
    match (last, since) {
        (Some(last), here) if here != Some(last.as_str()) => Some(Blocker::new(
            format!(
                "{last}, the last release of {}, is at {remote} and not in this clone, so nobody can tell what has changed since",
                group.name
            ),
            remedy,
        )),
        (None, _) if git.shallow => Some(Blocker::new(
            format!(
                "this clone is shallow, and the last release of {} may lie before its first commit",
                group.name
            ),
            remedy,
        )),
        (Some(last), Some(here))
            if git.shallow
                && !context
                    .git()
                    .is_ancestor(&format!("refs/tags/{here}"), "HEAD") =>
        {
            Some(Blocker::new(
                format!(
                    "this clone is shallow and does not reach back to {last}, the last release of {}",
                    group.name
                ),
                remedy,
            ))
        }
        _ => None,
    }
}

fn members(context: &Context, workspace: &Workspace, files: &Files) -> Vec<Member> {
    let text = |path: &Utf8Path| {
        let bytes = files.get(path).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let root = text(Utf8Path::new("Cargo.toml"));
    let member = |package: &stagegate_manifest::Package| {
        let relative = relative_to(&workspace.root, &package.directory());
        let manifest = text(&relative.join("Cargo.toml"));
        Some(Member {
            name: package.name.clone(),
            directory: context.within_checkout(&relative)?,
            packed: PackedFiles::of(&manifest, &root),
            inherited: inherited_keys(&manifest),
        })
    };
    workspace.packages.iter().filter_map(member).collect()
}

/// Returns the commits since a revision, and the packages that each touched. A merge is seen as
/// what it brought to its first parent, and counts where it says something of its own.
fn log(
    context: &Context,
    revision: &str,
    members: &[Member],
) -> anyhow::Result<Vec<(CommitFacts, BTreeSet<String>)>> {
    // Names are written raw and end in NUL with -z, whatever is in them.
    let range = format!("{revision}..HEAD");
    let git = context.git();
    let text = git.read([
        "log",
        "-z",
        "--name-only",
        "--diff-merges=first-parent",
        "--format=%x01%H%x02%P%x02%an%x02%ae%x02%at%x02%B%x02",
        &range,
    ])?;
    let root_manifest = context.subdirectory.join("Cargo.toml");
    let mut commits = Vec::new();
    for record in text.split('\u{1}') {
        let parts: Vec<&str> = record.splitn(7, '\u{2}').collect();
        let [id, parents, author, email, time, message, names] = parts[..] else {
            continue;
        };
        let said = match parents.contains(' ') {
            true => title_of_merge(message).map(|said| with_number(message, said)),
            false => Some(message.trim().to_owned()),
        };
        let Some(message) = said else { continue };
        let names: Vec<&str> = names.split(['\0', '\n']).collect();
        let mut packages: BTreeSet<String> = names
            .iter()
            .filter_map(|name| package_of(Utf8Path::new(name), members))
            .collect();
        if names.contains(&root_manifest.as_str()) {
            packages.extend(inheriting(&git, id, &root_manifest, members));
        }
        let commit = CommitFacts {
            id: id.to_owned(),
            message,
            author: author.to_owned(),
            email: email.to_owned(),
            time: time.parse().unwrap_or_default(),
            packages: packages.clone(),
        };
        commits.push((commit, packages));
    }
    Ok(commits)
}

/// Returns the title of a merged pull request with its number, as a squashed one has it.
fn with_number(merge: &str, said: String) -> String {
    let rest = merge.strip_prefix("Merge pull request #");
    let number = rest.and_then(|rest| rest.split(' ').next());
    let number = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    match (number, said.split_once('\n')) {
        (Some(number), _) if said.contains(&format!("#{number}")) => said,
        (Some(number), Some((first, rest))) => format!("{first} (#{number})\n{rest}"),
        (Some(number), None) => format!("{said} (#{number})"),
        (None, _) => said,
    }
}

/// Returns the members that inherit what a commit changed in the workspace's manifest.
fn inheriting<'m>(
    git: &Git,
    commit: &str,
    manifest: &Utf8Path,
    members: &'m [Member],
) -> impl Iterator<Item = String> + use<'m> {
    // There may be none before the commit, or after it.
    let text = |revision: &str| {
        let object = format!("{revision}:{manifest}");
        git.read(["cat-file", "blob", &object]).unwrap_or_default()
    };
    let changed = changed_keys(&text(&format!("{commit}^")), &text(commit));
    members
        .iter()
        .filter(move |member| !member.inherited.is_disjoint(&changed))
        .map(|member| member.name.clone())
}

/// Returns the package that a file is packed into: of nested ones the innermost, if it takes it.
fn package_of(file: &Utf8Path, members: &[Member]) -> Option<String> {
    let around = members
        .iter()
        .filter(|member| !file.as_str().is_empty() && file.starts_with(&member.directory));
    let innermost = around.max_by_key(|member| member.directory.as_str().len())?;
    let within = file.strip_prefix(&innermost.directory).ok()?;
    innermost
        .packed
        .holds(within)
        .then(|| innermost.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_pull_request_has_its_number() {
        let check = |merge: &str, want: &str| {
            let said = title_of_merge(merge).unwrap();
            assert_eq!(with_number(merge, said), want);
        };
        check("Merge pull request #12 from o/t\n\nfix: x", "fix: x (#12)");
        check(
            "Merge pull request #12 from o/t\n\nfix: x\n\nWhy.",
            "fix: x (#12)\n\nWhy.",
        );
        check(
            "Merge pull request #12 from o/t\n\nfix: x (#12)",
            "fix: x (#12)",
        );
        check("feat: x (#7)", "feat: x (#7)");
    }

    #[test]
    fn a_file_belongs_to_the_innermost_package_that_packs_it() {
        let members = [
            ("", "root", "exclude = [\".github\", \"/docs\"]"),
            ("crates/core", "core", "include = [\"src/**\"]"),
            ("crates/core/macros", "macros", ""),
        ]
        .map(|(directory, name, choice)| Member {
            name: name.to_owned(),
            directory: directory.into(),
            packed: PackedFiles::of(&format!("[package]\n{choice}"), ""),
            inherited: BTreeSet::new(),
        });
        let check = |file: &str, want: Option<&str>| {
            let got = package_of(Utf8Path::new(file), &members);
            assert_eq!(got.as_deref(), want, "{file}");
        };
        check("README.md", Some("root"));
        check("crates/core/src/lib.rs", Some("core"));
        check("crates/core/macros/src/lib.rs", Some("macros"));
        check("crates/core-io/src/lib.rs", Some("root"));
        check("", None);
        // What no package takes is nobody's news.
        check(".github/workflows/ci.yml", None);
        check("docs/guide.md", None);
        check("crates/core/tests/a.rs", None);
        check("crates/core/Cargo.toml", Some("core"));
    }
}
