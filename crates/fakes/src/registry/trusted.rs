//! Trusted publishing: tokens for the identities of workflow runs, each for half an hour of
//! this registry's clock and for the crates that name the workflow.
//!
//! Order and texts are those of crates.io `src/controllers/trustpub/tokens/exchange/mod.rs`,
//! the form of a token that of `crates/crates_io_trustpub/src/access_token.rs`, 2026-08-21.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::account::forbidden;
use super::refusal::Refusal;
use super::store::canonical;
use crate::identity::{Claims, IdentityKey, IdentityProblem, OWNER_ID};

/// Whom the registry trusts.
#[derive(Debug, Clone)]
pub struct TrustedPublisher {
    /// The key that identities are signed with.
    pub key: IdentityKey,
    /// Which workflows are named by which crates.
    pub configs: Vec<TrustConfig>,
    /// How long a token lasts; half an hour at crates.io.
    pub lifetime: Duration,
}

impl TrustedPublisher {
    /// Trusts `release.yml` of a repository for every crate there is.
    pub fn every_crate(key: IdentityKey, repository: &str) -> TrustedPublisher {
        TrustedPublisher {
            key,
            configs: vec![TrustConfig::new(repository, TrustedCrates::Every)],
            lifetime: Duration::from_secs(30 * 60),
        }
    }
}

/// A workflow, and the crates that name it in their settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustConfig {
    /// The crates.
    pub crates: TrustedCrates,
    /// The repository, `owner/name`.
    pub repository: String,
    /// The number of the repository's owner.
    pub owner_id: u64,
    /// The name of the workflow's file.
    pub workflow: String,
    /// The environment of the job, where the crate asks for one.
    pub environment: Option<String>,
}

impl TrustConfig {
    /// Names a repository's `release.yml`, in any environment.
    pub fn new(repository: &str, crates: TrustedCrates) -> TrustConfig {
        TrustConfig {
            crates,
            repository: repository.to_owned(),
            owner_id: OWNER_ID,
            workflow: "release.yml".to_owned(),
            environment: None,
        }
    }
}

/// Which crates name a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedCrates {
    /// Every crate that there is, for rehearsals, which know no names.
    Every,
    /// These.
    Named(Vec<String>),
}

impl TrustedCrates {
    fn contain(&self, name: &str) -> bool {
        match self {
            TrustedCrates::Every => true,
            TrustedCrates::Named(names) => {
                names.iter().any(|one| canonical(one) == canonical(name))
            }
        }
    }
}

#[derive(Debug)]
struct Lease {
    /// On this registry's clock.
    end: Duration,
    crates: Vec<TrustedCrates>,
}

/// The tokens that were given out.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: HashMap<String, Lease>,
    used: HashSet<String>,
    given: u64,
}

impl Leases {
    /// Gives a token for an identity, which is used up by this.
    pub(crate) fn exchange(
        &mut self,
        publisher: &TrustedPublisher,
        audience: &str,
        identity: &str,
        now: Duration,
    ) -> Result<String, Refusal> {
        let claims = publisher
            .key
            .verify(identity, audience)
            .map_err(|problem| {
                Refusal::bad_request(match problem {
                    IdentityProblem::Undecodable => "Failed to decode JWT".to_owned(),
                    IdentityProblem::Issuer(issuer) => format!("Unsupported JWT issuer: {issuer}"),
                    IdentityProblem::NoKeyId => "Missing JWT key ID".to_owned(),
                    IdentityProblem::UnknownKeyId => "Invalid JWT key ID".to_owned(),
                })
            })?;
        if !self.used.insert(claims.jti.clone()) {
            return Err(Refusal::bad_request("JWT has already been used"));
        }
        let crates = trusting(&publisher.configs, &claims).map_err(Refusal::bad_request)?;
        self.given += 1;
        let token = new_token()?;
        let end = now + publisher.lifetime;
        self.leases.insert(token.clone(), Lease { end, crates });
        Ok(token)
    }

    /// Checks that a token is one of these, still good, and for this crate.
    pub(crate) fn check(&self, token: &str, name: &str, now: Duration) -> Result<(), Refusal> {
        let lease = self.leases.get(token).filter(|lease| now < lease.end);
        let lease = lease.ok_or_else(|| forbidden("Invalid authentication token"))?;
        if lease.crates.iter().any(|crates| crates.contain(name)) {
            return Ok(());
        }
        Err(forbidden(format!(
            "The provided access token is not valid for crate `{name}`"
        )))
    }

    /// Takes a token back, whether it is one of these or not.
    pub(crate) fn revoke(&mut self, token: &str) {
        self.leases.remove(token);
    }

    /// Returns how many were given out, and how many of them were not given back.
    pub(crate) fn count(&self) -> (u64, usize) {
        (self.given, self.leases.len())
    }
}

