//! `release --list-changes`: what happened since each group's last release, and which version
//! that calls for.

use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::facts::{CommitFacts, Facts};
use stagegate_plan::model::count;
use stagegate_plan::release::commits::call_for;
use stagegate_plan::version::{Group, Selection};

use crate::cli::{Format, Session};
use crate::exit_code::Exit;
use crate::output::line;

/// Digits of a commit that people are shown.
const SHORT: usize = 8;

/// A group and what happened to it.
struct Changes<'a> {
    group: &'a Group,
    /// The tag of its last release, or its commit; absent before the first.
    since: Option<&'a str>,
    commits: &'a [CommitFacts],
    /// The version that the commits call for, and the commit that does.
    next: Option<(semver::Version, String)>,
}

/// Lists the changes. Nothing is planned, and nothing is written.
pub(super) fn run(session: &Session, selection: Selection) -> anyhow::Result<Exit> {
    let context = session.open()?;
    let scope = Scope {
        registry: true,
        history: true,
        selection,
        ..Scope::default()
    };
    let facts = survey(&context, &scope)?;
    if let Some(gap) = &facts.history_gap {
        return Err(stagegate_plan::model::Blockers(vec![gap.clone()]).into());
    }
    let changes = changes(&facts)?;
    match session.format {
        Format::Json => {
            let groups: Vec<_> = changes.iter().map(json).collect();
            line(&serde_json::json!({ "event": "changes", "groups": groups }).to_string());
        }
        Format::Human | Format::Github => {
            for one in &changes {
                show(one);
            }
        }
    }
    Ok(Exit::Success)
}

fn changes(facts: &Facts) -> anyhow::Result<Vec<Changes<'_>>> {
    let blocked = |blocker: &stagegate_plan::model::Blocker| {
        stagegate_plan::model::Blockers(vec![blocker.clone()])
    };
    facts.git.as_ref().map_err(blocked)?;
    let groups = facts.groups.as_ref().map_err(blocked)?;
    let of = |group| of_group(facts, group);
    Ok(groups.iter().filter_map(of).collect())
}

fn of_group<'a>(facts: &'a Facts, group: &'a Group) -> Option<Changes<'a>> {
    let history = facts.history.get(&group.name)?;
    let called = call_for(group, history);
    Some(Changes {
        group,
        since: history.since.as_deref(),
        commits: &history.commits,
        next: called.map(|(kind, why)| (kind.after(&group.version), why)),
    })
}

fn show(changes: &Changes<'_>) {
    let Changes {
        group,
        since,
        commits,
        next,
    } = changes;
    let (name, version) = (&group.name, &group.version);
    let since = match since {
        None => return line(&format!("{name} {version}: was never released")),
        Some(since) => since,
    };
    let number = count(commits.len(), "commit");
    let next = match next {
        None if commits.is_empty() => String::new(),
        None => ", none of which calls for a release".to_owned(),
        Some((next, why)) => format!(" → {next} ({why})"),
    };
    line(&format!("{name} {version}: {number} since {since}{next}"));
    for commit in *commits {
        let title = commit.message.lines().next().unwrap_or_default();
        line(&format!("  {} {title}", short(&commit.id)));
    }
}

fn json(changes: &Changes<'_>) -> serde_json::Value {
    let commits: Vec<_> = changes
        .commits
        .iter()
        .map(|commit| {
            let title = commit.message.lines().next().unwrap_or_default();
            serde_json::json!({ "id": commit.id, "title": title })
        })
        .collect();
    serde_json::json!({
        "name": changes.group.name,
        "version": changes.group.version,
        "since": changes.since,
        "next": changes.next.as_ref().map(|(next, _)| next),
        "why": changes.next.as_ref().map(|(_, why)| why),
        "commits": commits,
    })
}

fn short(id: &str) -> &str {
    &id[..id.len().min(SHORT)]
}
