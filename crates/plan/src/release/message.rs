//! The messages of the commits that a release makes: as configured, or as it is the habit.
//!
//! A remote or a check may refuse what does not follow the team's conventions, and hears
//! of a message only when the branch has moved.

use git_conventional::Commit;
use semver::Version;
use stagegate_config::schema::Config;

use crate::facts::GitFacts;
use crate::release::spoken;
use crate::version::{VersionBump, WORKSPACE};

/// The message of the release commit.
pub fn of_release(config: &Config, git: &GitFacts, bumps: &[VersionBump<'_>]) -> String {
    let versions = spoken(bumps);
    if let Some(template) = &config.release.message {
        return template.replace("{version}", &versions);
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

/// The message of a commit that does something else to a version: `begin the hotfix`.
pub fn other(what: &str, version: &str, git: &GitFacts) -> String {
    if is_conventional(git) {
        return format!("chore(release): {what} {version}");
    }
    let mut letters = what.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let what: String = first.into_iter().chain(letters).collect();
    format!("{what} {version}")
}

/// The message of the group's last release commit, with the new version in it.
fn like_the_last(git: &GitFacts, one: &VersionBump<'_>) -> Option<String> {
    let old = one.group.version.to_string();
    let subject = git.subjects.iter().find_map(|subject| {
        // The number of a pull request is not the next one's.
        let subject = match subject.rsplit_once(" (#") {
            Some((subject, _)) => subject,
            None => subject,
        };
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
        (names && is_release && !lower.contains("prepare")).then_some(subject)
    })?;
    Some(subject.replacen(&old, &one.to.to_string(), 1))
}

/// Whether the last commits follow the conventional commits specification, four of five.
fn is_conventional(git: &GitFacts) -> bool {
    let is_one = |subject: &&String| Commit::parse(subject).is_ok();
    let followed = git.subjects.iter().filter(is_one).count();
    followed > 0 && followed * 5 >= git.subjects.len() * 4
}
