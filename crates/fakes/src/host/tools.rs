//! `systemd-run`, `nft`, `journalctl` and `ss`, in the forms that a deploy uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::fault::HostFault;
use super::firewall::{Redirect, Ruleset};
use super::journal::{Line, Wanted};
use super::protocol::{Answer, Ask};
use super::sockets;
use super::supervisor::{HostState, Supervisor};
use super::systemctl;
use super::unit::Unit;
use super::unit_file::{Service, span};

/// Answers whatever tool was called.
pub(super) async fn answer(host: &Arc<Supervisor>, ask: &Ask) -> Answer {
    match ask.tool.as_str() {
        "systemctl" => systemctl::call(host, &ask.arguments).await,
        "systemd-run" => systemd_run(host, &ask.arguments).await,
        "nft" if ask.arguments == ["monitor", "destroy", "tables"] => nft_monitor(host).await,
        "nft" => nft(host, &ask.arguments, &ask.input),
        "journalctl" => journalctl(host, &ask.arguments),
        "ss" => ss(&ask.arguments),
        other => Answer::refuse(other, "at all"),
    }
}

/// `systemd-run --quiet --collect --unit=NAME [--on-active=T] [--timer-property=…] -- COMMAND`
async fn systemd_run(host: &Arc<Supervisor>, arguments: &[String]) -> Answer {
    let mut name = None;
    let mut delay = None;
    let mut words = arguments.iter();
    let mut command: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("--quiet" | "--collect", "") => {}
            ("--unit", unit) if !unit.is_empty() => name = Some(unit.to_owned()),
            ("--on-active", after) => match span(after) {
                Ok(after) => delay = Some(after),
                Err(why) => return Answer::refuse("systemd-run", why),
            },
            ("--timer-property", "AccuracySec") | ("--timer-property", _)
                if word.starts_with("--timer-property=AccuracySec=") => {}
            ("--", "") => {
                command = words.by_ref().cloned().collect();
            }
            _ => return Answer::refuse("systemd-run", format!("`{word}`")),
        }
    }
    let (Some(name), Some(program)) = (name, command.first()) else {
        return Answer::refuse(
            "systemd-run",
            "a call without --unit= and a command after `--`",
        );
    };
    if !program.starts_with('/') {
        return Answer::refuse(
            "systemd-run",
            format!("`{program}`, which is no absolute path"),
        );
    }
    let unit = format!("{name}.service");
    let timer = format!("{name}.timer");
    {
        let mut host_state = host.state();
        if host_state.units.contains_key(&unit) || host_state.timers.contains_key(&timer) {
            return Answer::fail(
                1,
                format!("Failed to start transient unit: Unit {unit} already exists."),
            );
        }
        if let Some(delay) = delay {
            let task = host
                .handle
                .spawn(elapse(Arc::clone(host), name, delay, command));
            host_state.timers.insert(timer, task);
            return Answer::default();
        }
        host_state
            .units
            .insert(unit.clone(), Unit::new(Service::transient(command), true));
    }
    match host.start(&unit).await {
        Ok(()) => Answer::default(),
        Err((status, why)) => Answer::fail(status, why),
    }
}

/// A transient timer: waits, and then runs its service.
async fn elapse(host: Arc<Supervisor>, name: String, delay: Duration, command: Vec<String>) {
    tokio::time::sleep(delay).await;
    let unit = format!("{name}.service");
    {
        let mut host_state = host.state();
        host_state.timers.remove(&format!("{name}.timer"));
        host_state
            .units
            .insert(unit.clone(), Unit::new(Service::transient(command), true));
    }
    if let Err((_, why)) = host.start(&unit).await {
        host.state().journal.add(&unit, 3, &why);
    }
}

/// `nft monitor destroy tables`: waits until a table goes, tells of it, and ends. The real one
/// goes on; whoever reads of it must bear that it ends, too.
async fn nft_monitor(host: &Arc<Supervisor>) -> Answer {
    let tables =
        |state: &HostState| -> BTreeSet<String> { state.rules.tables.keys().cloned().collect() };
    let mut known = tables(&host.state());
    let gone = host
        .until(|state| {
            let now = tables(state);
            let gone = known.difference(&now).next().cloned();
            known.extend(now);
            gone
        })
        .await;
    Answer::say(format!("delete table inet {gone}\n"))
}

/// `nft [-c] -f FILE`, `nft list ruleset`, `nft list table inet NAME`.
fn nft(host: &Arc<Supervisor>, arguments: &[String], input: &str) -> Answer {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--version"] => Answer::say("nftables v1.0.6 (fake)\n"),
        ["list", "ruleset"] => Answer::say(host.state().rules.show(None)),
        ["list", "table", "inet", name] => {
            let host_state = host.state();
            if host_state.rules.tables.contains_key(*name) {
                return Answer::say(host_state.rules.show(Some(name)));
            }
            Answer::fail(1, "Error: No such file or directory")
        }
        ["-f", file] => apply(host, file, input, false),
        ["-c", "-f", file] => apply(host, file, input, true),
        _ => Answer::refuse("nft", format!("`{}`", arguments.join(" "))),
    }
}

