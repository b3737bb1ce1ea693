//! Who asks: accounts, their tokens, and what a token may do.
//!
//! Texts and order are those of crates.io `src/auth.rs`, `src/util/errors.rs` and
//! `crates/crates_io_database/src/models/token/scopes.rs`, 2026-08-21.

use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use super::refusal::Refusal;

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub login: String,
    /// The tokens.
    pub tokens: Vec<ApiToken>,
    /// Whether the e-mail address is verified; nobody publishes without.
    pub has_verified_email: bool,
    /// Why and until when the account is locked.
    pub lock: Option<AccountLock>,
}

impl Account {
    /// Makes an account in good standing that has no token, as most have.
    pub fn without_token(login: &str) -> Account {
        let login = login.strip_prefix("crates.io:").unwrap_or(login);
        Account {
            tokens: Vec::new(),
            ..Account::new(login, "")
        }
    }

    /// Makes an account in good standing, with a token that may do everything.
    pub fn new(login: &str, token: &str) -> Account {
        Account {
            login: login.to_owned(),
            tokens: vec![ApiToken::new(token)],
            has_verified_email: true,
            lock: None,
        }
    }
}

/// Why an account is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLock {
    /// The reason.
    pub reason: String,
    /// The end; none if nobody knows it.
    pub until: Option<Timestamp>,
}

/// A token of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The token itself: `cio` and 32 letters and digits.
    pub secret: String,
    /// What it may do; none for a token of before there were scopes, which may everything.
    pub scopes: Option<Vec<Scope>>,
    /// The crates it is for, each a name or a prefix before `*`; none for all.
    pub crates: Vec<String>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl ApiToken {
    /// Makes a token that may do everything.
    pub fn new(secret: &str) -> ApiToken {
        ApiToken {
            secret: secret.to_owned(),
            scopes: None,
            crates: Vec::new(),
            expires: None,
        }
    }
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Create crates.
    PublishNew,
    /// Upload new versions.
    PublishUpdate,
    /// Yank, and take that back.
    Yank,
    /// Change owners.
    ChangeOwners,
}

/// Every account.
#[derive(Debug)]
pub(crate) struct Accounts(pub(crate) Vec<Account>);

impl Accounts {
    /// Returns whom a request comes from, if its token may do this to this crate.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        scope: Scope,
        name: &str,
        now: Timestamp,
    ) -> Result<&Account, Refusal> {
        let Some(given) = token(headers)? else {
            return Err(forbidden("this action requires authentication"));
        };
        let (account, token) = self.find(given, now)?;
        if let Some(lock) = &account.lock
            && lock.until.is_none_or(|until| now < until)
        {
            return Err(forbidden(match lock.until {
                Some(until) => format!(
                    "This account is locked until {}. Reason: {}",
                    until.strftime("%F at %T UTC"),
                    lock.reason
                ),
                None => format!(
                    "This account is indefinitely locked. Reason: {}",
                    lock.reason
                ),
            }));
        }
        let may = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        };
        let in_scope = token.scopes.as_ref().is_none_or(|all| all.contains(&scope));
        if !in_scope || !(token.crates.is_empty() || token.crates.iter().any(may)) {
            return Err(forbidden(
                "this token does not have the required permissions to perform this action",
            ));
        }
        Ok(account)
    }

    fn find(&self, given: &str, now: Timestamp) -> Result<(&Account, &ApiToken), Refusal> {
        let tokens = self.0.iter().flat_map(|account| {
            let tokens = account.tokens.iter();
            tokens.map(move |token| (account, token))
        });
        for (account, token) in tokens {
            if token.secret == given && token.expires.is_none_or(|end| now < end) {
                return Ok((account, token));
            }
        }
        // A fake's own token may have any form.
        if !given.starts_with("cio") {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, TOKEN_FORMAT));
        }
        Err(forbidden("authentication failed"))
    }
}

const TOKEN_FORMAT: &str = "The given API token does not match the format used by crates.io. \
    Tokens generated before 2020-07-14 were generated with an insecure random number \
    generator, and have been revoked. You can generate a new token at https://crates.io/me. \
    For more information please see \
    https://blog.rust-lang.org/2020/07/14/crates-io-security-advisory.html. We apologize for \
    any inconvenience.";

pub(crate) fn forbidden(detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, detail)
}

pub(crate) fn unauthorized(detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, detail)
}

/// Returns the token of a request; the scheme `Bearer` may stand before it.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let given = given.to_str().map_err(|_| {
        unauthorized("Invalid `Authorization` header: Found unexpected non-ASCII characters")
    })?;
    match given.split_once(' ') {
        None => Ok(Some(given)),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        Some((scheme, _)) => Err(unauthorized(format!(
            "Invalid `Authorization` header: Found unexpected authentication scheme `{scheme}`"
        ))),
    }
}
