//! `systemctl`, in the forms that a deploy uses.

use std::fmt::Write as _;
use std::sync::Arc;

use super::protocol::Answer;
use super::supervisor::Supervisor;
use super::unit::{ActiveState, template_of};

/// Options, verb and units of one call.
struct Call<'a> {
    verb: &'a str,
    units: Vec<String>,
    quiet: bool,
    no_block: bool,
    properties: Vec<&'a str>,
}

fn parse(arguments: &[String]) -> Result<Call<'_>, String> {
    let mut call = Call {
        verb: "",
        units: Vec::new(),
        quiet: false,
        no_block: false,
        properties: Vec::new(),
    };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--quiet" | "-q" => call.quiet = true,
            "--no-block" => call.no_block = true,
            "-p" => call
                .properties
                .extend(words.next().unwrap_or_default().split(',')),
            option if option.starts_with('-') => return Err(format!("the option {option}")),
            verb if call.verb.is_empty() => call.verb = verb,
            unit => call.units.push(full_name(unit)),
        }
    }
    Ok(call)
}

/// systemd's rule: a name without a suffix is a service.
fn full_name(unit: &str) -> String {
    let known = [".service", ".timer", ".target", ".socket"];
    if known.iter().any(|suffix| unit.ends_with(suffix)) {
        return unit.to_owned();
    }
    format!("{unit}.service")
}

/// Answers one call.
pub(super) async fn call(host: &Arc<Supervisor>, arguments: &[String]) -> Answer {
    if arguments == ["--version"] {
        return Answer::say("systemd 252 (fake)\n");
    }
    let call = match parse(arguments) {
        Ok(call) => call,
        Err(what) => return Answer::refuse("systemctl", what),
    };
    let needs_units = !matches!(call.verb, "daemon-reload" | "is-system-running");
    if needs_units == call.units.is_empty() {
        return Answer::refuse("systemctl", format!("`{}`", arguments.join(" ")));
    }
    let outcome = match call.verb {
        "daemon-reload" => host.reload().map(|()| String::new()),
        "is-system-running" => Ok("running\n".into()),
        "start" => start(host, &call, false).await,
        "restart" => start(host, &call, true).await,
        "stop" => stop(host, &call).await,
        "enable" | "disable" => enable(host, &call),
        "is-enabled" => is_enabled(host, &call),
        "is-active" => is_active(host, &call),
        "reset-failed" => reset_failed(host, &call),
        "show" => show(host, &call),
        other => return Answer::refuse("systemctl", format!("`{other}`")),
    };
    match outcome {
        Ok(text) => Answer::say(text),
        // The quiet answers of is-active and is-enabled: a word on stdout, if any.
        Err((status @ (3 | 4), word)) => Answer {
            stdout: word,
            ..Answer::status(status)
        },
        Err((status, why)) => Answer::fail(status, why),
    }
}

type Outcome = Result<String, (u8, String)>;

async fn start(host: &Arc<Supervisor>, call: &Call<'_>, again: bool) -> Outcome {
    for unit in &call.units {
        host.load(unit)?;
        if again {
            host.stop(unit).await;
        }
        if call.no_block {
            let (host, unit) = (Arc::clone(host), unit.clone());
            host.handle.clone().spawn(async move {
                if let Err((_, why)) = host.start(&unit).await {
                    host.state().journal.add(&unit, 3, &why);
                }
            });
        } else {
            host.start(unit).await?;
        }
    }
    Ok(String::new())
}

async fn stop(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    for unit in &call.units {
        if unit.ends_with(".timer") {
            let timer = host.state().timers.remove(unit);
            let timer = timer
                .ok_or_else(|| (5, format!("Failed to stop {unit}: Unit {unit} not loaded.")))?;
            timer.abort();
            continue;
        }
        let known = host.state().units.contains_key(unit);
        match host.read_unit(unit) {
            Err((5, _)) if !known => {
                return Err((5, format!("Failed to stop {unit}: Unit {unit} not loaded.")));
            }
            Err(why) if !known => return Err(why),
            _ => {}
        }
        if call.no_block {
            host.stop_later(unit);
        } else {
            host.stop(unit).await;
        }
    }
    Ok(String::new())
}

fn enable(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    for unit in &call.units {
        let service = host.read_unit(unit)?;
        let file = template_of(unit).map_or_else(|| unit.clone(), |(file, _)| file);
        if service.wanted_by.is_empty() {
            return Err((
                1,
                format!("The unit files of {unit} have no installation config."),
            ));
        }
        for target in service.wanted_by {
            let wants = host.unit_directory().join(format!("{target}.wants"));
            let link = wants.join(unit);
            let failed = |error: std::io::Error| (1, format!("{link}: {error}"));
            if link.is_symlink() {
                std::fs::remove_file(&link).map_err(failed)?;
            }
            if call.verb == "enable" {
                std::fs::create_dir_all(&wants).map_err(failed)?;
                std::os::unix::fs::symlink(host.unit_directory().join(&file), &link)
                    .map_err(failed)?;
            }
        }
    }
    Ok(String::new())
}

fn is_enabled(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    let mut text = String::new();
    for unit in &call.units {
        host.read_unit(unit)?;
        let link = host
            .unit_directory()
            .join("multi-user.target.wants")
            .join(unit);
        if !link.is_symlink() {
            return Err((1, "disabled".into()));
        }
        text.push_str("enabled\n");
    }
    Ok(text)
}

fn is_active(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    let host_state = host.state();
    let mut text = String::new();
    let mut all = true;
    for unit in &call.units {
        let state = match (host_state.units.get(unit), host_state.timers.get(unit)) {
            (Some(unit), _) => unit.active,
            (None, Some(timer)) if !timer.is_finished() => ActiveState::Running,
            _ => ActiveState::Inactive,
        };
        all &= state == ActiveState::Running;
        if !call.quiet {
            text.push_str(state.name());
            text.push('\n');
        }
    }
    if all { Ok(text) } else { Err((3, text)) }
}

fn reset_failed(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    let mut host_state = host.state();
    for name in &call.units {
        let Some(unit) = host_state.units.get_mut(name) else {
            return Err((
                1,
                format!("Failed to reset failed state of unit {name}: Unit {name} not loaded."),
            ));
        };
        unit.starts.clear();
        if unit.active == ActiveState::Failed {
            unit.active = ActiveState::Inactive;
        }
    }
    Ok(String::new())
}

fn show(host: &Arc<Supervisor>, call: &Call<'_>) -> Outcome {
    let host_state = host.state();
    let mut text = String::new();
    for (at, name) in call.units.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let unit = host_state.units.get(name);
        for property in &call.properties {
            let value = match *property {
                "ActiveState" => unit
                    .map_or("inactive", |unit| unit.active.name())
                    .to_owned(),
                "NRestarts" => unit.map_or(0, |unit| unit.restarts).to_string(),
                "MainPID" => unit
                    .and_then(|unit| unit.main)
                    .map_or(0, |main| main.as_raw_nonzero().get())
                    .to_string(),
                "ActiveEnterTimestamp" => unit
                    .and_then(|unit| unit.since)
                    .map_or_else(String::new, |since| {
                        since.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string()
                    }),
                other => {
                    return Err((
                        64,
                        format!("the fake host does not know the property {other}"),
                    ));
                }
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{property}={value}");
        }
    }
    Ok(text)
}
