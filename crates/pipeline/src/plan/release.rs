//! The plan of a whole release.

use semver::Version;
use stagegate_changelog::{Changelog, CompareLinks};
use stagegate_manifest::{FileEdit, bump};

use super::action::{Action, Binary, CommitIdentity, ReleaseRef};
use super::{Plan, Step, admission, custom, deploy, gates};
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

/// Manifests and lockfile, and the changelog apart from them.
struct Edits {
    bump: Vec<FileEdit>,
    changelog: Option<FileEdit>,
    notes: String,
}

fn edits(
    facts: &Facts,
    config: &Config,
    wanted: &ReleaseRequest,
    current: &Version,
    version: &Version,
    blockers: &mut Vec<Blocker>,
) -> Edits {
    let mut edits = Edits {
        bump: Vec::new(),
        changelog: None,
        notes: String::new(),
    };
    let moves = facts
        .workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to(&config.registry.name) || p.version == *current);
    let to = moves
        .filter(|p| p.version != *version)
        .map(|p| (p.name.clone(), version.clone()))
        .collect();
    let read = |path: &camino::Utf8Path| {
        let relative = path.strip_prefix(&facts.workspace.root).unwrap_or(path);
        facts
            .files
            .get(relative)
            .cloned()
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    };
    match bump(&facts.workspace, &read, &to) {
        Ok(bumped) => edits.bump = bumped,
        Err(e) => blockers.push(Blocker::new(
            e.to_string(),
            "write the version in a way that cargo reads, then try again",
        )),
    }
    let Some((path, text)) = facts
        .changelog
        .as_ref()
        .filter(|_| !wanted.skip.contains(&Stage::Changelog))
    else {
        return edits;
    };
    // An unreadable changelog is a blocker of the preconditions.
    let Ok(text) = text else { return edits };
    let links = facts
        .github
        .as_ref()
        .and_then(|found| found.as_ref().ok())
        .map(|github| CompareLinks {
            repository: format!("{}/{}", web_of(&github.server.api), github.facts.full_name),
            tag_prefix: config.release.tag_prefix().to_owned(),
        });
    let promoted = Changelog::parse(text).and_then(|changelog| {
        let promoted = changelog.promote(version, &facts.date, links.as_ref())?;
        let notes = changelog
            .unreleased()
            .map(|section| changelog.notes(section));
        Ok((promoted, notes))
    });
    match promoted {
        Ok((promoted, notes)) => {
            edits.changelog = Some(FileEdit::from_texts(path.clone(), text.as_bytes(), promoted.as_bytes()));
            edits.notes = notes.unwrap_or_default();
        }
        Err(e) => blockers.push(Blocker::new(
            format!("{path}: {e}"),
            "write down under `## [Unreleased]` what is new for users, commit it, and try again (or `--skip changelog`)",
        )),
    }
    edits
}

/// Where people browse, from where programs ask.
fn web_of(api: &url::Url) -> String {
    let origin = api.origin().ascii_serialization();
    origin.replace("://api.github.com", "://github.com")
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
        for level in self.levels {
            for (index, name) in level.iter().enumerate() {
                let action = Action::Publish {
                    package: name.clone(),
                };
                let title = format!(
                    "publish {name} {} to {}",
                    self.version, self.config.registry.name
                );
                let step = Step::new(format!("publish:{name}"), Stage::Publish, title, action);
                plan.steps
                    .push(if index == 0 { step } else { step.beside() });
            }
        }
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
        if let Some(Ok(registry)) = &self.facts.registry {
            let new: Vec<_> = registry
                .versions
                .iter()
                .filter(|(_, v)| v.is_empty())
                .map(|(n, _)| n.as_str())
                .collect();
            if !new.is_empty() {
                plan.notes
                    .push(format!("new on {}: {}", registry.name, new.join(", ")));
            }
            // crates.io takes 5 new crates at once, then one in 10 minutes.
            if registry.name == "crates-io" && new.len() > 5 {
                let minutes = (new.len() - 5) * 10;
                plan.notes.push(format!(
                    "crates.io takes 5 new crates at once, then 1 in 10 minutes: expect {minutes} minutes of waiting"
                ));
            }
        }
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
