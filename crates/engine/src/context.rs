//! Where everything is: the workspace, the registry, GitHub, the hosts.
//!
//! A context is addresses and places, nothing else. A rehearsal is a context with
//! other addresses; no code below this knows which one it is in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use stagegate_config::schema::{Checkout, Config};
use stagegate_github::{GitHub, Server};
use stagegate_manifest::Workspace;
use stagegate_plan::facts::TokenPlaces;
use stagegate_plan::model::{Blocker, Blockers, namespace};
use stagegate_registry::{CargoConfig, Registry, Replacement, TokenUse};

use crate::connections::Connections;
use crate::deploy_jobs::DeployJobs;
use crate::interrupt::Interrupt;
use crate::tools::default_branch::CheckoutRefs;
use crate::tools::git::Git;
use crate::tools::process::Tool;
use crate::tools::secret_env::Keeps;
use crate::tools::tokens::{Granted, SecretSink, TokenSource};
use crate::tools::toolchain::{cargo, cargo_home};

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Context {
    /// The Cargo workspace's root.
    pub root: Utf8PathBuf,
    /// The root within the git checkout; empty where they are the same.
    pub subdirectory: Utf8PathBuf,
    /// Journals and what a resumed run needs: inside git's own directory, so
    /// that neither `cargo clean` nor `git clean` loses it.
    pub state: Utf8PathBuf,
    /// Cargo's target directory.
    pub target_directory: Utf8PathBuf,
    /// The workspace as it stood when this context was opened.
    pub workspace: Workspace,
    /// `stagegate.toml`, with what was laid over it.
    pub config: Config,
    /// The wish to stop.
    pub interrupt: Interrupt,
    /// The cargo that called us, or the one on the path.
    pub cargo: PathBuf,
    /// What people type to call this program, for what they are told to do next.
    pub command: &'static str,
    /// Those that a release publishes to, by name.
    registries: BTreeMap<String, OpenedRegistry>,
    cargo_config: OnceLock<Arc<CargoConfig>>,
    /// Connections to hosts that wait for their next use.
    pub(crate) connections: Arc<Connections>,
    /// What deploys to several hosts have in common.
    pub(crate) deploy_jobs: Arc<DeployJobs>,
}

/// A registry, and who gives tokens for it.
#[derive(Clone, Debug)]
struct OpenedRegistry {
    // Opening reads the trusted roots and the index's own configuration: once is enough.
    client: OnceLock<Registry>,
    tokens: Arc<TokenSource>,
}

impl Context {
    /// Opens the workspace around `start`.
    pub fn open(
        start: &Utf8Path,
        overlay: Option<&Utf8Path>,
        interrupt: Interrupt,
    ) -> anyhow::Result<Context> {
        // Neither needs the other, and both take their time.
        let (workspace, places) = std::thread::scope(|threads| {
            let places = threads.spawn(|| Places::around(start));
            let workspace = workspace_around(start);
            (workspace, places.join().expect("asking does not panic"))
        });
        let workspace = workspace?;
        let root = workspace.root.clone();
        let mut config = Config::load(&root, overlay)?;
        let places = match root == start {
            true => places,
            // Another checkout may lie between the two.
            false => Places::around(&root),
        };
        let Places { top, directory } = places.map_err(|error| not_a_checkout(&root, &error))?;
        let top = top
            .canonicalize_utf8()
            .with_context(|| format!("following {top}"))?;
        let inside = root
            .canonicalize_utf8()
            .with_context(|| format!("following {root}"))?;
        let subdirectory = inside
            .strip_prefix(&top)
            .unwrap_or(Utf8Path::new(""))
            .to_owned();
        learn_branch(&mut config, &root);
        know_checkout(&mut config, &root, &subdirectory);
        let opened = |name: &str| {
            let tokens = TokenSource::new(
                name,
                config.registry.trusts_identity(name),
                root.as_std_path().to_owned(),
                cargo_home(),
            );
            let opened = OpenedRegistry {
                client: OnceLock::new(),
                tokens: Arc::new(tokens),
            };
            (name.to_owned(), opened)
        };
        let registries = config.registry.names().into_iter().map(opened).collect();
        Ok(Context {
            root,
            state: state_of(&directory, &subdirectory),
            subdirectory,
            target_directory: workspace.target_directory.clone(),
            workspace,
            config,
            interrupt,
            cargo: cargo(),
            command: "cargo xtask",
            registries,
            cargo_config: OnceLock::new(),
            connections: Arc::default(),
            deploy_jobs: Arc::default(),
        })
    }

    /// Names who is told every secret that the run comes to know; those of the
    /// environment are known to whoever set them.
    pub fn set_secret_sink(&self, sink: SecretSink) {
        for opened in self.registries.values() {
            opened.tokens.set_secret_sink(Arc::clone(&sink));
        }
    }

    /// Returns the workspace of `root`, a checkout of ours or a copy of one.
    pub(crate) fn workspace_at(&self, root: &Utf8Path) -> anyhow::Result<Workspace> {
        let manifest = root.join("Cargo.toml");
        let clean = &crate::tools::process::clean;
        Ok(Workspace::load(&self.cargo, &manifest, clean)?)
    }

