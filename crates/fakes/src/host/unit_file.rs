//! Unit files, read as far as a fake can honour them.
//!
//! Directives that it enforces, and hardening directives that it knows by name and
//! records as not enforced. Anything else is refused, so that a typing error in a unit is
//! found in a rehearsal as it would be by `systemd-analyze verify`.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::Signal;

/// Known by name, not enforced here: sandboxing and limits, and relations to units that
/// this host does not have.
const NOT_ENFORCED: &[&str] = &[
    "After",
    "Before",
    "Wants",
    "PartOf",
    "ReloadPropagatedFrom",
    "Documentation",
    "NoNewPrivileges",
    "ProtectSystem",
    "ProtectHome",
    "PrivateTmp",
    "PrivateDevices",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "ProtectProc",
    "ProcSubset",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "LockPersonality",
    "TimeoutStartSec",
    "SystemCallFilter",
    "SystemCallArchitectures",
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "ReadWritePaths",
    "ReadOnlyPaths",
    "RemoveIPC",
    "UMask",
    "MemoryMax",
    "MemoryHigh",
    "TasksMax",
    "LimitNOFILE",
    "CPUQuota",
    "CPUWeight",
    "IOWeight",
    "Nice",
];

/// When systemd counts a service as started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As soon as its program runs.
    Exec,
    /// When its program has ended well.
    Oneshot,
}

/// When systemd starts a service again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    No,
    OnFailure,
    Always,
}

/// systemd's `DefaultStartLimitIntervalSec`.
const START_INTERVAL: Duration = Duration::from_secs(10);

/// A service as its unit file describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Service {
    pub(super) kind: Kind,
    pub(super) user: Option<String>,
    pub(super) environment: Vec<(String, String)>,
    /// Path, and whether it may be absent.
    pub(super) environment_files: Vec<(Utf8PathBuf, bool)>,
    pub(super) working_directory: Option<Utf8PathBuf>,
    pub(super) command: Vec<String>,
    pub(super) restart: Restart,
    pub(super) restart_after: Duration,
    /// Within which too many starts are a failure; zero: they never are.
    pub(super) start_interval: Duration,
    pub(super) stop_timeout: Duration,
    pub(super) kill_signal: Signal,
    pub(super) state_directory: Option<String>,
    pub(super) remain_after_exit: bool,
    pub(super) wanted_by: Vec<String>,
    pub(super) not_enforced: BTreeSet<String>,
}

impl Service {
    /// Returns a service that runs one command once, as `systemd-run` makes it.
    pub(super) fn transient(command: Vec<String>) -> Service {
        Service {
            kind: Kind::Exec,
            user: None,
            environment: Vec::new(),
            environment_files: Vec::new(),
            working_directory: None,
            command,
            restart: Restart::No,
            restart_after: Duration::from_millis(100),
            start_interval: START_INTERVAL,
            stop_timeout: Duration::from_secs(90),
            kill_signal: Signal::TERM,
            state_directory: None,
            remain_after_exit: false,
            wanted_by: Vec::new(),
            not_enforced: BTreeSet::new(),
        }
    }

