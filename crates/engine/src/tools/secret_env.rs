//! What children do not get: tokens, the runner's identity and the agent's socket reach only
//! the program that needs them.
//!
//! A build script, a test or a hook runs with whatever its parent had. What publishes is not
//! theirs to know, so every child loses it, and the few that need something are given just
//! that: git the agent and its credential helper's token.

use std::process::Command;

/// Variables that hold a secret, or lead to one, by their exact names.
const SECRETS: [&str; 16] = [
    "CARGO_REGISTRY_TOKEN",
    "CARGO_REGISTRIES_CRATES_IO_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    // The runner's identity, and its own token
    // (<https://docs.github.com/actions/reference/security/oidc>).
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_RUNTIME_URL",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_CACHE_URL",
    "DEPLOY_KEY",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
];

/// What a child may keep of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// What git needs to reach a remote: the agent, and the token that its credential helper
    /// reads.
    Remote,
    /// What cargo needs to fetch from git with an agent.
    Agent,
}

impl Keeps {
    pub(crate) fn keeps(self, name: &str) -> bool {
        match self {
            Keeps::Nothing => false,
            Keeps::Remote => {
                ["SSH_AUTH_SOCK", "SSH_ASKPASS", "GITHUB_TOKEN", "GH_TOKEN"].contains(&name)
            }
            Keeps::Agent => name == "SSH_AUTH_SOCK",
        }
    }
}

/// Returns whether a variable is a secret, or leads to one. Tokens of registries by other names are
/// what cargo reads private dependencies with; what publishes is asked for by its own name.
fn is_secret(name: &str, publishes_to: &str) -> bool {
    SECRETS.contains(&name) || name == publishes_to
}

/// Takes from a command what it may not keep. `publishes_to` is the variable of the registry
/// that is published to.
pub(crate) fn scrub(command: &mut Command, keeps: Keeps, publishes_to: &str) {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if is_secret(text, publishes_to) && !keeps.keeps(text) {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_a_secret_keeps_it() {
        let check = |name: &str, keeps: Keeps, kept: bool| {
            let lost = is_secret(name, "CARGO_REGISTRIES_COMPANY_TOKEN") && !keeps.keeps(name);
            assert_eq!(!lost, kept, "{name} {keeps:?}");
        };
        check("CARGO_REGISTRY_TOKEN", Keeps::Remote, false);
        check("CARGO_REGISTRIES_COMPANY_TOKEN", Keeps::Nothing, false);
        check("CARGO_REGISTRIES_OTHER_TOKEN", Keeps::Nothing, true);
        check("GITHUB_TOKEN", Keeps::Nothing, false);
        check("GITHUB_TOKEN", Keeps::Remote, true);
        check("ACTIONS_ID_TOKEN_REQUEST_TOKEN", Keeps::Remote, false);
        check("SSH_AUTH_SOCK", Keeps::Nothing, false);
        check("SSH_AUTH_SOCK", Keeps::Agent, true);
        check("PATH", Keeps::Nothing, true);
    }
}
