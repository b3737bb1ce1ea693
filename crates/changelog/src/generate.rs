//! What a release changes, told from its commits.
//!
//! git-cliff's library parses, groups and renders them: by the team's own configuration
//! where there is one, else by one that gives Keep a Changelog's headings. Nothing else
//! than what is passed in is looked at. A configuration that asks for more (a command to
//! be run, a variable of the environment, the clock) is refused or named.

use std::sync::LazyLock;

use git_cliff_core::changelog::Changelog;
use git_cliff_core::commit::{Commit, Signature};
use git_cliff_core::config::{Config, Remote};
use git_cliff_core::contributor::RemoteContributor;
use git_cliff_core::embed::EmbeddedConfig;
use git_cliff_core::release::Release as CliffRelease;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regex::{Captures, Regex};
use semver::Version;
use serde_json::Value;

use crate::error::ChangelogError;
use crate::title::{self, Title};

/// A commit, as far as a changelog tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Its id, hexadecimal.
    pub id: String,
    /// Its whole message.
    pub message: String,
    /// The name of its author.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// When, in seconds since 1970.
    pub time: i64,
}

/// The release that a section is about.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// Its version.
    pub version: &'a Version,
    /// Its tag.
    pub tag: &'a str,
    /// The tag of the release before.
    pub previous: Option<&'a str>,
    /// Its date, `YYYY-MM-DD`.
    pub date: &'a str,
    /// Where people browse the repository, `https://github.com/owner/name`; without it
    /// there are no links.
    pub repository: Option<&'a str>,
    /// The team's configuration for git-cliff: the file, and what is in it.
    pub cliff: Option<(&'a str, &'a str)>,
}

/// A generated section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generated {
    /// The heading's lines, where the team's template writes one.
    pub(crate) heading: Option<String>,
    /// The title of that heading.
    pub(crate) title: Option<String>,
    /// What stands below it, Markdown; empty where there is nothing to tell.
    pub body: String,
    /// What the team's configuration asks for and does not get, for people.
    pub left_out: Vec<String>,
    /// The team's template has set the text.
    pub(crate) by_template: bool,
}

/// Generates the section of a release from its commits, newest first.
///
/// # Errors
///
/// [`ChangelogError::Generator`] where the configuration cannot be used.
pub fn generate(commits: &[Change], release: Release<'_>) -> Result<Generated, ChangelogError> {
    if commits.is_empty() {
        return Ok(Generated::default());
    }
    match release.cliff {
        Some((file, text)) => by_template(commits, release, file, text),
        None => by_default(commits, release),
    }
}

/// Generates below Keep a Changelog's headings; work that users do not see is told only where there
/// is nothing else.
fn by_default(commits: &[Change], release: Release<'_>) -> Result<Generated, ChangelogError> {
    let linked: Vec<Change> = commits
        .iter()
        .map(|commit| Change {
            message: linked(&commit.message, release.repository),
            ..commit.clone()
        })
        .collect();
    let seen = config("the default template", DEFAULT)?.0;
    let mut body = render("the default template", seen.clone(), &linked, release)?;
    if body.trim().is_empty() {
        let mut all = seen;
        let keeps = |parser: &git_cliff_core::config::CommitParser| {
            let of_release = parser.default_scope.as_deref() == Some("release");
            of_release || parser.skip != Some(true)
        };
        all.git.commit_parsers.retain(keeps);
        body = render("the default template", all, &linked, release)?;
    }
    Ok(Generated {
        body: body.trim().to_owned(),
        ..Generated::default()
    })
}

