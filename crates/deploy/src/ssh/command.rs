//! What a host is asked, as a value: building a command is apart from running it.
//!
//! A command is a list of words and perhaps bytes for its input. Words become a shell
//! line in one place, each through [`quote`]; scripts are constants whose data arrives
//! as positional parameters, so no value is ever spliced into shell text.
//! It refuses words with a NUL, which no program can be given.

use std::time::Duration;

use crate::model::shell_quote::quote;

/// The last line a finished command leaves on its output, before its exit status.
///
/// libssh2 reports exit status 0 after a kill and after a timeout, so a status counts
/// only when the host itself has written it.
pub(crate) const SENTINEL: &str = "stagegate-exit";

/// A command for a host: data, to be run by [`Host::run`](crate::Host::run).
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    words: Vec<String>,
    input: Vec<u8>,
    privileged: bool,
    silence_timeout: Duration,
}

/// What a command left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Exit status, as the host's shell saw it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, for people.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Returns standard output as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl Command {
    /// Creates a command: a program found on the host's `PATH`.
    pub fn new(program: &str) -> Command {
        Command {
            words: vec![program.to_owned()],
            input: Vec::new(),
            privileged: false,
            silence_timeout: Duration::from_secs(30),
        }
    }

    /// Creates a command that runs a POSIX shell script; arguments that follow are its `$1`,
    /// `$2`, ….
    pub fn script(text: &str) -> Command {
        Command::new("sh").args(["-c", text, "stagegate"])
    }

    /// Adds one word.
    pub fn arg(mut self, word: impl AsRef<str>) -> Command {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds several words.
    pub fn args<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Command {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets the bytes for its standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.input = bytes.into();
        self
    }

    /// Runs as root: through `sudo -n` unless the account is root already.
    pub fn privileged(mut self) -> Command {
        self.privileged = true;
        self
    }

    /// Sets how long the command may print and read nothing; 30 s unless set.
    pub fn silence_timeout(mut self, limit: Duration) -> Command {
        self.silence_timeout = limit;
        self
    }

    /// Returns the program and its arguments.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns the bytes for its standard input.
    pub(crate) fn input_bytes(&self) -> &[u8] {
        &self.input
    }

    /// Returns how long the command may print and read nothing.
    pub(crate) fn silence_limit(&self) -> Duration {
        self.silence_timeout
    }

    /// Tells whether it runs as root.
    pub(crate) fn is_privileged(&self) -> bool {
        self.privileged
    }

    /// Tells whether a word holds a NUL, which cannot reach a program.
    pub(crate) fn has_nul(&self) -> bool {
        self.words.iter().any(|word| word.contains('\0'))
    }

    /// Returns the shell line; `elevate` says that privileged commands need `sudo`.
    pub fn line(&self, elevate: bool) -> String {
        let sudo: &[&str] = if self.privileged && elevate {
            &["sudo", "-n", "--"]
        } else {
            &[]
        };
        let words = sudo
            .iter()
            .copied()
            .chain(self.words.iter().map(String::as_str));
        words.map(quote).collect::<Vec<_>>().join(" ")
    }

    /// Returns the shell line that also reports its own end.
    pub(crate) fn reported_line(&self, elevate: bool) -> String {
        format!(
            "{}; printf '\\n{SENTINEL} %d\\n' \"$?\"",
            self.line(elevate)
        )
    }

    /// Returns a short form for messages: the program and its arguments, script text left out.
    pub fn summary(&self) -> String {
        let words = match self.words.as_slice() {
            [sh, dash_c, _, rest @ ..] if sh == "sh" && dash_c == "-c" => {
                let mut words = vec!["sh -c …".to_owned()];
                words.extend(rest.iter().skip(1).map(|word| quote(word)));
                words
            }
            words => words.iter().map(|word| quote(word)).collect(),
        };
        let text = words.join(" ").replace('\n', "⏎");
        match text.char_indices().nth(160) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// Splits the reported status off a command's output; `None` when it never reported.
pub(crate) fn split_report(mut stdout: Vec<u8>) -> Option<(Vec<u8>, i32)> {
    let marker = format!("\n{SENTINEL} ");
    let at = stdout
        .windows(marker.len())
        .rposition(|window| window == marker.as_bytes())?;
    let report = std::str::from_utf8(&stdout[at + marker.len()..]).ok()?;
    let status = report.strip_suffix('\n')?.parse().ok()?;
    stdout.truncate(at);
    Some((stdout, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_commands_go_through_sudo_unless_root() {
        let command = Command::new("systemctl")
            .args(["start", "a b"])
            .privileged();
        assert_eq!(command.line(true), "sudo -n -- systemctl start 'a b'");
        assert_eq!(command.line(false), "systemctl start 'a b'");
        assert_eq!(Command::new("id").arg("-u").line(true), "id -u");
    }

    #[test]
    fn a_status_counts_only_when_the_host_wrote_it() {
        let check = |stdout: &str, expected: Option<(&str, i32)>| {
            let expected = expected.map(|(text, status)| (text.as_bytes().to_vec(), status));
            assert_eq!(
                split_report(stdout.as_bytes().to_vec()),
                expected,
                "{stdout:?}"
            );
        };
        check("hello\n\nstagegate-exit 0\n", Some(("hello\n", 0)));
        check("\nstagegate-exit 127\n", Some(("", 127)));
        check(
            "\nstagegate-exit 0\n\nstagegate-exit 3\n",
            Some(("\nstagegate-exit 0\n", 3)),
        );
        check("hello\n", None);
        check("hello\n\nstagegate-exit 0", None);
        check("hello\n\nstagegate-exit \n", None);
        check("", None);
    }

    #[test]
    fn a_summary_leaves_the_script_out() {
        let command = Command::script("rm -rf \"$1\"").arg("/tmp/x y");
        assert_eq!(command.summary(), "sh -c … '/tmp/x y'");
    }
}
