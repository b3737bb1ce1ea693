//! The part of a release that happens on this machine, up to the push and the
//! drafts: all of it can be taken back.

use stagegate_config::schema::{AssetConfig, Config};
use stagegate_config::stage::Stage;
use stagegate_manifest::{FileEdit, normalized};

use crate::custom_step;
use crate::deploy::build;
use crate::facts::GitFacts;
use crate::model::{
    Action, Binary, Build, BuildAsset, CheckAccess, CommitIdentity, ComparePublished,
    CreateCommitObject, CreateTag, DraftRelease, EditFiles, MoveBranch, PackageCrates, Plan,
    PlannedUpload, Push, Step, UploadAssets, VerifyPackages, WriteSbom, count,
};
use crate::release::changelogs::web_of;
use crate::release::edits::Edits;
use crate::release::notes::{LONGEST_RELEASE, shortened};
use crate::release::placeholders::Placeholders;
use crate::release::{Release, message, released, spoken};
use crate::request::Part;
use crate::version::{VersionBump, WORKSPACE};

impl Release<'_> {
    pub(crate) fn local(&self, plan: &mut Plan, edits: Edits, tagged: bool) -> Option<()> {
        let identity: CommitIdentity = self.git.identity.clone()?;
        let branch = self.git.branch.clone()?;
        let reference = plan.reference();
        let parent = self.facts.released_commit()?.to_owned();
        write(&parent, self.bumps, &edits, plan);
        // What is tagged already, or missing, is released as it stands.
        let files = match tagged || self.missing.is_some() {
            true => None,
            false => changes(self.config, self.git, self.bumps, &self.crates(), plan),
        };
        let object = Action::CreateCommitObject(CreateCommitObject {
            parent: parent.clone(),
            message: message::signed_off(
                message::of_release(self.config, self.git, self.bumps, &self.facts.date),
                self.config,
                self.git,
                self.bumps,
            ),
            identity: identity.clone(),
            sign: self.git.sign_commits,
            reference: reference.clone(),
            files: files.clone(),
        });
        let title = match plan.edits.is_empty() && files.is_none() {
            true => "release this commit as it stands: nothing has to be written",
            false => "make the release commit, on no branch yet",
        };
        plan.steps
            .push(Step::new("commit-object", Stage::Package, title, object));
        self.make(plan, &reference);
        self.check_access(plan);
        let action = Action::MoveBranch(MoveBranch {
            branch: branch.clone(),
            parent,
            reference: reference.clone(),
        });
        let title = format!("move {branch} to the release commit");
        plan.steps
            .push(Step::new("commit", Stage::Commit, title, action));
        for one in self.bumps {
            let notes = &edits.notes[&one.group.name];
            let version = spoken(std::slice::from_ref(one));
            let message = match &self.config.release.templates.tag_message {
                Some(template) => self.placeholders(one).with_notes(notes).fill(template),
                None => format!("Release {version}\n\n{notes}"),
            };
            for (at, name) in one.tags().into_iter().enumerate() {
                let title = format!("tag it {name}, annotated");
                let id = match at {
                    0 => self.id("tag", one),
                    _ => format!("tag:{name}"),
                };
                let action = Action::CreateTag(CreateTag {
                    name,
                    message: message.clone(),
                    reference: reference.clone(),
                    identity: identity.clone(),
                    sign: self.git.sign_tags,
                });
                plan.steps.push(Step::new(id, Stage::Tag, title, action));
            }
        }
        self.push(plan, branch, reference);
        for one in self.bumps {
            self.draft(plan, one, &edits.notes[&one.group.name]);
        }
        Some(())
    }

    /// Packages and binaries, from the release commit.
    fn make(&self, plan: &mut Plan, reference: &str) {
        let crates = self.crates();
        if !crates.is_empty() {
            let title = format!("package {} from that commit", count(crates.len(), "crate"));
            // What the main registry has already is still packaged as it was for it.
            let is_apart = |name: &&String| {
                let package = self.facts.workspace.package(name);
                package.is_some_and(|p| !p.publishable_to(&self.config.registry.name))
            };
            let action = Action::PackageCrates(PackageCrates {
                only_elsewhere: crates.iter().filter(is_apart).cloned().collect(),
                elsewhere: self.elsewhere(),
                crates: crates.clone(),
            });
            plan.steps
                .push(Step::new("package", Stage::Package, title, action));
            let title = "build the packages as a user's cargo sees them";
            let action = Action::VerifyPackages(VerifyPackages { crates });
            plan.steps
                .push(Step::new("verify-packages", Stage::Package, title, action));
        }
        self.compare(plan);
        // What is only missing goes to no host, so its app is built for the GitHub release alone.
        let is_built =
            |one: &&VersionBump<'_>| self.missing.is_none() || self.release_to_make(one).is_some();
        let app = self.app().filter(is_built).and(self.config.app.as_ref());
        if let Some(app) = app {
            // The GitHub release holds the binaries, whoever builds what hosts run.
            let (binaries, frontend) = match self.app().and_then(|one| self.release_ref(one)) {
                Some(_) => build::built(app, Part::Both),
                None => build::built_here(app, Part::Both),
            };
            if !binaries.is_empty() || frontend.is_some() {
                let action = Action::Build(Build {
                    revision: reference.to_owned(),
                    binaries,
                    frontend,
                    target: None,
                });
                let title = format!("build {} for production", app.name);
                plan.steps
                    .push(Step::new("build", Stage::Build, title, action));
            }
        }
        for one in self.bumps {
            self.builds_for_targets(plan, one, reference);
            self.other_files(plan, one);
        }
    }

    /// Adds the comparison with what registries have already.
    fn compare(&self, plan: &mut Plan) {
        let Some(missing) = self.missing else { return };
        for registry in self.config.registry.names() {
            let crates = missing.compared_with(registry);
            if crates.is_empty() {
                continue;
            }
            let title = format!(
                "compare with that commit what {registry} has: {}",
                crates.join(", ")
            );
            let other = self.config.registry.other(registry);
            let id = beside("compare", other.as_deref());
            let action = Action::ComparePublished(ComparePublished {
                crates,
                registry: other,
            });
            plan.steps
                .push(Step::new(id, Stage::Package, title, action));
        }
    }

    /// Adds the question whether each registry would take it all, before anything is public.
    fn check_access(&self, plan: &mut Plan) {
        for registry in self.facts.registries() {
            let other = self.config.registry.other(&registry.name);
            let upload = |name: String| PlannedUpload {
                version: plan.version_of(&name).clone(),
                is_new: registry.is_new(&name),
                name,
            };
            let uploads = self.crates_of(other.as_deref()).into_iter();
            let uploads: Vec<PlannedUpload> = uploads.map(upload).collect();
            if uploads.is_empty() {
                continue;
            }
            let title = format!("ask {} whether it would take every upload", registry.name);
            let id = beside("access", other.as_deref());
            let action = Action::CheckAccess(CheckAccess {
                uploads,
                registry: other,
            });
            plan.steps.push(Step::new(id, Stage::Commit, title, action));
        }
    }

    /// Adds one step for each target that is named, so that each can be another machine's.
    fn builds_for_targets(&self, plan: &mut Plan, one: &VersionBump<'_>, reference: &str) {
        for target in self.targets_of(one) {
            let binaries = self.binaries_of(one);
            let names: Vec<&str> = binaries.iter().map(|b| b.name.as_str()).collect();
            let title = format!("build {} for {target}", names.join(", "));
            let action = Action::Build(Build {
                revision: reference.to_owned(),
                binaries,
                frontend: None,
                target: Some(target.clone()),
            });
            let id = format!("build:{target}");
            plan.steps.push(Step::new(id, Stage::Build, title, action));
        }
    }

    /// Returns the targets that a group's release is to hold binaries for.
    fn targets_of(&self, one: &VersionBump<'_>) -> Vec<String> {
        if self.release_to_make(one).is_none() || self.binaries_of(one).is_empty() {
            return Vec::new();
        }
        self.config.release.targets.keys().cloned().collect()
    }

    /// Adds what else a group's release is to hold.
    fn other_files(&self, plan: &mut Plan, one: &VersionBump<'_>) {
        if self.release_to_make(one).is_none() {
            return;
        }
        for asset in self.assets(one) {
            let file = asset
                .file
                .as_str()
                .replace("{version}", &one.to.to_string());
            let name = asset_name(asset, one);
            let title = match &asset.build {
                Some(build) => format!("make {file} with `{}`", build.join(" ")),
                None => format!("keep {file} for the release"),
            };
            let action = Action::BuildAsset(BuildAsset {
                build: asset.build.clone(),
                file: file.into(),
                name: name.clone(),
            });
            let id = format!("asset:{name}");
            plan.steps.push(Step::new(id, Stage::Build, title, action));
        }
        if self.config.github.sbom {
            let mut packages = self.packages();
            packages.retain(|name| one.group.has(name));
            for binary in self.binaries_of(one) {
                if !packages.contains(&binary.package) {
                    packages.push(binary.package);
                }
            }
            let action = Action::WriteSbom(WriteSbom {
                name: self.sbom_name(one),
                subject: self.subject(one),
                version: one.to.clone(),
                packages,
                targets: self.targets_of(one),
            });
            let title = "list what it is made of, in CycloneDX";
            let id = self.id("sbom", one);
            plan.steps.push(Step::new(id, Stage::Build, title, action));
        }
    }

    /// Returns the `[[asset]]`s of a group.
    fn assets(&self, one: &VersionBump<'_>) -> Vec<&AssetConfig> {
        let main = self.facts.main_group(self.config).map(|g| g.name.as_str());
        let ours =
            |asset: &&AssetConfig| asset.group.as_deref().or(main) == Some(one.group.name.as_str());
        self.config.assets.iter().filter(ours).collect()
    }

    /// Returns what is released, where no tag is meant.
    fn subject(&self, one: &VersionBump<'_>) -> String {
        match self.release_ref(one) {
            Some(release) if one.group.name == WORKSPACE => release.repository.name,
            _ => one.group.name.clone(),
        }
    }

    fn sbom_name(&self, one: &VersionBump<'_>) -> String {
        format!("{}-{}.cdx.json", self.subject(one), one.to)
    }

    /// Returns the app's binaries, if the app belongs to the group.
    fn binaries_of(&self, one: &VersionBump<'_>) -> Vec<Binary> {
        let app = self.app().filter(|app| app.group.name == one.group.name);
        app.map(|_| self.binaries()).unwrap_or_default()
    }

    fn push(&self, plan: &mut Plan, branch: String, reference: String) {
        let remote = self.config.release.remote().to_owned();
        let tags: Vec<String> = self.bumps.iter().flat_map(VersionBump::tags).collect();
        let amount = match tags.len() {
            1 => "both or neither",
            _ => "all or none",
        };
        let title = format!(
            "push {branch} and {} to {remote}, {amount}",
            tags.join(", ")
        );
        let action = Action::Push(Push {
            remote,
            branch,
            tags,
            reference,
        });
        plan.steps
            .push(Step::new("push", Stage::Push, title, action));
    }

    /// Returns where the rest of long notes is.
    fn rest_of_the_notes(&self, one: &VersionBump<'_>) -> String {
        let mut changelogs = one.group.changelogs.iter();
        let found = changelogs.find_map(|path| self.facts.changelogs.get(path));
        let (Some(found), Some(Ok(github))) = (found, &self.facts.github) else {
            return format!("The rest is in the message of the tag {}.", one.tag());
        };
        let path = normalized(&self.facts.subdirectory.join(&found.file));
        format!(
            "The rest is in [{}]({}/{}/blob/{}/{path}).",
            found.file,
            web_of(&github.server.api),
            github.facts.full_name,
            one.tag()
        )
    }

    /// Returns what the names in the team's texts stand for.
    fn placeholders(&self, one: &VersionBump<'_>) -> Placeholders {
        Placeholders::of(one, &self.facts.date, None)
    }

    /// Adds one group's draft on GitHub, with what is attached to it.
    fn draft(&self, plan: &mut Plan, one: &VersionBump<'_>, notes: &str) {
        let Some(release) = self.release_to_make(one) else {
            return;
        };
        let version = spoken(std::slice::from_ref(one));
        let templates = &self.config.release.templates;
        let names = self.placeholders(one).with_notes(notes);
        let filled = |template: &Option<String>| template.as_ref().map(|text| names.fill(text));
        let name = filled(&templates.release_name);
        let (header, footer) = (
            filled(&templates.release_header),
            filled(&templates.release_footer),
        );
        let around = [&header, &footer].into_iter().flatten();
        let around: usize = around.map(|text| text.chars().count() + 4).sum();
        let room = LONGEST_RELEASE.saturating_sub(around);
        let notes = match notes {
            "" => format!("Release {version}."),
            notes => shortened(notes, room, &self.rest_of_the_notes(one)),
        };
        let parts = [header, Some(notes), footer].into_iter().flatten();
        let parts: Vec<String> = parts.map(|part| part.trim_end().to_owned()).collect();
        let notes = parts.join("\n\n");
        let title = format!(
            "draft the release {} on {}",
            release.tag, release.repository
        );
        let action = Action::DraftRelease(DraftRelease {
            release: release.clone(),
            name: name.unwrap_or_else(|| release.tag.clone()),
            notes,
            prerelease: !one.to.pre.is_empty(),
        });
        plan.steps.push(Step::new(
            self.id("draft", one),
            Stage::Draft,
            title,
            action,
        ));
        let mut crates = self.packages();
        crates.retain(|name| one.group.has(name));
        let binaries = self.binaries_of(one).into_iter().map(|b| b.name);
        let binaries: Vec<String> = binaries.collect();
        let targets = self.targets_of(one);
        let assets = self.assets(one).into_iter();
        let mut files: Vec<String> = assets.map(|asset| asset_name(asset, one)).collect();
        files.extend(self.config.github.sbom.then(|| self.sbom_name(one)));
        let title = format!(
            "attach {}, {}, {} and SHA256SUMS",
            count(crates.len(), "crate"),
            count(binaries.len() * targets.len().max(1), "binary"),
            count(files.len(), "other file")
        );
        let action = Action::UploadAssets(UploadAssets {
            release,
            crates,
            binaries,
            targets,
            files,
        });
        plan.steps.push(Step::new(
            self.id("assets", one),
            Stage::Draft,
            title,
            action,
        ));
    }
}

