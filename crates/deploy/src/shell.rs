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

use crate::command::{Command, Output, quote, split_report};
use crate::feed::Feed;

/// A command with more input has a channel of its own.
const LARGEST_INPUT: usize = 16 * 1024;
/// No output that is read whole is larger.
pub(crate) const LARGEST_OUTPUT: usize = 64 * 1024 * 1024;

/// A shell that waits for commands.
pub(crate) struct Shell {
    channel: Channel,
    /// Stands in no output but its own: nobody else knows it.
    mark: String,
    /// Whether it has run a command; until then, that it ended may mean it never began.
    began: bool,
}

/// The line for a shell that runs this command, unless its input is none for a line.
pub(crate) fn line(command: &Command) -> Option<String> {
    let input = std::str::from_utf8(command.input_bytes()).ok()?;
    if input.len() > LARGEST_INPUT || input.contains('\0') {
        return None;
    }
    let words = command.line(false);
    Some(match input {
        "" => words,
        input => format!("printf %s {} | {words}", quote(input)),
    })
}

impl Shell {
    /// Starts one; `as_root` through `sudo`. The host says only to the first command
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

    /// Runs a line to its end, whatever its status; `session` waits as long for each answer
    /// as its timeout says. After an error the shell is of no use
    /// any more.
    pub(crate) fn run(
        &mut self,
        session: &Session,
        line: &str,
        silence: Duration,
    ) -> Result<Output, String> {
        let mut text = wrapped(line, &self.mark);
        if !self.began {
            text.insert_str(0, "exec 3>&1\n");
        }
        let mut feed = Feed::new(session, &mut self.channel, silence);
        let fed = feed.write_all(text.as_bytes());
        let printed = feed.into_printed();
        let (mut stdout, mut stderr) = (printed.stdout, printed.stderr);
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(output) = split_marked(&stdout, &self.mark) {
                self.began = true;
                return Ok(output);
            }
            if stdout.len() > LARGEST_OUTPUT {
                return Err(format!("it printed more than {LARGEST_OUTPUT} bytes"));
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
            Some((stdout, status)) if !self.began => Ok(Output {
                status,
                stdout,
                stderr,
            }),
            _ => {
                let spoken = String::from_utf8_lossy(&stderr).trim().to_owned();
                let why = fed
                    .err()
                    .unwrap_or_else(|| "the shell has ended".to_owned());
                Err(match spoken.as_str() {
                    "" => why,
                    spoken => format!("{why} ({spoken})"),
                })
            }
        }
    }

    /// Whether it runs commands still.
    pub(crate) fn lives(&self) -> bool {
        self.began && !self.channel.eof()
    }
}

fn mark() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("stagegate-{:016x}{:016x}", random(), random())
}

/// What a shell reads to run the line. Its errors follow its output, so that all of it
/// comes by one stream and in order.
fn wrapped(line: &str, mark: &str) -> String {
    format!(
        "said=$({{ {line}\n}} </dev/null 2>&1 >&3 3>&-); \
         printf '\\n{mark} %d\\n%s\\n{mark}\\n' \"$?\" \"$said\"\n"
    )
}

/// What a command left behind, once all of it is there.
fn split_marked(printed: &[u8], mark: &str) -> Option<Output> {
    let rest = printed.strip_suffix(format!("\n{mark}\n").as_bytes())?;
    let begins = format!("\n{mark} ");
    let at = rest
        .windows(begins.len())
        .rposition(|window| window == begins.as_bytes())?;
    let report = &rest[at + begins.len()..];
    let end = report.iter().position(|byte| *byte == b'\n')?;
    let status = std::str::from_utf8(&report[..end]).ok()?.parse().ok()?;
    Some(Output {
        status,
        stdout: rest[..at].to_vec(),
        stderr: report[end + 1..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::real_sh;

    /// What a real shell makes of the lines, one after another.
    fn through_sh(commands: &[Command]) -> Vec<Output> {
        let marks: Vec<String> = commands.iter().map(|_| mark()).collect();
        let mut text = "exec 3>&1\n".to_owned();
        for (command, mark) in commands.iter().zip(&marks) {
            text.push_str(&wrapped(&line(command).unwrap(), mark));
        }
        let output = real_sh(&text);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let mut rest = &output.stdout[..];
        let outputs = marks.iter().map(|mark| {
            let end = format!("\n{mark}\n");
            let at = rest
                .windows(end.len())
                .position(|window| window == end.as_bytes())
                .unwrap();
            let (one, others) = rest.split_at(at + end.len());
            rest = others;
            split_marked(one, mark).unwrap()
        });
        outputs.collect()
    }

    #[test]
    fn each_command_has_its_own_words_input_output_and_status() {
        let said = through_sh(&[
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
            } = &said[at];
            assert_eq!(
                (*got, &printed[..]),
                (status, stdout),
                "{at}: {:?}",
                said[at]
            );
        };
        check(0, 3, b"a\n\n");
        assert_eq!(said[0].stderr, b"b");
        check(1, 0, b"it's\n$(x) `y` \\n\n");
        check(2, 7, b"");
        check(3, 0, b"# ${x} 'q'");
        let here = std::env::current_dir().unwrap();
        check(4, 0, format!("{}\nunset", here.display()).as_bytes());
        check(5, 127, b"");
        assert!(String::from_utf8_lossy(&said[5].stderr).contains("not found"));
        check(6, 137, b"");
        check(7, 0, b"\xff\0");
    }

    #[test]
    fn a_mark_counts_only_where_all_of_it_is_there() {
        let check = |printed: &str, expected: Option<(i32, &str, &str)>| {
            let output = split_marked(printed.as_bytes(), "m");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let got = output.map(|it| (it.status, text(&it.stdout), text(&it.stderr)));
            let got = got.as_ref().map(|(n, a, b)| (*n, a.as_str(), b.as_str()));
            assert_eq!(got, expected, "{printed:?}");
        };
        check("out\n\nm 0\n\nm\n", Some((0, "out\n", "")));
        check("\nm 3\nwhy\nbecause\nm\n", Some((3, "", "why\nbecause")));
        check("out\n\nm 0\n", None);
        check("out\n\nm 0\nwhy", None);
        check("\nm\n", None);
        check("", None);
    }

    #[test]
    fn what_is_no_line_has_a_channel_of_its_own() {
        assert!(line(&Command::new("cat").input(vec![0xff])).is_none());
        assert!(line(&Command::new("cat").input("a\0b")).is_none());
        assert!(line(&Command::new("cat").input("x".repeat(LARGEST_INPUT + 1))).is_none());
        assert_eq!(
            line(&Command::new("cat").input("x y")).unwrap(),
            "printf %s 'x y' | cat"
        );
    }
}
