//! The plan as data: what can be printed, saved, compared and resumed.

mod action;
mod blocker;
mod branches;
mod commit_identity;
mod event;
mod host_file;
mod plan;
mod step;
mod step_filter;
mod time_breakdown;

pub use action::{
    Action, Binary, FrontendBuild, GateCommand, Place, Proposal, PublishedCrate, ReleaseRef,
    ResolveDepth,
};
pub use blocker::{Blocker, Blockers};
pub use branches::{HOTFIX_BRANCH_PREFIX, RELEASE_BRANCH_PREFIX};
pub use commit_identity::CommitIdentity;
pub use event::{Event, Finding, RunEnd, StepOutcome};
pub use host_file::HostFile;
pub use plan::Plan;
pub use step::Step;
pub use step_filter::StepFilter;
pub use time_breakdown::{TimeBreakdown, TimeCategory};
