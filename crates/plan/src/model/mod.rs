//! The plan as data: what can be printed, saved, compared and resumed.

mod action;
mod blocker;
mod branches;
mod commit_identity;
mod count;
mod event;
mod host_file;
mod placement;
mod plan;
mod run_id;
mod run_state;
mod step;
mod step_filter;
mod time_breakdown;

pub(crate) use action::missing_owners;
pub use action::{
    Action, AddOwners, AuditDependencies, Binary, Build, BuildAsset, ChangeTree, CheckAccess,
    CheckLinks, CheckMsrv, ClosePullRequest, ComparePublished, ConsumerBuild, CreateBranch,
    CreateCommitObject, CreateTag, CustomCommand, DeployBundle, DeployService, DraftRelease,
    EditFiles, FetchArtifacts, FindOutdated, FindSecrets, FrontendBuild, GateCommand,
    MarkChangelog, MarkRelease, MigrateData, MoveBranch, PackageCrates, PlannedUpload, Proposal,
    Publish, PublishGithubRelease, PublishedCrate, Push, PushBranch, ReleaseRef, ResolveDepth,
    RollBackHost, UploadAssets, VerifyPackages, VerifyRelease, WriteSbom, Yank,
};
pub use blocker::{Blocker, Blockers, FilePlace};
pub use branches::{
    HOTFIX_BRANCH_PREFIX, RELEASE_BRANCH_PREFIX, branch_beside, is_hotfix_branch,
    is_release_branch, prepared_by,
};
pub use commit_identity::CommitIdentity;
pub use count::count;
pub use event::{Event, Finding, RunEnd, StepOutcome};
pub use host_file::HostFile;
pub use placement::{Placement, PlacementId, UnknownPlacement};
pub use plan::{Plan, namespace};
pub use run_id::{RunId, Verb};
pub use run_state::{Ended, IllegalTransition, Phase, ProbeSample, RunState, StepRun, StepStatus};
pub use step::Step;
pub use step_filter::StepFilter;
pub use time_breakdown::{TimeBreakdown, TimeCategory};
