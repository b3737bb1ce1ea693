//! A shell on the host that stays, and runs one command after another.
//!
//! A channel for each command costs a host a login, and each `sudo` an admission: more
//! than most of our commands. So short ones go, one by one, to a shell that waits for
//! them, as the account or as root. Each is a process of its own, so nothing of one is
//! left for the next; what it printed ends with a mark that only this shell knows.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Read as _;
use std::time::Duration;

use ssh2::{Channel, Session};

use crate::model::shell_quote::quote;
use crate::ssh::channel_writer::ChannelWriter;
use crate::ssh::command::{Command, Output, split_report};

/// Longest input of a command, in bytes; with more it has a channel of its own.
const MAX_INPUT_BYTES: usize = 16 * 1024;
/// Longest output that is read whole, in bytes.
pub(crate) const MAX_OUTPUT_BYTES: usize = 64 * 1024 * 1024;

/// A shell that waits for commands.
pub(crate) struct Shell {
    channel: Channel,
    /// Stands in no output but its own: nobody else knows it.
    mark: String,
    /// Whether it has run a command; until then, that it ended may mean it never began.
    began: bool,
}

/// Returns the line for a shell that runs this command; `None` where its input does not fit
/// into a line.
pub(crate) fn shell_line(command: &Command) -> Option<String> {
    let input = std::str::from_utf8(command.input_bytes()).ok()?;
    if input.len() > MAX_INPUT_BYTES || input.contains('\0') {
        return None;
    }
    let words = command.line(false);
    Some(match input {
        "" => words,
        input => format!("printf %s {} | {words}", quote(input)),
    })
}

impl Shell {
    /// Starts a shell; `as_root` through `sudo`. The host says only to the first command
    /// whether it lets it run.
    pub(crate) fn start(session: &Session, as_root: bool) -> Result<Shell, String> {
        let mut channel = session
            .channel_session()
            .map_err(|error| error.to_string())?;
        let shell = Command::new("sh").privileged();
        channel
            .exec(&shell.reported_line(as_root))
            .map_err(|error| error.to_string())?;
        Ok(Shell {
            channel,
            mark: mark(),
            began: false,
        })
    }

    /// Runs lines in turn, each to its end, until one fails: whoever waits for the answers
    /// waits for one round trip, and not for one each. What comes back is as long as what
    /// was run. `session` waits as long for each answer as its timeout says. After an error
    /// the shell is of no use any more.
    pub(crate) fn run(
        &mut self,
        session: &Session,
        lines: &[String],
        silence: Duration,
    ) -> Result<Vec<Output>, String> {
        let mut text = script_running(lines, &self.mark);
        if !self.began {
            text.insert_str(0, "exec 3>&1\n");
        }
        let mut outputs: Vec<Output> = Vec::new();
        let mut writer = ChannelWriter::new(session, &mut self.channel, silence);
        let fed = writer.write_all(text.as_bytes());
        if writer.is_stuck() {
            return fed.map(|()| outputs);
        }
        let printed = writer.into_printed();
        let (mut stdout, mut stderr) = (printed.stdout, printed.stderr);
        let mut piece = vec![0; 64 * 1024];
        loop {
            // A command's end is the last that is printed until the next one begins.
            if stdout.ends_with(end_mark(&self.mark).as_bytes()) {
                self.began = true;
                outputs.extend(split_marked(&stdout, &self.mark));
                stdout.clear();
            }
            let failed = outputs.last().is_some_and(|last| last.status != 0);
            if failed || outputs.len() == lines.len() {
                return Ok(outputs);
            }
            if stdout.len() > MAX_OUTPUT_BYTES {
                return Err(format!("it printed more than {MAX_OUTPUT_BYTES} bytes"));
            }
            match self.channel.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => stdout.extend(&piece[..length]),
                Err(error) => return Err(error.to_string()),
            }
        }
        // It has ended. That its words cannot be read is no reason to hide the rest.
        drop(self.channel.stderr().read_to_end(&mut stderr));
        match split_report(stdout) {
            Some((stdout, status)) if !self.began => Ok(vec![Output {
                status,
                stdout,
                stderr,
            }]),
            _ => {
                let message = String::from_utf8_lossy(&stderr).trim().to_owned();
                let why = fed
                    .err()
                    .unwrap_or_else(|| "the shell has ended".to_owned());
                Err(match message.as_str() {
                    "" => why,
                    message => format!("{why} ({message})"),
                })
            }
        }
    }

    /// Tells whether the host has closed it.
    pub(crate) fn has_ended(&self) -> bool {
        self.channel.eof()
    }

    /// Tells whether it still runs commands.
    pub(crate) fn is_alive(&self) -> bool {
        self.began && !self.channel.eof()
    }
}

