//! `deploys.jsonl`: what was deployed to a host, when, from which commit, by whom, and how
//! it ended. Appended by the host itself, under the app's lock, also without a client.
//!
//! From it comes what a rollback restores: the *pair* of backend and frontend that ran
//! together before. Lines that a power cut has torn are passed over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::app::{Deploy, Release};
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::slot::Slot;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// How a deploy of one part ended.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It runs, and is known to be good.
    Confirmed,
    /// It never became healthy; users never met it.
    Unhealthy,
    /// Users met it, and the switch was reverted.
    Reverted,
    /// It was a service, and is stopped for good: the frontend is a bundle.
    Decommissioned,
}

/// One line of `deploys.jsonl`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct DeployRecord {
    /// When it ended, by the host's clock.
    pub at: Timestamp,
    /// The app.
    pub app: String,
    /// The part.
    pub part: Part,
    /// `VERSION-SHA12`.
    pub release: String,
    /// Its version.
    pub version: semver::Version,
    /// Its commit.
    pub commit: String,
    /// Who deployed.
    pub by: String,
    /// The run that deployed.
    pub owner: String,
    /// The slot, for a backend.
    pub slot: Option<Slot>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless confirmed.
    pub reason: Option<String>,
    /// Whether the run was a rollback.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

/// What a host is known to have run well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownGood {
    /// The pair that was confirmed last.
    pub current: Option<PastDeploy>,
    /// The pair that ran before that one, and that the host still has.
    pub previous: Option<PastDeploy>,
}

/// A pair of releases that ran together.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PastDeploy {
    /// When it was complete.
    pub at: Timestamp,
    /// The backend's release, if there was one.
    pub backend: Option<Release>,
    /// The frontend's release, if there was one.
    pub frontend: Option<Release>,
    /// Whether that was a service; otherwise it was a bundle.
    #[serde(default)]
    pub frontend_is_service: bool,
}

/// `$1` directory of the app, `$2` inner JSON, `$3` outcome, `$4` reason in JSON.
const APPEND_SH: &str = r#"set -eu
umask 022
log=$1/deploys.jsonl
exec 9>>"$1/.lock"
flock -w 30 9 || { echo "another process has held $1/.lock for 30 s; look who with fuser" >&2; exit 4; }
if [ -s "$log" ] && [ -n "$(tail -c 1 "$log")" ]; then printf '\n' >>"$log"; fi
printf '{"at":"%s",%s,"outcome":"%s","reason":%s}\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2" "$3" "$4" >>"$log"
sync "$log"
"#;

/// Returns the part of a record that is known before its end: JSON members without braces.
pub(crate) fn members(deploy: &Deploy, part: Part, slot: Option<Slot>) -> String {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    let slot = slot.map_or_else(|| "null".to_owned(), |slot| text(slot.name()));
    let is_rollback = if deploy.is_rollback {
        r#","is_rollback":true"#
    } else {
        ""
    };
    format!(
        r#""app":{},"part":{},"release":{},"version":{},"commit":{},"by":{},"owner":{},"slot":{slot}{is_rollback}"#,
        text(&deploy.app.name),
        text(part.name()),
        text(&deploy.release.id()),
        text(&deploy.release.version.to_string()),
        text(&deploy.release.commit),
        text(&deploy.by),
        text(&deploy.owner),
    )
}

/// Appends a record.
pub(crate) fn append(
    host: &Host,
    deploy: &Deploy,
    part: Part,
    slot: Option<Slot>,
    outcome: Outcome,
    reason: Option<&str>,
) -> Result<(), DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let outcome = match outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Unhealthy => "unhealthy",
        Outcome::Reverted => "reverted",
        Outcome::Decommissioned => "decommissioned",
    };
    let reason = serde_json::Value::from(reason.map(str::to_owned)).to_string();
    let members = members(deploy, part, slot);
    let command = Command::script(APPEND_SH)
        .args([layout.base().as_str(), &members, outcome, &reason])
        .privileged();
    host.check(&command)?;
    Ok(())
}

