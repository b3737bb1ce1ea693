//! `xtask` among the workspace's members, as a splice: everything else in `Cargo.toml`
//! stays as it is to the byte.

use camino::Utf8Path;
use stagegate_config::pattern::PathPattern;
use toml_edit::{Document, Item};

use super::{Change, end_of_line};

/// The directory of the new member.
const MEMBER: &str = "xtask";

/// Adds `xtask` to the members in the root's `Cargo.toml`.
pub(super) fn add(text: &str) -> Change {
    let refuse = |why: &str| {
        Change::Refused(format!(
            "{why}; add `\"{MEMBER}\"` to `workspace.members` by hand"
        ))
    };
    let Ok(document) = Document::parse(text) else {
        return refuse("cannot be read");
    };
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Some(workspace) = document.get("workspace").and_then(Item::as_table) else {
        if document.contains_key("workspace") {
            return refuse("has `workspace` in a form that is not changed here");
        }
        // A package of its own becomes the root of a workspace.
        let before = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            line_end
        };
        return Change::Write(format!(
            "{text}{before}{line_end}[workspace]{line_end}members = [\"{MEMBER}\"]{line_end}"
        ));
    };
    let strings = |name: &str| -> Vec<&str> {
        let array = workspace.get(name).and_then(Item::as_array);
        let values = array.into_iter().flat_map(|array| array.iter());
        values.filter_map(|value| value.as_str()).collect()
    };
    let covers = |pattern: &&str| {
        let plain = pattern.trim_start_matches("./").trim_end_matches('/');
        let fits = plain.parse::<PathPattern>();
        plain == MEMBER || fits.is_ok_and(|pattern| pattern.fits(Utf8Path::new(MEMBER)))
    };
    if strings("exclude").iter().any(covers) {
        return refuse("excludes it from the workspace");
    }
    if strings("members").iter().any(covers) {
        return Change::Same;
    }
    let Some(members) = workspace.get("members") else {
        // Behind the table's own line.
        let Some(head) = workspace.span().map(|span| span.end) else {
            return refuse("cannot be read");
        };
        let (before, after) = text.split_at(end_of_line(text, head));
        return Change::Write(format!("{before}{line_end}members = [\"{MEMBER}\"]{after}"));
    };
    let Some((array, span)) = members.as_array().zip(members.span()) else {
        return refuse("has `members` in a form that is not changed here");
    };
    let Some(last) = array.iter().last().and_then(toml_edit::Value::span) else {
        let (before, after) = text.split_at(span.end - 1);
        return Change::Write(format!("{before}\"{MEMBER}\"{after}"));
    };
    // As the member before it stands: on a line of its own, or behind it.
    let (before, after) = text.split_at(last.end);
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    let indent = &line[..line.len() - line.trim_start().len()];
    let own_line = line[indent.len()..].starts_with(['"', '\'']);
    let between = if own_line {
        format!(",{line_end}{indent}")
    } else {
        ", ".to_owned()
    };
    Change::Write(format!("{before}{between}\"{MEMBER}\"{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str) {
        let Change::Write(text) = add(before) else {
            panic!("{:?} of {before}", add(before));
        };
        assert_eq!(text, after);
        assert_eq!(add(&text), Change::Same, "once is enough");
    }

    #[test]
    fn a_member_is_added_where_the_others_are() {
        check(
            "[workspace]\nmembers = [\"a\", 'b'] # ours\n",
            "[workspace]\nmembers = [\"a\", 'b', \"xtask\"] # ours\n",
        );
        check(
            "[workspace]\r\nmembers = [\r\n    \"a\", # first\r\n    \"b\",\r\n]\r\n",
            "[workspace]\r\nmembers = [\r\n    \"a\", # first\r\n    \"b\",\r\n    \"xtask\",\r\n]\r\n",
        );
        check(
            "[workspace]\nmembers = []\n",
            "[workspace]\nmembers = [\"xtask\"]\n",
        );
        check(
            "[workspace]\nresolver = \"3\"\n",
            "[workspace]\nmembers = [\"xtask\"]\nresolver = \"3\"\n",
        );
        check(
            "[package]\nname = \"one\"",
            "[package]\nname = \"one\"\n\n[workspace]\nmembers = [\"xtask\"]\n",
        );
    }

    #[test]
    fn what_covers_it_is_enough_and_what_excludes_it_is_named() {
        assert_eq!(add("[workspace]\nmembers = [\"*\"]\n"), Change::Same);
        assert_eq!(add("[workspace]\nmembers = [\"./xtask/\"]\n"), Change::Same);
        let refused = |text: &str, part: &str| {
            let Change::Refused(why) = add(text) else {
                panic!("{text}");
            };
            assert!(why.contains(part), "{why}");
        };
        refused("[workspace]\nexclude = [\"xt*\"]\n", "excludes it");
        refused("workspace = { members = [\"a\"] }\n", "in a form");
        refused("[workspace\n", "cannot be read");
    }
}
