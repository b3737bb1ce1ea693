//! The gates of a release, as steps.

use super::Step;
use super::action::{Action, GateCommand};
use crate::config::{CommandGate, Level};
use crate::{Config, Stage};

/// The gates, fmt and audit side by side: they do not meet in cargo's lock.
pub(super) fn steps(config: &Config) -> Vec<Step> {
    let gates = &config.gates;
    let mut steps = Vec::new();
    let mut gate = |stage: Stage,
                    gate: &CommandGate,
                    subcommand: &str,
                    usual: &[&str],
                    env: &[(&str, &str)]| {
        if gate.level == Level::Off {
            return;
        }
        let given = gate.args.clone();
        let arguments = given.unwrap_or_else(|| usual.iter().map(ToString::to_string).collect());
        let args: Vec<String> = std::iter::once(subcommand.to_owned())
            .chain(arguments)
            .collect();
        let title = format!("cargo {}", args.join(" "));
        let env = env
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let command = GateCommand {
            gate: stage,
            level: gate.level,
            args,
            env,
        };
        steps.push(Step::new(stage.name(), stage, title, Action::Gate(command)));
    };
    gate(Stage::Fmt, &gates.fmt, "fmt", &["--all", "--check"], &[]);
    gate(
        Stage::Clippy,
        &gates.clippy,
        "clippy",
        &["--workspace", "--all-targets", "--", "--deny", "warnings"],
        &[],
    );
    gate(Stage::Test, &gates.test, "test", &["--workspace"], &[]);
    gate(
        Stage::Doc,
        &gates.doc,
        "doc",
        &["--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    );
    let audit = &gates.audit;
    if audit.level != Level::Off {
        let action = Action::Audit {
            level: audit.level,
            database: audit.database.clone(),
            ignore: audit.ignore.clone(),
        };
        let step = Step::new(
            "audit",
            Stage::Audit,
            "look up every locked package in the advisory database",
            action,
        );
        match steps.first() {
            Some(first) if first.stage == Stage::Fmt => steps.insert(1, step.beside()),
            _ => steps.insert(0, step),
        }
    }
    steps
}
