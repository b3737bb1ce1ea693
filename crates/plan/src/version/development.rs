//! Versions that only stand between two releases, such as `0.4.2-dev`.

use crate::version::request::label_of;
use crate::version::{Evidence, Group};

/// Labels that say of themselves that nothing is released under them.
const WORDS: [&str; 8] = [
    "dev",
    "devel",
    "develop",
    "snapshot",
    "SNAPSHOT",
    "wip",
    "unreleased",
    "git",
];

/// Returns whether a group's version is no candidate but what its branch has between
/// releases: nothing was ever tagged or published under its label, and the label says so, or
/// is the first of its kind (`alpha.0`, `pre`).
pub(crate) fn is_development(group: &Group, evidence: &Evidence) -> bool {
    let Some(label) = label_of(&group.version) else {
        return false;
    };
    let tagged = evidence.tags.iter().filter_map(|tag| group.version_of(tag));
    let members = group.members.iter();
    let published = members
        .filter_map(|name| evidence.versions_of(name))
        .flatten()
        .cloned();
    let mut known = tagged.chain(published).peekable();
    let has_releases = known.peek().is_some();
    if known.any(|version| label_of(&version) == Some(label)) {
        return false;
    }
    let number = &group.version.pre.as_str()[label.len()..];
    let unnumbered = matches!(number, "" | ".0");
    WORDS.contains(&label) || (has_releases && unnumbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_was_never_released_under_its_label_is_no_candidate() {
        let check = |version: &str, tags: &str, want: bool| {
            let group = Group {
                name: "workspace".to_owned(),
                members: vec!["one".to_owned()],
                version: version.parse().unwrap(),
                tag: "v{version}".to_owned(),
                more_tags: Vec::new(),
                older_tags: Vec::new(),
                is_development: false,
                changelogs: Vec::new(),
            };
            let evidence = Evidence {
                tags: tags.split_whitespace().map(str::to_owned).collect(),
                published: None,
            };
            assert_eq!(is_development(&group, &evidence), want, "{version} {tags}");
        };
        // steno
        check("0.4.2-dev", "v0.4.0 v0.4.1", true);
        check("0.1.0-dev", "", true);
        // cargo-release's own default
        check("1.3.0-alpha.0", "v1.2.0", true);
        check("1.3.0-pre", "v1.2.0", true);
        // sqlx
        check("0.9.0-alpha.1", "v0.8.6 v0.9.0-alpha.1", false);
        check("0.9.0-alpha.2", "v0.8.6 v0.9.0-alpha.1", false);
        // Written by hand to be released.
        check("2.0.0-beta.1", "v1.0.0", false);
        check("0.1.0-alpha.0", "", false);
        check("1.0.0-dev.3", "v1.0.0-dev.2", false);
        check("1.0.0", "v0.9.0", false);
    }
}
