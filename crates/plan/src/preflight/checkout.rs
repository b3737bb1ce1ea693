//! The preconditions on what the checkout holds, and on what git may do with it.

use crate::facts::{Facts, GitFacts};
use crate::model::Blocker;
use crate::preflight::{Check, CheckKind};

/// Returns whether git can sign, where it is to.
pub fn signing(git: &GitFacts) -> Option<Check> {
    let outcome = git.signing.clone()?;
    Some(Check {
        kind: CheckKind::Signing,
        about: "signing".to_owned(),
        outcome,
    })
}

/// Files that cargo would pack here and that a release would lack.
pub fn packing(facts: &Facts) -> Vec<Check> {
    let mut checks = Vec::new();
    for (package, found) in &facts.packing {
        let mut add = |paths: &[String], what: &str, remedy: &str| {
            if paths.is_empty() {
                return;
            }
            let blocker = Blocker::new(format!("{package}: {what}: {}", listed(paths)), remedy);
            checks.push(Check {
                kind: CheckKind::Packing,
                about: format!("package {package}"),
                outcome: Err(blocker),
            });
        };
        add(
            &found.ignored,
            "`include` names files that git ignores, and a release is made from the commit",
            "commit them, make them in the build script, or take them out of `include`",
        );
        add(
            &found.submodules,
            "a submodule is not checked out, and the package would be without its files",
            "`git submodule update --init --recursive` (in a workflow, `submodules: recursive`), or `exclude` it",
        );
        add(
            &found.pointers,
            "only the LFS pointer is here, and would be packed in the place of the content",
            "`git lfs pull` (in a workflow, `lfs: true`), or `exclude` them",
        );
    }
    checks
}

fn listed(paths: &[String]) -> String {
    let shown: Vec<_> = paths.iter().take(3).map(|p| format!("`{p}`")).collect();
    match paths.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
