//! A connection through something else: jump hosts, or a command of the user's.
//!
//! The user's own `ssh -W` goes through jump hosts, with its agent, keys and lists of
//! known hosts; it asks for nothing and trusts no unknown key. The process gets one end
//! of a pair of sockets, because libssh2 wants a socket, and ends with the connection.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::target::Target;
use crate::ssh::ssh_config::{ProxyVia, SshRoute, config_args, config_file, own_known_hosts};

/// How many of the process's last lines are kept.
const MAX_STDERR_LINES: usize = 5;

/// A process between us and a host.
#[derive(Debug)]
pub(crate) struct ProxyProcess {
    child: Child,
    /// For messages.
    display: String,
    stderr_lines: Arc<Mutex<VecDeque<String>>>,
}

impl ProxyProcess {
    /// Starts the process; returns our end of its streams.
    pub(crate) fn start(
        target: &Target,
        route: &SshRoute,
        through: &ProxyVia,
    ) -> Result<(ProxyProcess, UnixStream), String> {
        let (mut command, display) = match through {
            ProxyVia::Jump(hops) => jump(target, route, hops)?,
            ProxyVia::Command(text) => own(target, route, text)?,
        };
        let streams = || {
            let (ours, theirs) = UnixStream::pair()?;
            Ok((ours, theirs.try_clone()?, theirs))
        };
        let (ours, input, output) = streams().map_err(|e: std::io::Error| e.to_string())?;
        let child = command
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(Stdio::from(OwnedFd::from(output)))
            .stderr(Stdio::piped())
            .spawn();
        // The command holds the other end as long as it lives.
        drop(command);
        let mut child = child.map_err(|e| format!("`{display}` cannot be started: {e}"))?;
        let stderr_lines = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stderr) = child.stderr.take() {
            let stderr_lines = Arc::clone(&stderr_lines);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut stderr_lines =
                        stderr_lines.lock().unwrap_or_else(PoisonError::into_inner);
                    if stderr_lines.len() == MAX_STDERR_LINES {
                        stderr_lines.pop_front();
                    }
                    stderr_lines.push_back(line.trim().to_owned());
                }
            });
        }
        Ok((
            ProxyProcess {
                child,
                display,
                stderr_lines,
            },
            ours,
        ))
    }

    /// Returns what the process says about a connection that did not come about.
    pub(crate) fn error_output(&mut self) -> String {
        // Its last words arrive when it has ended; a moment is enough for both.
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        std::thread::sleep(Duration::from_millis(25));
        let stderr_lines = self
            .stderr_lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let stderr_lines: Vec<&str> = stderr_lines.iter().map(String::as_str).collect();
        let words = if stderr_lines.is_empty() {
            "it says nothing".to_owned()
        } else {
            stderr_lines.join("; ")
        };
        format!("through `{}`: {words}", self.display)
    }
}

impl Drop for ProxyProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds `ssh -W` by way of the last hop, through those before it.
fn jump(target: &Target, route: &SshRoute, hops: &[String]) -> Result<(Command, String), String> {
    let Some((last, before)) = hops.split_last() else {
        return Err("the list of jump hosts is empty".to_owned());
    };
    for hop in hops {
        let plain = |c: char| c.is_ascii_alphanumeric() || "@:.-_%[]".contains(c);
        if hop.is_empty() || hop.starts_with('-') || !hop.chars().all(plain) {
            return Err(format!(
                "`{hop}` is no jump host; write it as USER@HOST:PORT"
            ));
        }
    }
    let mut command = Command::new("ssh");
    match config_file(target) {
        Some(file) => command.args(config_args(file.as_deref())),
        None => command.args(["-F", "none"]),
    };
    command.args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
    // A connection that is cut is noticed as soon as one without jump hosts.
    command.args(["-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"]);
    if let Some(file) = own_known_hosts(target) {
        command.args(["-o", &format!("UserKnownHostsFile=\"{file}\"")]);
    }
    if let Some(file) = &target.identity {
        command.args(["-i", file.as_str()]);
    }
    if !before.is_empty() {
        command.args(["-J", &before.join(",")]);
    }
    let host = &route.host;
    command.args(["-W", &format!("[{host}]:{}", route.port)]);
    command.arg("--").arg(format!("ssh://{last}"));
    Ok((command, format!("ssh -J {}", hops.join(","))))
}

/// Builds the user's own command, as OpenSSH runs it: by the shell, with its tokens expanded.
fn own(target: &Target, route: &SshRoute, text: &str) -> Result<(Command, String), String> {
    let mut line = String::from("exec ");
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            line.push(sign);
            continue;
        }
        match signs.next() {
            Some('%') => line.push('%'),
            Some('h') => line.push_str(&route.host),
            Some('p') => line.push_str(&route.port.to_string()),
            Some('r') => line.push_str(&target.user),
            Some('n') => line.push_str(&target.host),
            other => {
                let sign = other.map_or_else(String::new, String::from);
                return Err(format!(
                    "`%{sign}` of ProxyCommand is not understood here; %h, %p, %r, %n and %% are"
                ));
            }
        }
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(&line);
    Ok((command, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> (Target, SshRoute) {
        let mut target = Target::parse("deploy@app1:2222").unwrap();
        target.ssh_config = Some("none".into());
        let route = SshRoute::resolve(&target).unwrap();
        (target, route)
    }

    fn words(command: &Command) -> Vec<&str> {
        let words = command.get_args().map(|word| word.to_str().unwrap());
        words.collect()
    }

    #[test]
    fn jump_hosts_are_words_of_their_own_or_refused() {
        let (target, route) = way();
        let hops = ["a@one", "b@[::1]:22"].map(str::to_owned);
        let (command, display) = jump(&target, &route, &hops).unwrap();
        let words = words(&command);
        assert!(words.ends_with(&["-J", "a@one", "-W", "[app1]:2222", "--", "ssh://b@[::1]:22"]));
        assert!(words.contains(&"StrictHostKeyChecking=yes"), "{words:?}");
        assert_eq!(display, "ssh -J a@one,b@[::1]:22");
        for hop in ["", "-oProxyCommand=x", "a@b c", "$(id)"] {
            let error = jump(&target, &route, &[hop.to_owned()]).unwrap_err();
            assert!(error.contains("no jump host"), "{error}");
        }
    }

    #[test]
    fn tokens_of_a_proxy_command_are_expanded() {
        let (target, route) = way();
        let (command, _) = own(&target, &route, "nc %h %p # %r %n %%").unwrap();
        assert_eq!(words(&command)[1], "exec nc app1 2222 # deploy app1 %");
        let error = own(&target, &route, "nc %k").unwrap_err();
        assert!(error.contains("`%k`"), "{error}");
    }
}
