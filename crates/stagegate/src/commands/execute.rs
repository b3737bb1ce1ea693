//! The path of every command that changes something: survey, plan, ask, run.

use stagegate_engine::context::Context;
use stagegate_engine::executor::{Resume, RunOptions};
use stagegate_engine::journal::{Journal, JournalError, Observer};
use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::model::{Action, Plan, RunId, Step, StepFilter, Verb};
use stagegate_plan::planner::draft;
use stagegate_plan::preflight::access::access;
use stagegate_plan::release::version_bumps::has_nothing_to_release;
use stagegate_plan::request::{Part, Request};
use stagegate_plan::version::{GroupVersion, VersionRequest, WORKSPACE};

use crate::cli::Format;
use crate::commands::Usage;
use crate::commands::shared_args::ResumeArgs;
use crate::exit_code::Exit;
use crate::notify::Notifier;
use crate::{output, prompt};

/// A command as it was typed.
pub(crate) struct Invocation<'a> {
    /// What it does.
    pub(crate) verb: Verb,
    /// What followed the verb, as it is typed again to resume; absent with a bare `--resume`.
    pub(crate) cli_args: Option<String>,
    /// What is wanted; absent with a bare `--resume`.
    pub(crate) request: Option<Request>,
    /// Stop after the plan.
    pub(crate) dry_run: bool,
    /// How to resume, and whether to ask.
    pub(crate) resume: &'a ResumeArgs,
    /// What the run is about, where that is known before the plan is made.
    pub(crate) subject: Option<String>,
    /// How much of the plan is run now.
    pub(crate) filter: StepFilter,
}

impl<'a> Invocation<'a> {
    /// Creates the invocation of a verb that is about an environment's hosts.
    pub(crate) fn on_environment(
        verb: Verb,
        (part, environment): (Part, &str),
        request: Request,
        dry_run: bool,
        resume: &'a ResumeArgs,
    ) -> Invocation<'a> {
        Invocation {
            verb,
            cli_args: Some(format!("{} --env {environment}", part.name())),
            request: Some(request),
            dry_run,
            resume,
            subject: Some(environment.to_owned()),
            filter: StepFilter::Whole,
        }
    }

    fn run_id(&self) -> Option<RunId> {
        let subject = self.subject.as_ref()?;
        Some(RunId::new(self.verb, subject))
    }
}

/// Returns what a release is about, where its versions are given in full.
pub(crate) fn release_subject(versions: &[GroupVersion], pre: Option<&str>) -> Option<String> {
    let exact = |wanted: &GroupVersion| match (&wanted.version, wanted.group.as_deref()) {
        (VersionRequest::Exact(version), None | Some(WORKSPACE)) => Some(version.to_string()),
        (VersionRequest::Exact(_), Some(_)) => Some(wanted.to_string()),
        (VersionRequest::Next(_) | VersionRequest::Auto, _) => None,
    };
    let exact: Option<Vec<String>> = versions.iter().map(exact).collect();
    exact
        .filter(|words| pre.is_none() && !words.is_empty())
        .map(|words| words.join(","))
}

/// Returns the command that resumes a run of this checkout.
pub(crate) fn resume_command(context: &Context, id: &RunId) -> String {
    format!("{} --resume", command_of(context, id))
}

/// Returns the command that gives up a run of this checkout.
fn abandon_command(context: &Context, id: &RunId) -> String {
    format!("{} --abandon", command_of(context, id))
}

/// Returns the command that a run of this checkout began with.
fn command_of(context: &Context, id: &RunId) -> String {
    let plan = Journal::plan_of(&context.state, id).ok().flatten();
    let cli_args = plan.map_or_else(|| args_of(id), |plan| plan.cli_args);
    let command = format!("{} {} {cli_args}", context.command, id.verb().command());
    command.trim_end().to_owned()
}

/// Returns what names a run whose plan cannot be read.
fn args_of(id: &RunId) -> String {
    match id.verb().is_on_environment() {
        true => format!("both --env {}", id.subject()),
        false => id.subject().replace(',', " "),
    }
}

