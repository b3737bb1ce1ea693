//! `.env` files: what belongs to one machine, and was committed.

use camino::Utf8Path;

use super::address::is_placeholder;

/// Returns whether a file is an environment that a program reads, and no example of one.
pub(super) fn is_one(path: &Utf8Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_lowercase();
    let examples = [".example", ".sample", ".template"];
    (name == ".env" || name.starts_with(".env."))
        && !examples.iter().any(|example| name.ends_with(example))
}

/// Returns the variables that have a value which tells something, with their lines, counted
/// from 1.
pub(super) fn assigned(text: &str) -> Vec<(usize, &str)> {
    let set = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, value) = line.split_once('=')?;
        let name = name.trim_end();
        let mut characters = name.chars();
        let is_name = characters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let value = value.split(" #").next().unwrap_or_default().trim();
        let value = value.trim_matches(['"', '\'']);
        (is_name && !is_plain(value)).then_some((index + 1, name))
    });
    set.collect()
}

/// Returns whether a value tells nobody anything: none, a switch, a number, or a placeholder.
fn is_plain(value: &str) -> bool {
    let switches = ["true", "false", "yes", "no", "on", "off"];
    value.is_empty()
        || switches.contains(&value.to_lowercase().as_str())
        || value.chars().all(|c| c.is_ascii_digit() || c == '.')
        || is_placeholder(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_an_environment_is_none() {
        for (path, want) in [
            (".env", true),
            ("a/.env", true),
            (".env.production", true),
            (".env.local", true),
            (".env.example", false),
            (".env.local.example", false),
            (".env.SAMPLE", false),
            (".env.template", false),
            (".envrc", false),
            ("env", false),
            ("a.env", false),
        ] {
            assert_eq!(is_one(path.into()), want, "{path}");
        }
    }

    #[test]
    fn values_that_tell_something_are_found_by_their_names() {
        let text = "# A comment = none\nPORT=8080\nDEBUG=true\nKEY=\nTOKEN=changeme\nURL=${BASE}/x\n\
                    export SMTP_LOGIN = 'k9Trq 71x'\nAPI = \"k9Trq\" # mine\nno assignment\n";
        assert_eq!(assigned(text), [(7, "SMTP_LOGIN"), (8, "API")]);
        assert_eq!(assigned("A=1\r\nB=\"\"\r\n"), []);
    }
}