fn apply(host: &Arc<Supervisor>, file: &str, input: &str, check_only: bool) -> Answer {
    let text = match file {
        "-" => Ok(input.to_owned()),
        file => std::fs::read_to_string(file),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return Answer::fail(1, format!("nft: {file}: {error}")),
    };
    let mut host_state = host.state();
    let before = host_state.rules.clone();
    let rules = match before.after(&text) {
        Ok(rules) => rules,
        Err(what) => return Answer::refuse("nft", what),
    };
    if check_only {
        return Answer::default();
    }
    if let Err(why) = host_state.relay.follow(&rules, &host.handle) {
        return Answer::fail(1, format!("nft: {why}"));
    }
    host_state.rules = rules.clone();
    drop(host_state);
    host.touch();
    after_switch(host, &before, &rules);
    Answer::default()
}

/// The faults that wait for a switch from one slot to another.
fn after_switch(host: &Arc<Supervisor>, before: &Ruleset, after: &Ruleset) {
    let targets =
        |rules: &Ruleset| -> Vec<Redirect> { rules.tables.values().flatten().copied().collect() };
    let (old, new) = (targets(before), targets(after));
    let Some(redirect) = new.iter().find(|redirect| !old.contains(redirect)) else {
        return;
    };
    let mut host_state = host.state();
    let due = |fault: &HostFault| {
        matches!(
            fault,
            HostFault::RebootAfterSwitch
                | HostFault::ConnectionLostAfterSwitch
                | HostFault::BackendCrashes { .. }
        )
    };
    let faults: Vec<HostFault> = host_state
        .faults
        .extract_if(.., |fault| due(fault))
        .collect();
    drop(host_state);
    for fault in faults {
        let (host, port) = (Arc::clone(host), redirect.to);
        host.handle.clone().spawn(async move {
            match fault {
                HostFault::RebootAfterSwitch => host.reboot().await,
                HostFault::ConnectionLostAfterSwitch => host.cut.send_modify(|count| *count += 1),
                HostFault::BackendCrashes { after } => {
                    tokio::time::sleep(after).await;
                    host.crash(port);
                }
                _ => {}
            }
        });
    }
}

/// `journalctl --quiet --no-pager --output=cat|short-iso [--show-cursor] [-n N]
/// [-p PRIORITY] [--since=@T] [--after-cursor=C] -u UNIT…`
fn journalctl(host: &Arc<Supervisor>, arguments: &[String]) -> Answer {
    let (mut last, mut units, mut output, mut shows_cursor) = (usize::MAX, Vec::new(), "", false);
    let mut wanted = Wanted {
        least: 7,
        since: 0.0,
        after: 0,
    };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("--quiet" | "--no-pager", "") => {}
            ("--show-cursor", "") => shows_cursor = true,
            ("--output", how @ ("cat" | "short-iso")) => output = how,
            ("-n", "") => match words.next().and_then(|word| word.parse().ok()) {
                Some(count) => last = count,
                None => return Answer::refuse("journalctl", "-n without a number"),
            },
            ("-p", "") => match words.next() {
                Some("err") => wanted.least = 3,
                Some("warning") => wanted.least = 4,
                other => return Answer::refuse("journalctl", format!("the priority {other:?}")),
            },
            ("-u", "") => units.extend(words.next()),
            ("--after-cursor", cursor) => match cursor.parse() {
                Ok(number) => wanted.after = number,
                Err(_) => return Answer::fail(1, format!("Failed to seek to cursor {cursor}")),
            },
            ("--since", at) => match at.strip_prefix('@').and_then(|time| time.parse().ok()) {
                Some(time) => wanted.since = time,
                None => return Answer::refuse("journalctl", format!("`{word}`")),
            },
            _ => return Answer::refuse("journalctl", format!("`{word}`")),
        }
    }
    if units.is_empty() || output.is_empty() {
        return Answer::refuse("journalctl", "a call without -u UNIT and --output=");
    }
    let host_state = host.state();
    let found = host_state.journal.of(&units, wanted);
    let mut lines: Vec<&Line> = found.rev().take(last).collect();
    lines.reverse();
    let mut text: String = lines.iter().map(|line| line.shown(output)).collect();
    if let (true, Some(line)) = (shows_cursor, lines.last()) {
        text.push_str(&format!("-- cursor: {}\n", line.number));
    }
    Answer::say(text)
}

/// `ss -H -t -n state established '( sport = :PORT )'`, and `-H -t -l -n '( … )'`.
fn ss(arguments: &[String]) -> Answer {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (state, filter) = match words.as_slice() {
        ["-H", "-t", "-n", "state", "established", filter] => (sockets::ESTABLISHED, *filter),
        ["-H", "-t", "-l", "-n", filter] => (sockets::LISTEN, *filter),
        _ => return Answer::refuse("ss", format!("`{}`", arguments.join(" "))),
    };
    let port = filter
        .strip_prefix("( sport = :")
        .and_then(|rest| rest.strip_suffix(" )"));
    let Some(port) = port.and_then(|port| port.parse().ok()) else {
        return Answer::refuse("ss", format!("the filter `{filter}`"));
    };
    match sockets::with_local_port(port, state) {
        Ok(lines) => Answer::say(
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        ),
        Err(error) => Answer::fail(1, format!("ss: {error}")),
    }
}
