//! `[ci]`: what the written workflows are to be like.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::schema::CiActions;
use crate::stage::Stage;

/// `[ci]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CiConfig {
    /// The runner of every job: a label, or several that one runner has to have.
    pub runner: OneOrMany,
    /// The toolchain; absent: what `rust-toolchain.toml` says, else the stated
    /// `rust-version`, else `stable`.
    pub toolchain: Option<String>,
    /// Where a release deploys, and a push to the branch; absent: `production`,
    /// or the only environment there is.
    pub environment: Option<String>,
    /// The gates that pull requests and pushes pass; absent: all that are on, but
    /// for `semver`, which needs to know the version.
    pub gates: Option<Vec<Stage>>,
    /// Lines of shell that make a runner ready to build.
    pub setup: Vec<String>,
    /// Environment of every job; no secrets.
    pub env: BTreeMap<String, String>,
    /// Further jobs for pull requests and pushes, required as the gates are.
    #[serde(rename = "job")]
    pub jobs: Vec<CiJob>,
    /// Whether a pushed tag of the form `release.tag` is released. A release that is
    /// made elsewhere pushes its tag too, and would be made twice.
    pub on_tag: bool,
    /// Whether what is released gets an attestation of where it was built.
    pub attest: bool,
    /// When `ci.yml` runs by itself, in cron's words; empty: never.
    pub schedule: String,
    /// The actions of others that the workflows use.
    pub actions: CiActions,
}

/// A word, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "a label, or a list of labels")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Default for CiConfig {
    fn default() -> Self {
        CiConfig {
            runner: OneOrMany::One("ubuntu-24.04".to_owned()),
            toolchain: None,
            environment: None,
            gates: None,
            setup: Vec::new(),
            env: BTreeMap::new(),
            jobs: Vec::new(),
            on_tag: false,
            attest: true,
            // Monday morning: what has become vulnerable meanwhile is known in the week.
            schedule: "17 4 * * 1".to_owned(),
            actions: CiActions::default(),
        }
    }
}

/// `[[ci.job]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CiJob {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// The command, at the workspace's root. No shell is involved.
    pub run: Vec<String>,
    /// How long it may take, in minutes.
    #[serde(default = "default_minutes")]
    pub minutes: u32,
    /// Its runner, where it differs.
    pub runner: Option<OneOrMany>,
    /// Jobs of `ci.yml` that have to pass before: `gate`, or one of your own.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Its environment; no secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// It runs once for each combination; the values are in its environment as
    /// `MATRIX_NAME`.
    #[serde(default)]
    pub matrix: BTreeMap<String, Vec<String>>,
    /// Containers beside it, by name.
    #[serde(default)]
    pub services: BTreeMap<String, CiService>,
}

/// `[ci.job.services.NAME]`: a container beside a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CiService {
    /// The image.
    pub image: String,
    /// Ports, as `HOST:CONTAINER`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// Its environment; no secrets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Options of `docker create`, such as a health check.
    #[serde(default)]
    pub options: String,
}

fn default_minutes() -> u32 {
    60
}

impl CiConfig {
    /// What types cannot say: where in the file it is, and what is wrong.
    pub fn problem(&self, environments: &[&str]) -> Option<(&'static str, String)> {
        for job in &self.jobs {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let named = job.name.starts_with(|c: char| c.is_ascii_lowercase());
            if !named || !job.name.chars().all(plain) {
                let what = format!(
                    "a `[[ci.job]]` is called {:?}: a job's name holds lower-case letters, digits and `-` only, and begins with a letter",
                    job.name
                );
                return Some(("[[ci.job]]", what));
            }
            let same = |other: &&CiJob| other.name == job.name;
            let taken = ["gate", "passed"].contains(&job.name.as_str());
            if taken || self.jobs.iter().filter(same).count() > 1 {
                let what = format!("there is more than one job `{}`", job.name);
                return Some(("[[ci.job]]", what));
            }
            if job.run.is_empty() {
                let what = format!("the job `{}` needs a command in `run`", job.name);
                return Some(("[[ci.job]]", what));
            }
        }
        for job in &self.jobs {
            let known = |name: &&String| {
                name.as_str() != "gate" && self.jobs.iter().all(|other| other.name != **name)
            };
            if let Some(unknown) = job.needs.iter().find(known) {
                let what = format!(
                    "the job `{}` needs `{unknown}`, and there is no such job",
                    job.name
                );
                return Some(("[[ci.job]]", what));
            }
            let names = job.matrix.keys().chain(job.env.keys());
            if let Some(name) = names.into_iter().find(|name| !is_variable(name)) {
                let what = format!(
                    "the job `{}` names {name:?}, which is no name of a variable",
                    job.name
                );
                return Some(("[[ci.job]]", what));
            }
        }
        if let Some(what) = self.actions.problem() {
            return Some(("actions", what));
        }
        if let Some(name) = self.env.keys().find(|name| !is_variable(name)) {
            let what = format!("`ci.env` names {name:?}, which is no name of a variable");
            return Some(("env", what));
        }
        let environment = self.environment.as_deref()?;
        (!environments.contains(&environment)).then(|| {
            let what = format!(
                "`ci.environment` is {environment:?}, and there is no [deploy.{environment}]"
            );
            ("environment", what)
        })
    }
}

fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(plain)
}