    /// Reads the text of a unit file for one instance of its template.
    pub(super) fn read(text: &str, instance: Option<&str>) -> Result<Service, String> {
        let mut service = Service::transient(Vec::new());
        let mut section = "";
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let at = |why: String| format!("line {}: {why}", index + 1);
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if line.ends_with('\\') {
                return Err(at("continued lines are not understood here".into()));
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                if name == "Socket" {
                    return Err(at(
                        "a fake host hands no listener on; a real one does".into()
                    ));
                }
                section = ["Unit", "Service", "Install"]
                    .into_iter()
                    .find(|known| *known == name)
                    .ok_or_else(|| at(format!("unknown section [{name}]")))?;
                continue;
            }
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| at("no assignment".into()))?;
            let (key, value) = (key.trim(), value.trim());
            service
                .set(section, key, value, instance)
                .map_err(|why| at(format!("{key}: {why}")))?;
        }
        if service.command.is_empty() {
            return Err("it has no ExecStart=".into());
        }
        Ok(service)
    }

    fn set(
        &mut self,
        section: &str,
        key: &str,
        value: &str,
        instance: Option<&str>,
    ) -> Result<(), String> {
        let plain = || specifiers(value, instance);
        match (section, key) {
            ("Unit", "Description") => drop(plain()?),
            ("Install", "WantedBy") => {
                self.wanted_by
                    .extend(value.split_ascii_whitespace().map(str::to_owned));
            }
            ("Service", "Type") => self.kind = kind(value)?,
            ("Service", "User") => self.user = Some(plain()?),
            ("Service", "Environment") => {
                for word in words(value, instance)? {
                    let (name, value) = word.split_once('=').ok_or("no assignment")?;
                    self.environment.push((name.to_owned(), value.to_owned()));
                }
            }
            ("Service", "EnvironmentFile") => {
                let path = plain()?;
                let optional = path.strip_prefix('-');
                let file = optional.unwrap_or(&path).into();
                self.environment_files.push((file, optional.is_some()));
            }
            ("Service", "WorkingDirectory") => self.working_directory = Some(plain()?.into()),
            ("Service", "ExecStart") if self.command.is_empty() => {
                self.command = command(value, instance)?
            }
            ("Service", "ExecStart") => {
                return Err("a second command is not understood here".into());
            }
            // Only started, never reloaded here: read, so that a mistake is found.
            ("Service", "ExecReload") => drop(command(value, instance)?),
            ("Service", "Restart") => self.restart = restart(value)?,
            ("Unit", "StartLimitIntervalSec") => self.start_interval = span(value)?,
            ("Service", "RestartSec") => self.restart_after = span(value)?,
            ("Service", "TimeoutStopSec") => self.stop_timeout = span(value)?,
            ("Service", "KillSignal") => self.kill_signal = kill_signal(value)?,
            ("Service", "StateDirectory") => self.state_directory = Some(state_directory(value)?),
            ("Service", "RemainAfterExit") => self.remain_after_exit = boolean(value)?,
            ("Unit" | "Service", key) if NOT_ENFORCED.contains(&key) => {
                self.not_enforced.insert(key.to_owned());
            }
            ("", _) => return Err("it stands before any section".into()),
            _ => {
                return Err(format!(
                    "a fake host does not know this directive in [{section}]"
                ));
            }
        }
        Ok(())
    }
}

fn kind(value: &str) -> Result<Kind, String> {
    match value {
        "simple" | "exec" => Ok(Kind::Exec),
        "oneshot" => Ok(Kind::Oneshot),
        other => Err(format!("`{other}` is not understood here")),
    }
}

fn restart(value: &str) -> Result<Restart, String> {
    match value {
        "no" => Ok(Restart::No),
        "on-failure" => Ok(Restart::OnFailure),
        "always" => Ok(Restart::Always),
        other => Err(format!("`{other}` is not understood here")),
    }
}

fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        other => Err(format!("`{other}` is neither yes nor no")),
    }
}

/// Reads the name of a signal, of those that our units may name.
fn kill_signal(value: &str) -> Result<Signal, String> {
    Ok(match value {
        "SIGTERM" => Signal::TERM,
        "SIGINT" => Signal::INT,
        "SIGQUIT" => Signal::QUIT,
        "SIGUSR1" => Signal::USR1,
        "SIGUSR2" => Signal::USR2,
        "SIGWINCH" => Signal::WINCH,
        _ => return Err(format!("the signal {value:?} is not understood here")),
    })
}

fn state_directory(value: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !value.is_empty() && value.chars().all(plain) && !value.starts_with('.') {
        return Ok(value.to_owned());
    }
    Err(format!("`{value}` is not one plain name"))
}

/// Parses a time span of one unit: `90`, `1s`, `500ms`, `2min`.
pub(super) fn span(value: &str) -> Result<Duration, String> {
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let number: u64 = value[..digits]
        .parse()
        .map_err(|_| format!("`{value}` is no time span"))?;
    match &value[digits..] {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" | "sec" => Ok(Duration::from_secs(number)),
        "min" => Ok(Duration::from_secs(number * 60)),
        other => Err(format!("the unit `{other}` is not understood here")),
    }
}

/// Splits the words of a command whose program is an absolute path.
fn command(value: &str, instance: Option<&str>) -> Result<Vec<String>, String> {
    if value.starts_with(['-', '@', '+', '!', ':']) {
        return Err("prefixes of the program are not understood here".into());
    }
    let words = words(value, instance)?;
    match words.first() {
        Some(program) if program.starts_with('/') => Ok(words),
        Some(program) => Err(format!("`{program}` is no absolute path")),
        None => Err("there is no command".into()),
    }
}