fn by_template(
    commits: &[Change],
    release: Release<'_>,
    file: &str,
    text: &str,
) -> Result<Generated, ChangelogError> {
    let (mut config, left_out) = config(file, text)?;
    // They are the whole file's, not the section's.
    config.changelog.header = None;
    config.changelog.footer = None;
    if let Some((owner, name)) = release.repository.and_then(github_name)
        && !config.remote.github.is_set()
    {
        config.remote.github = Remote::new(owner, name);
    }
    config.remote.offline = true;
    let text = render(file, config, commits, release)?;
    let text = text.trim_matches(['\n', '\r']).trim_end();
    let first = text.lines().next().unwrap_or_default();
    let title = first.trim_start_matches('#').trim();
    let is_ours = |title: &str| matches!(title::parse(title), Some(parts) if parts.title == Title::Version(release.version.clone()));
    let mut generated = Generated {
        body: text.to_owned(),
        left_out,
        by_template: true,
        ..Generated::default()
    };
    if !first.starts_with('#') || !is_ours(title) {
        return Ok(generated);
    }
    let body = text[first.len()..].trim_matches(['\n', '\r']);
    generated.heading = Some(first.trim_end().to_owned());
    generated.title = Some(title.to_owned());
    generated.body = body.to_owned();
    Ok(generated)
}

/// Returns `owner/name` of an address at GitHub.
fn github_name(address: &str) -> Option<(&str, &str)> {
    let (_, path) = address.split_once("://")?;
    let (host, path) = path.split_once('/')?;
    host.contains("github").then_some(())?;
    path.split_once('/')
}