fn mark() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("stagegate-{:016x}{:016x}", random(), random())
}

/// Returns what a shell reads to run the lines, none after one that failed.
fn script_running(lines: &[String], mark: &str) -> String {
    let mut text = "status=0\n".to_owned();
    for line in lines {
        text.push_str("if [ \"$status\" = 0 ]; then\n");
        text.push_str(&wrap(line, mark));
        text.push_str("fi\n");
    }
    text
}

/// Returns what runs one line. Its errors follow its output, so that all of it comes by one
/// stream and in order.
fn wrap(line: &str, mark: &str) -> String {
    format!(
        "said=$({{ {line}\n}} </dev/null 2>&1 >&3 3>&-); status=$?\n\
         printf '\\n{mark} %d\\n%s\\n{mark}\\n' \"$status\" \"$said\"\n"
    )
}

/// Returns what follows a command's words.
fn end_mark(mark: &str) -> String {
    format!("\n{mark}\n")
}

/// Splits what commands left behind, each with its own mark.
fn split_marked(printed: &[u8], mark: &str) -> Vec<Output> {
    let (begin, end) = (format!("\n{mark} "), end_mark(mark));
    let mut outputs = Vec::new();
    let mut rest = printed;
    while let Some((stdout, behind)) = split_at(rest, begin.as_bytes())
        && let Some((report, others)) = split_at(behind, end.as_bytes())
        && let Some((status, stderr)) = split_at(report, b"\n")
        && let Some(status) = std::str::from_utf8(status)
            .ok()
            .and_then(|it| it.parse().ok())
    {
        outputs.push(Output {
            status,
            stdout: stdout.to_vec(),
            stderr: stderr.to_vec(),
        });
        rest = others;
    }
    outputs
}

