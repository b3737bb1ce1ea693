//! YAML as text: it has comments, and is to be read.

use stagegate_config::schema::OneOrMany;

/// Indents lines. Empty ones stay empty.
pub(super) fn indent(text: &str, columns: usize) -> String {
    let space = " ".repeat(columns);
    let moved = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("{space}{line}\n"),
    });
    moved.collect()
}

/// Returns a string as a YAML scalar, quoted unless it can be nothing else.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(plain)
        && !words.contains(&text.to_ascii_lowercase().as_str());
    match safe {
        true => text.to_owned(),
        // A JSON string is a YAML string.
        false => serde_json::to_string(text).expect("a string is plain data"),
    }
}

/// Returns a list in one line.
pub(super) fn list<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    let items: Vec<String> = items
        .into_iter()
        .map(|item| scalar(item.as_ref()))
        .collect();
    format!("[{}]", items.join(", "))
}

/// Returns the labels of a runner: one word, or a list.
pub(super) fn labels(runner: &OneOrMany) -> String {
    match runner {
        OneOrMany::One(label) => scalar(label),
        OneOrMany::Many(labels) => list(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::{indent, list, scalar};

    #[test]
    fn what_could_be_read_as_something_else_is_quoted() {
        let check = |text: &str, want: &str| assert_eq!(scalar(text), want);
        check("main", "main");
        check("release/1.x", "release/1.x");
        check("1.95", "\"1.95\"");
        check("no", "\"no\"");
        check("a: b # c", "\"a: b # c\"");
        check("", "\"\"");
        check("say \"x\"", "\"say \\\"x\\\"\"");
        check("**/*.rs", "\"**/*.rs\"");
        assert_eq!(list(["a", "b c"]), "[a, \"b c\"]");
    }

    #[test]
    fn lines_move_together() {
        assert_eq!(indent("a:\n\n  b\n", 2), "  a:\n\n    b\n");
    }
}
