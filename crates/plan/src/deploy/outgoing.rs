//! What goes out to each host: from which release, and how many commits.

use stagegate_deploy::{App, Part as HostPart, Target};

use crate::facts::{CommitDistance, Facts, HostSurvey};
use crate::model::count;
use crate::request::Part;

/// Digits of a commit that people are shown.
const SHORT: usize = 7;

/// Returns a line for each release that hosts run: which, and what they get from `commit`.
/// Hosts that cannot be asked have no line; they are a problem of their own.
pub fn notes(facts: &Facts, hosts: &[(Target, App)], part: Part, commit: &str) -> Vec<String> {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for survey in &facts.hosts {
        let is_meant = |(target, _): &&(Target, App)| *target == survey.target;
        let Some((target, _)) = hosts.iter().find(is_meant) else {
            continue;
        };
        let Some(what) = outgoing(facts, survey, part, commit) else {
            continue;
        };
        let target = target.to_string();
        match said.iter_mut().find(|(same, _)| *same == what) {
            Some((_, hosts)) => hosts.push(target),
            None => said.push((what, vec![target])),
        }
    }
    let line = |(what, hosts): (String, Vec<String>)| format!("{}: {what}", hosts.join(", "));
    said.into_iter().map(line).collect()
}

fn outgoing(facts: &Facts, survey: &HostSurvey, part: Part, commit: &str) -> Option<String> {
    survey.found.as_ref().ok()?;
    let Some((version, from)) = runs(survey, part) else {
        return Some("nothing runs there yet".to_owned());
    };
    let short = &from[..from.len().min(SHORT)];
    if from == commit {
        return Some(format!("runs this very commit already, as {version}"));
    }
    let distance = facts.distances.get(&(from.clone(), commit.to_owned()));
    Some(match distance {
        None => format!(
            "runs {version} ({short}), which this clone does not have: what goes out cannot be counted"
        ),
        Some(CommitDistance { ahead, behind: 0 }) => {
            format!(
                "{} since {version} ({short})",
                count_of(*ahead, "goes out", "go out")
            )
        }
        Some(CommitDistance { ahead, behind }) => format!(
            "{} since {version} ({short}); {} not in it",
            count_of(*ahead, "goes out", "go out"),
            count_of(*behind, "that runs there is", "that run there are"),
        ),
    })
}

fn count_of(commits: u64, one: &str, more: &str) -> String {
    let number = usize::try_from(commits).unwrap_or(usize::MAX);
    let verb = if commits == 1 { one } else { more };
    format!("{} {verb}", count(number, "commit"))
}

/// Returns the version and the commit that a host runs: the backend's, or the frontend's where that
/// alone is deployed.
fn runs(survey: &HostSurvey, part: Part) -> Option<(String, String)> {
    match part {
        Part::Frontend => survey.release_of(HostPart::Frontend),
        Part::Backend => survey.release_of(HostPart::Backend),
        Part::Both => survey
            .release_of(HostPart::Backend)
            .or_else(|| survey.release_of(HostPart::Frontend)),
    }
}
