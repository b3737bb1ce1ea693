//! Color where it is wanted, and the width of the terminal.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Colors, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    colored: bool,
}

impl Palette {
    /// Creates the palette for standard output.
    pub(crate) fn for_stdout() -> Palette {
        Palette {
            colored: wanted(
                &|name| std::env::var(name).ok(),
                std::io::stdout().is_terminal(),
            ),
        }
    }

    /// Creates the palette for standard error.
    pub(crate) fn for_stderr() -> Palette {
        Palette {
            colored: wanted(
                &|name| std::env::var(name).ok(),
                std::io::stderr().is_terminal(),
            ),
        }
    }

    /// Creates a palette without colors.
    pub(crate) fn none() -> Palette {
        Palette { colored: false }
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.colored {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }
}

/// Returns whether to use colors: `NO_COLOR` (no-color.org) turns them off,
/// `CARGO_TERM_COLOR` has cargo's meaning, and otherwise a terminal decides.
fn wanted(variable: &dyn Fn(&str) -> Option<String>, terminal: bool) -> bool {
    if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return false;
    }
    match variable("CARGO_TERM_COLOR").as_deref() {
        Some("always") => true,
        Some("never") => false,
        _ => terminal && variable("TERM").as_deref() != Some("dumb"),
    }
}

/// Columns of the terminal on standard output; `None` where it is none.
pub(crate) fn width() -> Option<usize> {
    columns_of(std::io::stdout())
}

/// Columns of the terminal on standard error; `None` where it is none.
pub(crate) fn error_width() -> Option<usize> {
    columns_of(std::io::stderr())
}

fn columns_of(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Cuts text to a number of columns, counting characters.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Breaks text between words; the lines after the first are indented.
pub(crate) fn wrap(text: &str, columns: Option<usize>, indent: &str) -> String {
    let Some(columns) = columns.filter(|columns| text.chars().count() > *columns) else {
        return text.to_owned();
    };
    let words = text.trim_start();
    let mut lines: Vec<String> = Vec::new();
    let mut line = text[..text.len() - words.len()].to_owned();
    for word in words.split_inclusive(' ') {
        let fits = line.chars().count() + word.trim_end().chars().count() <= columns;
        if !fits && !line.trim().is_empty() {
            lines.push(
                std::mem::replace(&mut line, indent.to_owned())
                    .trim_end()
                    .to_owned(),
            );
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

/// Breaks each line between words; what goes on stands below the line's own beginning, and
/// below the words of an item (`→ …`).
pub(crate) fn wrap_lines(text: &str, columns: Option<usize>) -> String {
    let lines = text.lines().map(|line| {
        let words = line.trim_start();
        let item = if words.starts_with("→ ") { 2 } else { 0 };
        let indent = " ".repeat(line.len() - words.len() + item);
        wrap(line, columns, &indent)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{cut, wanted, wrap, wrap_lines};

    #[test]
    fn what_goes_on_stands_below_the_words_of_its_line() {
        let text = "head\n  a long line\n    → a remedy of words";
        let broken = "head\n  a long\n  line\n    → a\n      remedy\n      of\n      words";
        assert_eq!(wrap_lines(text, Some(9)), broken);
        assert_eq!(wrap_lines(text, None), text);
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("a bb ccc dddd", Some(6), "  "), "a bb\n  ccc\n  dddd");
        assert_eq!(wrap("a bb", None, "  "), "a bb");
        assert_eq!(wrap("unbreakable", Some(4), ""), "unbreakable");
        assert_eq!(wrap("  kept  as it is", Some(20), ""), "  kept  as it is");
        assert_eq!(wrap("  a  bb ccc", Some(8), "    "), "  a  bb\n    ccc");
    }

    #[test]
    fn color_is_asked_for_in_the_usual_ways() {
        let check = |no_color: Option<&str>, cargo: Option<&str>, terminal: bool, want: bool| {
            let variable = |name: &str| match name {
                "NO_COLOR" => no_color.map(str::to_owned),
                "CARGO_TERM_COLOR" => cargo.map(str::to_owned),
                _ => None,
            };
            assert_eq!(
                wanted(&variable, terminal),
                want,
                "{no_color:?} {cargo:?} {terminal}"
            );
        };
        check(None, None, true, true);
        check(None, None, false, false);
        check(Some("1"), Some("always"), true, false);
        check(Some(""), None, true, true);
        check(None, Some("always"), false, true);
        check(None, Some("never"), true, false);
        check(None, Some("auto"), false, false);
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(cut("héllo", 5), "héllo");
        assert_eq!(cut("héllo!", 5), "héll…");
    }
}
