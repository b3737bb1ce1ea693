//! Quotes words for a POSIX shell; the only function of the crate that does.

/// Quotes one word, so that a POSIX shell reads exactly that word.
///
/// Plain words stay as they are; all others stand in single quotes, within which only
/// the single quote itself has a meaning.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs a script with a real shell. On its standard input: it may be longer than one argument.
#[cfg(test)]
pub(crate) fn real_sh(script: &str) -> std::process::Output {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let mut shell = Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    shell.wait_with_output().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a real shell makes of the quoted words.
    fn through_sh(words: &[String]) -> Vec<String> {
        let line = words
            .iter()
            .map(|word| quote(word))
            .collect::<Vec<_>>()
            .join(" ");
        let script =
            format!("show() {{ for word; do printf '%s\\0' \"$word\"; done; }}; show {line}");
        let output = real_sh(&script);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    /// Words made of what shells give a meaning to, and of anything else.
    fn hostile_word() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("'".to_owned()),
            Just("\"".to_owned()),
            Just("$(touch /tmp/x)".to_owned()),
            Just("`id`".to_owned()),
            Just("${HOME}".to_owned()),
            Just("\\".to_owned()),
            Just("\n".to_owned()),
            Just(" ".to_owned()),
            Just("-".to_owned()),
            Just("; rm -rf /".to_owned()),
            Just("*".to_owned()),
            Just("~".to_owned()),
            Just("#".to_owned()),
            Just("!".to_owned()),
            Just("%s".to_owned()),
            "[^\\x00]{0,8}",
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_shell_reads_back_exactly_the_words(
            words in proptest::collection::vec(hostile_word(), 1..6)
        ) {
            prop_assert_eq!(through_sh(&words), words);
        }
    }
}
