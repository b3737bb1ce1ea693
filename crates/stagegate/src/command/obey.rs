//! The way of every command that changes something: survey, plan, ask, run.

use std::io::{BufRead, IsTerminal, Write};

use stagegate_engine::context::Context;
use stagegate_engine::executor::RunOptions;
use stagegate_engine::journal::{Journal, JournalError, Observer};
use stagegate_engine::survey::{Scope, survey};
use stagegate_plan::model::{Action, Plan, Step, StepFilter};
use stagegate_plan::planner::plan;
use stagegate_plan::preflight::access::access;
use stagegate_plan::request::Request;
use stagegate_plan::version::{GroupVersion, VersionRequest, WORKSPACE};

use super::Usage;
use crate::cli::{Format, ResumeArgs};
use crate::exit::Exit;
use crate::notify::Notifier;
use crate::render;

/// What somebody typed, ready to be followed.
pub(super) struct Order<'a> {
    /// The command.
    pub(super) verb: &'static str,
    /// What followed it, as it is typed again to go on.
    pub(super) words: Option<String>,
    /// What is wanted; `None` with a bare `--resume`.
    pub(super) request: Option<Request>,
    /// Stop after the plan.
    pub(super) dry_run: bool,
    /// Resume, and whether to ask.
    pub(super) going: &'a ResumeArgs,
    /// The journal's name where it is known before the plan is made.
    pub(super) target: Option<String>,
    /// How much of the plan is obeyed now.
    pub(super) portion: StepFilter,
}

/// The journal of a release whose versions are given in full.
pub(super) fn release_target(versions: &[GroupVersion], pre: Option<&str>) -> Option<String> {
    let exact = |wanted: &GroupVersion| match (&wanted.version, wanted.group.as_deref()) {
        (VersionRequest::Exact(version), None | Some(WORKSPACE)) => Some(version.to_string()),
        (VersionRequest::Exact(_), Some(_)) => Some(wanted.to_string()),
        (VersionRequest::Next(_) | VersionRequest::Auto, _) => None,
    };
    let exact: Option<Vec<String>> = versions.iter().map(exact).collect();
    exact
        .filter(|words| pre.is_none() && !words.is_empty())
        .map(|words| format!("release-{}", words.join(",")))
}

/// What journals of a command begin with: its last word.
fn key(verb: &str) -> &str {
    verb.rsplit(' ').next().unwrap_or(verb)
}

/// What is typed to mean a journal's run.
pub(super) fn words_of(target: &str, verb: &str) -> String {
    let words = target.strip_prefix(key(verb)).unwrap_or(target);
    words.trim_start_matches('-').replace(',', " ")
}

/// Survey, plan, ask, run; or go on with what was begun.
pub(super) fn obey(context: &Context, order: Order<'_>, format: Format) -> anyhow::Result<Exit> {
    if order.going.resume {
        match target_to_resume(context, &order) {
            Err(JournalError::Nothing { .. }) if order.going.resume_or_start => {}
            target => {
                let (plan, journal) = Journal::resume(&context.state, &target?, observer()?)?;
                may_write(context, &order, &plan, &journal)?;
                return follow(context, &order, &plan, journal, format);
            }
        }
    }
    let Some(request) = &order.request else {
        return Err(Usage("a version is needed, such as 1.4.0 or `minor`".to_owned()).into());
    };
    if !order.dry_run {
        // What is begun explains most of what a survey would find in the way.
        refuse_what_is_begun(context, &order)?;
    }
    let facts = survey(context, &Scope::of(request))?;
    let plan = plan(&facts, &context.config, request)?;
    if order.dry_run {
        render::plan(format, &plan);
        return Ok(Exit::Success);
    }
    must_be_able_to_ask(&order, &plan)?;
    let journal = Journal::begin(&context.state, &plan, observer()?)?;
    follow(context, &order, &plan, journal, format)
}

/// Who obeys a part of a plan that was made elsewhere has not been asked yet
/// whether it may.
fn may_write(
    context: &Context,
    order: &Order<'_>,
    plan: &Plan,
    journal: &Journal,
) -> anyhow::Result<()> {
    let uploads = |step: &Step| {
        matches!(step.action, Action::Publish { .. })
            && order.portion.has(step)
            && !journal.done().contains_key(&step.id)
    };
    if order.portion == StepFilter::Whole || !plan.steps.iter().any(uploads) {
        return Ok(());
    }
    let drafts = |step: &Step| matches!(step.action, Action::Draft { .. });
    let scope = Scope {
        registry: true,
        github: plan.steps.iter().any(drafts),
        ..Scope::default()
    };
    Ok(access(&survey(context, &scope)?, &context.config, plan)?)
}

