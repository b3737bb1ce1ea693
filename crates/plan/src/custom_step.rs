//! A team's own steps, put among ours.

use semver::Version;
use stagegate_config::schema::{CustomStep, StepEach};
use stagegate_config::stage::Stage;

use crate::model::{Action, ChangeTree, CustomCommand, Step};

/// What a step is told of the version that is released.
pub struct Released {
    /// The version.
    pub version: Version,
    /// The version before.
    pub previous: Version,
    /// The tag.
    pub tag: String,
    /// The group or package.
    pub name: String,
    /// The package, where the step is about one.
    pub package: Option<String>,
}

impl Released {
    fn fill(&self, words: &[String]) -> Vec<String> {
        let filled = words.iter().map(|word| {
            word.replace("{version}", &self.version.to_string())
                .replace("{previous}", &self.previous.to_string())
                .replace("{name}", &self.name)
                .replace("{tag}", &self.tag)
        });
        filled.collect()
    }

    fn command(&self, custom: &CustomStep) -> CustomCommand {
        let mut env = vec![
            ("STAGEGATE_VERSION", self.version.to_string()),
            ("STAGEGATE_PREVIOUS_VERSION", self.previous.to_string()),
            ("STAGEGATE_TAG", self.tag.clone()),
        ];
        env.extend(
            self.package
                .iter()
                .map(|name| ("STAGEGATE_PACKAGE", name.clone())),
        );
        CustomCommand {
            run: self.fill(&custom.run),
            probe: custom.probe.as_deref().map(|words| self.fill(words)),
            pass_env: custom.pass_env.clone(),
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

/// Returns whether what a step changes is part of the release commit.
pub fn changes_commit(custom: &CustomStep) -> bool {
    custom.before == Some(Stage::Commit)
}

/// Returns a step for each time that a team's own runs: once, or for each package.
pub fn commands(
    custom: &CustomStep,
    whole: &Released,
    packages: &[Released],
) -> Vec<(String, CustomCommand)> {
    let about = match custom.each {
        StepEach::Release => std::slice::from_ref(whole),
        StepEach::Package => packages,
    };
    let command = |about: &Released| {
        let command = about.command(custom);
        let name = custom.name.clone();
        let name = name.unwrap_or_else(|| command.run.join(" "));
        let name = match custom.each {
            StepEach::Release => name,
            StepEach::Package => format!("{name}:{}", about.name),
        };
        (name, command)
    };
    about.iter().map(command).collect()
}

/// Returns the steps that change the release commit's files, in their order, and the
/// reference of the files that the last of them leaves.
pub fn changes(
    customs: &[CustomStep],
    (whole, packages): (&Released, &[Released]),
    (base, reference): (&str, &str),
) -> (Vec<Step>, Option<String>) {
    let mut steps = Vec::new();
    let mut after = None;
    let ours = customs.iter().filter(|custom| changes_commit(custom));
    for (name, command) in ours.flat_map(|custom| commands(custom, whole, packages)) {
        let reference = format!("{reference}-files-{}", steps.len() + 1);
        let action = Action::ChangeTree(ChangeTree {
            base: base.to_owned(),
            after: after.replace(reference.clone()),
            reference,
            command,
        });
        let id = format!("step:{name}");
        steps.push(Step::new(id, Stage::Package, name, action));
    }
    (steps, after)
}

/// Returns a team's own steps that are placed at stages that the plan does not have.
pub fn unplaced<'s>(
    steps: &'s [Step],
    customs: &'s [CustomStep],
) -> impl Iterator<Item = (Stage, String)> + use<'s> {
    customs.iter().filter_map(move |custom| {
        let stage = custom
            .after
            .or(custom.before)
            .expect("checked when the configuration was read");
        let is_placed = steps.iter().any(|step| step.stage == stage);
        (!is_placed).then(|| (stage, custom.run.join(" ")))
    })
}

/// Puts a team's own step where it belongs, for each package if it is asked to; a step
/// whose stage is not in the plan is left out here and reported by the caller.
pub fn place(steps: &mut Vec<Step>, custom: &CustomStep, whole: &Released, packages: &[Released]) {
    if changes_commit(custom) {
        return;
    }
    let at = match (custom.before, custom.after) {
        (Some(stage), _) => steps
            .iter()
            .position(|s| s.stage == stage)
            .map(|i| (i, stage)),
        (_, Some(stage)) => steps
            .iter()
            .rposition(|s| s.stage == stage)
            .map(|i| (i + 1, stage)),
        (None, None) => None,
    };
    let Some((first, stage)) = at else { return };
    let mut index = first;
    for (name, command) in commands(custom, whole, packages) {
        let action = Action::CustomCommand(command);
        let mut step = Step::new(format!("step:{name}"), stage, name, action);
        // Steps that run beside each other stay together.
        step.parallel_with_previous = false;
        steps.insert(index, step);
        index += 1;
    }
    // What waits for steps before it also waits for this one.
    if let Some(next) = steps.get_mut(index)
        && index > first
        && next.parallel_with_previous
        && (custom.before.is_some()
            || !next.depends_on.is_empty()
            || !next.after_settled.is_empty())
    {
        next.parallel_with_previous = false;
    }
}
