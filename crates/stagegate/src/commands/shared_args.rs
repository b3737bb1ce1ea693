//! Options that several commands share.

use clap::{Args, ValueEnum};
use stagegate_plan::model::StepFilter;
use stagegate_plan::version::Selection;

use crate::commands::Usage;

/// How a run is resumed, and whether it asks.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Resume a run that was stopped, by its own plan
    #[arg(long)]
    pub(crate) resume: bool,
    /// With --resume: start, if no run is in progress
    #[arg(long, requires = "resume")]
    pub(crate) resume_or_start: bool,
    /// Give up a run in progress: nothing is undone, and another one can start
    #[arg(long, conflicts_with = "resume")]
    pub(crate) abandon: bool,
    /// Do not ask before the point of no return
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Which packages are meant, named as cargo's own options do.
#[derive(Debug, Args)]
pub(crate) struct PackageArgs {
    /// Only this package, `*` for any part of its name (may be given more than once)
    #[arg(short = 'p', long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// All packages but this one (may be given more than once)
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
}

impl PackageArgs {
    /// Returns what is typed to mean the same again.
    pub(crate) fn words(&self) -> String {
        let packages = self.packages.iter().map(|name| format!(" -p {name}"));
        let exclude = self.exclude.iter().map(|name| format!(" --exclude {name}"));
        packages.chain(exclude).collect()
    }

    /// Returns the packages that are meant.
    pub(crate) fn selection(self) -> Selection {
        Selection {
            packages: self.packages,
            exclude: self.exclude,
        }
    }
}

/// What to do about a freeze.
#[derive(Debug, Args)]
pub(crate) struct FreezeArgs {
    /// Deploy although deploys are frozen, and say why in the hosts' records
    #[arg(long = "override-freeze", value_name = "WHY")]
    pub(crate) why: Option<String>,
}

/// Which environment is meant.
#[derive(Debug, Args)]
pub struct EnvironmentArgs {
    /// The environment in stagegate.toml
    #[arg(long = "env", value_name = "NAME", default_value = "production")]
    pub(crate) name: String,
}

/// Names the half of the app that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PartArg {
    /// The service
    Backend,
    /// The bundle
    Frontend,
    /// The service, and once it is confirmed, the bundle
    Both,
}

impl From<PartArg> for stagegate_plan::request::Part {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Backend => Self::Backend,
            PartArg::Frontend => Self::Frontend,
            PartArg::Both => Self::Both,
        }
    }
}

/// How much of a plan is run.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Stop when this stage is done, or, with `plan`, when the plan is made; another
    /// machine can resume the run (`ci export`)
    #[arg(long, value_name = "STAGE")]
    until: Option<StepFilter>,
    /// Do this one step of a run in progress, and no other
    #[arg(
        long,
        value_name = "STEP",
        requires = "resume",
        conflicts_with = "until"
    )]
    only: Option<String>,
}

impl FilterArgs {
    /// Returns how much of the plan is wanted.
    pub(crate) fn filter(self) -> StepFilter {
        let only = self.only.map(StepFilter::Only);
        only.or(self.until).unwrap_or_default()
    }
}

impl ResumeArgs {
    /// Checks that an option that shapes a plan is not given for one that is made already.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn only_to_start(&self, option: &str, given: bool) -> Result<(), Usage> {
        match given && self.resume && !self.resume_or_start {
            true => Err(Usage(format!(
                "{option} shapes a new plan, and --resume continues one that is made; leave one of them out"
            ))),
            false => Ok(()),
        }
    }
}