/// Adds the team's own steps that change the files of the commit, and returns the reference
/// of the files that they leave.
pub(crate) fn changes(
    config: &Config,
    git: &GitFacts,
    bumps: &[VersionBump<'_>],
    order: &[String],
    plan: &mut Plan,
) -> Option<String> {
    let (whole, packages) = released(plan, bumps, order);
    let reference = plan.reference();
    let (steps, files) =
        custom_step::changes(&config.steps, (&whole, &packages), (&git.head, &reference));
    plan.steps.extend(steps);
    files
}

/// Adds bump and changelog, in the tree.
pub fn write(base: &str, bumps: &[VersionBump<'_>], edits: &Edits, plan: &mut Plan) {
    let mut step = |id: &str, stage, title: String, edits: &[FileEdit]| {
        let action = Action::EditFiles(EditFiles {
            base: base.to_owned(),
            files: edits.iter().map(|edit| edit.path.clone()).collect(),
        });
        plan.edits.extend_from_slice(edits);
        if !edits.is_empty() {
            plan.steps.push(Step::new(id, stage, title, action));
        }
    };
    let versions = spoken(bumps);
    let title = format!("write {versions} into {}", count(edits.bump.len(), "file"));
    step("bump", Stage::Bump, title, &edits.bump);
    let files: Vec<&str> = edits.changelogs.iter().map(|e| e.path.as_str()).collect();
    let title = match bumps {
        [one] => format!("write the notes of {} into {}", one.to, files.join(", ")),
        _ => format!("write the notes into {}", files.join(", ")),
    };
    step("changelog", Stage::Changelog, title, &edits.changelogs);
}

/// Returns what an asset is called in its release.
fn asset_name(asset: &AssetConfig, one: &VersionBump<'_>) -> String {
    let named = asset.name.as_deref().or(asset.file.file_name());
    named
        .unwrap_or(asset.file.as_str())
        .replace("{version}", &one.to.to_string())
}

/// Returns a step's id where each registry has such a step.
fn beside(word: &str, other: Option<&str>) -> String {
    match other {
        None => word.to_owned(),
        Some(other) => format!("{word}@{other}"),
    }
}
