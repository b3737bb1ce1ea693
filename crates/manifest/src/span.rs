//! Where a string stands in a TOML text.
//!
//! The parser is used for its spans alone. Written back by it, a file would lose
//! CRLF line endings, its byte order mark and comments behind changed values.

use std::ops::Range;

use toml_edit::Item;

use crate::edit::Splice;

/// Returns the bytes of a string between its quotes, or `None` if the item is no string.
pub(crate) fn string_content(text: &str, item: &Item) -> Option<Range<usize>> {
    item.as_str()?;
    let mut span = item.span()?;
    let quoted = text.get(span.clone())?;
    let quotes = ["\"\"\"", "'''", "\"", "'"]
        .iter()
        .find(|quotes| quoted.len() >= 2 * quotes.len() && quoted.starts_with(**quotes))?
        .len();
    span.start += quotes;
    span.end -= quotes;
    Some(span)
}

/// Returns the splice that gives a string another content, unless it has it already.
pub(crate) fn replace_string(text: &str, item: &Item, content: &str) -> Option<Splice> {
    let range = string_content(text, item)?;
    (text[range.clone()] != *content).then(|| Splice {
        start: range.start,
        end: range.end,
        text: content.to_owned(),
    })
}

/// Returns the line that a byte stands in, counted from 1.
pub(crate) fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
}
