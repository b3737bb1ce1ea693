//! The plan: everything that will happen, as data.
//!
//! It holds no closure and no secret. The executor performs it and decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use semver::Version;
use serde::{Deserialize, Serialize};
use stagegate_config::stage::Stage;
use stagegate_manifest::FileEdit;

use crate::model::placement::{self, Placement, PlacementId, UnknownPlacement};
use crate::model::{Action, HostFile, RunId, Step};

/// What will happen, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What is being done, and to what: names the journal (`release-1.4.0`).
    pub run_id: RunId,
    /// What is typed after the command to mean this run (`1.4.0`).
    #[serde(default)]
    pub cli_args: String,
    /// The workspace's directory within the repository, as a name; empty at its top.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// One line for people.
    pub title: String,
    /// The version it is about.
    pub version: Version,
    /// What each released package's version becomes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, Version>,
    /// The version before, where there is one.
    pub from: Option<Version>,
    /// When it was made; also the date of the changelog section, and the time
    /// in commit and tag, so that a repeated step makes the same objects.
    pub at: Timestamp,
    /// The environment whose hosts it touches, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What a person does next, once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step_hint: Option<String>,
    /// Things worth knowing before saying yes.
    pub notes: Vec<String>,
    /// What the release commit changes, each file once: the steps that write files name
    /// them, and the commit holds all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<FileEdit>,
    /// What is to run where; steps on hosts name one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<Placement>,
    /// The steps.
    pub steps: Vec<Step>,
    /// What is done when a deploy fails on some host, to have all of them run
    /// what they ran before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback_steps: Vec<Step>,
    /// Files beside the release that a deploy writes on hosts: what is new there, or
    /// changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_files: Vec<HostFile>,
    /// Why it is done although deploys are frozen, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_override: Option<String>,
}

/// Returns the name under which a workspace of a repository keeps its own: its directory,
/// in characters that a file and a reference of git's may have.
pub fn namespace(subdirectory: &camino::Utf8Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let encoded = subdirectory.as_str().bytes().map(|byte| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

impl Plan {
    /// Creates a plan without steps.
    pub fn new(run_id: RunId, version: Version, at: Timestamp) -> Plan {
        Plan {
            title: run_id.to_string(),
            run_id,
            cli_args: String::new(),
            namespace: String::new(),
            version,
            versions: BTreeMap::new(),
            from: None,
            at,
            environment: None,
            next_step_hint: None,
            notes: Vec::new(),
            edits: Vec::new(),
            placements: Vec::new(),
            steps: Vec::new(),
            rollback_steps: Vec::new(),
            host_files: Vec::new(),
            freeze_override: None,
        }
    }

    /// Returns the private reference that holds a release commit until the branch does.
    pub fn reference(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("refs/stagegate/{}", self.run_id),
            name => format!("refs/stagegate/in/{name}/{}", self.run_id),
        }
    }

    /// Returns what a step on a host is about.
    ///
    /// # Errors
    /// Where the plan does not have it, as in a file that somebody changed.
    pub fn placement(&self, id: PlacementId) -> Result<&Placement, UnknownPlacement> {
        placement::find(&self.placements, id)
    }

    /// Returns whether two placements are on one host.
    pub fn is_one_host(&self, one: PlacementId, other: PlacementId) -> bool {
        let target = |id| self.placement(id).map(|there| &there.target);
        target(one) == target(other)
    }

    /// Returns the number of a placement, which is added unless the plan has the same one.
    pub fn place(&mut self, placement: Placement) -> PlacementId {
        placement::add(&mut self.placements, placement)
    }

    /// Returns whether the release commit is the one that is checked out: nothing has to be
    /// written.
    pub fn is_as_it_stands(&self) -> bool {
        let writes_nothing = |step: &Step| matches!(&step.action, Action::CreateCommitObject(object) if object.files.is_none());
        self.edits.is_empty() && self.steps.iter().any(writes_nothing)
    }

    /// Returns the version that a package gets.
    pub fn version_of(&self, package: &str) -> &Version {
        self.versions.get(package).unwrap_or(&self.version)
    }

    /// Returns the fingerprint of the whole plan, hexadecimal.
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan is plain data");
        stagegate_manifest::sha256_hex(&text)
    }

    /// Returns the steps in batches of those that may run in parallel.
    pub fn batches(&self) -> Vec<&[Step]> {
        let mut batches = Vec::new();
        let mut start = 0;
        for end in 1..=self.steps.len() {
            if self
                .steps
                .get(end)
                .is_none_or(|step| !step.parallel_with_previous)
            {
                batches.push(&self.steps[start..end]);
                start = end;
            }
        }
        batches
    }

    /// Returns the same plan without some stages.
    pub fn without(mut self, stages: &[Stage]) -> Plan {
        let gone: Vec<Stage> = stages
            .iter()
            .flat_map(|s| s.takes_along().iter().chain([s]))
            .copied()
            .collect();
        // A step stays beside those of its own round only: what begins a round
        // now does not join the one before.
        let groups = self.batches();
        let kept = groups.iter().flat_map(|group| {
            let left = group.iter().filter(|step| !gone.contains(&step.stage));
            left.enumerate().map(|(at, step)| Step {
                parallel_with_previous: step.parallel_with_previous && at > 0,
                ..step.clone()
            })
        });
        self.steps = kept.collect();
        for stage in stages {
            self.notes
                .push(format!("stage {stage} is skipped, as asked"));
        }
        self
    }
}