    /// Returns the top of the git checkout around the workspace.
    pub fn top(&self) -> &Utf8Path {
        let depth = self.subdirectory.components().count();
        self.root.ancestors().nth(depth).unwrap_or(&self.root)
    }

    /// Returns a path of the checkout, as seen from the workspace's root.
    pub(crate) fn relative_to_root(&self, path: &str) -> Utf8PathBuf {
        stagegate_manifest::relative_to(&self.root, &self.top().join(path))
    }

    /// Returns a path as seen from the workspace's root, within the checkout; nothing for what lies
    /// outside of it.
    pub(crate) fn within_checkout(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let absolute = stagegate_manifest::normalized(&self.root.join(path));
        Some(absolute.strip_prefix(self.top()).ok()?.to_owned())
    }

    /// git in the workspace.
    pub fn git(&self) -> Git {
        Git::at(&self.root)
    }

    /// cargo, in `directory`, with a clean environment.
    pub fn cargo_in(&self, directory: &Utf8Path) -> Tool {
        let keeps = match self.fetches_over_ssh() {
            true => Keeps::Agent,
            false => Keeps::Nothing,
        };
        let cargo = Tool::cargo(&self.cargo, directory).keeping(keeps);
        let names = self.registries.keys();
        names.fold(cargo, |cargo, name| cargo.without_token_of(name))
    }

    /// Returns whether cargo may have to fetch a dependency from git with the user's agent.
    fn fetches_over_ssh(&self) -> bool {
        let lockfile = std::fs::read_to_string(self.root.join("Cargo.lock"));
        lockfile.is_ok_and(|text| text.contains("\"git+ssh://"))
    }

    /// Reports, logs and the release tree. Below the root, not below cargo's
    /// target directory, which may lie inside somebody else's workspace.
    pub fn output(&self) -> Utf8PathBuf {
        self.root.join("target/stagegate")
    }

    /// Cargo's configuration around the workspace.
    fn cargo_config(&self) -> anyhow::Result<&CargoConfig> {
        if let Some(config) = self.cargo_config.get() {
            return Ok(config);
        }
        let env = |name: &str| std::env::var(name).ok();
        let loaded = CargoConfig::load(self.root.as_std_path(), &cargo_home(), env)?;
        Ok(self.cargo_config.get_or_init(|| Arc::new(loaded)))
    }

    /// Returns what cargo reads in a registry's place, if it does.
    pub(crate) fn registry_replacement(&self, name: &str) -> anyhow::Result<Option<Replacement>> {
        Ok(self.cargo_config()?.replacement(name))
    }

    /// Returns the name of a registry that an action names; without one it is the main one.
    pub(crate) fn registry_name<'n>(&'n self, other: Option<&'n str>) -> &'n str {
        other.unwrap_or(&self.config.registry.name)
    }

    /// Returns a registry's index: as configured, or as cargo knows it by its name.
    pub(crate) fn registry_index(&self, name: &str) -> anyhow::Result<String> {
        let configured = &self.config.registry;
        match &configured.index {
            Some(index) if configured.name == name => Ok(index.clone()),
            _ => Ok(self.cargo_config()?.index(name)?),
        }
    }

    fn opened(&self, name: &str) -> anyhow::Result<&OpenedRegistry> {
        self.registries.get(name).ok_or_else(|| {
            anyhow!(
                "the plan publishes to {name}, and [registry] of stagegate.toml does not name it any more; add it to `also`, and resume"
            )
        })
    }

    /// Returns the client of the main registry.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        self.registry_of(&self.config.registry.name)
    }

    /// Returns the client of a registry that a release publishes to.
    pub fn registry_of(&self, name: &str) -> anyhow::Result<Registry> {
        let client = &self.opened(name)?.client;
        if let Some(registry) = client.get() {
            return Ok(registry.clone());
        }
        let registry = Registry::open(&self.registry_index(name)?)?;
        Ok(client.get_or_init(|| registry).clone())
    }

    /// Returns where a registry's token would come from; nobody is asked for it.
    pub fn token_places(&self, name: &str) -> anyhow::Result<TokenPlaces> {
        self.opened(name)?.tokens.places(self.cargo_config()?)
    }

    /// Returns a token for uploading one version. `is_new`: the registry does not know the crate.
    pub(crate) fn upload_token(
        &self,
        name: &str,
        wanted: TokenUse<'_>,
        is_new: bool,
    ) -> anyhow::Result<Granted> {
        let (registry, cargo) = (self.registry_of(name)?, self.cargo_config()?);
        let now = Timestamp::now();
        let tokens = &self.opened(name)?.tokens;
        tokens.for_upload(&registry, cargo, wanted, is_new, now)
    }

    /// Returns a person's token: for a yank, for taking one back, or for owners.
    pub(crate) fn persons_token(
        &self,
        name: &str,
        wanted: TokenUse<'_>,
    ) -> anyhow::Result<Granted> {
        let (registry, cargo) = (self.registry_of(name)?, self.cargo_config()?);
        self.opened(name)?
            .tokens
            .of_a_person(&registry, cargo, wanted)
    }

    /// The registry refused a token; a renewable one is made anew.
    pub(crate) fn forget_token(&self, name: &str, refused: &Granted) {
        if let Some(opened) = self.registries.get(name) {
            opened.tokens.forget(refused);
        }
    }

    /// Gives back what was taken for this run alone.
    pub(crate) fn give_token_back(&self) -> anyhow::Result<()> {
        let mut given_back = Ok(());
        for opened in self.registries.values() {
            if let Some(registry) = opened.client.get() {
                given_back = given_back.and(opened.tokens.give_back(registry));
            }
        }
        given_back
    }

    /// GitHub's addresses.
    pub fn github_server(&self) -> Server {
        Server {
            api: self.config.github.api.clone(),
            uploads: self.config.github.uploads.clone(),
        }
    }

    /// Returns whether there is a token for GitHub.
    pub fn has_github_token(&self) -> bool {
        github_token().is_some()
    }

    /// Returns GitHub's client. Its addresses are no part of a plan: one that was wrong is
    /// corrected in stagegate.toml, and a resumed run goes on with the right one.
    pub fn github(&self) -> anyhow::Result<GitHub> {
        Ok(GitHub::new(&self.github_server(), github_token().as_ref())?)
    }
}

