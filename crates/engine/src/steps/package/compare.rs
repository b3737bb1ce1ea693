//! What the registry has already of a release, held against what the release commit gives.
//!
//! A version cannot be uploaded again, so a difference is told and stops nothing: the packages
//! that are missing are built and published on top of what users get. The registry's own files
//! are kept, because the GitHub release is to hold the bytes that the registry has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use anyhow::Context;
use stagegate_plan::model::{Action, ComparePublished, Publish, Step};

use crate::executor::release_tree;
use crate::executor::step::{Perform, StepContext};
use crate::steps::package::archive;

impl Perform for ComparePublished {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let crates: &[String] = &self.crates;

        let registry_name = ctx
            .context
            .registry_name(self.registry.as_deref())
            .to_owned();
        let registry = ctx.context.registry_of(&registry_name)?;
        let mut there = BTreeMap::new();
        for name in crates {
            ctx.progress(format!("downloading {name}"), None, None);
            let version = ctx.plan.version_of(name).clone();
            let bytes = registry.download(name, &version)?;
            // What is still to be published somewhere else is what this run has verified.
            if !is_published(ctx, name) {
                release_tree::write_whole(&archive::file(ctx, name), &bytes)?;
            }
            there.insert(name.as_str(), bytes);
        }
        let commit = ctx.context.git().need_commit(&ctx.plan.reference())?;
        let root = release_tree::lay(ctx, &commit)?;
        let output = ctx
            .context
            .output()
            .join(ctx.plan.run_id.to_string())
            .join("compare");
        // What the commit does not give cannot be compared; the registry has it all the same.
        let made = archive::make(ctx, &root, &output, (&registry_name, crates));
        let mut told = Vec::new();
        for (name, theirs) in &there {
            let version = ctx.plan.version_of(name);
            let file = output
                .join("package")
                .join(archive::file_name(name, version));
            let said = match &made {
                Err(error) => {
                    let why = error.to_string();
                    let why = why.lines().next().unwrap_or_default();
                    format!("cannot be compared, because the commit does not give it: {why}")
                }
                Ok(()) => {
                    let ours = std::fs::read(&file)
                        .with_context(|| format!("cargo was to make {file}"))?;
                    difference(theirs, &ours)
                }
            };
            told.push(format!("{name} {version} {said}"));
        }
        if output.exists() {
            std::fs::remove_dir_all(&output).with_context(|| format!("removing {output}"))?;
        }
        Ok(told.join("; "))
    }
}

fn is_published(ctx: &StepContext<'_>, name: &str) -> bool {
    let publishes = |step: &Step| matches!(&step.action, Action::Publish(Publish { package, .. }) if package == name);
    ctx.plan.steps.iter().any(publishes)
}

/// Returns how the registry's package stands to ours, in words.
fn difference(theirs: &[u8], ours: &[u8]) -> String {
    if theirs == ours {
        return "has the bytes that the commit gives".to_owned();
    }
    let (Some(theirs), Some(ours)) = (files(theirs), files(ours)) else {
        return "differs from what the commit gives".to_owned();
    };
    let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let differing: Vec<&str> = names
        .into_iter()
        .filter(|name| theirs.get(*name) != ours.get(*name))
        .map(String::as_str)
        .collect();
    // Where the commit is another one, its name always differs: it is no file of anybody's.
    let content: Vec<&str> = differing.iter().copied().filter(|n| *n != VCS).collect();
    let from = match (commit(&theirs), differing.contains(&VCS)) {
        (Some(commit), true) => format!(" and was made from {commit}"),
        (None, true) => " and does not say from which commit it was made".to_owned(),
        (_, false) => String::new(),
    };
    match (differing.is_empty(), content.as_slice()) {
        (true, _) => "has the files that the commit gives, packed by another cargo".to_owned(),
        (false, []) => format!("has the files that the commit gives{from}"),
        (false, content) => {
            let shown = content.iter().take(5).copied().collect::<Vec<_>>();
            let more = match content.len().saturating_sub(shown.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "differs from what the commit gives{from}: {}{more}",
                shown.join(", ")
            )
        }
    }
}

/// Where cargo says from which commit a package was made.
const VCS: &str = ".cargo_vcs_info.json";

/// Returns the files of a package, by their names within it.
fn files(package: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
    let mut files = BTreeMap::new();
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let path = entry.path().ok()?.to_string_lossy().into_owned();
        let name = path
            .split_once('/')
            .map_or(path.clone(), |(_, name)| name.to_owned());
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        files.insert(name, bytes);
    }
    Some(files)
}

/// Returns the commit that a package names.
fn commit(files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let info: serde_json::Value = serde_json::from_slice(files.get(VCS)?).ok()?;
    let commit = info.get("git")?.get("sha1")?.as_str()?;
    let is_hex = commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| commit[..12].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::packed_commit::tests::package;

    #[test]
    fn what_differs_is_named() {
        let info = |digit: &str| format!("{{\"git\":{{\"sha1\":\"{}\"}}}}", digit.repeat(40));
        let (a, b) = (info("a"), info("b"));
        let lib = "//! A part.\n".repeat(50);
        let ours = package(&[(VCS, &a), ("src/lib.rs", &lib)], 9);
        let check = |theirs: &[u8], want: &str| assert_eq!(difference(theirs, &ours), want);
        check(&ours, "has the bytes that the commit gives");
        check(
            &package(&[(VCS, &a), ("src/lib.rs", &lib)], 1),
            "has the files that the commit gives, packed by another cargo",
        );
        check(
            &package(&[(VCS, &b), ("src/lib.rs", &lib)], 9),
            "has the files that the commit gives and was made from bbbbbbbbbbbb",
        );
        check(
            &package(&[("src/lib.rs", "//! Other.\n"), ("more.txt", "")], 9),
            "differs from what the commit gives and does not say from which commit it was made: more.txt, src/lib.rs",
        );
        check(b"no package", "differs from what the commit gives");
    }
}
