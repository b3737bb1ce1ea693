//! The end of a frontend that was a service and is a bundle now, on one host.
//!
//! A deploy that finds the other kind of frontend does not leave it running: what led
//! users to the service leads nowhere, its slots are told to end, its units and its
//! directories go, and `deploys.jsonl` says so. What is the owner's stays: an environment
//! file, a proxy's configuration, what the service has stored. Killed at any point it is
//! gone on with; a reboot in between starts nothing of it.

use std::time::Duration;

use crate::model::app::{Deploy, Release};
use crate::model::error::DeployError;
use crate::model::layout::{Layout, ServiceLayout};
use crate::model::part::Part;
use crate::model::step::Probe;
use crate::model::switch::Switch;
use crate::remote::lease::{self, release_on_failure};
use crate::remote::record::{self, Outcome};
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` the service's directory, `$2` directory of units, `$3` what its slots' units begin
/// with.
const QUERY_SH: &str = r#"
for file in "$1/switch" "$1/slots" "$2/$3@blue.service" "$2/$3@green.service"; do
  if [ -e "$file" ]; then echo there; exit 0; fi
done
echo gone
"#;

/// `$1` directory of the app, `$2` the service's, `$3` directory of units, `$4` what its
/// slots' units begin with, `$5` what its others begin with. Prints `armed`, or the head of
/// the switch that it had.
const STOP_SH: &str = r#"set -eu
PATH=$PATH:/usr/sbin:/sbin
switch=$2/switch
exec 9>>"$1/.lock"
flock -w 30 9 || { echo "another process has held $1/.lock for 30 s; look who with fuser" >&2; exit 4; }
if [ -e "$switch/armed" ]; then echo armed; exit 0; fi
# Nobody is led to it any more, whatever happens from here on: not by a reboot either.
if [ -e "$switch/confirmed" ]; then
  mv -T "$switch/confirmed" "$switch/retired"
  sync "$switch"
fi
flock -u 9
exec 9>&-
if [ -x "$switch/switchctl" ]; then "$switch/switchctl" boot; fi
for slot in blue green; do
  drain=$5-drain-$slot.service
  if systemctl is-active --quiet "$drain"; then systemctl stop "$drain"; fi
  if [ -e "$3/$4@$slot.service" ]; then systemctl stop "$4@$slot.service"; fi
  rm -f "$3/$4@$slot.service"
  given=$3/$4@$slot.service.d
  rm -f "$given/listener.conf"
  rmdir "$given" 2>/dev/null || true
done
if [ -e "$3/$5-listener.socket" ]; then
  systemctl stop "$5-listener.socket" "$5-listener.service"
fi
if [ -e "$3/$5-keeper.service" ]; then
  systemctl --quiet disable "$5-keeper.service"
  systemctl stop "$5-keeper.service"
fi
if [ -e "$3/$5-switch.service" ]; then
  systemctl --quiet disable "$5-switch.service"
  systemctl stop "$5-switch.service"
fi
rm -f "$3/$5-switch.service" "$3/$5-keeper.service" "$3/$5-listener.socket" "$3/$5-listener.service"
systemctl daemon-reload
if [ -e "$switch/retired" ]; then sed -n '/^# end$/q; /^# /p' "$switch/retired"; fi
"#;

/// Slots may take systemd's 90 s each until they are killed.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(240);

/// Asks whether anything of the service is left. Reads only.
pub(crate) fn probe(host: &Host, deploy: &Deploy) -> Result<Probe, DeployError> {
    let layout = service(host, deploy);
    let command = Command::script(QUERY_SH)
        .arg(layout.directory())
        .arg(layout.units())
        .arg(layout.unit_prefix())
        .privileged();
    let answer = host.check(&command)?.text();
    match answer.trim() {
        "there" => Ok(Probe::Absent),
        "gone" => Ok(Probe::Done("no service of the frontend is left".to_owned())),
        other => Err(host.unreadable(&command, other).into()),
    }
}

/// Stops the service for good and releases the lease; returns a short sentence about what was
/// done. Idempotent.
pub(crate) fn perform(host: &Host, deploy: &Deploy, why: &str) -> Result<String, DeployError> {
    lease::acquire(host, deploy)?;
    let done = release_on_failure(host, deploy, end_service(host, deploy, why))?;
    lease::release(host, deploy)?;
    Ok(done)
}

fn end_service(host: &Host, deploy: &Deploy, why: &str) -> Result<String, DeployError> {
    let layout = service(host, deploy);
    let Some(was) = stop(host, &layout)? else {
        remove(host, &layout)?;
        return Ok("the frontend's service had never been switched to; its files are gone".into());
    };
    record(host, deploy, &was, why)?;
    remove(host, &layout)?;
    Ok(format!(
        "the frontend's service {} is stopped, and its units are gone",
        was.release
    ))
}

fn service(host: &Host, deploy: &Deploy) -> ServiceLayout {
    Layout::new(host.target(), &deploy.app).service(Part::Frontend)
}

/// Stops what there is; returns the switch that was confirmed, if there was one.
fn stop(host: &Host, layout: &ServiceLayout) -> Result<Option<Switch>, DeployError> {
    let command = Command::script(STOP_SH)
        .arg(layout.app_layout().base())
        .arg(layout.directory())
        .arg(layout.units())
        .args([layout.unit_prefix(), layout.name()])
        .privileged()
        .silence_timeout(SILENCE_TIMEOUT);
    let answer = host.check(&command)?.text();
    match answer.trim() {
        "" => Ok(None),
        "armed" => Err(DeployError::Conflict {
            target: host.target().to_string(),
            what: "a switch of the frontend's service is unconfirmed".to_owned(),
            next: "wait until the host has reverted it, then resume",
        }),
        head => {
            let was = Switch::parse(head).map_err(|what| host.unreadable(&command, what))?;
            Ok(Some(was))
        }
    }
}

/// Appends a record, unless a run that was lost just after has done so.
fn record(host: &Host, deploy: &Deploy, was: &Switch, why: &str) -> Result<(), DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let records = record::read(host, &layout)?;
    let last = records.last();
    if last.is_some_and(|it| it.outcome == Outcome::Decommissioned && it.release == was.release) {
        return Ok(());
    }
    let version = was.version.parse().map_err(|error| DeployError::Conflict {
        target: host.target().to_string(),
        what: format!(
            "the frontend's service is {:?}, which is no version: {error}",
            was.version
        ),
        next: "its slots are stopped; remove `frontend/switch` and `frontend/slots`, then resume",
    })?;
    let ended = Deploy {
        release: Release {
            version,
            commit: was.commit.clone(),
        },
        ..deploy.clone()
    };
    let slot = Some(was.slot);
    record::append(
        host,
        &ended,
        Part::Frontend,
        slot,
        Outcome::Decommissioned,
        Some(why),
    )
}

fn remove(host: &Host, layout: &ServiceLayout) -> Result<(), DeployError> {
    let command = Command::new("rm")
        .args(["-rf", "--"])
        .arg(layout.slots())
        .arg(layout.switch())
        .arg(layout.runtime_directory())
        .privileged();
    host.check(&command)?;
    Ok(())
}