fn follow(
    context: &Context,
    order: &Order<'_>,
    plan: &Plan,
    journal: Journal,
    format: Format,
) -> anyhow::Result<Exit> {
    must_be_able_to_ask(order, plan)?;
    std::fs::create_dir_all(context.output())?;
    // Reports and logs are nobody's commit, wherever the target directory is.
    std::fs::write(context.output().join(".gitignore"), "*\n")?;
    let resume = resume_line(order, plan);
    let renderer = std::cell::RefCell::new(render::renderer(format));
    let mut notifier = Notifier::new(&context.config.notify);
    let yes = order.going.yes;
    let mut confirm = |plan: &Plan, step: &Step| {
        let mut answer = yes;
        if !yes {
            renderer
                .borrow_mut()
                .suspend(&mut || answer = ask(plan, step));
        }
        answer
    };
    let wish = RunOptions {
        portion: &order.portion,
        resume: &resume,
    };
    let ended =
        stagegate_engine::executor::run(plan, context, journal, wish, &mut confirm, &mut |event| {
            renderer.borrow_mut().event(event);
            notifier.event(event);
        })?;
    Ok(Exit::of_run(
        ended.end,
        ended.failure.as_ref().map(|(_, error)| error),
    ))
}

fn resume_line(order: &Order<'_>, plan: &Plan) -> String {
    let words = match order.verb {
        "release" | "release prepare" => plan.cli_args.clone(),
        _ => order.words.clone().unwrap_or_default(),
    };
    format!("cargo xtask {} {words} --resume", order.verb)
}

/// Whose journal a `--resume` means.
fn target_to_resume(context: &Context, order: &Order<'_>) -> Result<String, JournalError> {
    let open = Journal::open_targets(&context.state);
    let prefix = format!("{}-", key(order.verb));
    let mut ours: Vec<&String> = open
        .iter()
        .filter(|target| target.starts_with(&prefix))
        .collect();
    let wanted = order.target.clone();
    match (&wanted, &ours[..]) {
        (Some(wanted), _) if open.contains(wanted) => Ok(wanted.clone()),
        (None, [one]) => Ok((*one).clone()),
        (Some(wanted), [.., other]) => Err(JournalError::AnotherPlan {
            path: Journal::path_of(&context.state, other),
            what: format!("it is of {other}, and you asked for {wanted}"),
            resume: format!(
                "cargo xtask {} {} --resume",
                order.verb,
                words_of(other, order.verb)
            ),
        }),
        (wanted, []) => {
            let target = wanted.clone().unwrap_or_else(|| order.verb.to_owned());
            Err(JournalError::Nothing {
                path: Journal::path_of(&context.state, &target),
                target,
            })
        }
        (None, _) => {
            let last = ours.pop().expect("there are several");
            Err(JournalError::AnotherPlan {
                path: Journal::path_of(&context.state, last),
                what: "several are open; name the one you mean".to_owned(),
                resume: format!(
                    "cargo xtask {} {} --resume",
                    order.verb,
                    words_of(last, order.verb)
                ),
            })
        }
    }
}

/// Two half-done releases of one workspace are one too many.
fn refuse_what_is_begun(context: &Context, order: &Order<'_>) -> Result<(), JournalError> {
    if let Some(target) = &order.target {
        Journal::refuse_begun(&context.state, target)?;
    }
    let prefix = format!("{}-", key(order.verb));
    let mut others = Journal::open_targets(&context.state).into_iter();
    let other = others
        .find(|target| target.starts_with(&prefix) && Journal::left_a_trace(&context.state, target));
    match other {
        None => Ok(()),
        Some(other) => Err(JournalError::AnotherPlan {
            path: Journal::path_of(&context.state, &other),
            what: format!(
                "{other} is begun and not completed, and you asked for `{} {}`",
                order.verb,
                order.words.as_deref().unwrap_or_default()
            ),
            resume: format!(
                "cargo xtask {} {} --resume",
                order.verb,
                words_of(&other, order.verb)
            ),
        }),
    }
}

/// A question that nobody can answer is asked before anything is done.
fn must_be_able_to_ask(order: &Order<'_>, plan: &Plan) -> Result<(), Usage> {
    let asked = |step: &Step| step.irreversible && order.portion.has(step);
    let asks = plan.steps.iter().any(asked) && !order.going.yes;
    if asks && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Usage(format!(
            "{} has a point of no return, and there is no terminal to ask on; read the plan with --dry-run, then pass --yes",
            plan.title
        )));
    }
    Ok(())
}

fn ask(plan: &Plan, step: &Step) -> bool {
    let ahead = plan.steps.iter().skip_while(|s| s.id != step.id).count();
    let mut out = std::io::stdout();
    let _ = write!(
        out,
        "\nEverything that can be checked has passed. Next: {}.\nFrom here on it goes forward only, {ahead} steps. Go on? [y/N] ",
        step.title
    );
    let _ = out.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// The crash matrix of a rehearsal kills this very process at a record.
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
