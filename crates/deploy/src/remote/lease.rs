//! One deploy per app and host: a lease with an owner and an expiry.
//!
//! The file is replaced atomically under `flock`, by the host's own clock, so two clients
//! with different clocks agree. Each step takes or renews it; a client that is gone
//! holds it no longer than the app's `lease_seconds`; the switch script then stops what
//! it has started and nobody has met. An unconfirmed switch of another run, of any part,
//! counts as held too, because only its own run may confirm it.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::app::Deploy;
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::ssh::command::{Command, Output};
use crate::ssh::host::Host;

/// Time between two renewals of a lease in a long wait.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_secs(30);

/// `$1` directory of the app, `$2` owner, `$3` seconds, then the switches that somebody
/// may have armed. Prints `taken`, or who holds it.
const ACQUIRE_SH: &str = r#"set -eu
umask 022
base=$1
me=$2
seconds=$3
shift 3
mkdir -p "$base"
exec 9>>"$base/.lock"
flock -w 30 9 || { echo "another process has held $base/.lock for 30 s; look who with fuser" >&2; exit 4; }
now=$(date +%s)
since=$now
for armed; do
  [ -e "$armed" ] || continue
  owner=$(sed -n 's/^# owner //p' "$armed" | head -n 1)
  if [ "$owner" != "$me" ]; then
    at=$(sed -n 's/^# at //p' "$armed" | head -n 1)
    printf 'held\n%s\n%s\n%s\n' "$owner" "$at" "$now"
    exit 0
  fi
done
if [ -s "$base/lease" ]; then
  { read -r holder; read -r begun; read -r until; } <"$base/lease"
  if [ "$holder" = "$me" ]; then since=$begun
  elif [ "$until" -gt "$now" ]; then
    printf 'held\n%s\n%s\n%s\n' "$holder" "$begun" "$until"
    exit 0
  fi
fi
printf '%s\n%s\n%s\n' "$me" "$since" "$((now + seconds))" >"$base/lease.new"
mv -T "$base/lease.new" "$base/lease"
printf 'taken\n'
"#;

/// `$1` directory of the app, `$2` owner, `$3` the unit that watches over the lease, if any.
const RELEASE_SH: &str = r#"set -eu
[ -d "$1" ] || exit 0
exec 9>>"$1/.lock"
flock -w 30 9 || { echo "another process has held $1/.lock for 30 s; look who with fuser" >&2; exit 4; }
[ -s "$1/lease" ] || exit 0
read -r holder <"$1/lease"
[ "$holder" = "$2" ] || exit 0
rm -f "$1/lease"
# Its watcher would see that within a second; a deploy leaves nothing behind.
if [ -n "$3" ] && systemctl is-active --quiet "$3"; then systemctl stop "$3" || true; fi
"#;

/// `$1` directory of the app, `$2` owner, `$3` the unit that watches over the lease: it sees
/// within a second that the lease has ended, and stops what was started for nobody. What watches
/// over nothing has nothing to stop.
const GIVE_UP_SH: &str = r#"set -eu
[ -d "$1" ] || exit 0
exec 9>>"$1/.lock"
flock -w 30 9 || { echo "another process has held $1/.lock for 30 s; look who with fuser" >&2; exit 4; }
[ -s "$1/lease" ] || exit 0
{ read -r holder; read -r begun; } <"$1/lease"
[ "$holder" = "$2" ] || exit 0
if [ -n "$3" ] && systemctl is-active --quiet "$3"; then
  printf '%s\n%s\n0\n' "$holder" "$begun" >"$1/lease.new"
  mv -T "$1/lease.new" "$1/lease"
else
  rm -f "$1/lease"
fi
"#;

/// Ends the lease of a run that nobody goes on with: the host stops what the run has started
/// and no user was led to. A switch that is unconfirmed goes back when its own time is over.
///
/// # Errors
/// When the host cannot be asked.
pub fn give_up_lease(host: &Host, deploy: &Deploy) -> Result<(), DeployError> {
    deploy.check()?;
    let layout = Layout::new(host.target(), &deploy.app);
    let command = Command::script(GIVE_UP_SH)
        .args([layout.base().as_str(), &deploy.owner, &layout.lease_unit()])
        .privileged();
    host.check(&command)?;
    Ok(())
}

