//! The messages of the commits that a release makes: as configured, or as it is the habit.
//!
//! A remote or a check may refuse what does not follow the team's conventions, and hears
//! of a message only when the branch has moved.

use git_conventional::Commit;
use semver::Version;
use stagegate_config::schema::Config;

use crate::facts::GitFacts;
use crate::release::placeholders::Placeholders;
use crate::release::spoken;
use crate::version::{VersionBump, WORKSPACE};

/// Returns the message of the release commit.
pub fn of_release(
    config: &Config,
    git: &GitFacts,
    bumps: &[VersionBump<'_>],
    date: &str,
) -> String {
    let versions = spoken(bumps);
    if let (Some(template), Some(first)) = (&config.release.message, bumps.first()) {
        let names = Placeholders::of(first, date, None).with_version(&versions);
        return names.fill(template);
    }
    let like_the_last = match bumps {
        [one] => like_the_last(git, one),
        _ => None,
    };
    like_the_last.unwrap_or_else(|| match is_conventional(git) {
        true => format!("chore(release): {versions}"),
        false => format!("Release {versions}"),
    })
}

/// Returns the message of a commit that does something else to a version: `begin the hotfix`.
pub fn other(what: &str, version: &str, git: &GitFacts) -> String {
    if is_conventional(git) {
        return format!("chore(release): {what} {version}");
    }
    let mut letters = what.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let what: String = first.into_iter().chain(letters).collect();
    format!("{what} {version}")
}

/// Returns a commit's message signed off by who makes it, where that is configured or the
/// habit: of the last release commit, or where there is none, of four commits of five.
pub fn signed_off(
    message: String,
    config: &Config,
    git: &GitFacts,
    bumps: &[VersionBump<'_>],
) -> String {
    let is_signed = |subject: &String| git.signed_off.contains(subject);
    let habit = || {
        let last = match bumps {
            [one] => last_release(git, one),
            _ => None,
        };
        let signed = git.subjects.iter().filter(|subject| is_signed(subject));
        let signed = signed.count();
        last.map_or(
            signed > 0 && signed * 5 >= git.subjects.len() * 4,
            is_signed,
        )
    };
    match &git.identity {
        Some(who) if config.release.sign_off.unwrap_or_else(habit) => {
            format!("{message}\n\nSigned-off-by: {} <{}>", who.name, who.email)
        }
        _ => message,
    }
}

/// Returns the message of the group's last release commit, with the new version in it.
fn like_the_last(git: &GitFacts, one: &VersionBump<'_>) -> Option<String> {
    let old = one.group.version.to_string();
    let subject = without_number(last_release(git, one)?);
    Some(subject.replacen(&old, &one.to.to_string(), 1))
}

/// Returns a subject without the number of its pull request, which is not the next one's.
fn without_number(subject: &str) -> &str {
    subject
        .rsplit_once(" (#")
        .map_or(subject, |(subject, _)| subject)
}

/// Returns the subject of the group's last release commit.
fn last_release<'g>(git: &'g GitFacts, one: &VersionBump<'_>) -> Option<&'g String> {
    git.subjects.iter().find(|whole| {
        let subject = without_number(whole);
        let words = subject.split(|c: char| !(c.is_ascii_alphanumeric() || ".-+".contains(c)));
        let versions: Vec<Version> = words
            .filter_map(|word| Version::parse(word.trim_start_matches('v')).ok())
            .collect();
        // Of several that were released together, each would have to be told apart.
        let whole = one.group.name == WORKSPACE || subject.contains(&one.group.name);
        let names = versions == [one.group.version.clone()] && whole;
        let lower = subject.to_lowercase();
        let is_release = ["release", "publish"]
            .iter()
            .any(|word| lower.contains(word));
        names && is_release && !lower.contains("prepare")
    })
}

/// Returns whether the last commits follow the conventional commits specification, four of five.
fn is_conventional(git: &GitFacts) -> bool {
    let is_one = |subject: &&String| Commit::parse(subject).is_ok();
    let followed = git.subjects.iter().filter(is_one).count();
    followed > 0 && followed * 5 >= git.subjects.len() * 4
}
