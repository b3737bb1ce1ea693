//! Where the registry's token comes from, and a token for each upload.
//!
//! Two sources are looked at. A **workflow's identity** is exchanged for a
//! token of half an hour, just before the first upload, again when it runs out,
//! and given back at the end of the run: nothing is left that could be stolen.
//! A **plain token** comes from the environment, from cargo's credentials file,
//! or from the credential providers that cargo is configured to ask. The
//! identity comes first where the runner offers one; what it may not do (a new
//! crate, a yank) or is refused for, the plain token does, and the reason is
//! told.
//!
//! It refuses to ask anybody for a token before one is needed: a survey learns
//! where it would come from, and whoever keeps it is not disturbed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use jiff::Timestamp;
use semver::Version;
use stagegate_github::IdentitySource;
use stagegate_plan::facts::TokenPlaces;
use stagegate_registry::{
    CargoConfig, Coverage, Keep, Lease, ProvidedToken, Provider, ProviderRegistry, Registry, Token,
    TokenUse,
};

/// Before a token of an identity ends, so that no upload begins with one that
/// ends while it is under way.
const BEFORE_IT_ENDS: Duration = Duration::from_secs(5 * 60);

/// A token, where it came from, and what is worth telling about that.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) token: Token,
    pub(crate) from: String,
    /// The lease that it is of, where it came from a workflow's identity: a new one can be
    /// had, and what the registry says of it is kept.
    pub(crate) lease: Option<Arc<Lease>>,
    /// Why it is not the identity's.
    pub(crate) remark: Option<String>,
}

/// Hands out tokens for one registry; shared by all uploads of a run.
pub(crate) struct TokenSource {
    /// The registry's name as cargo knows it.
    registry: String,
    /// Whether identities are exchanged at all.
    trusted: bool,
    /// Programs are started from here.
    directory: PathBuf,
    cargo_home: PathBuf,
    kept: Mutex<Kept>,
    sink: OnceLock<SecretSink>,
}

/// Is told every secret that a run comes to know on its way, so that whoever shows
/// its output can strike it out.
pub type SecretSink = Arc<dyn Fn(&str) + Send + Sync>;

