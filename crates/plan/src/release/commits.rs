//! What commits call for, where they follow the conventional commits
//! specification (<https://www.conventionalcommits.org>, 1.0.0).

use git_conventional::{Commit, Type};

use crate::facts::History;
use crate::version::{BumpKind, Group};

/// Returns the highest kind that any commit calls for, and the commit that does. A commit that does
/// not follow the specification counts as a fix: something changed. Below 1.0.0 a kind less, as
/// cargo reads such versions.
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

/// Returns what a merge says of the branch that it merges, where that follows the conventions: its
/// subject, or the title of the pull request that GitHub, GitLab and Bitbucket write below a
/// subject of their own. Nothing else of a merge counts: its commits speak for themselves.
pub fn title_of_merge(message: &str) -> Option<String> {
    let below = message.split_once("\n\n").map(|(_, below)| below.trim());
    let candidates = [Some(message.trim()), below].into_iter().flatten();
    let mut said = candidates.filter(|text| Commit::parse(text).is_ok());
    said.next().map(str::to_owned)
}

/// Returns what one message calls for; nothing for work that users do not see.
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
    fn what_a_merge_says() {
        let check = |message: &str, want: Option<&str>| {
            assert_eq!(title_of_merge(message).as_deref(), want, "{message}");
        };
        check(
            "feat!: a new parser (#12)",
            Some("feat!: a new parser (#12)"),
        );
        check("Merge branch 'topic'", None);
        check(
            "Merge pull request #12 from o/topic\n\nfix: do not panic",
            Some("fix: do not panic"),
        );
        check(
            "Merge branch 'topic' into 'main'\n\nfeat: x\n\nSee merge request g/p!12",
            Some("feat: x\n\nSee merge request g/p!12"),
        );
        check(
            "Merge pull request #12 from o/topic\n\nWork in progress",
            None,
        );
    }

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