/// Returns which crates trust an identity, or what it lacks.
fn trusting(configs: &[TrustConfig], claims: &Claims) -> Result<Vec<TrustedCrates>, String> {
    let event = &claims.event_name;
    if matches!(event.as_str(), "pull_request_target" | "workflow_run") {
        return Err(format!(
            "Trusted Publishing does not support the `{event}` event trigger due to security \
             concerns. Please use a different trigger such as `push`, `release`, or \
             `workflow_dispatch`."
        ));
    }
    let repository = &claims.repository;
    if !repository.contains('/') {
        return Err("Unexpected `repository` value".to_owned());
    }
    let workflow = workflow_file(&claims.workflow_ref)
        .ok_or_else(|| "Unexpected `workflow_ref` value".to_owned())?;
    let owner_id: u64 = claims
        .repository_owner_id
        .parse()
        .map_err(|_| "Unexpected `repository_owner_id` value".to_owned())?;
    let mut left: Vec<_> = configs
        .iter()
        .filter(|config| config.repository.eq_ignore_ascii_case(repository))
        .collect();
    if left.is_empty() {
        return Err(format!(
            "No Trusted Publishing config found for repository `{repository}`."
        ));
    }
    let before = left.clone();
    left.retain(|config| config.owner_id == owner_id);
    if left.is_empty() {
        let expected = list(before.iter().map(|config| config.owner_id.to_string()));
        return Err(format!(
            "The Trusted Publishing config for repository `{repository}` does not match the \
             repository owner ID ({owner_id}) in the JWT. Expected owner IDs: {expected}. Please \
             recreate the Trusted Publishing config to update the repository owner ID."
        ));
    }
    let before = left.clone();
    left.retain(|config| config.workflow == workflow);
    if left.is_empty() {
        let expected = list(before.iter().map(|config| format!("`{}`", config.workflow)));
        return Err(format!(
            "The Trusted Publishing config for repository `{repository}` does not match the \
             workflow filename `{workflow}` in the JWT. Expected workflow filenames: {expected}"
        ));
    }
    let before = left.clone();
    let given = claims.environment.as_deref();
    left.retain(|config| match (&config.environment, given) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wanted), Some(given)) => wanted.to_lowercase() == given.to_lowercase(),
    });
    if left.is_empty() {
        let wanted = before
            .iter()
            .filter_map(|config| config.environment.as_ref());
        let expected = list(wanted.map(|environment| format!("`{environment}`")));
        return Err(match given {
            Some(given) => format!(
                "The Trusted Publishing config for repository `{repository}` does not match the \
                 environment `{given}` in the JWT. Expected environments: {expected}"
            ),
            None => format!(
                "The Trusted Publishing config for repository `{repository}` requires an \
                 environment, but the JWT does not specify one. Expected environments: {expected}"
            ),
        });
    }
    Ok(left
        .into_iter()
        .map(|config| config.crates.clone())
        .collect())
}

fn list(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// Takes `release.yml` out of `owner/name/.github/workflows/release.yml@refs/heads/main`.
fn workflow_file(reference: &str) -> Option<&str> {
    let (path, _) = reference.split_once('@')?;
    let file = path.rsplit('/').next()?;
    (file.ends_with(".yml") || file.ends_with(".yaml")).then_some(file)
}

/// What every token of trusted publishing begins with.
pub(crate) const PREFIX: &str = "cio_tp_";

const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes a token: the prefix, 31 random characters, and one that is the checksum of those.
fn new_token() -> anyhow::Result<String> {
    let mut random = [0; 31];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| anyhow::anyhow!("this machine has no random numbers"))?;
    let raw: Vec<u8> = random
        .iter()
        .map(|byte| CHARACTERS[usize::from(*byte) % CHARACTERS.len()])
        .collect();
    let text: String = raw.iter().map(|byte| char::from(*byte)).collect();
    Ok(format!("{PREFIX}{text}{}", char::from(checksum(&raw))))
}

fn checksum(raw: &[u8]) -> u8 {
    let sum = raw.iter().fold(0, |sum, byte| sum ^ byte);
    CHARACTERS[usize::from(sum) % CHARACTERS.len()]
}

/// Returns whether a text has the form of such a token.
pub(crate) fn is_well_formed(token: &str) -> bool {
    let Some(rest) = token.strip_prefix(PREFIX) else {
        return false;
    };
    let Some((last, raw)) = rest.as_bytes().split_last() else {
        return false;
    };
    raw.len() == 31
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && checksum(raw) == *last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_form_of_crates_io() {
        // The example in crates.io's own tests.
        let example = "cio_tp_gGK6jurSwKyl9V3Az19z7YEFQI9aoOOd";
        assert!(is_well_formed(example));
        let own = new_token().unwrap();
        assert!(is_well_formed(&own), "{own}");
        for bad in [&example[..38], "cio_tp_", "cio", &example.replace('d', "e")] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
