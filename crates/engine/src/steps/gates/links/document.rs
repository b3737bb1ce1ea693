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

/// Attributes of HTML that link, or are linked to.
static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(href|src|id|name)\s*=\s*["']([^"']*)["']"#).expect("a constant expression")
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
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
        let parser = Parser::new_with_broken_link_callback(text, options, Some(&mut note));
        let mut document = Document::default();
        let mut heading: Option<String> = None;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (event, range) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
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
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Link {
                    link_type: LinkType::Email,
                    ..
                }) => {}
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document
                        .targets
                        .push((line_of(range.start), dest_url.into_string()));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
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
            let value = found[2].to_owned();
            match &found[1] {
                "id" | "name" => drop(self.anchors.insert(value.to_lowercase())),
                _ => self.targets.push((line, value)),
            }
        }
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
}
