//! Why a token or an account may not do what was asked, and what to do about it.

/// Why a registry does not let somebody act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessProblem {
    /// No token came along.
    NoToken,
    /// The registry does not know the token, or it has expired.
    UnknownToken,
    /// The token has not the scope for this, or not for this crate.
    Scope,
    /// The account does not own the crate.
    NotOwner,
    /// The account owns the crate by a team alone, which may not change owners.
    NotPersonally,
    /// The account is not in the team that it would add.
    NotInTeam,
    /// The crate takes new versions from trusted publishing alone.
    TrustedPublishingOnly,
    /// A token of trusted publishing is not valid for this crate.
    NotCovered,
    /// A token of trusted publishing cannot create a crate.
    NewCrate,
    /// A token of trusted publishing has ended or was given back.
    LeaseEnded,
    /// The account has no verified e-mail address.
    UnverifiedEmail,
    /// The account is locked.
    AccountLocked,
    /// Something that the registry says in words of its own.
    Other,
}

impl AccessProblem {
    /// Returns what to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            AccessProblem::NoToken => "set a token for the registry, or run `cargo login`",
            AccessProblem::UnknownToken => "make a new token at the registry and set it",
            AccessProblem::Scope => {
                "make a token with the scopes for publishing (`publish-new`, `publish-update`), yanking (`yank`) or changing owners (`change-owners`), and for this crate"
            }
            AccessProblem::NotOwner => {
                "have an owner of the crate add the account with `cargo owner --add`, and accept the invitation"
            }
            AccessProblem::NotPersonally => "have somebody do it who owns the crate by name",
            AccessProblem::NotInTeam => {
                "have a member of the team add it, who owns the crate by name"
            }
            AccessProblem::TrustedPublishingOnly => {
                "publish from the workflow that the crate trusts, or allow tokens in the crate's settings"
            }
            AccessProblem::NotCovered => {
                "name repository, workflow and environment in this crate's settings, too, or use a token of your own for it"
            }
            AccessProblem::NewCrate => "create the crate with a token of your own",
            AccessProblem::LeaseEnded => "exchange a fresh identity for a token",
            AccessProblem::UnverifiedEmail => {
                "verify the e-mail address of the account in its profile at the registry"
            }
            AccessProblem::AccountLocked => "ask the registry's support why the account is locked",
            AccessProblem::Other => {
                "check the token (one of trusted publishing cannot yank), its scopes and the owners"
            }
        }
    }

    /// Returns whether a plain token may do what this token of trusted publishing may not.
    pub fn is_limit_of_lease(self) -> bool {
        matches!(
            self,
            AccessProblem::NotCovered | AccessProblem::NewCrate | AccessProblem::LeaseEnded
        )
    }
}