/// Takes the lease, or renews it.
pub(crate) fn acquire(host: &Host, deploy: &Deploy) -> Result<(), DeployError> {
    let command = acquire_command(host, deploy);
    check_acquired(host, &command, &host.check(&command)?)
}

/// Returns the command that takes the lease, or renews it; [`check_acquired`] reads its output.
pub(crate) fn acquire_command(host: &Host, deploy: &Deploy) -> Command {
    let layout = Layout::new(host.target(), &deploy.app);
    Command::script(ACQUIRE_SH)
        .args([
            layout.base().as_str(),
            &deploy.owner,
            &deploy.app.lease_seconds.to_string(),
        ])
        .args(Part::ALL.map(|part| layout.service(part).armed()))
        .privileged()
}

/// Fails unless that command took the lease; the error names who has it.
pub(crate) fn check_acquired(
    host: &Host,
    command: &Command,
    output: &Output,
) -> Result<(), DeployError> {
    let output = output.text();
    let lines: Vec<&str> = output.lines().collect();
    match lines.as_slice() {
        ["taken"] => Ok(()),
        ["held", holder, since, until] => {
            let time = |text: &str| {
                let seconds = text.parse().ok();
                let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
                time.ok_or_else(|| host.unreadable(command, format!("{text:?} is no time")))
            };
            Err(DeployError::LeaseHeld {
                target: host.target().to_string(),
                holder: (*holder).to_owned(),
                since: time(since)?,
                until: time(until)?,
            })
        }
        _ => Err(host.unreadable(command, output).into()),
    }
}

/// Releases the lease, if it is ours.
pub(crate) fn release(host: &Host, deploy: &Deploy) -> Result<(), DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let command = Command::script(RELEASE_SH)
        .args([layout.base().as_str(), &deploy.owner, &layout.lease_unit()])
        .privileged();
    host.check(&command)?;
    Ok(())
}

/// Releases the lease when nothing was begun that this run would have to finish.
pub(crate) fn release_on_failure<T>(
    host: &Host,
    deploy: &Deploy,
    outcome: Result<T, DeployError>,
) -> Result<T, DeployError> {
    if outcome.is_err() {
        // The failure is what the caller must hear; a lease that stays ends by itself.
        drop(release(host, deploy));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the script as the host would, and returns the first two lines it prints.
    fn run(script: &str, arguments: &[&str]) -> String {
        let output = std::process::Command::new("sh")
            .args(["-c", script, "stagegate"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().take(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_lease_has_one_holder_and_ends_by_itself() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().join("opt app");
        let base = base.to_str().unwrap();
        assert_eq!(run(ACQUIRE_SH, &[base, "one", "60"]), "taken");
        assert_eq!(run(ACQUIRE_SH, &[base, "two", "60"]), "held one");
        assert_eq!(run(ACQUIRE_SH, &[base, "one", "60"]), "taken");
        run(RELEASE_SH, &[base, "two", ""]);
        assert_eq!(run(ACQUIRE_SH, &[base, "two", "60"]), "held one");
        run(RELEASE_SH, &[base, "one", ""]);
        assert_eq!(run(ACQUIRE_SH, &[base, "two", "60"]), "taken");
        run(GIVE_UP_SH, &[base, "one", ""]);
        assert_eq!(run(ACQUIRE_SH, &[base, "three", "60"]), "held two");
        run(GIVE_UP_SH, &[base, "two", ""]);
        // A lease of no seconds has ended as soon as it is taken.
        assert_eq!(run(ACQUIRE_SH, &[base, "two", "0"]), "taken");
        assert_eq!(run(ACQUIRE_SH, &[base, "three", "60"]), "taken");
        let armed = ["one's switch", "the other's"].map(|name| format!("{base}/{name}"));
        let [none, armed] = armed.each_ref().map(String::as_str);
        std::fs::write(armed, "# owner four\n# at 1700000000\n").unwrap();
        assert_eq!(
            run(ACQUIRE_SH, &[base, "three", "60", none, armed]),
            "held four"
        );
        assert_eq!(
            run(ACQUIRE_SH, &[base, "four", "60", none, armed]),
            "held three"
        );
        assert_eq!(run(ACQUIRE_SH, &[base, "three", "60", none]), "taken");
    }
}
