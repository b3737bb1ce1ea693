//! `rehearse`: a whole release against fakes on this machine.

use camino::Utf8PathBuf;
use stagegate_config::stage::Stage;
use stagegate_plan::version::GroupVersion;

use crate::cli::Session;
use crate::exit_code::Exit;

/// `rehearse`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version to rehearse, as for `release`
    #[arg(value_name = "VERSION", default_value = "minor")]
    pub(crate) versions: Vec<GroupVersion>,
    /// Make a pre-release of it under this label, such as `rc`
    #[arg(long, value_name = "LABEL")]
    pub(crate) pre: Option<String>,
    /// Let something go wrong (may be given more than once; `list` shows all)
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<String>,
    /// Keep the directory of the rehearsal afterwards
    #[arg(long)]
    pub(crate) keep: bool,
    /// Rehearse this workspace instead of the one around; nothing in it changes
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// Leave a stage out (may be given more than once)
    #[arg(long, value_name = "STAGE")]
    pub(crate) skip: Vec<Stage>,
    /// How long the new backend is watched, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) stabilize: u64,
}

/// Rehearses.
pub(crate) fn run(args: Args, session: &Session) -> anyhow::Result<Exit> {
    crate::rehearsal::rehearse(&session.here, args, session.format, &session.interrupt)
}
