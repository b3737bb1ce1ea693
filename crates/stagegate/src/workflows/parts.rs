//! The parts of a workflow that belong to the team, and the digest over the rest.
//!
//! A part is what stands between two marks with its name. Writing a workflow
//! again keeps it to the letter; the digest says whether anything else was
//! changed by hand.

use std::collections::BTreeMap;

const BEGIN: &str = "# stagegate: yours begin ";
const END: &str = "# stagegate: yours end ";
const DIGEST: &str = "# stagegate: sha256 ";

/// Returns a part with nothing in it.
pub(super) fn empty(name: &str) -> String {
    format!("{BEGIN}{name}\n{END}{name}\n")
}

/// Adds the lines that say what a workflow is and where it is from.
pub(super) fn with_head(body: &str) -> String {
    let head = "# Written by `cargo xtask ci write` from stagegate.toml. Change that file, or what\n\
                # stands between `yours begin` and `yours end`; nothing else is kept.\n";
    let digest = digest(&format!("{head}{body}"));
    format!("{head}{DIGEST}{digest}\n{body}")
}

/// Returns whether a file says that it was written by us.
pub(crate) fn is_ours(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(DIGEST))
}

/// Returns whether nothing but the parts was changed since the file was written.
pub(super) fn is_untouched(text: &str) -> bool {
    let said = text.lines().find_map(|line| line.strip_prefix(DIGEST));
    said == Some(digest(text).as_str())
}

/// Digests everything but the parts and the digest itself.
fn digest(text: &str) -> String {
    let mut kept = String::new();
    let mut within = false;
    for line in text.lines() {
        within &= !is_mark(line, END);
        if !within && !line.starts_with(DIGEST) {
            kept.push_str(without_pin(line));
            kept.push('\n');
        }
        within |= is_mark(line, BEGIN);
    }
    stagegate_manifest::sha256_hex(kept.as_bytes())
}

/// Returns a line without the commit that an action is pinned to: a bot that moves pins on
/// has not changed the workflow by hand.
fn without_pin(line: &str) -> &str {
    let step = line.trim_start().trim_start_matches("- ");
    match step.strip_prefix("uses: ") {
        Some(_) => line.split('@').next().unwrap_or(line),
        None => line,
    }
}

/// Returns whether two texts differ in the pins of actions alone, and the first one's are no
/// older: whoever moved them on, a bot or a person, knew what they did.
pub(super) fn differs_in_newer_pins_only(found: &str, wanted: &str) -> bool {
    let version = |line: &str| {
        let text = line.split("# v").nth(1)?;
        semver::Version::parse(text.trim()).ok()
    };
    let no_older = |found: &str, wanted: &str| {
        found == wanted
            || (without_pin(found) == without_pin(wanted)
                && version(found)
                    .zip(version(wanted))
                    .is_some_and(|(found, wanted)| found >= wanted))
    };
    let is_digest = |line: &&str| !line.starts_with(DIGEST);
    let (mut found, mut wanted) = (
        found.lines().filter(is_digest),
        wanted.lines().filter(is_digest),
    );
    loop {
        match (found.next(), wanted.next()) {
            (None, None) => return true,
            (Some(found), Some(wanted)) if no_older(found, wanted) => {}
            _ => return false,
        }
    }
}

fn is_mark(line: &str, mark: &str) -> bool {
    line.trim_start().starts_with(mark)
}

/// Returns what the team has written, by the names of the parts.
pub(super) fn contents(text: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut name: Option<&str> = None;
    for line in text.lines() {
        if is_mark(line, END) {
            name = None;
        }
        if let Some(name) = name {
            let part = found.entry(name.to_owned()).or_default();
            part.push_str(line);
            part.push('\n');
        }
        if let Some(begun) = line.trim_start().strip_prefix(BEGIN) {
            name = Some(begun.trim());
        }
    }
    found
}

/// Puts the team's parts into a text that has the same marks. Answers with the
/// names of those that have no place there.
pub(super) fn fill(text: &str, contents: &BTreeMap<String, String>) -> (String, Vec<String>) {
    let mut filled = String::new();
    let mut left: Vec<String> = contents.keys().cloned().collect();
    for line in text.lines() {
        filled.push_str(line);
        filled.push('\n');
        if let Some(name) = line.trim_start().strip_prefix(BEGIN) {
            filled.push_str(contents.get(name).map_or("", String::as_str));
            left.retain(|known| known != name);
        }
    }
    (filled, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> String {
        with_head(&format!(
            "jobs:\n  a:\n{}",
            super::super::text::indent(&empty("a"), 4)
        ))
    }

    #[test]
    fn pins_that_were_moved_on_are_nobodys_change() {
        let text =
            |pin: &str, more: &str| with_head(&format!("jobs:\n  - uses: a/b@{pin}\n{more}"));
        let ours = text("aaaa # v1.2.0", "");
        let bumped = ours.replace("aaaa # v1.2.0", "bbbb # v1.3.0");
        assert!(is_untouched(&bumped));
        assert!(differs_in_newer_pins_only(&bumped, &ours));
        let older = ours.replace("aaaa # v1.2.0", "cccc # v1.1.9");
        assert!(!differs_in_newer_pins_only(&older, &ours));
        let other = text("bbbb # v1.3.0", "more\n");
        assert!(!differs_in_newer_pins_only(&other, &ours));
        assert!(!is_untouched(&ours.replace("a/b@", "x/b@")));
    }

    #[test]
    fn what_is_theirs_may_change_and_the_rest_may_not() {
        let text = written();
        assert!(is_ours(&text) && is_untouched(&text));
        let theirs = text.replace("begin a\n", "begin a\n    - run: make\n");
        assert!(theirs != text && is_untouched(&theirs));
        assert_eq!(contents(&theirs)["a"], "    - run: make\n");
        assert!(!is_untouched(&text.replace("jobs:", "jobs: # mine")));
        assert!(!is_untouched(&text.replace("end a", "end b")));
        assert!(!is_ours("jobs:\n"));
    }

    #[test]
    fn parts_move_into_the_new_text() {
        let theirs = written().replace("begin a\n", "begin a\n    - run: make\n");
        let (filled, left) = fill(&written(), &contents(&theirs));
        assert_eq!((filled, left), (theirs.clone(), Vec::new()));
        let (_, left) = fill("jobs:\n", &contents(&theirs));
        assert_eq!(left, ["a"]);
    }
}
