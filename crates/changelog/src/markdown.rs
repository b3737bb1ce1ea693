//! The block structure of Markdown, as far as a changelog needs it: which lines
//! are headings, and which only look like one.
//!
//! Follows CommonMark for fenced code (also inside list items), HTML comment
//! blocks, ATX and setext headings and link reference definitions, because that
//! is what decides how the file is shown to its readers. It does not parse
//! inline text, and treats other HTML blocks as prose.

use std::ops::Range;

/// One line, with its place in the text.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Bytes of the line without its terminator.
    pub(crate) content: Range<usize>,
    /// Byte after the terminator.
    pub(crate) end: usize,
    pub(crate) kind: LineKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LineKind {
    Blank,
    Prose,
    /// Fenced code, its fences, or front matter.
    Verbatim,
    /// Part of an HTML comment block.
    Comment,
    /// An ATX heading, or the text line of a setext heading.
    Heading(Heading),
    /// The line of `=` or `-` under a setext heading.
    Underline,
    /// A link reference definition, `[label]: destination`.
    Definition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) level: usize,
    /// Bytes of the title, without `#` marks and surrounding blanks.
    pub(crate) title: Range<usize>,
}

/// Sorts every line of `text` into its kind; also where a block begins that goes
/// on to the end of the text and would swallow what is appended, as an index.
pub(crate) fn lines(text: &str) -> (Vec<Line>, Option<usize>) {
    let mut lines = split(text);
    let first = skip_front_matter(text, &mut lines);
    let mut block = Block::None;
    let mut opened = first;
    let mut list_offset = None;
    for index in first..lines.len() {
        let content = &text[lines[index].content.clone()];
        let kind = match block.take(content) {
            Some((kind, rest)) => {
                block = rest;
                kind
            }
            None => {
                opened = index;
                block = Block::opened_by(content, list_offset);
                match block {
                    Block::None => match plain(text, &lines, index) {
                        // A heading within a list item is the item's, not the document's.
                        LineKind::Heading(_) if belongs_to_item(content, list_offset) => {
                            LineKind::Prose
                        }
                        kind => kind,
                    },
                    Block::Fence { .. } => LineKind::Verbatim,
                    Block::Comment { closed } => {
                        if closed {
                            block = Block::None;
                        }
                        LineKind::Comment
                    }
                }
            }
        };
        list_offset = next_list_offset(list_offset, content, &kind);
        lines[index].kind = kind;
    }
    let open = match block {
        // An appended line stands at the margin, and ends the list item.
        Block::None => None,
        Block::Fence { container, .. } => (container == 0).then_some(opened),
        Block::Comment { .. } => Some(opened),
    };
    (lines, open)
}

fn split(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    // A byte order mark belongs to no line: it stays where it is.
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while start < text.len() {
        let end = text[start..]
            .find('\n')
            .map_or(text.len(), |at| start + at + 1);
        let content = text[start..end].trim_end_matches(['\n', '\r']);
        lines.push(Line {
            content: start..start + content.len(),
            end,
            kind: LineKind::Blank,
        });
        start = end;
    }
    lines
}

/// Marks YAML front matter as verbatim, and returns the first line after it.
fn skip_front_matter(text: &str, lines: &mut [Line]) -> usize {
    let is = |line: &Line, marks: &[&str]| marks.contains(&text[line.content.clone()].trim_end());
    if !lines.first().is_some_and(|line| is(line, &["---"])) {
        return 0;
    }
    let Some(close) = lines[1..].iter().position(|line| is(line, &["---", "..."])) else {
        return 0;
    };
    for line in &mut lines[..close + 2] {
        line.kind = LineKind::Verbatim;
    }
    close + 2
}

/// A block that spans lines and hides headings.
enum Block {
    None,
    Fence {
        mark: char,
        length: usize,
        /// Columns that a line must be indented to be inside the list item
        /// that holds the fence; 0 outside lists.
        container: usize,
    },
    Comment {
        closed: bool,
    },
}

impl Block {
    /// Returns the kind of a line inside this block and what is open after it, or `None` if the
    /// line is outside.
    fn take(&self, line: &str) -> Option<(LineKind, Block)> {
        match *self {
            Block::None => None,
            Block::Comment { .. } if line.contains("-->") => Some((LineKind::Comment, Block::None)),
            Block::Comment { closed } => Some((LineKind::Comment, Block::Comment { closed })),
            Block::Fence { container, .. }
                if !line.trim().is_empty() && indent(line) < container =>
            {
                None
            }
            Block::Fence {
                mark,
                length,
                container,
            } => {
                let text = line.trim_start_matches([' ', '\t', '>']).trim_end();
                let closes = text.len() >= length && text.chars().all(|c| c == mark);
                let rest = if closes {
                    Block::None
                } else {
                    Block::Fence {
                        mark,
                        length,
                        container,
                    }
                };
                Some((LineKind::Verbatim, rest))
            }
        }
    }

