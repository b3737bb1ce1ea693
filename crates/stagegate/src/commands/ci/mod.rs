//! `ci`: workflows are written and checked, and what they need on a runner.

mod changed;
mod pushed;

use camino::Utf8PathBuf;
use clap::Subcommand;
use stagegate_engine::context::Context;
use stagegate_engine::run_bundle::{self, ImportOptions, Imported};
use stagegate_plan::model::RunId;

use crate::cli::{Format, Session};
use crate::exit_code::Exit;
use crate::output::{Palette, line};
use crate::workflows::ledger::{Entry, FileStatus, compare};
use crate::workflows::{Outline, workflows};

/// What to do about workflows.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Write .github/workflows from stagegate.toml
    Write {
        /// Overwrite what was written or changed by hand
        #[arg(long)]
        force: bool,
    },
    /// Say how .github/workflows differs from what would be written
    Check,
    /// Say which part of the app has changed, in GITHUB_OUTPUT
    Changed {
        #[command(flatten)]
        since: changed::Since,
    },
    /// Say what was pushed: a merged release pull request, a tag, or a part of the app that
    /// has changed; in GITHUB_OUTPUT
    Pushed(pushed::Args),
    /// Export the runs in progress here into one file, for another machine
    Export {
        /// The file
        file: Utf8PathBuf,
    },
    /// Import what other machines have exported
    Import {
        /// Where their files lie, at any depth
        directory: Utf8PathBuf,
        /// Set aside what is in progress here and is not imported, as on a runner that is kept
        #[arg(long)]
        set_aside_others: bool,
        /// Leave out a release whose branch has moved on before it was pushed
        #[arg(long)]
        leave_outdated: bool,
    },
}

/// Writes or checks workflows, or works within them.
pub(crate) fn run(task: Task, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    match task {
        Task::Write { force } => write(context, force, format),
        Task::Check => check(context, format),
        Task::Changed { since } => changed::run(context, &since, format),
        Task::Pushed(args) => pushed::run(context, &args, format),
        Task::Export { file } => {
            let runs = run_bundle::export(context, &file)?;
            tell(format, "exported", &runs, &format!("into {file}"));
            Ok(Exit::Success)
        }
        Task::Import {
            directory,
            set_aside_others,
            leave_outdated,
        } => {
            let options = ImportOptions {
                set_aside_others,
                leave_outdated,
            };
            let imported = run_bundle::import(context, &directory, options)?;
            tell_left_out(format, &imported);
            tell(
                format,
                "imported",
                &imported.runs,
                &format!("from {directory}"),
            );
            Ok(Exit::Success)
        }
    }
}

/// Names what is not taken up, and why.
fn tell_left_out(format: Format, imported: &Imported) {
    for (run, kept) in &imported.set_aside {
        match format {
            Format::Json => line(
                &serde_json::json!({ "event": "set-aside", "run": run, "file": kept }).to_string(),
            ),
            Format::Human | Format::Github => line(&format!(
                "set aside {run}, which an earlier job left here: its journal is now {kept}"
            )),
        }
    }
    for run in &imported.outdated {
        match format {
            Format::Json => {
                line(&serde_json::json!({ "event": "outdated", "run": run }).to_string())
            }
            Format::Human | Format::Github => line(&format!(
                "{run} begins again: its branch has moved on, and nothing of it was pushed"
            )),
        }
    }
}

fn tell(format: Format, what: &str, runs: &[RunId], place: &str) {
    let names: Vec<String> = runs.iter().map(ToString::to_string).collect();
    match format {
        Format::Json => line(&serde_json::json!({ "event": what, "runs": runs }).to_string()),
        Format::Human | Format::Github if runs.is_empty() => {
            line(&format!("no run in progress, {place}"))
        }
        Format::Human | Format::Github => line(&format!("{what} {place}: {}", names.join(", "))),
    }
}

/// Returns the root of the git checkout, where GitHub looks for workflows.
fn top(context: &Context) -> Utf8PathBuf {
    let depth = context.subdirectory.components().count();
    let top = context.root.ancestors().nth(depth);
    top.unwrap_or(&context.root).to_owned()
}

fn entries(context: &Context) -> anyhow::Result<(Utf8PathBuf, Vec<Entry>)> {
    let top = top(context);
    let entries = compare(&top, &workflows(&Outline::of(context)?))?;
    Ok((top, entries))
}

pub(super) fn write(context: &Context, force: bool, format: Format) -> anyhow::Result<Exit> {
    let (top, entries) = entries(context)?;
    let mut exit = Exit::Success;
    let mut said = Vec::new();
    // All are looked at before one is written: half a set of workflows is none.
    let refused = entries
        .iter()
        .any(|e| matches!(e.status, FileStatus::Foreign(_)));
    for entry in &entries {
        let held = refused && !force;
        let what = match &entry.status {
            FileStatus::UpToDate => "is as it should be".to_owned(),
            FileStatus::Foreign(why) if !force => {
                exit = Exit::Blocked;
                format!("is left alone: {why}")
            }
            _ if held => "is not written either".to_owned(),
            FileStatus::Orphaned => {
                entry.write(&top)?;
                "is removed".to_owned()
            }
            _ => {
                entry.write(&top)?;
                "is written".to_owned()
            }
        };
        said.push((entry, what));
    }
    show(format, "workflows-written", &said);
    Ok(exit)
}

fn check(context: &Context, format: Format) -> anyhow::Result<Exit> {
    let (_, entries) = entries(context)?;
    let command = context.command;
    let mut said = Vec::new();
    for entry in &entries {
        let what = match &entry.status {
            FileStatus::UpToDate => "is as it should be".to_owned(),
            FileStatus::Absent => format!("is missing; `{command} ci write` writes it"),
            FileStatus::Outdated => format!("is outdated; `{command} ci write` updates it"),
            FileStatus::Orphaned => {
                format!("is no longer needed; `{command} ci write` removes it")
            }
            FileStatus::Foreign(why) => why.clone(),
        };
        said.push((entry, what));
    }
    show(format, "workflows", &said);
    let differs = |entry: &&Entry| entry.status != FileStatus::UpToDate;
    if format != Format::Json {
        for entry in entries.iter().filter(differs) {
            line(&format!("\n{}", entry.diff().trim_end()));
        }
    }
    Ok(match entries.iter().any(|entry| differs(&entry)) {
        true => Exit::Blocked,
        false => Exit::Success,
    })
}

fn show(format: Format, event: &str, said: &[(&Entry, String)]) {
    if format == Format::Json {
        let files: Vec<_> = said
            .iter()
            .map(|(entry, what)| serde_json::json!({ "file": entry.path, "same": entry.status == FileStatus::UpToDate, "what": what }))
            .collect();
        line(&serde_json::json!({ "event": event, "files": files }).to_string());
        return;
    }
    let palette = Palette::for_stdout();
    for (entry, what) in said {
        let mark = match entry.status {
            FileStatus::Foreign(_) => palette.bad("✗"),
            FileStatus::UpToDate => palette.good("="),
            _ => palette.good("✓"),
        };
        line(&format!("{mark} {}: {what}", entry.path));
    }
}
