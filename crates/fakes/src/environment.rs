//! The environment of one rehearsal: all fakes, started together.

use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::checkout::Checkout;
use crate::fault::Fault;
use crate::github::{FakeGitHub, GitHubOptions, TokenKind};
use crate::host::{FakeHost, FrontEnd, HostFault};
use crate::identity::{FakeRunner, IdentityKey};
use crate::registry::{Account, FakeRegistry, RegistryOptions, Team, TrustedPublisher};

/// What the environment holds.
pub struct EnvironmentOptions {
    /// The GitHub repository, `owner/name`.
    pub repository: String,
    /// The app whose host is wanted, if any.
    pub app: Option<HostedApp>,
    /// The program behind the host's commands.
    pub front_end: FrontEnd,
    /// What kind of token the client has for GitHub.
    pub github_token: TokenKind,
    /// Who is to own new crates. Whether there are such users and teams only GitHub knows, so
    /// the registry takes them for known, and the token's user for a member of each team.
    pub owners: Vec<String>,
    /// Registries beside crates.io, each with the index that it answers from for what was not
    /// uploaded to it, if that is known.
    pub more_registries: Vec<(String, Option<String>)>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// An app that needs a host.
pub struct HostedApp {
    /// Its name.
    pub name: String,
    /// The lines of its environment file; `{prefix}` stands for the host's root.
    pub environment: Vec<String>,
}

/// All fakes of a rehearsal. They end when this is dropped.
pub struct FakeEnvironment {
    /// The copy of the workspace.
    pub checkout: Checkout,
    /// The registry.
    pub registry: FakeRegistry,
    /// The registries beside it, by name; they take the same token.
    pub more_registries: Vec<(String, FakeRegistry)>,
    /// GitHub.
    pub github: FakeGitHub,
    /// The host, where there is an app.
    pub host: Option<FakeHost>,
    repository: String,
    /// A runner of the repository's workflow, which the registry trusts.
    pub runner: FakeRunner,
    /// The registry's token.
    pub registry_token: String,
    /// GitHub's token.
    pub github_token: String,
    host_faults: Vec<HostFault>,
    // Dropped last: the servers live on it.
    runtime: tokio::runtime::Runtime,
}

impl FakeEnvironment {
    /// Starts everything below `directory`.
    ///
    /// # Errors
    /// When a port or a file cannot be had.
    pub fn start(
        directory: &Utf8Path,
        checkout: Checkout,
        options: EnvironmentOptions,
    ) -> anyhow::Result<FakeEnvironment> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("starting the fakes' runtime")?;
        let handle = runtime.handle();
        let mut registry_faults = Vec::new();
        let mut github_faults = Vec::new();
        let mut host_faults = Vec::new();
        let mut index_lag = Duration::from_millis(300);
        for fault in options.faults {
            match fault {
                Fault::Registry(fault) => registry_faults.push(fault),
                Fault::IndexLag(lag) => index_lag = lag,
                Fault::GitHub(fault) => github_faults.push(fault),
                Fault::Host(fault) => host_faults.push(fault),
                // The client's own death is arranged by whoever starts the client.
                Fault::Kill(_) | Fault::KillOften => {}
            }
        }
        let key = IdentityKey::github();
        let runner = FakeRunner::start(handle, key.clone(), &options.repository)?;
        let registry_token = "rehearsal-registry-token".to_owned();
        let (teams, users): (Vec<String>, Vec<String>) = options
            .owners
            .into_iter()
            .partition(|login| login.starts_with("github:"));
        let known = RegistryOptions::new(registry_token.clone());
        let team = |login| Team {
            login,
            members: vec![known.owner.clone()],
        };
        let registry = FakeRegistry::start(
            handle,
            &directory.join("registry"),
            RegistryOptions {
                index_lag,
                pass_through: Some("https://index.crates.io/".to_owned()),
                trusted: Some(TrustedPublisher::every_crate(key, &options.repository)),
                faults: registry_faults,
                teams: teams.into_iter().map(team).collect(),
                accounts: users
                    .iter()
                    .map(|login| Account::without_token(login))
                    .collect(),
                ..known.clone()
            },
        )?;
        let mut more_registries = Vec::new();
        for (name, upstream) in options.more_registries {
            let place = directory.join("registries").join(&name);
            let options = RegistryOptions {
                index_lag,
                pass_through: upstream,
                ..RegistryOptions::new(registry_token.clone())
            };
            more_registries.push((name, FakeRegistry::start(handle, &place, options)?));
        }
        let github_token = "rehearsal-github-token".to_owned();
        let github = FakeGitHub::start(
            handle,
            &directory.join("github"),
            GitHubOptions {
                repository: options.repository.clone(),
                token: github_token.clone(),
                token_kind: options.github_token,
                private: false,
                organization: true,
                git: checkout.remote.clone(),
                immutable_releases: true,
                faults: github_faults,
            },
        )?;
        let host = match options.app {
            None => None,
            Some(app) => {
                let place = directory.join("host");
                std::fs::create_dir_all(&place).with_context(|| format!("creating {place}"))?;
                let host = FakeHost::start(handle, &place, options.front_end, None, Vec::new())?;
                let prefix: &Utf8Path = host.prefix();
                let lines: Vec<String> = app
                    .environment
                    .iter()
                    .map(|line| line.replace("{prefix}", prefix.as_str()))
                    .collect();
                host.provision(&app.name, &lines)?;
                Some(host)
            }
        };
        Ok(FakeEnvironment {
            checkout,
            registry,
            more_registries,
            github,
            host,
            repository: options.repository,
            runner,
            registry_token,
            github_token,
            host_faults,
            runtime,
        })
    }

    /// Lets the host misbehave from now on: what ran on it before came there in peace.
    ///
    /// # Errors
    /// When a file of a fault cannot be written.
    pub fn break_host(&mut self) -> anyhow::Result<()> {
        if let Some(host) = &mut self.host {
            for fault in self.host_faults.drain(..) {
                host.inject(fault)?;
            }
        }
        Ok(())
    }

    /// Returns the runtime, for whoever puts load on the app.
    pub fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Returns the GitHub repository, `owner/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns where the remote lies.
    pub fn remote(&self) -> &Utf8PathBuf {
        &self.checkout.remote
    }
}