#[cfg(test)]
mod shape {
    use super::*;
    use crate::model::Action;
    use crate::model::{CustomCommand, Verb};

    fn step(id: &str, stage: Stage) -> Step {
        Step::new(
            id,
            stage,
            id,
            Action::CustomCommand(CustomCommand {
                run: vec![id.to_owned()],
                probe: None,
                pass_env: Vec::new(),
                env: Vec::new(),
            }),
        )
    }

    fn five() -> Plan {
        Plan {
            cli_args: "1.0.0".to_owned(),
            title: "release 1.0.0".to_owned(),
            steps: vec![
                step("fmt", Stage::Fmt),
                step("audit", Stage::Audit).parallel_with_previous(),
                step("tag", Stage::Tag),
                step("one", Stage::Draft),
                step("two", Stage::PublishGithubRelease),
            ],
            ..Plan::new(
                RunId::new(Verb::Release, "1.0.0"),
                Version::new(1, 0, 0),
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    #[test]
    fn steps_that_may_go_beside_each_other_stand_together() {
        let plan = five();
        let groups: Vec<Vec<&str>> = plan
            .batches()
            .iter()
            .map(|g| g.iter().map(|s| s.id.as_str()).collect())
            .collect();
        assert_eq!(
            groups,
            [vec!["fmt", "audit"], vec!["tag"], vec!["one"], vec!["two"]]
        );
    }

    #[test]
    fn a_skipped_stage_takes_along_what_makes_no_sense_without_it() {
        let left = five().without(&[Stage::Draft]);
        let ids: Vec<_> = left.steps.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["fmt", "audit", "tag"]);
    }

    #[test]
    fn what_ran_beside_a_skipped_step_does_not_join_the_one_before() {
        let mut plan = five();
        plan.steps[4].parallel_with_previous = true;
        let left = plan.without(&[Stage::Fmt]);
        let beside: Vec<_> = left
            .steps
            .iter()
            .map(|s| (s.id.as_str(), s.parallel_with_previous))
            .collect();
        assert_eq!(
            beside,
            [
                ("audit", false),
                ("tag", false),
                ("one", false),
                ("two", true)
            ]
        );
    }

    #[test]
    fn a_plan_survives_being_written_down() {
        let text = serde_json::to_string(&five()).unwrap();
        let back: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(back, five());
        assert_eq!(back.digest(), five().digest());
    }
}
