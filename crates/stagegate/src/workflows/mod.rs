//! The workflows of GitHub Actions, written from `stagegate.toml`.
//!
//! A pure function makes their text from an [`Outline`]; [`ledger`] compares it
//! with what lies in `.github/workflows` and decides what may be written. Every
//! step of a workflow is the same `cargo xtask …` that a person types: nothing
//! of the pipeline is told again in YAML.
//!
//! No `${{ }}` ever stands inside a `run:`; values arrive there as environment.

mod actions;
mod checks;
mod deploy;
pub(crate) mod ledger;
mod parts;
mod release;
mod rollback;
mod steps;
mod text;

use std::collections::BTreeSet;

use stagegate_config::schema::{Config, OneOrMany};
use stagegate_config::stage::Stage;
use stagegate_engine::context::Context;
use stagegate_engine::survey::groups_of_checkout;
use stagegate_plan::check;
use stagegate_plan::model::{Blocker, Blockers};
use stagegate_plan::version::Group;
use stagegate_registry::Token;

/// Where workflows lie, relative to the checkout's root.
pub(crate) const DIRECTORY: &str = ".github/workflows";

/// What the workflows are made from.
pub(crate) struct Outline<'a> {
    /// The whole configuration.
    pub(crate) config: &'a Config,
    /// The Cargo workspace within the checkout; empty where they are the same.
    pub(crate) subdirectory: &'a str,
    /// The toolchain to install; none: what `rust-toolchain.toml` says.
    pub(crate) toolchain: Option<String>,
    /// The gates of pull requests and pushes.
    pub(crate) gates: Vec<Stage>,
    /// What a checkout takes along beside the repository's own files.
    pub(crate) content: CheckoutContent,
    /// Whether anything goes to the registry.
    pub(crate) publishes: bool,
    /// The tags that are released when they are pushed, as GitHub's filters have them.
    pub(crate) tags: Vec<String>,
}

/// What a checkout takes along, where the repository has such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckoutContent {
    pub(crate) submodules: bool,
    pub(crate) lfs: bool,
}

impl CheckoutContent {
    fn of(context: &Context) -> CheckoutContent {
        CheckoutContent {
            submodules: context.top().join(".gitmodules").is_file(),
            lfs: context
                .git()
                .lfs_files()
                .is_ok_and(|files| !files.is_empty()),
        }
    }

    /// The settings of the action that checks out.
    fn settings(self) -> String {
        let submodules = if self.submodules {
            "submodules: recursive\n"
        } else {
            ""
        };
        let lfs = if self.lfs { "lfs: true\n" } else { "" };
        format!("{submodules}{lfs}")
    }
}

/// A workflow as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workflow {
    /// The file's name.
    pub(crate) file: &'static str,
    /// Its text, with its parts empty.
    pub(crate) text: String,
}

/// The names of all the workflows that there can be.
pub(crate) const FILES: [&str; 4] = ["ci.yml", "release.yml", "deploy.yml", "rollback.yml"];