/// What was handed out and may be handed out again.
#[derive(Default)]
struct Kept {
    lease: Option<Arc<Lease>>,
    /// Why no identity is asked for any more.
    untrusted: Option<String>,
    provided: Option<(ProvidedToken, String)>,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl TokenSource {
    pub(crate) fn new(
        registry: &str,
        trusted: bool,
        directory: PathBuf,
        cargo_home: PathBuf,
    ) -> TokenSource {
        TokenSource {
            registry: registry.to_owned(),
            trusted,
            directory,
            cargo_home,
            kept: Mutex::default(),
            sink: OnceLock::new(),
        }
    }

    /// Names who is told secrets; the first to be named is.
    pub(crate) fn set_secret_sink(&self, sink: SecretSink) {
        let _ = self.sink.set(sink);
    }

    fn tell(&self, secret: &str) {
        if let Some(sink) = self.sink.get() {
            sink(secret);
        }
    }

    /// Returns where tokens would come from. Nobody is asked for one.
    pub(crate) fn places(&self, cargo: &CargoConfig) -> anyhow::Result<TokenPlaces> {
        Ok(TokenPlaces {
            trusted: self.identity()?.is_some(),
            plain: self.plain_place(cargo)?,
        })
    }

    fn identity(&self) -> anyhow::Result<Option<IdentitySource>> {
        if !self.trusted {
            return Ok(None);
        }
        Ok(IdentitySource::find(&variable)?)
    }

    fn plain_place(&self, cargo: &CargoConfig) -> anyhow::Result<Option<String>> {
        if Token::in_environment(&self.registry, &variable)?.is_some() {
            return Ok(Some(Token::variable(&self.registry)));
        }
        for provider in cargo.providers(&self.registry) {
            if provider == Provider::CredentialsFile {
                if Token::in_credentials(&self.registry, &self.cargo_home)?.is_some() {
                    return Ok(Some("cargo's credentials file".to_owned()));
                }
            } else if !provider.is_installed(&self.directory, std::env::var_os("PATH").as_deref()) {
                bail!(
                    "the credential provider {} is configured, and there is no such program; install it, or correct cargo's configuration",
                    provider.shown()
                );
            } else {
                return Ok(Some(format!(
                    "the credential provider {}",
                    provider.shown()
                )));
            }
        }
        Ok(None)
    }

    /// Returns a token for an upload. `is_new`: the registry does not know the crate.
    pub(crate) fn for_upload(
        &self,
        registry: &Registry,
        cargo: &CargoConfig,
        wanted: TokenUse<'_>,
        is_new: bool,
        now: Timestamp,
    ) -> anyhow::Result<Granted> {
        // One at a time: sixteen uploads that begin together need one token.
        let mut kept = self.kept();
        let Some(identity) = self.identity()? else {
            return self.plain(&mut kept, registry, cargo, wanted, None, now);
        };
        let reason = match &kept.untrusted {
            _ if is_new => "a workflow's identity cannot create a new crate".to_owned(),
            Some(reason) => reason.clone(),
            None => match self.covered(&mut kept, &identity, registry, wanted, now) {
                Ok(Some(lease)) => {
                    return Ok(Granted {
                        token: lease.token().clone(),
                        from: "the workflow's identity".to_owned(),
                        lease: Some(lease),
                        remark: None,
                    });
                }
                Ok(None) => not_trusted(wanted),
                Err(error) => {
                    let reason = format!("trusted publishing did not work: {error:#}");
                    kept.untrusted = Some(reason.clone());
                    reason
                }
            },
        };
        self.plain(&mut kept, registry, cargo, wanted, Some(reason), now)
    }

    /// Returns a lease that is valid for the crate, crate by crate: it is for those that name this
    /// workflow. One that ended when it was asked about is replaced once.
    fn covered(
        &self,
        kept: &mut Kept,
        identity: &IdentitySource,
        registry: &Registry,
        wanted: TokenUse<'_>,
        now: Timestamp,
    ) -> anyhow::Result<Option<Arc<Lease>>> {
        let mut renewed = false;
        loop {
            let lease = self.lease(kept, identity, registry, now)?;
            let covered = coverage(registry, &lease, wanted) != Coverage::NotCovered;
            if covered {
                return Ok(Some(lease));
            }
            if renewed || lease.is_good(now, BEFORE_IT_ENDS) {
                return Ok(None);
            }
            renewed = true;
        }
    }

    /// Returns a token of a person, such as a yank needs.
    pub(crate) fn of_a_person(
        &self,
        registry: &Registry,
        cargo: &CargoConfig,
        wanted: TokenUse<'_>,
    ) -> anyhow::Result<Granted> {
        self.plain(
            &mut self.kept(),
            registry,
            cargo,
            wanted,
            None,
            Timestamp::now(),
        )
    }

    fn plain(
        &self,
        kept: &mut Kept,
        registry: &Registry,
        cargo: &CargoConfig,
        wanted: TokenUse<'_>,
        remark: Option<String>,
        now: Timestamp,
    ) -> anyhow::Result<Granted> {
        let granted = |token, from| Granted {
            token,
            from,
            lease: None,
            remark: remark.clone(),
        };
        if let Some(token) = Token::in_environment(&self.registry, &variable)? {
            return Ok(granted(token, Token::variable(&self.registry)));
        }
        if let Some((provided, from)) = &kept.provided
            && may_be_kept(provided, now)
        {
            return Ok(granted(provided.token.clone(), from.clone()));
        }
        let place = ProviderRegistry {
            name: &self.registry,
            index: registry.index(),
        };
        for provider in cargo.providers(&self.registry) {
            if provider == Provider::CredentialsFile {
                if let Some(token) = Token::in_credentials(&self.registry, &self.cargo_home)? {
                    self.tell(token.secret());
                    return Ok(granted(token, "cargo's credentials file".to_owned()));
                }
            } else if let Some(provided) = provider.token(place, wanted, &self.directory)? {
                let from = format!("the credential provider {}", provider.shown());
                let token = provided.token.clone();
                self.tell(token.secret());
                kept.provided = Some((provided, from.clone()));
                return Ok(granted(token, from));
            }
        }
        let none = anyhow!(
            "there is no token for the registry {}; set {} or run `cargo login`",
            self.registry,
            Token::variable(&self.registry)
        );
        Err(match remark {
            Some(remark) => none.context(remark),
            None => none,
        })
    }

    /// The registry does not take a token of an identity any more; the next
    /// one is asked for anew.
    pub(crate) fn forget(&self, refused: &Granted) {
        let mut kept = self.kept();
        let same = |lease: &Arc<Lease>| lease.token().is_same(&refused.token);
        if kept.lease.as_ref().is_some_and(same) {
            kept.lease = None;
        }
    }

    /// Gives the token of an identity back, if there is one.
    pub(crate) fn give_back(&self, registry: &Registry) -> anyhow::Result<()> {
        let Some(lease) = self.kept().lease.take() else {
            return Ok(());
        };
        registry
            .revoke(lease.token())
            .context("giving the workflow's token back; it ends by itself within half an hour")
    }

    /// Returns the token of an identity: the one there is while it is good, or a new one.
    fn lease(
        &self,
        kept: &mut Kept,
        identity: &IdentitySource,
        registry: &Registry,
        now: Timestamp,
    ) -> anyhow::Result<Arc<Lease>> {
        let good = |lease: &&Arc<Lease>| lease.is_good(now, BEFORE_IT_ENDS);
        if let Some(lease) = kept.lease.as_ref().filter(good) {
            return Ok(Arc::clone(lease));
        }
        let audience = registry
            .audience()
            .context("the registry has no web API to be named as the audience")?;
        let identity = identity.request(&audience)?;
        self.tell(identity.expose());
        let identity = Token::given(identity.expose(), "the runner's identity")?;
        let lease = Arc::new(registry.lease(&identity, now)?);
        self.tell(lease.token().secret());
        kept.lease = Some(Arc::clone(&lease));
        Ok(lease)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change is one assignment, so a panic elsewhere leaves it whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the lease is valid for the crate that it is wanted for.
fn coverage(registry: &Registry, lease: &Lease, wanted: TokenUse<'_>) -> Coverage {
    let TokenUse::Publish { name, version, .. } = wanted else {
        return Coverage::Unknown;
    };
    match Version::parse(version) {
        Ok(version) => registry.coverage(lease, name, &version),
        Err(_) => Coverage::Unknown,
    }
}

fn not_trusted(wanted: TokenUse<'_>) -> String {
    let name = match wanted {
        TokenUse::Publish { name, .. } => name,
        _ => "the crate",
    };
    format!("{name} does not name this workflow as a trusted publisher")
}

fn may_be_kept(provided: &ProvidedToken, now: Timestamp) -> bool {
    match provided.keep {
        Keep::Never => false,
        Keep::Session => true,
        Keep::Until(end) => now < end,
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenSource({})", self.registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_before_it_ends() {
        let since = Timestamp::UNIX_EPOCH;
        let lease = Lease::new(Token::new("t".to_owned()), since);
        let check = |minutes: i64, want: bool| {
            let now = since + jiff::SignedDuration::from_mins(minutes);
            assert_eq!(
                lease.is_good(now, BEFORE_IT_ENDS),
                want,
                "{minutes} minutes"
            );
        };
        check(0, true);
        check(24, true);
        check(25, false);
        check(90, false);
        // A clock that was set back makes no token older than it is.
        check(-10, true);
    }

    #[test]
    fn a_providers_token_is_kept_as_long_as_it_says() {
        let now = Timestamp::UNIX_EPOCH;
        let check = |keep: Keep, want: bool| {
            let token = Token::new("t".to_owned());
            assert_eq!(may_be_kept(&ProvidedToken { token, keep }, now), want);
        };
        let second = jiff::SignedDuration::from_secs(1);
        check(Keep::Session, true);
        check(Keep::Never, false);
        check(Keep::Until(now + second), true);
        check(Keep::Until(now - second), false);
    }

    #[test]
    fn places_are_told_without_a_token() {
        let shown = |trusted, plain: Option<&str>| {
            let plain = plain.map(str::to_owned);
            TokenPlaces { trusted, plain }.to_string()
        };
        assert_eq!(shown(false, Some("X")), "from X");
        assert_eq!(
            shown(true, Some("X")),
            "from the workflow's identity, else from X"
        );
        assert_eq!(shown(true, None), "from the workflow's identity");
    }
}
