//! Start: the release runs in the idle slot, and nobody is sent to it.
//!
//! Units and the settling script are written where they differ; the slot's link is
//! replaced by one rename; a drain that is still under way in that slot is ended first.

use std::time::Duration;

use camino::Utf8Path;

use crate::artifact::hash_of_bytes;
use crate::command::Command;
use crate::error::DeployError;
use crate::host::Host;
use crate::layout::Slot;
use crate::state::{Place, State};
use crate::units::{self, HostFile};

use super::{Work, health};

/// `$1` the program, checksums and paths of our files on standard input: prints `absent`
/// without the program, else whether all files are the `same`, or some `differ`.
const LOOK: &str = r#"
if ! [ -x "$1" ]; then echo absent; exit 0; fi
if sha256sum --check --status --strict 2>/dev/null; then echo same; else echo differ; fi
"#;

/// `$1` path, `$2` mode, the text on standard input; prints whether it differed.
const WRITE: &str = r#"set -eu
umask 022
mkdir -p "$(dirname "$1")"
cat >"$1.new"
if [ -e "$1" ] && cmp -s "$1.new" "$1"; then rm -f "$1.new"; echo same; exit 0; fi
chmod "$2" "$1.new"
sync "$1.new"
mv -T "$1.new" "$1"
echo written
"#;

/// `$1` slot link, `$2` what it shall name, `$3` unit, `$4` drain unit, `$5` boot unit, `$6`
/// what gives it the listener, `$7` `idle` where users are not led to this slot: then it
/// listens on its own port.
const RUN: &str = r#"set -eu
systemctl --quiet is-enabled "$5" || systemctl --quiet enable "$5"
# The drain, the boot unit and the slot, as they are.
set -- "$@" $(systemctl is-active "$4" "$5" "$3" || true)
if [ "$8" = active ]; then systemctl stop "$4"; fi
if [ "${10}" != inactive ]; then systemctl stop "$3"; fi
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
if [ "$9" != active ]; then systemctl start "$5"; fi
systemctl reset-failed "$3" || true
systemctl start "$3"
"#;

/// Starts the release in the idle slot.
pub(super) fn perform(work: &Work<'_>) -> Result<String, DeployError> {
    let (host, layout) = (work.host, &work.layout);
    let release = work.release();
    let files = units::files(layout, work.settings());
    let binary = layout.release(&release).join(&work.settings().binary);
    let (state, as_wanted) = look(work, &binary, &files)?;
    let place = state.place(&release);
    let slot = match place {
        Place::Started(slot) => return Ok(format!("{release} runs in slot {slot}")),
        Place::Confirmed(slot) | Place::Armed(slot) if state.slot(slot).runs() => {
            return Ok(format!("{release} runs in slot {slot}"));
        }
        Place::Nowhere(slot) | Place::Confirmed(slot) | Place::Armed(slot) => slot,
        Place::Blocked => {
            return Err(DeployError::Conflict {
                target: work.target(),
                what: "both slots are in use: a switch to another release is unconfirmed".into(),
                next: "confirm or revert it first, or wait until the host reverts it",
            });
        }
    };
    let is_idle = matches!(place, Place::Nowhere(_));
    let Some(as_wanted) = as_wanted else {
        let target = work.target();
        return Err(DeployError::Missing { target, release });
    };
    let written = match as_wanted {
        true => 0,
        false => write_files(host, &files)?,
    };
    if written > 0 {
        host.check(&Command::new("systemctl").arg("daemon-reload").privileged())?;
    }
    if let Some(why) = run(work, slot, &release, is_idle)? {
        return health::unhealthy(work, slot, format!("it did not start: {why}"));
    }
    Ok(format!(
        "started {release} in slot {slot}, {written} files written"
    ))
}

/// Takes the lease and asks the host: what it says, and whether every file is there as it
/// should be; `None`: the release's program is not.
fn look(
    work: &Work<'_>,
    binary: &Utf8Path,
    files: &[HostFile],
) -> Result<(State, Option<bool>), DeployError> {
    let host = work.host;
    let mut sums = String::new();
    for file in files {
        let sum = hash_of_bytes(file.text.as_bytes());
        sums.push_str(&format!("{sum}  {}\n", file.path));
    }
    let command = Command::script(LOOK).arg(binary).input(sums).privileged();
    let (state, [said]) = work.hold_and_ask_also([&command])?;
    let as_wanted = match said.text().trim() {
        "absent" => None,
        "same" => Some(true),
        "differ" => Some(false),
        other => return Err(host.unreadable(&command, other).into()),
    };
    Ok((state, as_wanted))
}

pub(super) fn write_files(host: &Host, files: &[HostFile]) -> Result<usize, DeployError> {
    let write = |file: &HostFile| {
        Command::script(WRITE)
            .args([file.path.as_str(), file.mode])
            .input(file.text.as_bytes())
            .privileged()
    };
    let commands: Vec<Command> = files.iter().map(write).collect();
    let mut outputs = host.run_in_turn(&commands)?.into_iter();
    let mut written = 0;
    for command in &commands {
        if host.expect(command, outputs.next())?.text().trim() == "written" {
            written += 1;
        }
    }
    Ok(written)
}

/// Has the host watch over what begins, and starts the slot's unit; says why it did not
/// start.
fn run(
    work: &Work<'_>,
    slot: Slot,
    release: &str,
    is_idle: bool,
) -> Result<Option<String>, DeployError> {
    let layout = &work.layout;
    let command = Command::script(RUN)
        .arg(layout.slot(slot))
        .arg(layout.link_to(release))
        .args([
            layout.unit(slot),
            layout.drain_unit(slot),
            layout.boot_unit(),
            layout.listener_drop_in(slot).into_string(),
        ])
        .arg(if is_idle { "idle" } else { "users" })
        .privileged()
        .patience(Duration::from_secs(180));
    let commands = [work.settle("begin").input(work.members(slot)), command];
    let mut outputs = work.host.run_in_turn(&commands)?.into_iter();
    work.host.expect(&commands[0], outputs.next())?;
    let output = outputs.next().unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((output.status != 0).then_some(said))
}
