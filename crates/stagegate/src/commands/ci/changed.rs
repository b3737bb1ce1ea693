//! `ci changed`: which part of the app is not yet what is checked out.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_config::pattern::PathPattern;
use stagegate_deploy::Part;
use stagegate_engine::context::Context;
use stagegate_engine::survey::{Scope, survey};
use stagegate_manifest::differs_in_versions_only;
use stagegate_plan::facts::HostSurvey;

use crate::cli::Format;
use crate::exit_code::Exit;
use crate::output::line;

/// What is compared with.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Since {
    /// A commit
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
    /// What the hosts of this environment run
    #[arg(long = "env", value_name = "ENV")]
    environment: Option<String>,
}

/// Says which part of the app has changed. A change of nothing but versions is none. Where
/// it cannot be told, for a commit is not here or a host cannot be asked, everything may
/// have changed.
pub(super) fn run(context: &Context, since: &Since, format: Format) -> anyhow::Result<Exit> {
    let (part, what) = part(context, since)?;
    crate::output::output(&[("part", part)])?;
    match format {
        Format::Json => line(&serde_json::json!({ "event": "changed", "part": part }).to_string()),
        Format::Human | Format::Github => line(&format!("changed since {what}: {part}")),
    }
    Ok(Exit::Success)
}

impl Since {
    /// Creates the comparison with what an environment runs.
    pub(super) fn what_runs_in(environment: &str) -> Since {
        Since {
            since: None,
            environment: Some(environment.to_owned()),
        }
    }
}

/// Returns the part that has changed, and what it was compared with.
pub(super) fn part(context: &Context, since: &Since) -> anyhow::Result<(&'static str, String)> {
    let mut comparison = Comparison::new(context);
    let app = context.config.app.as_ref();
    let backend = app.and_then(|app| app.backend.as_ref()).map(|b| &b.paths);
    let frontend = app.and_then(|app| app.frontend.as_ref()).map(|f| &f.paths);
    let (backend_ran, frontend_ran, what) = match (&since.since, &since.environment) {
        (_, Some(environment)) => {
            let scope = Scope {
                environment: Some(environment.clone()),
                ..Scope::default()
            };
            let hosts = survey(context, &scope)?.hosts;
            // None where nothing runs, or nobody can tell.
            let commit = |host: &HostSurvey, part| Some(host.release_of(part)?.1);
            let ran = |part| hosts.iter().map(|host| commit(host, part)).collect();
            let what = format!("what {environment} runs");
            (ran(Part::Backend), ran(Part::Frontend), what)
        }
        (commit, None) => {
            let commit = vec![commit.clone()];
            let what = commit[0].clone().unwrap_or_default();
            (commit.clone(), commit, what)
        }
    };
    let mut touched = |paths: Option<&Vec<PathPattern>>, ran: &[Option<String>]| {
        let Some(paths) = paths.filter(|paths| !paths.is_empty()) else {
            return Ok(false);
        };
        for commit in ran {
            if comparison.touches(paths, commit.as_deref())? {
                return Ok(true);
            }
        }
        anyhow::Ok(false)
    };
    let part = match (
        touched(backend, &backend_ran)?,
        touched(frontend, &frontend_ran)?,
    ) {
        (true, true) => "both",
        (true, false) => "backend",
        (false, true) => "frontend",
        (false, false) => "none",
    };
    Ok((part, what))
}

/// What differs between commits and the one that is checked out.
struct Comparison<'a> {
    context: &'a Context,
    members: BTreeSet<String>,
    /// Files by the commit, within the checkout; none where the commit is not here.
    changed: BTreeMap<String, Option<Vec<Utf8PathBuf>>>,
}

impl<'a> Comparison<'a> {
    fn new(context: &'a Context) -> Comparison<'a> {
        let members = context.workspace.packages.iter();
        Comparison {
            context,
            members: members.map(|package| package.name.clone()).collect(),
            changed: BTreeMap::new(),
        }
    }

    /// Whether a file that one of the patterns fits differs from that commit.
    fn touches(&mut self, paths: &[PathPattern], commit: Option<&str>) -> anyhow::Result<bool> {
        let Some(commit) = commit.filter(|commit| !commit.is_empty() && !commit.starts_with('-'))
        else {
            return Ok(true);
        };
        if !self.changed.contains_key(commit) {
            let files = self.files(commit)?;
            self.changed.insert(commit.to_owned(), files);
        }
        let fits = |file: &Utf8PathBuf| {
            let within = file.strip_prefix(&self.context.subdirectory);
            within.is_ok_and(|file: &Utf8Path| paths.iter().any(|path| path.fits(file)))
        };
        let files = self.changed[commit].as_ref();
        Ok(files.is_none_or(|files| files.iter().any(fits)))
    }

    fn files(&self, commit: &str) -> anyhow::Result<Option<Vec<Utf8PathBuf>>> {
        let git = self.context.git();
        if git.commit_of(commit)?.is_none() {
            return Ok(None);
        }
        let range = format!("{commit}..HEAD");
        let text = git.read(["diff", "--name-only", "-z", "--no-renames", &range])?;
        let names = text.split('\0').filter(|name| !name.is_empty());
        let mut files: Vec<Utf8PathBuf> = names.map(Utf8PathBuf::from).collect();
        let state = |revision: &str, file: &Utf8Path| {
            let object = format!("{revision}:{file}");
            git.read(["cat-file", "blob", &object]).ok()
        };
        files.retain(|file| {
            let Some(name @ ("Cargo.toml" | "Cargo.lock")) = file.file_name() else {
                return true;
            };
            let (Some(before), Some(after)) = (state(commit, file), state("HEAD", file)) else {
                return true;
            };
            !differs_in_versions_only(name, &before, &after, &self.members)
        });
        Ok(Some(files))
    }
}