/// Reads git-cliff's configuration, and returns what of it is left out. git-cliff itself
/// would mix in the environment.
fn config(file: &str, text: &str) -> Result<(Config, Vec<String>), ChangelogError> {
    let wrong = |detail: String| ChangelogError::Generator {
        file: file.to_owned(),
        detail: detail.trim().to_owned(),
    };
    let usual = EmbeddedConfig::get_config().map_err(|e| wrong(e.to_string()))?;
    let read = |text: &str| toml_edit::de::from_str::<Value>(text);
    let mut merged = read(&usual).map_err(|e| wrong(e.to_string()))?;
    lay_over(&mut merged, read(text).map_err(|e| wrong(e.to_string()))?);
    let mut left_out = Vec::new();
    for (table, list) in [
        ("git", "commit_preprocessors"),
        ("changelog", "postprocessors"),
    ] {
        let Some(Value::Array(processors)) = merged.get_mut(table).and_then(|t| t.get_mut(list))
        else {
            continue;
        };
        let runs = |processor: &Value| processor.get("replace_command").is_some();
        if processors.iter().any(runs) {
            left_out.push(format!(
                "{file}: `replace_command` in {table}.{list} is left out: a plan runs no command (use `replace`, or a `[[step]]` before = \"commit\")"
            ));
        }
        processors.retain(|processor| !runs(processor));
    }
    let config: Config = serde_json::from_value(merged).map_err(|e| wrong(e.to_string()))?;
    for (function, instead) in [
        ("get_env(", "write the value into the template"),
        ("now(", "use `timestamp`, the release's date"),
    ] {
        let body: String = config.changelog.body.split(' ').collect();
        let called = body.match_indices(function).any(|(at, _)| {
            let before = body[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
        });
        if called {
            return Err(wrong(format!(
                "its template calls `{function})`, and the same plan has to come again anywhere; {instead}"
            )));
        }
    }
    Ok((config, left_out))
}

/// Merges tables, and replaces everything else.
fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

fn render(
    file: &str,
    config: Config,
    commits: &[Change],
    release: Release<'_>,
) -> Result<String, ChangelogError> {
    let wrong = |e: git_cliff_core::error::Error| ChangelogError::Generator {
        file: file.to_owned(),
        detail: e.to_string(),
    };
    let mut told: Vec<Commit<'_>> = commits.iter().map(commit).collect();
    if config.git.sort_commits == "oldest" {
        told.reverse();
    }
    told.truncate(config.git.limit_commits.unwrap_or(usize::MAX));
    let previous = release.previous.map(|tag| {
        Box::new(CliffRelease {
            version: Some(tag.to_owned()),
            ..CliffRelease::default()
        })
    });
    let release = CliffRelease {
        version: Some(release.tag.to_owned()),
        commits: told,
        timestamp: noon(release.date),
        previous,
        repository: release.repository.map(str::to_owned),
        ..CliffRelease::default()
    };
    let changelog = Changelog::new(vec![release], config, None).map_err(wrong)?;
    let told = changelog.releases.iter().any(|r| !r.commits.is_empty());
    let mut text = Vec::new();
    if told {
        changelog.generate(&mut text).map_err(wrong)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn commit(change: &Change) -> Commit<'static> {
    let by = Signature {
        name: Some(change.author.clone()).filter(|name| !name.is_empty()),
        email: Some(change.email.clone()).filter(|email| !email.is_empty()),
        timestamp: change.time,
    };
    let subject = change.message.lines().next().unwrap_or_default();
    let number = subject.strip_suffix(')').and_then(|s| s.rsplit_once("(#"));
    let number = number.and_then(|(_, number)| number.parse().ok());
    Commit {
        author: by.clone(),
        committer: by,
        // What GitHub would say of it is in the subject.
        remote: number.map(|number| RemoteContributor {
            pr_number: Some(number),
            pr_numbers: vec![number],
            ..RemoteContributor::default()
        }),
        ..Commit::new(change.id.clone(), change.message.trim_end().to_owned())
    }
}

/// Returns noon of a date, in UTC, in seconds since 1970: shown as a date it is the same date in
/// every zone that a template may name.
fn noon(date: &str) -> Option<i64> {
    let date: Date = date.parse().ok()?;
    let noon = date.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?;
    Some(noon.timestamp().as_second())
}

/// An issue or a pull request, as a subject names it.
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(^|[\s(,])([#!])(\d+)\b").expect("a constant expression"));

/// An issue that a footer closes.
static CLOSES: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?im)^(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #(\d+)\s*$";
    Regex::new(text).expect("a constant expression")
});

/// Returns the message with its references as links, those of its footers too.
fn linked(message: &str, repository: Option<&str>) -> String {
    let Some(repository) = repository else {
        return message.to_owned();
    };
    let (issues, pulls) = match repository.contains("gitlab") {
        true => ("-/issues", "-/merge_requests"),
        false => ("issues", "pull"),
    };
    let (subject, rest) = message.split_once('\n').unwrap_or((message, ""));
    let is_pull = |whole: &Captures<'_>| {
        let end = whole.get(0).map_or(0, |found| found.end());
        &whole[2] == "!" || (&whole[1] == "(" && subject[end..].trim_end() == ")")
    };
    let mut subject = REFERENCE
        .replace_all(subject, |found: &Captures<'_>| {
            let (before, mark, number) = (&found[1], &found[2], &found[3]);
            let place = if is_pull(found) { pulls } else { issues };
            format!("{before}[{mark}{number}]({repository}/{place}/{number})")
        })
        .into_owned();
    for found in CLOSES.captures_iter(rest) {
        let number = &found[1];
        if !subject.contains(&format!("[#{number}]")) {
            subject.push_str(&format!(" ([#{number}]({repository}/{issues}/{number}))"));
        }
    }
    match rest {
        "" => subject,
        rest => format!("{subject}\n{rest}"),
    }
}

/// Keep a Changelog's headings, from the types of conventional commits.
const DEFAULT: &str = r#"
[changelog]
body = """
{% for entry in commits | commit_groups(groups=["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]) %}
### {{ entry.group }}

{% for commit in entry.commits -%}
- {% if commit.scope %}**{{ commit.scope }}:** {% endif %}{% if commit.breaking %}**Breaking:** {% endif -%}
{{ commit.message | split(pat="\n") | first | trim | upper_first }}
{% endfor -%}
{% endfor %}
"""
trim = true
postprocessors = []

[git]
conventional_commits = true
filter_unconventional = false
sort_commits = "newest"
commit_parsers = [
    { message = '^chore\(release\)|^[Rr]elease v?\d|^\(cargo-release\) ', skip = true, default_scope = "release" },
    { message = '^feat(\([^)]*\))?:', group = "Added" },
    { field = "breaking", pattern = "true", group = "Changed" },
    { message = '^deprecate[sd]?(\([^)]*\))?:', group = "Deprecated" },
    { message = '^remove[sd]?(\([^)]*\))?:', group = "Removed" },
    { message = '^(security|sec)(\([^)]*\))?:|^fix\(security\)', group = "Security" },
    { message = '^fix(\([^)]*\))?:', group = "Fixed" },
    { message = '^(docs?|style|tests?|chore|ci|build)(\([^)]*\))?:', skip = true },
    { message = ".*", group = "Changed" },
]
"#;