/// Returns what is before the first of those words, and what is behind it.
fn split_at<'a>(text: &'a [u8], words: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text
        .windows(words.len())
        .position(|window| window == words)?;
    Some((&text[..at], &text[at + words.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::shell_quote::real_sh;

    /// What a real shell makes of the commands, each sent when the one before has ended.
    fn through_sh(commands: &[Command]) -> Vec<Output> {
        let mut text = "exec 3>&1\n".to_owned();
        for command in commands {
            text.push_str(&script_running(&[shell_line(command).unwrap()], "m"));
        }
        printed_by(&text)
    }

    fn printed_by(text: &str) -> Vec<Output> {
        let output = real_sh(text);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        split_marked(&output.stdout, "m")
    }

    #[test]
    fn each_command_has_its_own_words_input_output_and_status() {
        let outputs = through_sh(&[
            Command::script("printf 'a\\n\\n'; echo b >&2; exit 3"),
            Command::new("cat").input("it's\n$(x) `y` \\n\n"),
            Command::new("exit").arg("7"),
            Command::script("cd /; set -eu; exec 3>&1; x=1; printf '%s' \"$1\"").arg("# ${x} 'q'"),
            Command::script("cat; pwd; printf '%s' \"${x-unset}\""),
            Command::new("no-such-program"),
            Command::script("kill -KILL $$"),
            Command::script("printf '\\377\\000'"),
        ]);
        let check = |at: usize, status: i32, stdout: &[u8]| {
            let Output {
                status: got,
                stdout: printed,
                ..
            } = &outputs[at];
            assert_eq!(
                (*got, &printed[..]),
                (status, stdout),
                "{at}: {:?}",
                outputs[at]
            );
        };
        check(0, 3, b"a\n\n");
        assert_eq!(outputs[0].stderr, b"b");
        check(1, 0, b"it's\n$(x) `y` \\n\n");
        check(2, 7, b"");
        check(3, 0, b"# ${x} 'q'");
        let here = std::env::current_dir().unwrap();
        check(4, 0, format!("{}\nunset", here.display()).as_bytes());
        check(5, 127, b"");
        assert!(String::from_utf8_lossy(&outputs[5].stderr).contains("not found"));
        check(6, 137, b"");
        check(7, 0, b"\xff\0");
    }

    #[test]
    fn commands_in_turn_end_with_the_first_that_fails() {
        let check = |words: &[&str], expected: &[(i32, &str)]| {
            let lines: Vec<String> = words
                .iter()
                .map(|word| shell_line(&Command::script(word)).unwrap())
                .collect();
            let text = format!("exec 3>&1\n{}", script_running(&lines, "m"));
            // What was before has no say, and what comes then is run again.
            let text = format!(
                "{text}false\n{}",
                script_running(&["echo more".into()], "m")
            );
            let mut got: Vec<_> = printed_by(&text)
                .into_iter()
                .map(|output| (output.status, output.text()))
                .collect();
            assert_eq!(got.pop(), Some((0, "more\n".to_owned())));
            let got: Vec<_> = got.iter().map(|(n, text)| (*n, text.as_str())).collect();
            assert_eq!(got, expected);
        };
        check(
            &["echo a", "cat; echo b >&2", "echo c"],
            &[(0, "a\n"), (0, ""), (0, "c\n")],
        );
        check(&["echo a; exit 3", "echo b"], &[(3, "a\n")]);
        check(&["true", "false", "echo b"], &[(0, ""), (1, "")]);
        check(
            &["status=7; echo \"$status\"", "true"],
            &[(0, "7\n"), (0, "")],
        );
        check(&[], &[]);
    }

    #[test]
    fn a_mark_counts_only_where_all_of_it_is_there() {
        let check = |printed: &str, expected: &[(i32, &str, &str)]| {
            let outputs = split_marked(printed.as_bytes(), "m");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let got: Vec<_> = outputs
                .iter()
                .map(|it| (it.status, text(&it.stdout), text(&it.stderr)))
                .collect();
            let got: Vec<_> = got
                .iter()
                .map(|(n, a, b)| (*n, a.as_str(), b.as_str()))
                .collect();
            assert_eq!(got, expected, "{printed:?}");
        };
        let first = (0, "out\n", "");
        check("out\n\nm 0\n\nm\n", &[first]);
        let second = (3, "", "why\nbecause");
        check("\nm 3\nwhy\nbecause\nm\n", &[second]);
        check(
            "out\n\nm 0\n\nm\n\nm 3\nwhy\nbecause\nm\n",
            &[first, second],
        );
        check("out\n\nm 0\n", &[]);
        check("out\n\nm 0\nwhy", &[]);
        check("\nm\n", &[]);
        check("", &[]);
    }

    #[test]
    fn input_that_is_binary_or_too_long_has_a_channel_of_its_own() {
        assert!(shell_line(&Command::new("cat").input(vec![0xff])).is_none());
        assert!(shell_line(&Command::new("cat").input("a\0b")).is_none());
        assert!(shell_line(&Command::new("cat").input("x".repeat(MAX_INPUT_BYTES + 1))).is_none());
        assert_eq!(
            shell_line(&Command::new("cat").input("x y")).unwrap(),
            "printf %s 'x y' | cat"
        );
    }
}
