//! Whether git can sign, found out before anything is begun.

use anyhow::Context as _;
use stagegate_plan::facts::SurveyResult;
use stagegate_plan::model::Blocker;

use crate::tools::git::Git;
use crate::tools::process::read;

/// Signs a commit that nobody sees, with git's own settings: its objects are written to a
/// directory apart, so that the repository stays as it is.
pub(super) fn look(git: &Git, head: &str) -> SurveyResult<String> {
    sign(git, head).map_err(|error| {
        Blocker::new(
            format!("git is to sign and cannot: {error:#}"),
            "bring the key that `git config user.signingkey` names to this machine and unlock it, or turn `commit.gpgsign` and `tag.gpgsign` off here",
        )
    })?;
    Ok("git signs".to_owned())
}

fn sign(git: &Git, head: &str) -> anyhow::Result<()> {
    let apart = tempfile::Builder::new()
        .prefix("stagegate-")
        .tempdir()
        .context("making a directory for the trial")?;
    let objects = git.read([
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "objects",
    ])?;
    let apart_path = apart.path().to_str().context("its name is not UTF-8")?;
    let tree = format!("{head}^{{tree}}");
    let tool = git
        .tool([
            "commit-tree",
            "-S",
            "-m",
            "A trial of the signing key",
            &tree,
        ])
        .env("GIT_OBJECT_DIRECTORY", apart_path)
        .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects);
    read(tool)?;
    Ok(())
}
