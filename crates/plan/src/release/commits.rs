//! What commits call for, where they follow the conventional commits
//! specification (<https://www.conventionalcommits.org>, 1.0.0).

use git_conventional::{Commit, Type};

use crate::facts::History;
use crate::version::{BumpKind, Group};

/// The highest kind that any commit calls for, and the commit that does. A
/// commit that does not follow the specification counts as a fix: something
/// changed. Below 1.0.0 a kind less, as cargo reads such versions.
pub fn call_for(group: &Group, history: &History) -> Option<(BumpKind, String)> {
    let (kind, commit) = history
        .commits
        .iter()
        .filter_map(|commit| Some((kind_of(&commit.message)?, commit)))
        .max_by_key(|(kind, _)| *kind)?;
    let first = commit.message.lines().next().unwrap_or_default();
    let short: String = commit.id.chars().take(8).collect();
    let kind = kind.for_version(&group.version);
    Some((kind, format!("{}: {short} {first}", kind.name())))
}

/// What one message calls for; nothing for work that users do not see.
fn kind_of(message: &str) -> Option<BumpKind> {
    let Ok(commit) = Commit::parse(message) else {
        return Some(BumpKind::Patch);
    };
    if commit.breaking() {
        return Some(BumpKind::Major);
    }
    let unseen = [Type::DOCS, Type::STYLE, Type::TEST, Type::CHORE];
    let kind = commit.type_();
    if kind == Type::FEAT {
        Some(BumpKind::Minor)
    } else if unseen.contains(&kind) || matches!(kind.as_str(), "ci" | "build") {
        None
    } else {
        Some(BumpKind::Patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_calls_for() {
        let check =
            |message: &str, want: Option<BumpKind>| assert_eq!(kind_of(message), want, "{message}");
        check("feat: read BOMs", Some(BumpKind::Minor));
        check("fix(parser): do not panic", Some(BumpKind::Patch));
        check("feat!: drop the old format", Some(BumpKind::Major));
        check(
            "fix: x\n\nBREAKING CHANGE: callers must await",
            Some(BumpKind::Major),
        );
        check("docs: say more", None);
        check("ci: cache", None);
        check("Mend the parser", Some(BumpKind::Patch));
        check("refactor: one file less", Some(BumpKind::Patch));
    }
}
