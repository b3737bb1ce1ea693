//! Who owns a crate: users, who accept an invitation first, and teams, which own it at once.
//!
//! Texts and order are those of crates.io `src/controllers/krate/owners.rs`, commit 005cec0a.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::account::{Account, forbidden};
use super::refusal::Refusal;

/// A team of an organization on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// `github:ORGANIZATION:TEAM`.
    pub login: String,
    /// The login names of its members.
    pub members: Vec<String>,
}

/// What somebody may do with a crate (crates.io `src/controllers/helpers/authorization.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rights {
    None,
    /// By a team: uploads and yanks.
    Publish,
    /// By name: owners, too.
    Full,
}

/// Returns what somebody may do with a crate of these owners.
pub(crate) fn rights(login: &str, owners: &[String], teams: &[Team]) -> Rights {
    let is_member = |team: &Team| {
        owners.iter().any(|owner| same(owner, &team.login))
            && team.members.iter().any(|member| same(member, login))
    };
    match owners.iter().any(|owner| same(owner, login)) {
        true => Rights::Full,
        false if teams.iter().any(is_member) => Rights::Publish,
        false => Rights::None,
    }
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// What became of one name that was to be added.
pub(crate) enum Added {
    /// A user, who has to accept.
    Invited(String),
    /// A user, who had been invited before.
    InvitedBefore(String),
    /// A team, which owns the crate now.
    Team(String),
}

impl Added {
    /// Returns what the registry says of it.
    pub(crate) fn message(&self, name: &str) -> String {
        match self {
            Added::Invited(login) => {
                format!("Crates.io user {login} has been invited to be an owner of crate {name}")
            }
            Added::InvitedBefore(login) => format!(
                "Crates.io user {login} already has a pending invitation to be an owner of crate {name}"
            ),
            Added::Team(login) => {
                format!("team {login} has been added as an owner of crate {name}")
            }
        }
    }
}

/// Who is known to the registry, and who asks.
pub(crate) struct Directory<'a> {
    pub(crate) accounts: &'a [Account],
    pub(crate) teams: &'a [Team],
    /// The login name of whoever asks.
    pub(crate) asking: &'a str,
}

impl Directory<'_> {
    /// Checks whether whoever asks may change owners.
    pub(crate) fn check(&self, owners: &[String]) -> Result<(), Refusal> {
        match rights(self.asking, owners, self.teams) {
            Rights::Full => Ok(()),
            Rights::Publish => Err(forbidden(
                "team members don't have permission to modify owners",
            )),
            Rights::None => Err(forbidden("only owners have permission to modify owners")),
        }
    }

    /// Finds out what becomes of a name.
    pub(crate) fn add(
        &self,
        wanted: &str,
        owners: &[String],
        invited: &[String],
    ) -> Result<Added, Refusal> {
        let already = || Refusal::bad_request(format!("`{wanted}` is already an owner"));
        let is_owner = |login: &str| owners.iter().any(|owner| same(owner, login));
        let user = match parse(wanted)? {
            Login::Team { organization, team } => {
                if is_owner(wanted) {
                    return Err(already());
                }
                return self.team(wanted, organization, team);
            }
            Login::User(login) => self.user(login).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "could not find crates.io user with username `{login}`"
                ))
            })?,
            Login::Unprefixed(login) => self.user(login).ok_or_else(|| {
                Refusal::bad_request(format!("could not find user with login `{wanted}`"))
            })?,
        };
        if is_owner(user) {
            return Err(already());
        }
        Ok(match invited.iter().any(|login| same(login, user)) {
            true => Added::InvitedBefore(user.to_owned()),
            false => Added::Invited(user.to_owned()),
        })
    }

    fn user(&self, login: &str) -> Option<&str> {
        let mut accounts = self.accounts.iter();
        let found = accounts.find(|account| same(&account.login, login));
        found.map(|account| account.login.as_str())
    }

    fn team(&self, wanted: &str, organization: &str, team: &str) -> Result<Added, Refusal> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if let Some(strange) = organization.chars().find(|c| !is_plain(*c)) {
            return Err(Refusal::bad_request(format!(
                "organization cannot contain special characters like {strange}"
            )));
        }
        let known = self.teams.iter().find(|team| same(&team.login, wanted));
        let known = known.ok_or_else(|| {
            Refusal::bad_request(format!(
                "could not find the github team {organization}/{team}. Make sure that you have \
                 the right permissions in GitHub. See \
                 https://doc.rust-lang.org/cargo/reference/publishing.html#github-permissions"
            ))
        })?;
        if !known.members.iter().any(|member| same(member, self.asking)) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "only members of a team or organization owners can add it as an owner",
            ));
        }
        Ok(Added::Team(wanted.to_lowercase()))
    }
}

enum Login<'a> {
    Team {
        organization: &'a str,
        team: &'a str,
    },
    User(&'a str),
    Unprefixed(&'a str),
}

fn parse(login: &str) -> Result<Login<'_>, Refusal> {
    let parts: Vec<&str> = login.split(':').collect();
    let wrong = match parts.as_slice() {
        [_, _, _, _, ..] => "owner logins must have at most three components",
        parts if parts.contains(&"") => "owner login components must not be empty",
        ["github", organization, team] => return Ok(Login::Team { organization, team }),
        [_, _, _] => "unknown organization handler, only 'github:org:team' is supported",
        ["crates.io", user] => return Ok(Login::User(user)),
        [_, _] => "unsupported user prefix: expected crates.io:username",
        _ => return Ok(Login::Unprefixed(login)),
    };
    Err(Refusal::bad_request(wrong))
}

/// Returns the owners as they are listed: users before teams (crates.io `src/views.rs`,
/// `EncodableOwner`).
pub(crate) fn listed(owners: &[String]) -> Value {
    let (teams, users): (Vec<&String>, Vec<&String>) =
        owners.iter().partition(|login| login.contains(':'));
    let user = |(id, login): (i32, &&String)| {
        let url = format!("https://github.com/{login}");
        json!({"id": id, "login": login, "kind": "user", "url": url, "name": null, "avatar": null})
    };
    let team = |(id, login): (i32, &&String)| {
        let organization = login.split(':').nth(1).unwrap_or_default();
        let url = format!("https://github.com/{organization}");
        json!({"id": id, "login": login, "kind": "team", "url": url, "name": null, "avatar": null})
    };
    let users = (1..).zip(&users).map(user);
    let all: Vec<Value> = users.chain((1..).zip(&teams).map(team)).collect();
    json!({ "users": all })
}