/// What `stagegate.toml` leaves open, the checkout answers.
fn learn_branch(config: &mut Config, root: &Utf8Path) {
    let release = &mut config.release;
    if release.remote.is_some() && release.branch.is_some() {
        return;
    }
    let refs = CheckoutRefs::read(&Git::at(root));
    if release.remote.is_none() {
        release.remote = refs.remote();
    }
    if release.branch.is_none() {
        release.branch = refs.branch(release.remote());
    }
}

/// Hosts that build are told where the sources are, as far as only the checkout knows.
fn know_checkout(config: &mut Config, root: &Utf8Path, subdirectory: &Utf8Path) {
    let backend = config.app.as_mut().and_then(|app| app.backend.as_mut());
    let Some(backend) = backend.filter(|backend| backend.is_built_on_hosts()) else {
        return;
    };
    let remote = Git::at(root).read(["remote", "get-url", config.release.remote()]);
    backend.build.checkout = Checkout::of(remote.ok().as_deref(), subdirectory.to_owned());
}

/// Says why there is no checkout. Where git has been here and refuses (a directory that
/// belongs to another user), only git knows the remedy.
fn not_a_checkout(root: &Utf8Path, error: &anyhow::Error) -> Blockers {
    let mut around = root.ancestors();
    let blocker = match around.find(|directory| directory.join(".git").exists()) {
        Some(checkout) => Blocker::new(
            format!("git refuses the checkout at {checkout}: {error:#}"),
            "do what git says, and try again",
        ),
        None => Blocker::new(
            format!("{root} is not in a git checkout, and a release is made from a commit"),
            "`git init`, and commit",
        ),
    };
    Blockers(vec![blocker])
}

/// Returns the place of a workspace's journals. Several workspaces of one repository know nothing
/// of each other.
fn state_of(directory: &Utf8Path, subdirectory: &Utf8Path) -> Utf8PathBuf {
    let state = directory.join("stagegate");
    match namespace(subdirectory) {
        name if name.is_empty() => state,
        name => state.join("in").join(name),
    }
}

/// Where git has things.
struct Places {
    /// The checkout.
    top: Utf8PathBuf,
    /// git's own directory, of all checkouts.
    directory: Utf8PathBuf,
}

impl Places {
    fn around(start: &Utf8Path) -> anyhow::Result<Places> {
        let args = [
            "rev-parse",
            "--path-format=absolute",
            "--show-toplevel",
            "--git-common-dir",
        ];
        let text = Git::at(start).read(args)?;
        let (top, directory) = text
            .split_once('\n')
            .with_context(|| format!("`git rev-parse` said `{text}` in {start}"))?;
        Ok(Places {
            top: top.into(),
            directory: directory.into(),
        })
    }
}

fn github_token() -> Option<stagegate_github::Token> {
    let found = ["GITHUB_TOKEN", "GH_TOKEN"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    found
        .filter(|token| !token.trim().is_empty())
        .map(stagegate_github::Token::new)
}

/// Returns the workspace around `start`, as the cargo that called us sees it.
///
/// # Errors
/// When there is none, or cargo cannot read it.
pub fn workspace_around(start: &Utf8Path) -> anyhow::Result<Workspace> {
    let mut manifests = start
        .ancestors()
        .map(|directory| directory.join("Cargo.toml"));
    let manifest = manifests.find(|path| path.is_file()).ok_or_else(|| {
        anyhow!("there is no Cargo.toml in {start} or above it; run this inside a Cargo workspace")
    })?;
    Ok(Workspace::load(
        &cargo(),
        &manifest,
        &crate::tools::process::clean,
    )?)
}