/// Surveys, plans, asks and runs; or resumes what is in progress.
pub(crate) fn execute(
    context: &Context,
    invocation: Invocation<'_>,
    format: Format,
) -> anyhow::Result<Exit> {
    if invocation.resume.resume {
        match open_run(context, &invocation) {
            Err(JournalError::Nothing { .. }) if invocation.resume.resume_or_start => {}
            id => {
                let (plan, journal) = Journal::resume(&context.state, &id?, observer()?)?;
                check_access(context, &invocation, &plan, &journal)?;
                return run_plan(context, &invocation, &plan, journal, format);
            }
        }
    }
    if invocation.resume.abandon {
        let id = open_run(context, &invocation)?;
        return abandon(context, &id);
    }
    let Some(request) = &invocation.request else {
        return Err(Usage("a version is needed, such as 1.4.0 or `minor`".to_owned()).into());
    };
    if !invocation.dry_run {
        // A run in progress explains most of what a survey would find in the way.
        refuse_second_run(context, &invocation)?;
    }
    let facts = survey(context, &Scope::of(request))?;
    if let Request::Prepare(wanted) = request
        && wanted.if_changed
        && has_nothing_to_release(&facts, wanted)
    {
        output::output(&[("ended", "unchanged")])?;
        output::line(&match format {
            Format::Json => serde_json::json!({ "event": "unchanged" }).to_string(),
            Format::Human | Format::Github => {
                "nothing has changed since the last release".to_owned()
            }
        });
        return Ok(Exit::Success);
    }
    let draft = draft(&facts, &context.config, request);
    if invocation.dry_run {
        // The plan and the problems: neither is shown instead of the other.
        if let Some(plan) = &draft.plan {
            output::plan(format, plan);
        }
        draft.into_plan()?;
        return Ok(Exit::Success);
    }
    let plan = draft.into_plan()?;
    if plan.steps.is_empty() {
        output::plan(format, &plan);
        return Ok(Exit::Success);
    }
    check_that_somebody_can_answer(&invocation, &plan)?;
    let journal = Journal::begin(&context.state, &plan, observer()?)?;
    run_plan(context, &invocation, &plan, journal, format)
}

/// Checks whether a part of a plan that was made elsewhere may be run here: its maker could
/// not ask.
fn check_access(
    context: &Context,
    invocation: &Invocation<'_>,
    plan: &Plan,
    journal: &Journal,
) -> anyhow::Result<()> {
    let uploads = |step: &Step| {
        matches!(step.action, Action::Publish(_))
            && invocation.filter.has(step)
            && !journal.is_done(&step.id)
    };
    if invocation.filter == StepFilter::Whole || !plan.steps.iter().any(uploads) {
        return Ok(());
    }
    let drafts = |step: &Step| matches!(step.action, Action::DraftRelease(_));
    let scope = Scope {
        registry: true,
        github: plan.steps.iter().any(drafts),
        ..Scope::default()
    };
    Ok(access(&survey(context, &scope)?, &context.config, plan)?)
}

fn run_plan(
    context: &Context,
    invocation: &Invocation<'_>,
    plan: &Plan,
    journal: Journal,
    format: Format,
) -> anyhow::Result<Exit> {
    check_that_somebody_can_answer(invocation, plan)?;
    std::fs::create_dir_all(context.output())?;
    // Reports and logs are nobody's commit, wherever the target directory is.
    std::fs::write(context.output().join(".gitignore"), "*\n")?;
    let resume = resume_line(context.command, invocation, plan);
    let renderer = std::cell::RefCell::new(output::renderer(format));
    let mut notifier = Notifier::new(&context.config.notify);
    let yes = invocation.resume.yes;
    let mut confirm = |plan: &Plan, step: &Step| {
        let mut answer = yes;
        if !yes {
            renderer
                .borrow_mut()
                .suspend(&mut || answer = prompt::confirm_irreversible(plan, step));
        }
        answer
    };
    let options = RunOptions {
        filter: &invocation.filter,
        resume: match output::github_actions::is_here() {
            true => Resume::FailedJobs,
            false => Resume::Command(&resume),
        },
    };
    let outcome = stagegate_engine::run(
        plan,
        context,
        journal,
        options,
        &mut confirm,
        &mut |event| {
            renderer.borrow_mut().event(event);
            notifier.event(event);
        },
    )?;
    Ok(Exit::of_run(
        outcome.end,
        outcome.failure.as_ref().map(|(_, error)| error),
    ))
}

fn resume_line(command: &str, invocation: &Invocation<'_>, plan: &Plan) -> String {
    let cli_args = match invocation.verb {
        Verb::Release | Verb::Prepare => plan.cli_args.clone(),
        _ => invocation.cli_args.clone().unwrap_or_default(),
    };
    format!(
        "{command} {} {cli_args} --resume",
        invocation.verb.command()
    )
}

