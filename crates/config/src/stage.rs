//! The stages a release passes, by the names people use for them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stage. The order here is the order of a full release.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Formatting is as rustfmt has it.
    Fmt,
    /// No known vulnerability in the lockfile.
    Audit,
    /// Direct dependencies accept the newest versions.
    Outdated,
    /// Links between documents lead somewhere.
    Links,
    /// No credential is in a tracked file.
    Secrets,
    /// No warning from clippy.
    Clippy,
    /// The tests pass.
    Test,
    /// The documentation builds without a warning.
    Doc,
    /// The stated Rust version is enough.
    Msrv,
    /// The public API changes no more than the new version says.
    Semver,
    /// Manifests and lockfile carry the new version.
    Bump,
    /// `[Unreleased]` becomes the new version's section.
    Changelog,
    /// The set is packaged from the release commit and builds as packaged.
    Package,
    /// Binaries and bundle are built.
    Build,
    /// The branch moves to the release commit.
    Commit,
    /// The annotated tag.
    Tag,
    /// Branch and tag reach the remote together.
    Push,
    /// The draft of the GitHub release, with its assets.
    Draft,
    /// The crates reach the registry, dependencies first.
    Publish,
    /// The GitHub release becomes public.
    PublishGithubRelease,
    /// The backend is brought to its host and switched to.
    DeployBackend,
    /// The new backend answers on its own port, before any user meets it.
    Health,
    /// The new backend is watched, then confirmed.
    Stabilize,
    /// The frontend follows.
    DeployFrontend,
    /// What users now see is what was released.
    Verify,
    /// Versions are withdrawn from new resolutions, or given back.
    Yank,
    /// A branch is made ready for a fix.
    Hotfix,
    /// A pull request shows what a release would change.
    PullRequest,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 28] = [
        Stage::Fmt,
        Stage::Audit,
        Stage::Outdated,
        Stage::Links,
        Stage::Secrets,
        Stage::Clippy,
        Stage::Test,
        Stage::Doc,
        Stage::Msrv,
        Stage::Semver,
        Stage::Bump,
        Stage::Changelog,
        Stage::Package,
        Stage::Build,
        Stage::Commit,
        Stage::Tag,
        Stage::Push,
        Stage::Draft,
        Stage::Publish,
        Stage::PublishGithubRelease,
        Stage::DeployBackend,
        Stage::Health,
        Stage::Stabilize,
        Stage::DeployFrontend,
        Stage::Verify,
        Stage::Yank,
        Stage::Hotfix,
        Stage::PullRequest,
    ];

    /// Returns the name on the command line, in plans and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Fmt => "fmt",
            Stage::Audit => "audit",
            Stage::Outdated => "outdated",
            Stage::Links => "links",
            Stage::Secrets => "secrets",
            Stage::Clippy => "clippy",
            Stage::Test => "test",
            Stage::Doc => "doc",
            Stage::Msrv => "msrv",
            Stage::Semver => "semver",
            Stage::Bump => "bump",
            Stage::Changelog => "changelog",
            Stage::Package => "package",
            Stage::Build => "build",
            Stage::Commit => "commit",
            Stage::Tag => "tag",
            Stage::Push => "push",
            Stage::Draft => "draft",
            Stage::Publish => "publish",
            Stage::PublishGithubRelease => "publish-github-release",
            Stage::DeployBackend => "deploy-backend",
            Stage::Health => "health",
            Stage::Stabilize => "stabilize",
            Stage::DeployFrontend => "deploy-frontend",
            Stage::Verify => "verify",
            Stage::Yank => "yank",
            Stage::Hotfix => "hotfix",
            Stage::PullRequest => "pull-request",
        }
    }

    /// Returns whether a release without this stage is still a whole one. Skipping the tag, say,
    /// would leave crates whose commit nobody can find.
    pub fn may_be_skipped(self) -> bool {
        match self {
            Stage::Fmt
            | Stage::Audit
            | Stage::Outdated
            | Stage::Links
            | Stage::Secrets
            | Stage::Clippy
            | Stage::Test
            | Stage::Doc
            | Stage::Msrv
            | Stage::Semver
            | Stage::Changelog
            | Stage::Draft
            | Stage::DeployBackend
            | Stage::DeployFrontend
            | Stage::Verify => true,
            Stage::Bump
            | Stage::Package
            | Stage::Build
            | Stage::Commit
            | Stage::Tag
            | Stage::Push
            | Stage::Publish
            | Stage::PublishGithubRelease
            | Stage::Health
            | Stage::Stabilize
            | Stage::Yank
            | Stage::Hotfix
            | Stage::PullRequest => false,
        }
    }

    /// Stages that go with this one when it is skipped.
    pub fn takes_along(self) -> &'static [Stage] {
        match self {
            Stage::Draft => &[Stage::PublishGithubRelease],
            Stage::DeployBackend => &[Stage::Health, Stage::Stabilize],
            _ => &[],
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Stage, String> {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.name() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Stage::ALL.iter().map(|stage| stage.name()).collect();
                format!("`{text}` is no stage; the stages are {}", names.join(", "))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Stage;

    #[test]
    fn names_are_one_and_the_same_everywhere() {
        for stage in Stage::ALL {
            assert_eq!(stage.name().parse(), Ok(stage));
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
        assert!(Stage::ALL.is_sorted());
    }
}
