//! Start: the release runs in the idle slot, and nobody is sent to it.
//!
//! Units and the switch script are written where they differ; the slot's link is
//! replaced by one rename; a drain that is still under way in that slot is ended first.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::Utf8Path;

use crate::model::digest::sha256_hex;
use crate::model::error::DeployError;
use crate::model::slot::Slot;
use crate::model::switch_method::Method;
use crate::remote::service_deploy::ServiceDeploy;
use crate::remote::state::{ReleaseState, State};
use crate::ssh::command::Command;
use crate::systemd::host_file::{HostFile, write_files};

use super::{health, host_files};

/// `$1` the program, checksums and paths of our files on standard input: prints `absent`
/// without the program, else a word for each file: `same` or `differs`.
const QUERY_SH: &str = r#"
if ! [ -x "$1" ]; then echo absent; exit 0; fi
while IFS= read -r line; do
  if printf '%s\n' "$line" | sha256sum --check --status --strict 2>/dev/null
  then echo same; else echo differs; fi
done
"#;

/// `$1` slot link, `$2` what it shall name, `$3` unit, `$4` drain unit, `$5` boot unit, `$6`
/// what gives it the listener, `$7` `idle` where users are not led to this slot: then it
/// listens on its own port, `$8` the unit that keeps the kernel's rules; empty: there are none.
const START_SH: &str = r#"set -eu
for enabled in "$5" $8; do
  systemctl --quiet is-enabled "$enabled" || systemctl --quiet enable "$enabled"
done
# The drain, the boot unit and the slot, as they are.
set -- "$@" $(systemctl is-active "$4" "$5" "$3" || true)
if [ "$9" = active ]; then systemctl stop "$4"; fi
if [ "${11}" != inactive ]; then systemctl stop "$3"; fi
ln -s "$2" "$1.new.$$"
mv -T "$1.new.$$" "$1"
if [ "$7" = idle ]; then
  rm -f "$1.public"
  given=$(dirname "$6")
  if [ -d "$given" ]; then
    rm -f "$6"
    systemctl daemon-reload
    rmdir "$given" 2>/dev/null || true
  fi
fi
sync "$(dirname "$1")"
if [ "${10}" != active ]; then systemctl start "$5"; fi
if [ -n "$8" ]; then systemctl start "$8"; fi
systemctl reset-failed "$3" || true
systemctl start "$3"
"#;

/// Starts the release in the idle slot.
pub(super) fn perform(deployment: &ServiceDeploy<'_>) -> Result<String, DeployError> {
    let (host, layout) = (deployment.host, &deployment.layout);
    let release = deployment.release();
    let settings = deployment.settings();
    let all = host_files::all_files(layout, settings);
    let binary = layout.release(&release).join(&settings.binary);
    let (state, as_wanted) = lock_and_compare(deployment, &binary, &all)?;
    let release_state = state.release_state(&release);
    let slot = match release_state {
        ReleaseState::Started(slot) => return Ok(format!("{release} runs in slot {slot}")),
        ReleaseState::Confirmed(slot) | ReleaseState::Unconfirmed(slot)
            if state.slot(slot).is_running() =>
        {
            return Ok(format!("{release} runs in slot {slot}"));
        }
        ReleaseState::NotRunning(slot)
        | ReleaseState::Confirmed(slot)
        | ReleaseState::Unconfirmed(slot) => slot,
        ReleaseState::SlotBusy => {
            return Err(DeployError::Conflict {
                target: deployment.target(),
                what: "both slots are in use: a switch to another release is unconfirmed".into(),
                next: "confirm or revert it first, or wait until the host reverts it",
            });
        }
    };
    let is_idle = matches!(release_state, ReleaseState::NotRunning(_));
    let Some(as_wanted) = as_wanted else {
        let target = deployment.target();
        return Err(DeployError::Missing { target, release });
    };
    // Only what this slot's unit reads, and what both share: the users' slot stays as it is.
    let files = host_files::files(layout, settings, slot);
    let is_wanted = |file: &HostFile| as_wanted.contains(&file.path);
    let written = match files.iter().all(is_wanted) {
        true => 0,
        false => write_files(host, &files)?,
    };
    if written > 0 {
        host.check(&Command::new("systemctl").arg("daemon-reload").privileged())?;
    }
    if let Some(why) = run(deployment, slot, &release, is_idle)? {
        return health::unhealthy(deployment, slot, format!("it did not start: {why}"));
    }
    Ok(format!(
        "started {release} in slot {slot}, {written} files written"
    ))
}

/// Takes the lease and asks the host for its state, and for the paths of those files that are
/// as they should be; `None`: the release's program is not there.
fn lock_and_compare(
    deployment: &ServiceDeploy<'_>,
    binary: &Utf8Path,
    files: &[HostFile],
) -> Result<(State, Option<BTreeSet<String>>), DeployError> {
    let host = deployment.host;
    let mut sums = String::new();
    for file in files {
        let sum = sha256_hex(file.text.as_bytes());
        sums.push_str(&format!("{sum}  {}\n", file.path));
    }
    let command = Command::script(QUERY_SH)
        .arg(binary)
        .input(sums)
        .privileged();
    let (state, [output]) = deployment.lock_and_query_with([&command])?;
    let text = output.text();
    let words: Vec<&str> = text.lines().collect();
    if words == ["absent"] {
        return Ok((state, None));
    }
    let is_known = |word: &&str| ["same", "differs"].contains(word);
    if words.len() != files.len() || !words.iter().all(is_known) {
        return Err(host.unreadable(&command, text.trim()).into());
    }
    let same = files.iter().zip(words).filter(|(_, word)| *word == "same");
    let paths = same.map(|(file, _)| file.path.clone()).collect();
    Ok((state, Some(paths)))
}

/// Lets the host watch over what begins, and starts the slot's unit; returns why it did not
/// start.
fn run(
    deployment: &ServiceDeploy<'_>,
    slot: Slot,
    release: &str,
    is_idle: bool,
) -> Result<Option<String>, DeployError> {
    let layout = &deployment.layout;
    let command = Command::script(START_SH)
        .arg(layout.slot(slot))
        .arg(layout.slot_link_target(release))
        .args([
            layout.unit(slot),
            layout.drain_unit(slot),
            layout.boot_unit(),
            layout.socket_drop_in(slot).into_string(),
        ])
        .arg(if is_idle { "idle" } else { "users" })
        .arg(match deployment.settings().switch {
            Method::Nft => layout.keeper_unit(),
            _ => String::new(),
        })
        .privileged()
        .silence_timeout(Duration::from_secs(180));
    let commands = [
        deployment
            .switchctl("begin")
            .input(deployment.members(slot)),
        command,
    ];
    let mut outputs = deployment.host.run_all(&commands)?.into_iter();
    deployment
        .host
        .expect_output(&commands[0], outputs.next())?;
    let output = outputs.next().unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((output.status != 0).then_some(stderr))
}
