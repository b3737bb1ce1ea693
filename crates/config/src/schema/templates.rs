//! `[release.templates]`: what tags, releases and pull requests say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[release.templates]`: texts with `{version}`, `{previous}`, `{name}`, `{tag}`, `{date}`
/// and `{notes}` in them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Templates {
    /// The tag's message. The default is `Release {version}` and the notes.
    pub tag_message: Option<String>,
    /// The name of the GitHub release. The default is the tag.
    pub release_name: Option<String>,
    /// What stands above the notes of the GitHub release.
    pub release_header: Option<String>,
    /// What stands below them.
    pub release_footer: Option<String>,
    /// The pull request's title. The default is the release commit's subject.
    pub pull_request_title: Option<String>,
    /// The pull request's text. The default says each version with its notes.
    pub pull_request_body: Option<String>,
    /// The pull request's labels. The default is `release`.
    pub pull_request_labels: Vec<String>,
}

/// The names that may stand in braces.
pub const PLACEHOLDERS: [&str; 6] = ["version", "previous", "name", "tag", "date", "notes"];

impl Default for Templates {
    fn default() -> Self {
        Templates {
            tag_message: None,
            release_name: None,
            release_header: None,
            release_footer: None,
            pull_request_title: None,
            pull_request_body: None,
            pull_request_labels: vec!["release".to_owned()],
        }
    }
}

impl Templates {
    /// Returns every text, with the key that it stands under.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let texts = [
            ("tag_message", &self.tag_message),
            ("release_name", &self.release_name),
            ("release_header", &self.release_header),
            ("release_footer", &self.release_footer),
            ("pull_request_title", &self.pull_request_title),
            ("pull_request_body", &self.pull_request_body),
        ];
        let labels = self.pull_request_labels.iter();
        texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_ref()?)))
            .chain(labels.map(|label| ("pull_request_labels", label)))
    }
}

/// Returns the first name in braces that is none of `known`: a lower-case word, so that
/// other braces may stand for themselves.
pub(crate) fn unknown_placeholder<'t>(text: &'t str, known: &[&str]) -> Option<&'t str> {
    let names = text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (!name.is_empty() && name.bytes().all(plain)).then_some(name)
    });
    names.into_iter().find(|name| !known.contains(name))
}
