//! The plan of a whole release.

use semver::Version;

use super::action::{Action, Binary, CommitIdentity, ReleaseRef};
use super::edits::{Edits, edits};
use super::{Plan, Step, admission, custom, deploy, gates, publish};
use crate::blocker::Blocker;
use crate::checks::{self, Check};
use crate::facts::{Facts, GitFacts, Relation};
use crate::request::{Part, ReleaseRequest};
use crate::{Config, Stage};

/// The private reference that holds a release commit until the branch does.
pub(crate) fn release_reference(version: &Version) -> String {
    format!("refs/stagegate/release-{version}")
}

pub(super) fn plan(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    blockers: &mut Vec<Blocker>,
) -> Option<Plan> {
    for stage in wanted.skip.iter().filter(|stage| !stage.may_be_skipped()) {
        blockers.push(Blocker::new(
            format!("the stage {stage} cannot be skipped: the release would be left incomplete"),
            "leave out --skip for it",
        ));
    }
    let preconditions = checks::of(facts, config);
    blockers.extend(
        preconditions
            .into_iter()
            .filter_map(|c: Check| c.outcome.err()),
    );
    let current = facts.current_version(&config.registry.name)?;
    let version = wanted.version.resolve(&current);
    admission::version(facts, config, &current, &version, blockers);
    let edits = edits(facts, config, wanted, &current, &version, blockers);
    let levels = match facts.workspace.publish_order(&config.registry.name) {
        Ok(levels) => levels,
        Err(errors) => {
            blockers.extend(errors.into_iter().map(|e| {
                Blocker::new(
                    e.to_string(),
                    "correct the manifests so that every published crate can be resolved by others",
                )
            }));
            Vec::new()
        }
    };
    admission::circles(facts, config, &levels, blockers);
    admission::metadata(facts, config, blockers);
    let mut plan = Plan {
        target: format!("release-{version}"),
        title: format!("release {version}"),
        versions: std::collections::BTreeMap::new(),
        from: (current != version).then_some(current),
        version: version.clone(),
        at: facts.at,
        notes: Vec::new(),
        steps: gates::steps(config),
    };
    let git = facts.git.as_ref().ok()?;
    let release = Release {
        facts,
        config,
        git,
        version: &version,
        levels: &levels,
    };
    release.local(&mut plan, edits)?;
    release.remote(&mut plan);
    let environment = deploy::steps_of_release(config, wanted, &version, &mut plan, blockers);
    release.outcome(&mut plan, environment.as_deref());
    for custom in &config.steps {
        custom::place(&mut plan.steps, custom, &version);
    }
    if let Some(step) = plan.steps.iter_mut().find(|s| s.stage == Stage::Publish) {
        step.no_return = true;
    } else if let Some(step) = plan.steps.iter_mut().find(|s| s.stage == Stage::Push) {
        step.no_return = true;
    }
    release.notes(&mut plan);
    Some(plan.without(&wanted.skip))
}

struct Release<'a> {
    facts: &'a Facts,
    config: &'a Config,
    git: &'a GitFacts,
    version: &'a Version,
    levels: &'a [Vec<String>],
}