impl<'a> Outline<'a> {
    /// Returns the outline of a workspace.
    ///
    /// # Errors
    /// If the form of its tags is wanted, and cannot be learned.
    pub(crate) fn of(context: &'a Context) -> anyhow::Result<Outline<'a>> {
        let config = &context.config;
        let packages = &context.workspace.packages;
        let stated = packages
            .iter()
            .filter_map(|package| package.metadata.rust_version.as_ref())
            .max();
        let toolchain = match &config.ci.toolchain {
            Some(given) => Some(given.clone()),
            None if chooses_toolchain(context) => None,
            None => Some(stated.map_or_else(|| "stable".to_owned(), spoken)),
        };
        let on = || check::gates_that_are_on(config, stated.is_some());
        if let Some(blocker) = windows_runner(config) {
            return Err(Blockers(vec![blocker]).into());
        }
        let groups = match config.ci.on_tag {
            true => groups_of_checkout(context)?,
            false => Vec::new(),
        };
        Ok(Outline {
            tags: tag_patterns(&groups),
            config,
            subdirectory: context.subdirectory.as_str(),
            toolchain,
            gates: config.ci.gates.clone().unwrap_or_else(on),
            content: CheckoutContent::of(context),
            publishes: packages
                .iter()
                .any(|package| package.publishable_to_any(&config.registry.names())),
        })
    }

    /// Returns the secrets with the registries' tokens.
    fn registry_tokens(&self) -> String {
        let names = self.config.registry.names().into_iter();
        let secret = |name| {
            let variable = Token::variable(name);
            format!("{variable}: ${{{{ secrets.{variable} }}}}\n")
        };
        names.map(secret).collect()
    }

    /// Returns every environment that something can be deployed to.
    fn environments(&self) -> Vec<&str> {
        match &self.config.app {
            Some(_) => self.config.deploy.keys().map(String::as_str).collect(),
            None => Vec::new(),
        }
    }

    /// Returns where a release deploys; none: it deploys nothing.
    fn environment(&self) -> Option<&str> {
        let all = self.environments();
        let wanted = self.config.ci.environment.as_deref();
        let usual = || all.iter().copied().find(|name| *name == "production");
        wanted
            .filter(|name| all.contains(name))
            .or_else(usual)
            .or_else(|| all.first().copied())
    }

    /// Returns what is built for the app.
    fn has_backend(&self) -> bool {
        self.config
            .app
            .as_ref()
            .is_some_and(|app| app.backend.is_some())
    }

    /// Returns what a GitHub release holds the backend for, and whose runner builds it.
    fn targets(&self) -> Vec<(&str, &str)> {
        let config = self.config;
        let all = config.release.targets.iter();
        all.filter(|_| config.github.release && self.has_backend())
            .map(|(target, runner)| (target.as_str(), runner.as_str()))
            .collect()
    }

    fn has_frontend(&self) -> bool {
        self.config
            .app
            .as_ref()
            .is_some_and(|app| app.frontend.is_some())
    }

    /// Returns the group of runs that never meet.
    fn concurrency(&self) -> String {
        match self.environment() {
            Some(name) => format!("stagegate-{name}"),
            None => "stagegate".to_owned(),
        }
    }

    /// Returns a condition that holds in this repository and in none of its forks; empty
    /// where `github.repository` is not written, for a clone may be of a fork.
    fn not_in_forks(&self) -> String {
        let repository = self.config.github.repository.as_ref();
        repository.map_or_else(String::new, |name| format!("github.repository == '{name}'"))
    }

    /// Returns a condition, which may be empty, for this repository alone.
    fn here(&self, condition: &str) -> String {
        match (self.not_in_forks(), condition) {
            (guard, "") => guard,
            (guard, condition) if guard.is_empty() => condition.to_owned(),
            (guard, condition) => format!("{guard} && ({condition})"),
        }
    }

    /// Returns the names of the secrets that the team's own commands and `[notify]` take
    /// from the environment.
    fn own_secrets(&self) -> BTreeSet<&str> {
        let steps = self.config.steps.iter();
        let passed = steps.flat_map(|step| &step.pass_env).map(String::as_str);
        let webhook = self.config.notify.webhook.as_ref();
        let told = webhook.map(|webhook| webhook.env.as_str());
        // These come from the runner, or from what the workflows hand over anyway.
        let given = ["GITHUB_TOKEN", "SSH_AUTH_SOCK"];
        passed
            .chain(told)
            .filter(|name| !given.contains(name) && !name.starts_with("CARGO_REGISTR"))
            .collect()
    }

    /// Returns the lines that hand these secrets to a step.
    fn secrets(&self) -> String {
        let line = |name: &str| format!("{name}: ${{{{ secrets.{name} }}}}\n");
        self.own_secrets().into_iter().map(line).collect()
    }
}

/// Returns the problem of a job that would run on Windows. Every step of a workflow is a command
/// of stagegate's, which speaks SSH, keeps journals and ends processes as Unix does.
fn windows_runner(config: &Config) -> Option<Blocker> {
    let is_windows = |label: &str| label.to_ascii_lowercase().starts_with("windows");
    let target = config.release.targets.iter();
    let mut target = target.filter(|(_, runner)| is_windows(runner));
    if let Some((target, runner)) = target.next() {
        return Some(Blocker::new(
            format!(
                "`release.targets` gives {target} the runner {runner}, and stagegate does not run on Windows"
            ),
            "build it on Linux: name `x86_64-pc-windows-gnu` with a runner such as `ubuntu-24.04`, and install its linker in `ci.setup` (`sudo apt-get install --yes gcc-mingw-w64-x86-64`); or attach what a job of your own builds to the release",
        ));
    }
    // A job of the team's own runs the team's own command, on any machine that has bash.
    let labels = match &config.ci.runner {
        OneOrMany::One(label) => std::slice::from_ref(label),
        OneOrMany::Many(labels) => labels,
    };
    let runner = labels.iter().find(|label| is_windows(label))?;
    Some(Blocker::new(
        format!("`ci.runner` is {runner}, and stagegate does not run on Windows"),
        "name a runner with Linux or macOS; a job of your own (`[[ci.job]]`) may have another",
    ))
}

/// Returns whether a file says which toolchain is used: in the workspace, or above it in the
/// checkout, where rustup looks too.
fn chooses_toolchain(context: &Context) -> bool {
    let top = context.top();
    let mut around = context
        .root
        .ancestors()
        .filter(|directory| directory.starts_with(top));
    around.any(|directory| {
        let mut files = ["rust-toolchain.toml", "rust-toolchain"].into_iter();
        files.any(|name| directory.join(name).is_file())
    })
}

/// Returns the patterns that fit the tags of releases, and not those that are dates or names:
/// each form with three numbers in it.
fn tag_patterns(groups: &[Group]) -> Vec<String> {
    let forms = groups.iter().flat_map(|group| {
        let own = std::iter::once(&group.tag);
        own.chain(&group.more_tags)
    });
    let forms: BTreeSet<&String> = forms.collect();
    let pattern = |form: &String| form.replace("{version}", "[0-9]+.[0-9]+.[0-9]+*");
    forms.into_iter().map(pattern).collect()
}

/// Returns a version as rustup takes it: `1.95` where it is stated so.
fn spoken(version: &semver::Version) -> String {
    match version.patch {
        0 => format!("{}.{}", version.major, version.minor),
        _ => version.to_string(),
    }
}

/// Returns every workflow that the outline calls for.
pub(crate) fn workflows(outline: &Outline<'_>) -> Vec<Workflow> {
    let deploys = outline.environment().is_some();
    let all = [
        (FILES[0], Some(checks::workflow(outline))),
        (FILES[1], Some(release::workflow(outline))),
        (FILES[2], deploys.then(|| deploy::workflow(outline))),
        (
            FILES[3],
            (deploys || outline.publishes).then(|| rollback::workflow(outline)),
        ),
    ];
    let there = all
        .into_iter()
        .filter_map(|(file, text)| Some((file, text?)));
    there.map(|(file, text)| Workflow { file, text }).collect()
}
