//! A Markdown document as far as links go: where it links to, and what in it can
//! be linked to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// What a document links to and offers.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Every target, as written, with its line, counted from 1.
    pub(crate) targets: Vec<(usize, String)>,
    /// Labels that are used and nowhere defined, with their lines.
    pub(crate) undefined: Vec<(usize, String)>,
    /// What may follow a `#`: headings as GitHub names them, and HTML anchors.
    pub(crate) anchors: BTreeSet<String>,
}

/// Attributes of HTML that link, or are linked to, on any tag.
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"(?i)(?:^|[\s"'])(href|src|id|name)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))"#;
    Regex::new(text).expect("a constant expression")
});

/// What GitHub drops from a heading to make its anchor.
static DROPPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[^\w\- ]").expect("a constant expression"));

impl Document {
    pub(crate) fn read(text: &str) -> Document {
        let line_of = |at: usize| text[..at].matches('\n').count() + 1;
        let mut undefined = Vec::new();
        let mut note = |link: BrokenLink<'_>| {
            // A lone `[word]` is plain text in brackets, and often meant so.
            if link.link_type != LinkType::Shortcut && link.link_type != LinkType::ShortcutUnknown {
                undefined.push((line_of(link.span.start), link.reference.into_string()));
            }
            None
        };
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_HEADING_ATTRIBUTES
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
        let parser = Parser::new_with_broken_link_callback(text, options, Some(&mut note));
        let mut document = Document::default();
        let mut heading: Option<String> = None;
        let (mut images, mut is_comment) = (0, false);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (event, range) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { id, .. }) => {
                    heading = Some(String::new());
                    document.anchors.extend(id.map(|id| id.to_lowercase()));
                }
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let count = seen.entry(slug.clone()).or_default();
                    let anchor = match *count {
                        0 => slug,
                        again => format!("{slug}-{again}"),
                    };
                    *count += 1;
                    document.anchors.insert(anchor);
                }
                Event::Text(text) | Event::Code(text) => {
                    // What stands for an image is no part of an anchor.
                    if let Some(heading) = heading.as_mut().filter(|_| images == 0) {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Link {
                    link_type: LinkType::Email,
                    ..
                }) => {}
                Event::End(TagEnd::Image) => images -= 1,
                Event::Start(
                    ref tag @ (Tag::Link { ref dest_url, .. } | Tag::Image { ref dest_url, .. }),
                ) => {
                    images += usize::from(matches!(tag, Tag::Image { .. }));
                    document
                        .targets
                        .push((line_of(range.start), dest_url.to_string()));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    let html = uncommented(&html, &mut is_comment);
                    document.html(&html, line_of(range.start));
                }
                _ => {}
            }
        }
        document.undefined = undefined;
        document
    }

    fn html(&mut self, html: &str, line: usize) {
        for found in ATTRIBUTE.captures_iter(html) {
            let value = (2..=4).find_map(|index| found.get(index));
            let value = value.map_or(String::new(), |value| value.as_str().to_owned());
            match found[1].to_lowercase().as_str() {
                "id" | "name" => drop(self.anchors.insert(value.to_lowercase())),
                _ => self.targets.push((line, value)),
            }
        }
    }
}

/// Returns what of HTML is in no comment; one may go over several pieces.
fn uncommented(html: &str, is_comment: &mut bool) -> String {
    let (mut kept, mut rest) = (String::new(), html);
    loop {
        let mark = if *is_comment { "-->" } else { "<!--" };
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        if !*is_comment {
            kept.push_str(before);
        }
        if before.len() == rest.len() {
            return kept;
        }
        *is_comment = !*is_comment;
        rest = after;
    }
}

/// The anchor of a heading, by GitHub's rule.
fn slug(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    DROPPED.replace_all(&lower, "").replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        let text = "# The `[Unreleased]` part, v1.2\n## A & b\n## A & b\n\nSetext Ünïcode_x\n---\n\
                    <a name=\"Own\"></a>\n```\n# no heading\n```\n";
        let anchors: Vec<String> = Document::read(text).anchors.into_iter().collect();
        let want = [
            "a--b",
            "a--b-1",
            "own",
            "setext-ünïcode_x",
            "the-unreleased-part-v12",
        ];
        assert_eq!(anchors, want);
    }

    #[test]
    fn links_of_every_kind_have_their_lines() {
        let text = "[a](x.md) ![b](y.png \"t\")\n\n[c][ref] [d][] [plain] [e][gone]\n\n\
                    <img src='z.svg'> `[no](no.md)` <https://e.org>\n\n[ref]: r.md\n";
        let document = Document::read(text);
        let targets: Vec<_> = document
            .targets
            .iter()
            .map(|(line, target)| (*line, target.as_str()))
            .collect();
        let want = [
            (1, "x.md"),
            (1, "y.png"),
            (3, "r.md"),
            (5, "z.svg"),
            (5, "https://e.org"),
        ];
        assert_eq!(targets, want);
        let undefined = [(3, "d".to_owned()), (3, "gone".to_owned())];
        assert_eq!(document.undefined, undefined);
    }

    #[test]
    fn html_offers_anchors_on_any_tag() {
        let text = "<a id=\"one\"></a>\n\n<h2 align=center id='Two'>x</h2>\n\n<p\n  id=three>y</p>\n\n\
                    Inline <a name=\"four\"></a> <span data-id=\"not\"></span>\n\n\
                    <!-- <a id=\"not\" href=\"not.md\">\n<img src=\"not.png\"> --><i id=\"five\"></i>\n\n\
                    ## ![logo](l.png) Six {#seven}\n";
        let document = Document::read(text);
        let anchors: Vec<_> = document.anchors.iter().map(String::as_str).collect();
        assert_eq!(
            anchors,
            ["five", "four", "one", "seven", "six", "three", "two"]
        );
        assert_eq!(document.targets.len(), 1, "{:?}", document.targets);
    }

    #[test]
    fn targets_may_hold_spaces_and_parentheses() {
        let text = "[a](<two words.md>) [b](one\\(a\\).md) [c](one(b(c)).md \"t\") [d](<one)d.md>)\n\n\
                    [e][x]\n\n[x]: <three (words).md>\n";
        let targets = Document::read(text).targets;
        let targets: Vec<_> = targets.iter().map(|(_, target)| target.as_str()).collect();
        let want = [
            "two words.md",
            "one(a).md",
            "one(b(c)).md",
            "one)d.md",
            "three (words).md",
        ];
        assert_eq!(targets, want);
    }
}