/// Returns the run in progress that a `--resume` or `--abandon` means.
fn open_run(context: &Context, invocation: &Invocation<'_>) -> Result<RunId, JournalError> {
    let open = Journal::open_runs(&context.state);
    let wanted = invocation.run_id();
    let ours: Vec<&RunId> = open
        .iter()
        .filter(|id| concerns(id, invocation.verb, wanted.as_ref()))
        .collect();
    let another = |id: &RunId, what: String| JournalError::AnotherPlan {
        path: Journal::path_of(&context.state, id),
        what,
        resume: resume_command(context, id),
        abandon: abandon_command(context, id),
    };
    match (&wanted, &ours[..]) {
        (Some(wanted), _) if open.contains(wanted) => Ok(wanted.clone()),
        (None, [one]) => Ok((*one).clone()),
        (Some(wanted), [.., other]) => Err(another(
            other,
            format!("it is of {other}, and you asked for {wanted}"),
        )),
        (wanted, []) => {
            let id = wanted
                .clone()
                .unwrap_or_else(|| RunId::new(invocation.verb, ""));
            Err(JournalError::Nothing {
                path: Journal::path_of(&context.state, &id),
                id,
            })
        }
        (None, [.., last]) => Err(another(
            last,
            "several are in progress; name the one you mean".to_owned(),
        )),
    }
}

/// Tells whether a run stands in the way of another of that verb, or is it: two half-done
/// releases are one too many, and what goes on in one environment is no other's business.
fn concerns(id: &RunId, verb: Verb, wanted: Option<&RunId>) -> bool {
    id.verb() == verb && (!verb.is_on_environment() || wanted.is_none_or(|wanted| wanted == id))
}

/// Gives up a run in progress; what it has done stays.
fn abandon(context: &Context, id: &RunId) -> anyhow::Result<Exit> {
    let abandoned = stagegate_engine::abandon(context, id)?;
    output::line(&format!(
        "{id} is given up after {} of {} steps, and nothing is undone; its journal is kept as {}{}",
        abandoned.done,
        abandoned.plan.steps.len(),
        abandoned.kept,
        abandoned.warning
    ));
    for (host, error) in &abandoned.unreached {
        output::line(&format!(
            "{host}: the lease stays until it ends by itself: {error:#}"
        ));
    }
    if let Some(environment) = &abandoned.plan.environment {
        let command = context.command;
        output::line(&format!(
            "see what runs where with `{command} status --env {environment}`"
        ));
    }
    Ok(Exit::Success)
}

/// Refuses a second run beside one that is in progress.
fn refuse_second_run(context: &Context, invocation: &Invocation<'_>) -> Result<(), JournalError> {
    let wanted = invocation.run_id();
    if let Some(id) = &wanted {
        Journal::refuse_begun(&context.state, id)?;
    }
    let mut open = Journal::open_runs(&context.state).into_iter();
    let other = open.find(|id| {
        concerns(id, invocation.verb, wanted.as_ref()) && Journal::left_a_trace(&context.state, id)
    });
    match other {
        None => Ok(()),
        Some(other) => Err(JournalError::AnotherPlan {
            path: Journal::path_of(&context.state, &other),
            what: format!(
                "{other} is in progress, and you asked for `{} {}`",
                invocation.verb.command(),
                invocation.cli_args.as_deref().unwrap_or_default()
            ),
            resume: resume_command(context, &other),
            abandon: abandon_command(context, &other),
        }),
    }
}

/// Refuses, before anything is done, a question that nobody could answer.
fn check_that_somebody_can_answer(invocation: &Invocation<'_>, plan: &Plan) -> Result<(), Usage> {
    let asked = |step: &Step| step.irreversible && invocation.filter.has(step);
    let asks = plan.steps.iter().any(asked) && !invocation.resume.yes;
    match asks && !prompt::is_possible() {
        true => Err(Usage(format!(
            "{} has a point of no return, and there is no terminal to ask on; read the plan with --dry-run, then pass --yes",
            plan.title
        ))),
        false => Ok(()),
    }
}

/// Returns the observer that kills this process at a record: the crash matrix of a
/// rehearsal.
#[cfg(feature = "rehearsal")]
fn observer() -> anyhow::Result<Option<Observer>> {
    use stagegate_engine::journal::Moment;
    use stagegate_fakes::kill::KillAt;
    use stagegate_fakes::kill::When;
    let Some(kill) = KillAt::from_environment()? else {
        return Ok(None);
    };
    Ok(Some(Box::new(move |moment, _, _| {
        kill.at(match moment {
            Moment::Before => When::Before,
            Moment::After => When::After,
        });
    })))
}

#[cfg(not(feature = "rehearsal"))]
fn observer() -> anyhow::Result<Option<Observer>> {
    Ok(None)
}