/// Reads all records of an app on a host, oldest first; none where there is no file yet.
pub(crate) fn read(host: &Host, layout: &Layout) -> Result<Vec<DeployRecord>, DeployError> {
    let command = Command::script(r#"[ ! -e "$1" ] || exec cat -- "$1""#).arg(layout.record());
    Ok(parse(&host.check(&command)?.text()))
}

fn parse(text: &str) -> Vec<DeployRecord> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Returns the pairs that were known to be good, oldest first; the last is the current one.
///
/// What one run confirmed belongs together. Going back to an earlier pair discards what
/// lay between: it was rolled back for a reason. So does a rollback of one part, asked for
/// alone or because the run that should have brought both back was lost: who goes back once
/// more must not meet again what was just left.
pub(crate) fn known_good_pairs(records: &[DeployRecord]) -> Vec<PastDeploy> {
    let mut pairs: Vec<PastDeploy> = Vec::new();
    let confirmed: Vec<&DeployRecord> = records
        .iter()
        .filter(|record| record.outcome == Outcome::Confirmed)
        .collect();
    for run in confirmed.chunk_by(|a, b| a.owner == b.owner) {
        let Some(last) = run.last() else { continue };
        let mut pair = pairs.last().cloned().unwrap_or(PastDeploy {
            at: last.at,
            backend: None,
            frontend: None,
            frontend_is_service: false,
        });
        pair.at = last.at;
        for record in run {
            let release = Release {
                version: record.version.clone(),
                commit: record.commit.clone(),
            };
            match record.part {
                Part::Backend => pair.backend = Some(release),
                Part::Frontend => {
                    pair.frontend = Some(release);
                    // A bundle has no slot.
                    pair.frontend_is_service = record.slot.is_some();
                }
            }
        }
        let same =
            |past: &PastDeploy| past.backend == pair.backend && past.frontend == pair.frontend;
        if let Some(earlier) = pairs.iter().position(same) {
            pairs.truncate(earlier);
        } else if run.iter().any(|record| record.is_rollback)
            && let Some(earlier) = rollback_target(&pairs, &pair)
        {
            pairs.truncate(earlier + 1);
        }
        pairs.push(pair);
    }
    pairs
}

/// Finds the earlier pair that `now` has a part of, which the current one has not.
fn rollback_target(pairs: &[PastDeploy], now: &PastDeploy) -> Option<usize> {
    let part = |of: fn(&PastDeploy) -> Option<&Release>| {
        let comes = of(now)?;
        let (current, earlier) = pairs.split_last()?;
        if of(current) == Some(comes) {
            return None;
        }
        earlier.iter().rposition(|past| of(past) == Some(comes))
    };
    let parts = [
        part(|pair| pair.backend.as_ref()),
        part(|pair| pair.frontend.as_ref()),
    ];
    parts.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(owner: &str, part: Part, version: &str, outcome: Outcome) -> DeployRecord {
        let release = crate::model::app::samples::release(version);
        DeployRecord {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            app: "guestbook".into(),
            part,
            release: release.id(),
            version: release.version,
            commit: release.commit,
            by: "someone".into(),
            owner: owner.into(),
            slot: None,
            outcome,
            reason: None,
            is_rollback: owner.starts_with("back"),
        }
    }

    /// `events`: owner, `b` or `f`, version; `!` before the version for one reverted.
    fn check(events: &[(&str, &str, &str)], expected: &[&str]) {
        let records: Vec<DeployRecord> = events
            .iter()
            .map(|(owner, part, version)| {
                let part = if *part == "b" {
                    Part::Backend
                } else {
                    Part::Frontend
                };
                match version.strip_prefix('!') {
                    Some(version) => record(owner, part, version, Outcome::Reverted),
                    None => record(owner, part, version, Outcome::Confirmed),
                }
            })
            .collect();
        let show = |release: &Option<Release>| {
            release
                .as_ref()
                .map_or_else(|| "-".to_owned(), |release| release.version.to_string())
        };
        let pairs: Vec<String> = known_good_pairs(&records)
            .iter()
            .map(|pair| format!("{} {}", show(&pair.backend), show(&pair.frontend)))
            .collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn pairs_are_what_ran_together() {
        check(&[], &[]);
        check(
            &[("a", "b", "1.0.0"), ("a", "f", "1.0.0")],
            &["1.0.0 1.0.0"],
        );
        let two = [
            ("a", "b", "1.0.0"),
            ("a", "f", "1.0.0"),
            ("b", "b", "2.0.0"),
            ("b", "f", "2.0.0"),
        ];
        check(&two, &["1.0.0 1.0.0", "2.0.0 2.0.0"]);
        let half = [two[0], two[1], ("b", "f", "2.0.0")];
        check(&half, &["1.0.0 1.0.0", "1.0.0 2.0.0"]);
        let failed = [two[0], two[1], ("b", "b", "!2.0.0")];
        check(&failed, &["1.0.0 1.0.0"]);
        let rolled_back = [
            two[0],
            two[1],
            two[2],
            two[3],
            ("c", "b", "3.0.0"),
            ("c", "f", "3.0.0"),
            ("d", "b", "2.0.0"),
            ("d", "f", "2.0.0"),
        ];
        check(&rolled_back, &["1.0.0 1.0.0", "2.0.0 2.0.0"]);
    }

    #[test]
    fn what_one_part_was_rolled_back_from_is_no_rollback_target() {
        let two = [
            ("a", "b", "1.0.0"),
            ("a", "f", "1.0.0"),
            ("b", "b", "2.0.0"),
            ("b", "f", "2.0.0"),
        ];
        let then = |more: &[(&str, &str, &str)], expected: &[&str]| {
            check(&[&two[..], more].concat(), expected);
        };
        // A rollback that was lost between its frontend and its backend, and its end.
        let half = ("back", "f", "1.0.0");
        then(&[half], &["1.0.0 1.0.0", "2.0.0 1.0.0"]);
        then(&[half, ("back-2", "b", "1.0.0")], &["1.0.0 1.0.0"]);
        let backend = ("back", "b", "1.0.0");
        then(&[backend], &["1.0.0 1.0.0", "1.0.0 2.0.0"]);
        // A deploy by name is no rollback: what goes back from it meets what it replaced.
        let expected = ["1.0.0 1.0.0", "2.0.0 2.0.0", "1.0.0 2.0.0"];
        then(&[("c", "b", "1.0.0")], &expected);
        // What comes after it has the pair that users met before it.
        let expected = ["1.0.0 1.0.0", "2.0.0 1.0.0", "3.0.0 3.0.0"];
        then(&[half, ("d", "b", "3.0.0"), ("d", "f", "3.0.0")], &expected);
        // A part that stays goes nowhere.
        let backends = [("c", "b", "3.0.0"), ("d", "b", "4.0.0")];
        let expected = ["1.0.0 1.0.0", "2.0.0 2.0.0", "3.0.0 2.0.0", "4.0.0 2.0.0"];
        then(&backends, &expected);
    }

    #[test]
    fn a_pair_says_what_its_frontend_was() {
        let service = DeployRecord {
            slot: Some(Slot::Blue),
            ..record("a", Part::Frontend, "1.0.0", Outcome::Confirmed)
        };
        let bundle = record("b", Part::Frontend, "2.0.0", Outcome::Confirmed);
        let ended = DeployRecord {
            outcome: Outcome::Decommissioned,
            owner: "b".into(),
            ..service.clone()
        };
        let backend = record("c", Part::Backend, "3.0.0", Outcome::Confirmed);
        let listens: Vec<bool> = known_good_pairs(&[service, bundle, ended, backend])
            .iter()
            .map(|pair| pair.frontend_is_service)
            .collect();
        // That it is stopped makes no pair of its own.
        assert_eq!(listens, [true, false, false]);
    }

    #[test]
    fn a_record_written_by_the_host_is_read_back() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().to_str().unwrap();
        let deploy = Deploy {
            target: crate::model::target::Target::parse("root@host").unwrap(),
            app: crate::model::app::samples::app(),
            release: crate::model::app::samples::release("1.0.0-rc.1"),
            owner: "run-1".into(),
            by: "O'Brien \"$(id)\" \\ \n".into(),
            is_rollback: true,
        };
        let log = scratch.path().join("deploys.jsonl");
        std::fs::write(&log, "{\"torn").unwrap();
        let members = members(&deploy, Part::Backend, Some(Slot::Green));
        let reason = serde_json::Value::from("a \\ % \"b\"\nc").to_string();
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                APPEND_SH,
                "stagegate",
                base,
                &members,
                "unhealthy",
                &reason,
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let records = parse(&std::fs::read_to_string(&log).unwrap());
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].by, deploy.by);
        assert!(records[0].is_rollback);
        assert_eq!(records[0].slot, Some(Slot::Green));
        assert_eq!(records[0].outcome, Outcome::Unhealthy);
        assert_eq!(records[0].reason.as_deref(), Some("a \\ % \"b\"\nc"));
    }
}
