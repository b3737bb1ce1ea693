//! The files of ours that a deploy writes on its hosts, before anybody says yes to it.
//!
//! Units, the settling script and the like follow from the configuration and from our
//! own version; a deploy that changes one says so with a patch. Hosts that have the same
//! to expect stand together.

use similar::TextDiff;
use stagegate_deploy::{FileChange, HostFacts, Part, ServiceStep, Target};

use crate::facts::Facts;
use crate::model::{Action, DeployService, HostFile, Placement, Plan, Step};

/// Returns what a plan's steps write on the hosts that they start a service on.
pub fn of(facts: &Facts, plan: &Plan) -> Vec<HostFile> {
    let mut files: Vec<HostFile> = Vec::new();
    for survey in &facts.hosts {
        let Ok(found) = &survey.found else { continue };
        for pending in &found.pending {
            let part = pending.part;
            let steps = plan.steps.iter();
            let mut started = steps.filter_map(|step| starts(plan, step, part, &survey.target));
            let Some(there) = started.next().filter(|there| !runs(part, there, found)) else {
                continue;
            };
            let diff = diff(pending);
            let same = |file: &&mut HostFile| file.path == pending.path && file.diff == diff;
            let host = there.target.to_string();
            match files.iter_mut().find(same) {
                Some(file) => file.hosts.push(host),
                None => files.push(HostFile {
                    hosts: vec![host],
                    path: pending.path.clone(),
                    diff,
                }),
            }
        }
    }
    files
}

/// Returns what a step starts on that host, which is when the files are written.
fn starts<'a>(plan: &'a Plan, step: &Step, wanted: Part, host: &Target) -> Option<&'a Placement> {
    let Action::DeployService(DeployService {
        part,
        step: ServiceStep::Start,
        placement,
    }) = &step.action
    else {
        return None;
    };
    let there = plan.placement(*placement).ok()?;
    (*part == wanted && there.target == *host).then_some(there)
}

/// Returns whether it runs there already, so that nothing is started.
fn runs(part: Part, there: &Placement, found: &HostFacts) -> bool {
    let running = match part {
        Part::Backend => found.running.as_ref(),
        Part::Frontend => found.running_frontend.as_ref(),
    };
    running.is_some_and(|running| {
        running.version == there.version.to_string() && running.commit == there.revision
    })
}

fn diff(pending: &FileChange) -> Option<String> {
    let there = pending.there.as_ref()?;
    let diff = TextDiff::from_lines(there, &pending.wanted);
    Some(diff.unified_diff().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_what_changes_is_shown() {
        let check = |there: Option<&str>, wanted: &str, expected: Option<&str>| {
            let pending = FileChange {
                part: Part::Backend,
                path: "/etc/unit".into(),
                there: there.map(str::to_owned),
                wanted: wanted.to_owned(),
            };
            assert_eq!(diff(&pending).as_deref(), expected);
        };
        check(None, "a\n", None);
        check(
            Some("a\nb\nc\n"),
            "a\nB\nc\n",
            Some("@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        );
        check(
            Some("a"),
            "a\n",
            Some("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
        );
    }
}
