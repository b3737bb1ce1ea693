//! Gates: commands that pass or not; and a team's own commands.

use anyhow::{Context as _, bail};
use camino::Utf8Path;
use stagegate_plan::model::{CustomCommand, GateCommand, TimeCategory};

use crate::executor::release_tree;
use crate::executor::step::{Perform, Probe, StepContext, indent};
use crate::steps::gates::findings::Reader;
use crate::tools::process::Tool;

impl Perform for GateCommand {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let gate = self;
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

/// Creates a program of the team's own, with what it is told of the release; `STAGEGATE_PLAN` is
/// the path of the plan, in JSON.
pub(crate) fn own_tool(
    ctx: &StepContext<'_>,
    command: &CustomCommand,
    directory: &Utf8Path,
    program: &str,
) -> anyhow::Result<Tool> {
    let mut tool = Tool::new(program, directory, TimeCategory::Command).passing(&command.pass_env);
    for (name, value) in &command.env {
        tool = tool.env(name, value);
    }
    if command.env.is_empty() {
        return Ok(tool);
    }
    let file = ctx.kept().join("plan.json");
    let text = serde_json::to_vec_pretty(ctx.plan).context("writing down the plan")?;
    release_tree::write_whole(&file, &text)?;
    Ok(tool.env("STAGEGATE_PLAN", file.as_str()))
}

/// Asks a team's own command whether its step is done.
impl Perform for CustomCommand {
    fn probe(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<Probe> {
        let probe = self.probe.as_deref();
        let Some([program, args @ ..]) = probe else {
            return Ok(Probe::Absent);
        };
        let tool = own_tool(ctx, self, &ctx.context.root, program)?.args(args);
        let shown = tool.shown().to_owned();
        let (done, ..) = ctx.try_run(tool)?;
        Ok(if done {
            Probe::Done(format!("`{shown}` says so"))
        } else {
            Probe::Absent
        })
    }

    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let run = &self.run[..];
        let [program, args @ ..] = run else {
            bail!("the step has no command")
        };
        let tool = own_tool(ctx, self, &ctx.context.root, program)?.args(args);
        let shown = tool.shown().to_owned();
        ctx.run(tool)?;
        if self.probe.is_some() && self.probe(ctx)? == Probe::Absent {
            bail!("`{shown}` succeeded, and its probe still says that it is not done");
        }
        Ok(format!("`{shown}` succeeded"))
    }
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
