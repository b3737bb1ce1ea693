//! Gates: commands that pass or not; and a team's own commands.

use anyhow::bail;
use stagegate_config::schema::Level;
use stagegate_plan::model::{Action, GateCommand, StepOutcome, TimeCategory};

use crate::executor::step;
use crate::executor::step::{Performed, Probe, StepContext, indent};
use crate::steps::gates::findings::Reader;
use crate::tools::process::{Stopped, Tool};

/// A gate did not pass, or could not run; nothing was changed by it.
#[derive(Debug, thiserror::Error)]
#[error("the gate {gate} did not pass: {why}")]
pub struct GateFailed {
    /// Its name.
    pub gate: String,
    /// What it said.
    pub why: String,
}

/// Runs a gate at its level. A gate that could not run has not passed.
pub(crate) fn pass(
    ctx: &mut StepContext<'_>,
    level: Level,
    action: &Action,
) -> anyhow::Result<Performed> {
    match step::act(ctx, action) {
        Ok(evidence) => Ok(Performed {
            outcome: StepOutcome::Performed,
            evidence,
        }),
        Err(error) if error.is::<Stopped>() => Err(error),
        Err(error) if level == Level::Warn => Ok(Performed {
            outcome: StepOutcome::Warned,
            evidence: format!("{error:#}"),
        }),
        Err(error) => Err(GateFailed {
            gate: ctx.step.id.clone(),
            why: format!("{error:#}"),
        }
        .into()),
    }
}

pub(crate) fn command(ctx: &mut StepContext<'_>, gate: &GateCommand) -> anyhow::Result<String> {
    let root = ctx.context.root.clone();
    let mut tool = ctx.context.cargo_in(&root).args(&gate.args);
    for (name, value) in &gate.env {
        tool = tool.env(name, value);
    }
    let tool = tool.env(
        "CARGO_TARGET_DIR",
        ctx.context.target_directory.clone().as_str(),
    );
    let shown = tool.shown().to_owned();
    let mut reader = Reader::new(&ctx.context.root, &ctx.context.subdirectory);
    let (passed, stdout, tail) = ctx.try_run_reading(tool, &mut |line| reader.line(line))?;
    if !passed {
        ctx.found(reader.findings());
        bail!(
            "`{shown}` says\n{}\n  the whole output is in {}",
            indent(&tail),
            ctx.log()
        );
    }
    Ok(summary(&stdout).unwrap_or_else(|| "passed".to_owned()))
}

/// The counts of `cargo test`, added up over its test programs.
fn summary(stdout: &str) -> Option<String> {
    let (mut passed, mut ignored, mut programs) = (0u64, 0u64, 0u64);
    for line in stdout
        .lines()
        .filter_map(|l| l.strip_prefix("test result: ok. "))
    {
        programs += 1;
        for part in line.split("; ") {
            match part.split_once(' ') {
                Some((count, "passed")) => passed += count.parse().unwrap_or(0),
                Some((count, "ignored")) => ignored += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
    (programs > 0)
        .then(|| format!("{passed} passed, {ignored} ignored, in {programs} test programs"))
}

/// Asks a team's own command whether its step is done.
pub(crate) fn probe_command(
    ctx: &mut StepContext<'_>,
    probe: Option<&[String]>,
) -> anyhow::Result<Probe> {
    let Some([program, args @ ..]) = probe else {
        return Ok(Probe::Absent);
    };
    let tool = Tool::new(program, &ctx.context.root, TimeCategory::Command).args(args);
    let shown = tool.shown().to_owned();
    let (done, ..) = ctx.try_run(tool)?;
    Ok(if done {
        Probe::Done(format!("`{shown}` says so"))
    } else {
        Probe::Absent
    })
}

/// Runs a team's own command, and asks it afterwards where it can be asked.
pub(crate) fn custom(ctx: &mut StepContext<'_>, run: &[String]) -> anyhow::Result<String> {
    let [program, args @ ..] = run else {
        bail!("the step has no command")
    };
    let tool = Tool::new(program, &ctx.context.root, TimeCategory::Command).args(args);
    let shown = tool.shown().to_owned();
    ctx.run(tool)?;
    if let Action::Command {
        probe: probe @ Some(_),
        ..
    } = &ctx.step.action
        && probe_command(ctx, probe.as_deref())? == Probe::Absent
    {
        bail!("`{shown}` succeeded, and its probe still says that it is not done");
    }
    Ok(format!("`{shown}` succeeded"))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn counts_of_several_test_programs_are_added_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(
            summary(text).as_deref(),
            Some("5 passed, 1 ignored, in 2 test programs")
        );
        assert_eq!(summary("Finished"), None);
    }
}
