//! The commit that a published package was made from: where a package has no tag, its last
//! release is there.

use std::collections::BTreeMap;
use std::io::Read;

use semver::Version;
use stagegate_plan::facts::{GitFacts, RegistryFacts};
use stagegate_plan::version::Group;

use crate::context::Context;
use crate::parallel::parallel_map;
use crate::survey::history::last_release;

/// Packages that are downloaded at a time.
const AT_ONCE: usize = 8;

/// Returns the commit of the last release of each group that has no tag, as far as the
/// registry's packages tell and the checkout has it.
pub(crate) fn look(
    context: &Context,
    groups: &[Group],
    git: &GitFacts,
    registry: &RegistryFacts,
) -> BTreeMap<String, String> {
    let untagged = groups
        .iter()
        .filter(|group| last_release(git.tags.keys(), group).is_none());
    let wanted: Vec<(&Group, String, Version)> = untagged
        .filter_map(|group| {
            let (name, version) = last_published(group, registry)?;
            Some((group, name, version))
        })
        .collect();
    let commits = parallel_map(AT_ONCE, &wanted, |(_, name, version)| {
        let bytes = context.registry().ok()?.download(name, version).ok()?;
        commit_of(&bytes)
    });
    let known = wanted
        .iter()
        .zip(commits)
        .filter_map(|((group, ..), commit)| {
            let commit = commit.filter(|commit| context.git().is_ancestor(commit, "HEAD"))?;
            Some((group.name.clone(), commit))
        });
    known.collect()
}

/// Returns the newest version of a group's packages that is not above what the group has.
fn last_published(group: &Group, registry: &RegistryFacts) -> Option<(String, Version)> {
    let members = group.members.iter();
    let versions = members.flat_map(|name| {
        let known = registry.versions.get(name).into_iter().flatten();
        known.map(move |version| (name, &version.vers))
    });
    let upto = versions.filter(|(_, version)| **version <= group.version);
    let last = upto.max_by(|(_, a), (_, b)| a.cmp(b));
    last.map(|(name, version)| (name.clone(), version.clone()))
}

/// Returns the commit that cargo wrote into a package; nothing where it was made without one, or of
/// files that differed from it.
fn commit_of(package: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
    let mut entries = archive.entries().ok()?;
    let mut info = entries.find_map(|entry| {
        let entry = entry.ok()?;
        let is_it = entry.path().ok()?.ends_with(".cargo_vcs_info.json");
        is_it.then_some(entry)
    })?;
    let mut text = String::new();
    info.read_to_string(&mut text).ok()?;
    let info: serde_json::Value = serde_json::from_str(&text).ok()?;
    let git = info.get("git")?;
    let is_commit = |id: &&str| id.len() >= 40 && id.chars().all(|c| c.is_ascii_hexdigit());
    let commit = git.get("sha1")?.as_str().filter(is_commit)?;
    let is_dirty = git.get("dirty").and_then(serde_json::Value::as_bool);
    (is_dirty != Some(true)).then(|| commit.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns the bytes of a package with these files, compressed at a level.
    pub(crate) fn package(files: &[(&str, &str)], level: u32) -> Vec<u8> {
        let compression = flate2::Compression::new(level);
        let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), compression));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            let path = format!("one-1.0.0/{name}");
            archive
                .append_data(&mut header, path, text.as_bytes())
                .unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_package_tells_the_commit_that_it_was_made_from() {
        let commit = "5".repeat(40);
        let check = |info: Option<&str>, want: Option<&str>| {
            let manifest = ("Cargo.toml", "[package]\n");
            let info = info.map(|info| (".cargo_vcs_info.json", info));
            let files: Vec<_> = [manifest].into_iter().chain(info).collect();
            let package = package(&files, 1);
            assert_eq!(commit_of(&package).as_deref(), want, "{info:?}");
        };
        let clean = format!("{{\"git\":{{\"sha1\":\"{commit}\"}},\"path_in_vcs\":\"time-core\"}}");
        check(Some(&clean), Some(&commit));
        let dirty = format!("{{\"git\":{{\"sha1\":\"{commit}\",\"dirty\":true}}}}");
        check(Some(&dirty), None);
        check(Some("{\"git\":{\"sha1\":\"--output=x\"}}"), None);
        check(Some("{}"), None);
        check(None, None);
        assert_eq!(commit_of(b"no package"), None);
    }
}
