//! How far what hosts run is from what goes out.

use std::collections::{BTreeMap, BTreeSet};

use stagegate_deploy::Part;
use stagegate_plan::facts::{CommitDistance, GitFacts, HostSurvey, RunningHost};

use crate::context::Context;

/// Counts the commits between what hosts run and what may go out: the checkout's head, the
/// commit of a tag, and what another environment runs. A pair of which this clone lacks one
/// is left out.
pub(super) fn read(
    context: &Context,
    git: &GitFacts,
    tag: Option<&str>,
    (hosts, promoted): (&[HostSurvey], &[RunningHost]),
) -> BTreeMap<(String, String), CommitDistance> {
    let runs = hosts
        .iter()
        .flat_map(|host| Part::ALL.map(|part| host.release_of(part)));
    let from: BTreeSet<String> = runs.flatten().map(|(_, commit)| commit).collect();
    let tagged = tag.and_then(|tag| git.tags.get(tag)).map(String::as_str);
    let elsewhere = promoted.iter().filter_map(|host| {
        let status = host.found.as_ref().ok()?;
        status.commit.as_deref()
    });
    let to: BTreeSet<&str> = std::iter::once(git.head.as_str())
        .chain(tagged)
        .chain(elsewhere)
        .collect();
    let mut distances = BTreeMap::new();
    for from in &from {
        for to in to.iter().filter(|to| **to != from) {
            if let Some(distance) = distance(context, from, to) {
                distances.insert((from.clone(), (*to).to_owned()), distance);
            }
        }
    }
    distances
}

fn distance(context: &Context, from: &str, to: &str) -> Option<CommitDistance> {
    let range = format!("{from}...{to}");
    let args = ["rev-list", "--left-right", "--count", &range, "--"];
    // A commit that is not here is git's error, and says the same as "unknown".
    let text = context.git().read(args).ok()?;
    let (behind, ahead) = text.split_once('\t')?;
    Some(CommitDistance {
        ahead: ahead.parse().ok()?,
        behind: behind.parse().ok()?,
    })
}
