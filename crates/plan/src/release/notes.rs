//! Notes that are longer than where they go takes.

/// GitHub takes 125,000 characters for a release's text. A yank writes a line above it.
pub const LONGEST_RELEASE: usize = 124_000;

/// GitHub takes 65,536 characters for a pull request's text.
pub const LONGEST_PULL_REQUEST: usize = 60_000;

/// Returns the text if it is short enough, and otherwise as many of its lines as are, with
/// `rest` to say where the others are.
pub fn shortened(text: &str, longest: usize, rest: &str) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let rest = format!("\n\n…\n\n{rest}");
    let room = longest.saturating_sub(rest.chars().count());
    let end = text
        .char_indices()
        .nth(room)
        .map_or(text.len(), |(at, _)| at);
    let kept = &text[..end];
    // A line that is cut may be half a link.
    let kept = kept.rfind('\n').map_or(kept, |line| &kept[..line]);
    format!("{}{rest}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_with_a_line_and_says_where_the_rest_is() {
        let check = |text: &str, longest: usize, want: &str| {
            assert_eq!(shortened(text, longest, "More."), want);
        };
        check("- a\n- b", 7, "- a\n- b");
        check("- a\n- bbbbbbbbbbbbbbbb", 17, "- a\n\n…\n\nMore.");
        // Characters are counted, not bytes.
        check("äöü", 3, "äöü");
        let long = "- ein Eintrag über etwas\n".repeat(6_000);
        let short = shortened(&long, LONGEST_RELEASE, "More.");
        assert!(short.chars().count() <= LONGEST_RELEASE && short.ends_with("etwas\n\n…\n\nMore."));
    }
}