impl Release<'_> {
    fn crates(&self) -> Vec<String> {
        self.levels.iter().flatten().cloned().collect()
    }

    fn release_ref(&self) -> Option<ReleaseRef> {
        let github = self.facts.github.as_ref()?.as_ref().ok()?;
        Some(ReleaseRef {
            server: github.server.clone(),
            repository: github.repository.clone(),
            tag: self.config.release.tag_of(self.version),
        })
    }

    fn binaries(&self) -> Vec<Binary> {
        let app = self.config.app.as_ref();
        app.map(|app| app.build_of(Part::Backend).0)
            .unwrap_or_default()
    }

    /// Everything that happens on this machine, up to the tag.
    fn local(&self, plan: &mut Plan, edits: Edits) -> Option<()> {
        let Release {
            version,
            git,
            config,
            ..
        } = self;
        let identity: CommitIdentity = git.identity.clone()?;
        let reference = release_reference(version);
        let tag = config.release.tag_of(version);
        let mut step = |id: &str, stage, title: String, action| {
            plan.steps.push(Step::new(id, stage, title, action))
        };
        let mut all = edits.bump.clone();
        if !edits.bump.is_empty() {
            let title = format!("write {version} into {} files", edits.bump.len());
            step(
                "bump",
                Stage::Bump,
                title,
                Action::Edit {
                    base: git.head.clone(),
                    edits: edits.bump,
                },
            );
        }
        if let Some(edit) = edits.changelog {
            let title = format!("promote [Unreleased] to [{version}] in {}", edit.path);
            all.push(edit.clone());
            step(
                "changelog",
                Stage::Changelog,
                title,
                Action::Edit {
                    base: git.head.clone(),
                    edits: vec![edit],
                },
            );
        }
        let seal = Action::Seal {
            parent: git.head.clone(),
            message: format!("Release {version}"),
            identity: identity.clone(),
            sign: git.sign_commits,
            reference: reference.clone(),
            edits: all.clone(),
        };
        step(
            "seal",
            Stage::Package,
            "make the release commit, on no branch yet".to_owned(),
            seal,
        );
        let crates = self.crates();
        if !crates.is_empty() {
            let title = format!("package {} crates from that commit", crates.len());
            step(
                "package",
                Stage::Package,
                title,
                Action::Package {
                    crates: crates.clone(),
                },
            );
            let title = "build the packages as a user's cargo sees them".to_owned();
            step("prove", Stage::Package, title, Action::Prove { crates });
        }
        if let Some(app) = &config.app {
            let (binaries, frontend) = app.build_of(Part::Both);
            let action = Action::Build {
                revision: reference.clone(),
                binaries,
                frontend,
            };
            step(
                "build",
                Stage::Build,
                format!("build {} for production", app.name),
                action,
            );
        }
        let branch = git.branch.clone()?;
        let action = Action::Commit {
            branch: branch.clone(),
            parent: git.head.clone(),
            reference: reference.clone(),
            edits: all,
        };
        step(
            "commit",
            Stage::Commit,
            format!("move {branch} to the release commit"),
            action,
        );
        let action = Action::Tag {
            name: tag.clone(),
            message: format!("Release {version}\n\n{}", edits.notes),
            reference: reference.clone(),
            identity,
            sign: git.sign_tags,
        };
        step(
            "tag",
            Stage::Tag,
            format!("tag it {tag}, annotated"),
            action,
        );
        let remote = config.release.remote.clone();
        let action = Action::Push {
            remote: remote.clone(),
            branch: branch.clone(),
            tag: tag.clone(),
            reference,
        };
        step(
            "push",
            Stage::Push,
            format!("push {branch} and {tag} to {remote}, both or neither"),
            action,
        );
        let release = self.release_ref();
        if let Some(release) = release {
            let notes = if edits.notes.is_empty() {
                format!("Release {version}.")
            } else {
                edits.notes
            };
            let title = format!("draft the release {tag} on {}", release.repository);
            let prerelease = !version.pre.is_empty();
            let action = Action::Draft {
                release: release.clone(),
                name: tag.clone(),
                notes,
                prerelease,
            };
            step("draft", Stage::Draft, title, action);
            let crates = self.crates();
            let binaries: Vec<String> = self.binaries().into_iter().map(|b| b.name).collect();
            let title = format!(
                "attach {} crates, {} binaries and SHA256SUMS",
                crates.len(),
                binaries.len()
            );
            step(
                "assets",
                Stage::Draft,
                title,
                Action::Assets {
                    release,
                    crates,
                    binaries,
                },
            );
        }
        Some(())
    }

    /// What cannot be taken back.
    fn remote(&self, plan: &mut Plan) {
        publish::steps(self.facts, self.config, self.levels, plan);
        if let Some(release) = self.release_ref() {
            let title = format!("make the GitHub release {} public", release.tag);
            let latest = self.is_latest();
            plan.steps.push(Step::new(
                "undraft",
                Stage::Undraft,
                title,
                Action::Undraft { release, latest },
            ));
        }
    }

    /// A back-port or a pre-release must not become the latest release.
    fn is_latest(&self) -> bool {
        let latest = self
            .facts
            .github
            .as_ref()
            .and_then(|f| f.as_ref().ok()?.latest.as_ref());
        let prefix = self.config.release.tag_prefix();
        let known = latest.and_then(|r| Version::parse(r.tag_name.strip_prefix(prefix)?).ok());
        self.version.pre.is_empty() && known.is_none_or(|known| known <= *self.version)
    }

    fn outcome(&self, plan: &mut Plan, environment: Option<&str>) {
        let tag = (
            self.config.release.remote.clone(),
            self.config.release.tag_of(self.version),
        );
        let hosts = deploy::places(
            self.facts,
            self.config,
            Part::Backend,
            self.version,
            environment,
        );
        let frontend = self
            .config
            .app
            .as_ref()
            .and_then(|app| app.frontend.as_ref());
        let here = environment.and_then(|name| self.config.deploy.get(name));
        let url = frontend
            .and(here)
            .and_then(|e| e.url.clone())
            .or_else(|| frontend.filter(|_| here.is_some())?.url.clone());
        let action = Action::Outcome {
            crates: self.crates(),
            release: self.release_ref(),
            tag: Some(tag),
            hosts,
            url,
        };
        plan.steps.push(Step::new(
            "verify",
            Stage::Verify,
            "see what users now see",
            action,
        ));
    }

    fn notes(&self, plan: &mut Plan) {
        if self.facts.changelog.is_none() {
            plan.notes.push(
                "there is no changelog, so the GitHub release says only its version".to_owned(),
            );
        }
        if self.config.app.is_none() {
            plan.notes
                .push("there is no [app] in stagegate.toml, so nothing is deployed".to_owned());
        }
        publish::notes(self.facts, plan);
        if let Ok(remote) = &self.git.remote
            && remote.relation == Relation::Ahead
        {
            plan.notes.push(format!(
                "{} has commits that {} does not have yet; they are pushed along",
                self.config.release.branch, self.config.release.remote
            ));
        }
    }
}