/// Splits like systemd: quotes, backslashes, `$$`; variables are refused.
fn words(value: &str, instance: Option<&str>) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => {
                let escaped = characters.next().ok_or("it ends within an escape")?;
                if !matches!(escaped, '\\' | '"' | '\'') {
                    return Err(format!("the escape `\\{escaped}` is not understood here"));
                }
                word.get_or_insert_default().push(escaped);
            }
            ('$', _) if characters.next_if_eq(&'$').is_some() => {
                word.get_or_insert_default().push('$')
            }
            ('$', _) => return Err("variables in commands are not understood here".into()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    words
        .iter()
        .map(|word| specifiers(word, instance))
        .collect()
}

/// Replaces `%i` and `%%`; other specifiers are refused.
fn specifiers(value: &str, instance: Option<&str>) -> Result<String, String> {
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match (characters.next(), instance) {
            (Some('%'), _) => text.push('%'),
            (Some('i'), Some(instance)) => text.push_str(instance),
            (Some('i'), None) => return Err("%i stands in a unit that is no template".into()),
            (other, _) => {
                return Err(format!(
                    "the specifier %{} is not understood here",
                    other.unwrap_or(' ')
                ));
            }
        }
    }
    Ok(text)
}

/// Reads the assignments of an environment file.
pub(super) fn environment_file(path: &Utf8Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let mut variables = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        // The line itself may hold a secret, so it is not shown.
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("{path}: no assignment"))?;
        let value = value.trim();
        let unquoted = ['"', '\''].into_iter().find_map(|quote| {
            value
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote))
        });
        variables.push((name.trim().to_owned(), unquoted.unwrap_or(value).to_owned()));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_for_its_instance() {
        let text = "[Unit]\nDescription=slot %i\n# a comment\n[Service]\nType=exec\nUser=me\n\
                    EnvironmentFile=-/etc/x/.env\nWorkingDirectory=/slots/%i\n\
                    ExecStart=\"/a b/%i/50%%\" 'c d' $$e\nRestart=on-failure\nRestartSec=250ms\n\
                    ProtectSystem=strict\n[Install]\nWantedBy=multi-user.target\n";
        let service = Service::read(text, Some("blue")).unwrap();
        assert_eq!(service.command, ["/a b/blue/50%", "c d", "$e"]);
        assert_eq!(service.environment_files, [("/etc/x/.env".into(), true)]);
        assert_eq!(
            service.working_directory.as_deref(),
            Some("/slots/blue".into())
        );
        assert_eq!(service.restart_after, Duration::from_millis(250));
        assert_eq!(
            service.not_enforced.iter().collect::<Vec<_>>(),
            ["ProtectSystem"]
        );
        assert_eq!(service.wanted_by, ["multi-user.target"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let check = |lines: &str, part: &str| {
            let text = format!("[Service]\nExecStart=/bin/true\n{lines}\n");
            let error = Service::read(&text, None).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(
            "ExecStrat=/bin/true",
            "ExecStrat: a fake host does not know",
        );
        check("Type=notify", "`notify`");
        check("ExecStart=/bin/false", "second command");
        check("WorkingDirectory=%h", "specifier %h");
        check("WorkingDirectory=%i", "no template");
        check("Restart=sometimes", "`sometimes`");
        check("RestartSec=1fortnight", "`fortnight`");
        check("Environment=A", "no assignment");
        check("[Socket]", "hands no listener on");
        check("[Timer]", "unknown section");
        check("nonsense", "no assignment");
        let read = |exec: &str| Service::read(&format!("[Service]\nExecStart={exec}\n"), None);
        assert!(read("-/bin/true").unwrap_err().contains("prefixes"));
        assert!(read("true").unwrap_err().contains("absolute"));
        assert!(read("/bin/echo $HOME").unwrap_err().contains("variables"));
        assert!(read("/bin/echo \"x").unwrap_err().contains("not closed"));
        assert!(
            Service::read("[Service]\n", None)
                .unwrap_err()
                .contains("no ExecStart")
        );
    }
}
