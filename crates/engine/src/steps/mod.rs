//! The steps: one type each, with `probe` and `perform`, in the folder of what it touches.

pub mod build;
pub mod deploy;
pub mod gates;
pub mod git;
pub mod github;
pub mod package;
pub mod verify;

use stagegate_plan::model::Action;

use crate::executor::step::Perform;

/// Returns the type of a step. This is the one place that lists them all.
pub(crate) fn step_type(action: &Action) -> &dyn Perform {
    match action {
        Action::RunGate(it) => it,
        Action::AuditDependencies(it) => it,
        Action::FindOutdated(it) => it,
        Action::CheckLinks(it) => it,
        Action::FindSecrets(it) => it,
        Action::CheckMsrv(it) => it,
        Action::EditFiles(it) => it,
        Action::ChangeTree(it) => it,
        Action::CreateCommitObject(it) => it,
        Action::PackageCrates(it) => it,
        Action::VerifyPackages(it) => it,
        Action::ComparePublished(it) => it,
        Action::Build(it) => it,
        Action::FetchArtifacts(it) => it,
        Action::BuildAsset(it) => it,
        Action::WriteSbom(it) => it,
        Action::CheckAccess(it) => it,
        Action::MoveBranch(it) => it,
        Action::CreateTag(it) => it,
        Action::Push(it) => it,
        Action::DraftRelease(it) => it,
        Action::UploadAssets(it) => it,
        Action::Publish(it) => it,
        Action::AddOwners(it) => it,
        Action::PushBranch(it) => it,
        Action::OpenPullRequest(it) => it,
        Action::ClosePullRequest(it) => it,
        Action::ConsumerBuild(it) => it,
        Action::PublishGithubRelease(it) => it,
        Action::DeployService(it) => it,
        Action::MigrateData(it) => it,
        Action::DeployBundle(it) => it,
        Action::VerifyRelease(it) => it,
        Action::Yank(it) => it,
        Action::MarkRelease(it) => it,
        Action::MarkChangelog(it) => it,
        Action::CreateBranch(it) => it,
        Action::RollBackHost(it) => it,
        Action::CustomCommand(it) => it,
    }
}
