//! Which characters names may have, as `crates/crates_io_validation` of crates.io says it.

use super::{MAX_NAME, Rule};

/// Checks the name of a crate, or of a dependency where it is not renamed.
pub(super) fn check_crate(name: &str) -> Result<(), String> {
    check_identifier(name, |first| first.is_ascii_alphabetic())
}

/// Checks the name that a dependency has in the manifest, which may begin with `_`.
pub(super) fn check_dependency(name: &str) -> Result<(), String> {
    check_identifier(name, |first| first.is_ascii_alphabetic() || first == '_')
}

fn check_identifier(name: &str, may_begin: impl Fn(char) -> bool) -> Result<(), String> {
    let length = name.chars().count();
    if length > MAX_NAME {
        return Err(format!(
            "the name `{name}` has {length} characters, and crates.io takes {MAX_NAME}"
        ));
    }
    let Some(first) = name.chars().next() else {
        return Err("a name is empty".to_owned());
    };
    if !may_begin(first) {
        return Err(format!("the name `{name}` begins with `{first}`"));
    }
    let odd = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
    match odd {
        Some(odd) => Err(format!("the name `{name}` has `{odd}` in it")),
        None => Ok(()),
    }
}

/// Checks the name of a feature.
pub(super) fn check_feature(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let Some(first) = characters.next() else {
        return Err("a feature has an empty name".to_owned());
    };
    if !(unicode_ident::is_xid_start(first) || first == '_' || first.is_ascii_digit()) {
        return Err(format!("the feature `{name}` begins with `{first}`"));
    }
    let odd =
        characters.find(|&c| !unicode_ident::is_xid_continue(c) && !matches!(c, '+' | '-' | '.'));
    match odd {
        Some(odd) => Err(format!("the feature `{name}` has `{odd}` in it")),
        None => Ok(()),
    }
}

/// Checks what a feature enables: `feature`, `dep:name`, `name/feature`, `name?/feature`.
pub(super) fn check_enabled(text: &str) -> Result<(), (Rule, String)> {
    let dependency = |name| check_dependency(name).map_err(|what| (Rule::DependencyName, what));
    let feature = |name| check_feature(name).map_err(|what| (Rule::FeatureName, what));
    if let Some((name, enabled)) = text.split_once('/') {
        dependency(name.strip_suffix('?').unwrap_or(name))?;
        feature(enabled)
    } else if let Some(name) = text.strip_prefix("dep:") {
        dependency(name)
    } else {
        feature(text)
    }
}

/// Returns whether a keyword has the right characters; its length is another matter.
pub(super) fn is_keyword(keyword: &str) -> bool {
    keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+'))
}
