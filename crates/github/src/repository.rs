//! A repository's address on GitHub, and what is known of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Repository {
    /// The account or organisation.
    pub owner: String,
    /// The repository's own name, without `.git`.
    pub name: String,
}

impl Repository {
    /// Reads a repository from a git remote or a web address, in the shapes
    /// git and people use: `https://HOST/o/r(.git)`, `git@HOST:o/r.git`,
    /// `ssh://git@HOST/o/r`. `None` where there is no `owner/name` in it.
    pub fn from_url(url: &str) -> Option<Repository> {
        let url = url.trim().trim_end_matches('/');
        let path = match url.split_once("://") {
            Some((scheme, rest)) if scheme != "file" => rest.split_once('/')?.1,
            Some(_) => return None,
            // The scp-like form has a colon before its first slash.
            None => {
                url.split_once(':')
                    .filter(|(host, _)| !host.contains('/'))?
                    .1
            }
        };
        path.strip_suffix(".git").unwrap_or(path).parse().ok()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> String {
        repository.to_string()
    }
}

impl TryFrom<String> for Repository {
    type Error = String;

    fn try_from(text: String) -> Result<Repository, String> {
        text.parse()
    }
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Repository, String> {
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        match text.split_once('/') {
            Some((owner, name)) if plain(owner) && plain(name) => Ok(Repository {
                owner: owner.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(format!(
                "`{text}` is not a GitHub repository: write it as owner/name"
            )),
        }
    }
}

/// What the survey wants to know of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// `owner/name` as GitHub spells it today (a renamed one differs).
    pub full_name: String,
    /// Whether not everybody may see it.
    #[serde(default)]
    pub private: bool,
    /// Whether it belongs to a person's account, and not to an organization.
    #[serde(default)]
    pub belongs_to_person: bool,
    /// The branch that GitHub takes for the main one.
    pub default_branch: String,
    /// Whether the token may write (releases need that).
    pub write_access: WriteAccess,
}

/// Whether a token may write to a repository, as far as GitHub says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteAccess {
    /// It may.
    Granted,
    /// It may not: it may read, and `push` is false.
    Denied,
    /// GitHub does not say. A workflow's own token gets `permissions` absent or all false
    /// from `GET /repos/{owner}/{repo}`, whatever its job may do (semantic-release and
    /// release-it skip their check for that reason), so the first write has to tell.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn reads_the_shapes_of_a_remote() {
        let check = |url: &str, want: Option<&str>| {
            let got = Repository::from_url(url).map(|r| r.to_string());
            assert_eq!(got.as_deref(), want, "{url}");
        };
        check("https://github.com/o/r", Some("o/r"));
        check("https://github.com/o/r.git", Some("o/r"));
        check("https://user@ghe.example.org/o/r.js/", Some("o/r.js"));
        check("git@github.com:o/r.git", Some("o/r"));
        check("ssh://git@github.com:22/o/r.git", Some("o/r"));
        check("/srv/git/r.git", None);
        check("file:///srv/git/o/r.git", None);
        check("https://github.com/o", None);
        check("https://github.com/o/r/tree/main", None);
        check("https://github.com/o/$(r)", None);
    }
}
