//! `[ci]`: what the written workflows are to be like.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::CiActions;
use crate::stage::Stage;

/// `[ci]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CiConfig {
    /// The runner of every job: a label, or several that one runner must have.
    pub runner: OneOrMany,
    /// The toolchain. The default is that of `rust-toolchain.toml`, or else the stated
    /// `rust-version`, or else `stable`.
    pub toolchain: Option<String>,
    /// The environment that releases and pushes deploy to. The default is `production`,
    /// or the only environment.
    pub environment: Option<String>,
    /// The gates that pull requests and pushes must pass. The default is all that are on,
    /// except `semver`, which needs to know the version.
    pub gates: Option<Vec<Stage>>,
    /// Shell commands that prepare a runner for the build.
    pub setup: Vec<String>,
    /// Environment variables of every job. Do not put secrets here.
    pub env: BTreeMap<String, String>,
    /// Your own jobs for pull requests and pushes, required like the gates.
    #[serde(rename = "job")]
    pub jobs: Vec<CiJob>,
    /// Whether each push to a branch that is released from opens a pull request with the
    /// next release, or brings it up to date. Commits and public interfaces say the version.
    pub release_pull_request: bool,
    /// Whether pushing a tag of the form that your tags have releases it. Leave it off if
    /// you also release elsewhere: such a release pushes its tag, and would start again.
    pub on_tag: bool,
    /// Whether released files get an attestation of where they were built.
    pub attest: bool,
    /// When `ci.yml` runs by itself, as a cron expression. Without one, it never does.
    pub schedule: String,
    /// The name of a secret with a token of your own, which the jobs that push use instead
    /// of the workflow's own token. You need one if the branch is protected, or if what is
    /// pushed shall start other workflows.
    pub token: Option<String>,
    /// What the jobs that build have to fetch, and not everybody may.
    pub fetch: CiFetch,
    /// Third-party actions that the workflows use.
    pub actions: CiActions,
}

/// `[ci.fetch]`: dependencies that are not public. One step of each job that builds fetches
/// them, and no other step has a token for that.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CiFetch {
    /// Registries, by the names that cargo's configuration gives them. The token of
    /// `company` is the secret `CARGO_REGISTRIES_COMPANY_TOKEN`; it needs to read only.
    pub registries: Vec<String>,
    /// Addresses of git dependencies, such as `https://github.com/acme`, each with the name
    /// of a secret whose token may read what is there.
    pub git: BTreeMap<String, String>,
}

impl CiFetch {
    fn problem(&self) -> Option<String> {
        let named = |name: &String| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !name.is_empty() && name.chars().all(plain)
        };
        if let Some(name) = self.registries.iter().find(|name| !named(name)) {
            return Some(format!(
                "`ci.fetch.registries` names {name:?}, which is no name of a registry in cargo's configuration"
            ));
        }
        for (address, secret) in &self.git {
            let https = address.starts_with("https://")
                && !address.contains(|c: char| c.is_whitespace() || c == '\'' || c == '@');
            if !https {
                return Some(format!(
                    "`ci.fetch.git` names {address:?}: write an address that begins with `https://`, without a user"
                ));
            }
            if !is_variable(secret) {
                return Some(format!(
                    "`ci.fetch.git` gives {address} {secret:?}, which is no name of a secret: write the name, never the token"
                ));
            }
        }
        None
    }
}

/// A word, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
            release_pull_request: false,
            on_tag: false,
            attest: true,
            // Monday morning: what has become vulnerable meanwhile is known in the week.
            schedule: "17 4 * * 1".to_owned(),
            token: None,
            fetch: CiFetch::default(),
            actions: CiActions::default(),
        }
    }
}

/// `[[ci.job]]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CiJob {
    /// The name of the job: lower-case letters, digits and `-`.
    pub name: String,
    /// The command, run at the workspace's root without a shell.
    pub run: Vec<String>,
    /// How long the job may take, in minutes.
    #[serde(default = "default_minutes")]
    pub minutes: u32,
    /// The runner of the job, if it differs.
    pub runner: Option<OneOrMany>,
    /// Jobs of `ci.yml` that must pass before it: `gate`, or your own.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Environment variables of the job. Do not put secrets here.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Lists of values, by name. The job runs once for each combination, with the values in
    /// its environment as `MATRIX_NAME`.
    #[serde(default)]
    pub matrix: BTreeMap<String, Vec<String>>,
    /// Containers that run beside the job, by name.
    #[serde(default)]
    pub services: BTreeMap<String, CiService>,
}

/// `[ci.job.services.NAME]`: a container beside a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CiService {
    /// The image of the container.
    pub image: String,
    /// Published ports, as `HOST:CONTAINER`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// Environment variables of the container. Do not put secrets here.
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
    /// Returns what types cannot say: where in the file it is, and what is wrong.
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
        if let Some(what) = self.fetch.problem() {
            return Some(("[ci.fetch]", what));
        }
        if let Some(what) = self.actions.problem() {
            return Some(("actions", what));
        }
        if let Some(name) = self.env.keys().find(|name| !is_variable(name)) {
            let what = format!("`ci.env` names {name:?}, which is no name of a variable");
            return Some(("env", what));
        }
        if let Some(name) = self.token.as_deref().filter(|name| !is_variable(name)) {
            let what = format!(
                "`ci.token` is {name:?}, which is no name of a secret: write the name, never the token"
            );
            return Some(("token", what));
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
