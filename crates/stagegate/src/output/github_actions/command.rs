//! Workflow commands: the lines of a log that a GitHub runner obeys.
//!
//! A runner obeys whoever wrote the line. So what others say (a compiler, a test,
//! an error from afar) is made [`inert`] before it is printed, and what goes into a
//! command of ours is escaped.

/// Returns a command with its properties, such as `::error file=a.rs,line=1::it is wrong`.
pub(crate) fn command(name: &str, properties: &[(&str, &str)], message: &str) -> String {
    let given: Vec<String> = properties
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{key}={}", property(value)))
        .collect();
    let space = if given.is_empty() { "" } else { " " };
    format!("::{name}{space}{}::{}", given.join(","), data(message))
}

/// Escapes what a runner unescapes in a message.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes what a runner unescapes in a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Returns the same text, in which a runner finds no command. There are two forms: `::` at
/// a line's beginning, spaces aside, and the older `##[` anywhere. A runner ends a line at
/// a carriage return, too.
pub(crate) fn inert(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(|line| {
        let body = line.trim_start_matches(is_passed_over);
        let line = match body.starts_with("::") {
            true => {
                let head = &line[..line.len() - body.len()];
                format!("{head}: {}", &body[1..])
            }
            false => line.to_owned(),
        };
        line.replace("##[", "## [")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns whether a character may stand before a command; more than a runner skips does no
/// harm.
fn is_passed_over(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a runner would obey in a text: its rules, as it documents and applies
    /// them.
    fn obeyed(text: &str) -> Vec<String> {
        let lines = text.split(['\n', '\r']);
        let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
        lines.filter(is_command).map(str::to_owned).collect()
    }

    #[test]
    fn what_others_say_is_never_obeyed() {
        for hostile in [
            "::error::mine",
            "  \t::set-output name=a::b",
            "fine\n::add-mask::x",
            "fine\r::stop-commands::x",
            "fine\r\n\u{a0}::debug::x",
            "\u{feff}::error::x",
            "\u{2028}::error::x",
            "\u{1b}\u{7}::error::x",
            "text ##[error]x and ##[group]y",
            "####[error]x",
            ":::error::x",
            "::::",
        ] {
            let shown = inert(hostile);
            assert_eq!(
                obeyed(&shown),
                Vec::<String>::new(),
                "{hostile:?}: {shown:?}"
            );
            assert!(!obeyed(hostile).is_empty() || hostile.starts_with(['\u{feff}', '\u{1b}']));
        }
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for text in [
            "std::fs::read failed",
            "a\n  b ## c",
            "#[test]",
            "",
            "x ::y",
        ] {
            assert_eq!(inert(text), text);
        }
    }

    #[test]
    fn a_command_is_one_line_however_hostile_its_words() {
        let made = command(
            "error",
            &[("file", "a,b:c.rs"), ("line", "3"), ("title", "x\n::y")],
            "100%\r\n::error::z",
        );
        assert_eq!(
            made,
            "::error file=a%2Cb%3Ac.rs,line=3,title=x%0A%3A%3Ay::100%25%0D%0A::error::z"
        );
        assert_eq!(command("endgroup", &[], ""), "::endgroup::");
        assert_eq!(command("error", &[("file", "")], "m"), "::error::m");
    }
}
