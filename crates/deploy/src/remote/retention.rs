//! Which releases stay on a host: the last known-good ones, never less than what runs and
//! what ran before it.
//!
//! Only confirmed releases count; one that failed does not push a good one out. A pure
//! function decides, and only directories with the form of a release id are removed.

use crate::model::app::{Deploy, Release};
use crate::model::error::DeployError;
use crate::model::layout::{Layout, ServiceLayout};
use crate::model::part::Part;
use crate::remote::record::{self, DeployRecord, Outcome, known_good_pairs};
use crate::remote::state::{SlotState, State};
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` releases, `$2` part: the releases that have this part.
const LIST_SH: &str = r#"cd -- "$1" || exit 1
for id in *; do if [ -d "$id/$2" ]; then printf '%s\n' "$id"; fi; done
"#;

/// `$1` releases, `$2` part, then ids. Renamed first: half a release is never there.
const REMOVE_SH: &str = r#"set -eu
cd -- "$1"
part=$2
shift 2
for id; do
  mv -T "./$id/$part" "./.incoming-removed-$id-$part"
  rm -rf "./.incoming-removed-$id-$part" "./$id/$part.sha256"
  rmdir --ignore-fail-on-non-empty "./$id"
done
"#;

/// Removes the releases that need not stay; returns how many.
pub(crate) fn remove_old_releases(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    keep: usize,
) -> Result<usize, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let releases = layout.releases();
    let list = Command::script(LIST_SH)
        .args([releases.as_str(), part.name()])
        .privileged();
    let present = host.check(&list)?.text();
    let present: Vec<&str> = present.lines().collect();
    let records = record::read(host, &layout)?;
    let mut in_use: Vec<String> = vec![deploy.release.id()];
    // Also of a frontend that is a bundle now: as a service it may still run.
    for part in Part::ALL {
        in_use.extend(used_by(host, &layout.service(part))?);
    }
    let removed = removable(&present, &records, part, &in_use, keep);
    if !removed.is_empty() {
        let remove = Command::script(REMOVE_SH)
            .args([releases.as_str(), part.name()])
            .args(&removed);
        host.check(&remove.privileged())?;
    }
    Ok(removed.len())
}

/// Asks for the releases that a service runs or is switched to, and for the bundle's.
fn used_by(host: &Host, layout: &ServiceLayout) -> Result<Vec<String>, DeployError> {
    let state = State::query(host, layout)?;
    let switches = [state.armed, state.confirmed];
    let switched_to = switches.into_iter().flatten().map(|switch| switch.release);
    let slots = [state.blue, state.green];
    let running = slots.into_iter().filter(SlotState::is_running);
    let running = running.filter_map(|slot| slot.release);
    Ok(switched_to.chain(running).chain(state.frontend).collect())
}

/// Decides which releases may be removed.
fn removable(
    present: &[&str],
    records: &[DeployRecord],
    part: Part,
    in_use: &[String],
    keep: usize,
) -> Vec<String> {
    let pairs = known_good_pairs(records);
    let of_pair = |pair: &record::PastDeploy| match part {
        Part::Backend => pair.backend.as_ref().map(Release::id),
        Part::Frontend => pair.frontend.as_ref().map(Release::id),
    };
    let mut kept: Vec<String> = in_use.to_vec();
    // The current pair and the one before it, whatever `keep` says.
    kept.extend(pairs.iter().rev().take(2).filter_map(of_pair));
    let mut good: Vec<&str> = Vec::new();
    for record in records.iter().rev() {
        let confirmed = record.outcome == Outcome::Confirmed && record.part == part;
        if confirmed && !good.contains(&record.release.as_str()) {
            good.push(&record.release);
        }
    }
    kept.extend(good.into_iter().take(keep).map(str::to_owned));
    present
        .iter()
        .filter(|id| Release::is_id(id) && !kept.iter().any(|kept| kept == *id))
        .map(|id| (*id).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(version: &str, outcome: Outcome) -> DeployRecord {
        let release = crate::model::app::samples::release(version);
        DeployRecord {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            app: "guestbook".into(),
            part: Part::Backend,
            release: release.id(),
            version: release.version,
            commit: release.commit,
            by: "someone".into(),
            owner: format!("run-{version}"),
            slot: None,
            outcome,
            reason: None,
            is_rollback: false,
        }
    }

    fn check(history: &[&str], keep: usize, in_use: &[&str], expected: &[&str]) {
        let id = |version: &str| crate::model::app::samples::release(version).id();
        let records: Vec<DeployRecord> = history
            .iter()
            .map(|version| match version.strip_prefix('!') {
                Some(version) => record(version, Outcome::Unhealthy),
                None => record(version, Outcome::Confirmed),
            })
            .collect();
        let mut present: Vec<String> = history
            .iter()
            .map(|version| id(version.trim_start_matches('!')))
            .collect();
        present.extend(["not-a-release".to_owned(), "..".to_owned()]);
        let present: Vec<&str> = present.iter().map(String::as_str).collect();
        let in_use: Vec<String> = in_use.iter().map(|version| id(version)).collect();
        let expected: Vec<String> = expected.iter().map(|version| id(version)).collect();
        assert_eq!(
            removable(&present, &records, Part::Backend, &in_use, keep),
            expected
        );
    }

    #[test]
    fn the_running_and_the_previous_are_never_removed() {
        check(
            &["1.0.0", "2.0.0", "3.0.0", "4.0.0"],
            3,
            &["4.0.0"],
            &["1.0.0"],
        );
        check(&["1.0.0", "2.0.0", "3.0.0"], 1, &["3.0.0"], &["1.0.0"]);
        check(&["1.0.0", "2.0.0", "3.0.0"], 0, &["3.0.0"], &["1.0.0"]);
        check(
            &["1.0.0", "!2.0.0", "!3.0.0", "4.0.0"],
            2,
            &["4.0.0"],
            &["2.0.0", "3.0.0"],
        );
        check(&["1.0.0"], 0, &["1.0.0"], &[]);
        check(
            &["1.0.0", "2.0.0", "3.0.0", "4.0.0"],
            1,
            &["4.0.0", "1.0.0"],
            &["2.0.0"],
        );
    }
}