    fn opened_by(line: &str, list_offset: Option<usize>) -> Block {
        let (markers, text) = strip_containers(line);
        if let Some((mark, length)) = fence(text) {
            let container = if markers > 0 {
                markers
            } else {
                indent(line).min(list_offset.unwrap_or(0))
            };
            return Block::Fence {
                mark,
                length,
                container,
            };
        }
        if let Some(rest) = text.strip_prefix("<!--") {
            return Block::Comment {
                closed: rest.contains("-->"),
            };
        }
        Block::None
    }
}

/// Returns the mark and length of the code fence that opens with this text.
fn fence(text: &str) -> Option<(char, usize)> {
    let mark = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text.chars().take_while(|&c| c == mark).count();
    let info = &text[length..];
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

fn indent(line: &str) -> usize {
    line.bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .map(|byte| if byte == b'\t' { 4 } else { 1 })
        .sum()
}

/// Measures a list marker with the blank after it, if the text starts with one.
fn list_marker(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mark = text.as_bytes().get(digits)?;
    let is_marker = match digits {
        0 => matches!(mark, b'-' | b'*' | b'+'),
        1..=9 => matches!(mark, b'.' | b')'),
        _ => false,
    };
    let blank = text.as_bytes().get(digits + 1)?;
    (is_marker && matches!(blank, b' ' | b'\t')).then_some(digits + 2)
}

/// Strips list and quote markers: the column where their content starts (0 if
/// there are none), and that content.
fn strip_containers(line: &str) -> (usize, &str) {
    let mut text = line.trim_start_matches([' ', '\t']);
    let mut column = 0;
    loop {
        let marker = match list_marker(text) {
            Some(length) => length,
            None if text.starts_with('>') => 1,
            None => return (column, text),
        };
        let rest = text[marker..].trim_start_matches([' ', '\t']);
        column = if text.starts_with('>') {
            // A quoted line need not be indented to stay in the quote.
            0
        } else {
            line.len() - rest.len()
        };
        text = rest;
    }
}

/// Returns whether a line is indented as far as the content of the list item above it.
fn belongs_to_item(line: &str, list_offset: Option<usize>) -> bool {
    list_offset.is_some_and(|offset| offset > 0 && indent(line) >= offset)
}

/// Returns where the content of the current list item starts, after this line.
fn next_list_offset(current: Option<usize>, line: &str, kind: &LineKind) -> Option<usize> {
    match kind {
        LineKind::Heading(_) => None,
        LineKind::Prose | LineKind::Verbatim => match strip_containers(line) {
            (0, _) if indent(line) == 0 && *kind == LineKind::Prose => None,
            (0, _) => current,
            (offset, _) => Some(offset),
        },
        _ => current,
    }
}

/// Returns the kind of a line outside blocks.
fn plain(text: &str, lines: &[Line], index: usize) -> LineKind {
    let line = &lines[index];
    let content = &text[line.content.clone()];
    let trimmed = content.trim();
    if trimmed.is_empty() {
        return LineKind::Blank;
    }
    if indent(content) > 3 {
        return LineKind::Prose;
    }
    if let Some(heading) = atx(text, line) {
        return LineKind::Heading(heading);
    }
    let previous = index.checked_sub(1).map(|at| &lines[at].kind);
    if underline(content).is_some()
        && matches!(previous, Some(LineKind::Heading(_)))
        && !text[lines[index - 1].content.clone()]
            .trim_start()
            .starts_with('#')
    {
        return LineKind::Underline;
    }
    if definition(content).is_some() {
        return LineKind::Definition;
    }
    let level = lines
        .get(index + 1)
        .and_then(|next| underline(&text[next.content.clone()]));
    // Only a paragraph of one line: a rule under a longer text is rarely meant
    // as a heading, and never as that of a version.
    let starts_paragraph = previous != Some(&LineKind::Prose);
    if let Some(level) = level
        && starts_paragraph
        && list_marker(trimmed).is_none()
        && !trimmed.starts_with('>')
        && underline(content).is_none()
    {
        let start = line.content.start + (content.len() - content.trim_start().len());
        return LineKind::Heading(Heading {
            level,
            title: start..start + trimmed.len(),
        });
    }
    LineKind::Prose
}

fn atx(text: &str, line: &Line) -> Option<Heading> {
    let content = &text[line.content.clone()];
    let marks = content.trim_start();
    let level = marks.bytes().take_while(|&byte| byte == b'#').count();
    let title = &marks[level..];
    if !(1..=6).contains(&level) || !(title.is_empty() || title.starts_with([' ', '\t'])) {
        return None;
    }
    let mut shown = title.trim();
    let open = shown.trim_end_matches('#');
    if open.is_empty() || open.ends_with([' ', '\t']) {
        shown = open.trim_end();
    }
    let lead = content.len() - title.len() + (title.len() - title.trim_start().len());
    let start = line.content.start + lead;
    Some(Heading {
        level,
        title: start..start + shown.len(),
    })
}

/// Returns the level that this line gives to a setext heading above it.
fn underline(line: &str) -> Option<usize> {
    let marks = line.trim();
    let all = |mark: char| !marks.is_empty() && marks.chars().all(|c| c == mark);
    match indent(line) {
        0..=3 if all('=') => Some(1),
        0..=3 if all('-') => Some(2),
        _ => None,
    }
}

/// Returns the label and destination of a link reference definition.
pub(crate) fn definition(line: &str) -> Option<(&str, &str)> {
    let inner = line.trim_start().strip_prefix('[')?;
    let (label, rest) = inner.split_once("]:")?;
    let destination = rest.split_whitespace().next()?;
    (!label.is_empty() && !label.contains(['[', ']']) && !label.starts_with('^'))
        .then_some((label, destination))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter per line: what the scanner takes each line for.
    fn kinds(text: &str) -> String {
        lines(text)
            .0
            .iter()
            .map(|line| match line.kind {
                LineKind::Blank => ' ',
                LineKind::Prose => 'p',
                LineKind::Verbatim => 'v',
                LineKind::Comment => 'c',
                LineKind::Heading(_) => 'h',
                LineKind::Underline => 'u',
                LineKind::Definition => 'd',
            })
            .collect()
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(kinds(text), expected, "{text}");
    }

    #[test]
    fn headings_are_told_from_their_look_alikes() {
        check("# A\n## B ##\n#hash\n####### seven\n    ## code\n", "hhppp");
        check("Title\n=====\n\nOther\n-----\n\n- item\n---\n", "hu hu pp");
        check("para one\npara two\n---\n", "ppp");
        check("\n---\n", " p");
        check("# A\n---\n", "hp");
        check("[a]: https://e\n[^1]: note\n[x] y\n", "dpp");
    }

    #[test]
    fn a_heading_within_a_list_item_is_no_section() {
        check("- a\n  # b\n## c\n", "pph");
        check("- a\n\n  ## b\n- c\n## d\n", "p pph");
        check("- a\n# b\n", "ph");
    }

    #[test]
    fn fences_hide_headings() {
        check("```\n## [a]\n```\n## b\n", "vvvh");
        check("~~~~\n~~~\n```\n~~~~\n## b\n", "vvvvh");
        check("``` not`a fence\n## b\n", "ph");
        check("- ```sh\n  ## x\n  ```\n## b\n", "vvvh");
        check("- a\n\n  ```\n  ## x\n## b\n", "p vvh");
        check(
            "1. a\n   - b\n     ```\n     ## x\n     ```\n## b\n",
            "ppvvvh",
        );
        check("> ```\n> ## x\n> ```\n## b\n", "vvvh");
    }

    #[test]
    fn comments_and_front_matter_hide_headings() {
        check("<!--\n## x\n-->\n## b\n", "ccch");
        check("<!-- one line -->\n## b\n", "ch");
        check("text `<!--` in prose\n## b\n", "ph");
        check("---\n## x\n---\n## b\n", "vvvh");
        check("\u{feff}---\r\ntitle: x\r\n---\r\n## b\r\n", "vvvh");
    }

    #[test]
    fn a_block_that_is_never_closed_is_known() {
        let check = |text: &str, want: Option<usize>| assert_eq!(lines(text).1, want, "{text}");
        check("a\n```\nb\n", Some(1));
        check("a\n```\nb\n```\n", None);
        check("- ```\n  b\n", None);
        check("<!-- a\n", Some(0));
        check("<!-- a -->\n", None);
    }

    #[test]
    fn titles_are_without_marks() {
        let text = "  ## [1.0.0] - x ##  \r\n";
        match &lines(text).0[0].kind {
            LineKind::Heading(heading) => assert_eq!(&text[heading.title.clone()], "[1.0.0] - x"),
            other => panic!("not a heading: {other:?}"),
        }
    }
}
