//! What crates.io takes for the name of an owner.

/// Returns why crates.io takes no such name, by its form alone
/// (`src/controllers/krate/owners.rs`, `Login::parse`, commit 005cec0a).
pub fn owner_problem(name: &str) -> Option<&'static str> {
    let parts: Vec<&str> = name.split(':').collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match parts.as_slice() {
        [_, _, _, _, ..] => Some("it has more than three parts"),
        parts if parts.contains(&"") => Some("a part of it is empty"),
        ["github", organization, _] if !organization.chars().all(is_plain) => {
            Some("an organization has letters, digits, `-` and `_` only")
        }
        ["github", _, _] | ["crates.io", _] | [_] => None,
        [_, _, _] => Some("only teams on GitHub can own crates"),
        _ => Some("a user has no prefix but `crates.io:`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_users_and_teams_on_github() {
        let check = |name: &str, fine: bool| {
            assert_eq!(owner_problem(name).is_none(), fine, "{name}");
        };
        for name in ["octocat", "crates.io:octocat", "github:rust-lang:owners"] {
            check(name, true);
        }
        let wrong = [
            "",
            "github:org",
            "gitlab:org:team",
            "github:org:",
            "github:o.rg:team",
            "github:org:team:more",
            "GitHub:org:team",
            "org/team:x",
        ];
        for name in wrong {
            check(name, false);
        }
    }
}
