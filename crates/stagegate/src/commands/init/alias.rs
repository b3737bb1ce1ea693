//! The alias in `.cargo/config.toml`, as a splice.

use toml_edit::Document;

use super::{Change, end_of_line};

/// Where cargo looks for it.
pub(super) const FILE: &str = ".cargo/config.toml";

/// What `cargo xtask` stands for.
const ALIAS: &str = "run --package xtask --";

/// Adds the alias to cargo's configuration.
pub(super) fn add(text: Option<&str>) -> Change {
    let entry = format!("xtask = \"{ALIAS}\"");
    let Some(text) = text else {
        return Change::Write(format!("[alias]\n{entry}\n"));
    };
    let refuse =
        |why: &str| Change::Refused(format!("{why}; write `{entry}` into its [alias] by hand"));
    let Ok(document) = Document::parse(text) else {
        return refuse("cannot be read");
    };
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Some(aliases) = document.get("alias") else {
        let before = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            line_end
        };
        let space = if text.is_empty() { "" } else { line_end };
        return Change::Write(format!(
            "{text}{before}{space}[alias]{line_end}{entry}{line_end}"
        ));
    };
    let Some(aliases) = aliases.as_table() else {
        return refuse("has `alias` in a form that is not changed here");
    };
    if let Some(there) = aliases.get("xtask") {
        let words: Vec<&str> = match there.as_array() {
            Some(array) => array.iter().filter_map(|word| word.as_str()).collect(),
            None => there
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .collect(),
        };
        // Whatever runs a package of that name, runs it.
        let runs = words.first() == Some(&"run") && words.contains(&"xtask");
        return if runs {
            Change::Same
        } else {
            refuse("has another `xtask` already")
        };
    }
    let Some(head) = aliases
        .span()
        .map(|span| span.end)
        .filter(|_| !aliases.is_implicit())
    else {
        return refuse("has `alias` in a form that is not changed here");
    };
    let (before, after) = text.split_at(end_of_line(text, head));
    Change::Write(format!("{before}{line_end}{entry}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<&str>, after: &str) {
        let Change::Write(text) = add(before) else {
            panic!("{:?} of {before:?}", add(before));
        };
        assert_eq!(text, after);
        assert_eq!(add(Some(&text)), Change::Same, "once is enough");
    }

    #[test]
    fn an_alias_is_added_and_another_is_left_alone() {
        let entry = "xtask = \"run --package xtask --\"";
        check(None, &format!("[alias]\n{entry}\n"));
        check(
            Some("[build]\njobs = 2"),
            &format!("[build]\njobs = 2\n\n[alias]\n{entry}\n"),
        );
        check(
            Some("[alias] # ours\nb = \"build\"\n"),
            &format!("[alias] # ours\n{entry}\nb = \"build\"\n"),
        );
        let own = "[alias]\nxtask = [\"run\", \"-p\", \"xtask\", \"--\"]\n";
        assert_eq!(add(Some(own)), Change::Same);
        for odd in [
            "[alias]\nxtask = \"make\"\n",
            "alias = { b = \"build\" }\n",
            "[alias\n",
        ] {
            assert!(matches!(add(Some(odd)), Change::Refused(_)), "{odd}");
        }
    }
}
