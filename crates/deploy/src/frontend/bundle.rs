//! The frontend's deploy on one host: upload the bundle, then flip `current` to it.
//!
//! `frontend/served/ID` is composed of hard links: the release's own files, over the
//! previous release's files except its pages. A page that a user still has open thereby
//! finds its hashed assets for one more release, while removed pages are gone. The flip
//! is rename(2) of a link: a request sees the old bundle or the new one.

use std::time::Duration;

use super::decommission;
use crate::artifact::job::DeployJob;
use crate::artifact::upload;
use crate::model::app::Deploy;
use crate::model::error::DeployError;
use crate::model::layout::Layout;
use crate::model::part::Part;
use crate::model::step::{FrontendStep, Probe, Progress};
use crate::remote::lease::{self, release_on_failure};
use crate::remote::record::{self, Outcome};
use crate::remote::retention;
use crate::remote::state::State;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// `$1` frontend directory, `$2` releases, `$3` release, `$4` previous release or empty.
const FLIP_SH: &str = r#"set -eu
umask 022
mkdir -p "$1/served"
rm -rf "$1"/served/.incoming-*
next=$(mktemp -d "$1/served/.incoming-XXXXXXXX")
if [ -n "$4" ] && [ -d "$2/$4/frontend" ]; then
  cp -a --link -- "$2/$4/frontend/." "$next/"
  find "$next" -type f -name '*.html' -delete
fi
cp -a --link --remove-destination -- "$2/$3/frontend/." "$next/"
chmod 0755 "$next"
sync -f "$next"
rm -rf "$1/served/$3"
mv -T "$next" "$1/served/$3"
rm -f "$1/.current.new"
ln -s "served/$3" "$1/.current.new"
mv -T "$1/.current.new" "$1/current"
sync "$1"
for old in "$1"/served/*; do
  name=$(basename "$old")
  if [ "$name" != "$3" ] && [ "$name" != "$4" ]; then rm -rf "$old"; fi
done
"#;

/// Reason recorded for the service that a bundle replaces.
const REPLACED: &str = "the frontend is a bundle now";

/// Asks whether the step's effect is already on the host. Reads only.
///
/// # Errors
/// When the host cannot be asked, or the deploy itself is refused.
pub fn probe_frontend(
    step: FrontendStep,
    host: &Host,
    deploy: &Deploy,
    job: Option<&DeployJob>,
) -> Result<Probe, DeployError> {
    deploy.check()?;
    deploy.app.bundle(Part::Frontend)?;
    match step {
        FrontendStep::Upload => upload::probe(host, deploy, Part::Frontend, job),
        FrontendStep::Flip => probe_flip(host, deploy),
        FrontendStep::Decommission => decommission::probe(host, deploy),
    }
}

/// Asks the host which bundle it serves, and who holds the lease.
fn query(host: &Host, deploy: &Deploy) -> Result<State, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    State::query(host, &layout.service(Part::Frontend))
}

/// Asks whether `current` names the release and the record says so: a kill between the two must
/// not lose the record.
fn probe_flip(host: &Host, deploy: &Deploy) -> Result<Probe, DeployError> {
    let release = deploy.release.id();
    let state = query(host, deploy)?;
    if state.frontend.as_deref() != Some(release.as_str()) || !is_recorded(host, deploy)? {
        return Ok(Probe::Absent);
    }
    match &state.lease {
        Some((holder, ..)) if *holder == deploy.owner => Ok(Probe::Absent),
        _ => Ok(Probe::Done(format!("frontend/current names {release}"))),
    }
}

/// Asks whether the last record of the frontend, but for a service that it was, is of this
/// release.
fn is_recorded(host: &Host, deploy: &Deploy) -> Result<bool, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let records = record::read(host, &layout)?;
    let last = records
        .iter()
        .rev()
        .find(|record| record.part == Part::Frontend && record.outcome != Outcome::Decommissioned);
    Ok(last.is_some_and(|record| record.release == deploy.release.id()))
}

/// Performs the step, and returns a short sentence about what was done. Idempotent.
///
/// # Errors
/// [`DeployError`]; until the flip, users see the old bundle.
pub fn perform_frontend(
    step: FrontendStep,
    host: &Host,
    deploy: &Deploy,
    job: Option<&DeployJob>,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    deploy.check()?;
    deploy.app.bundle(Part::Frontend)?;
    lease::acquire(host, deploy)?;
    let outcome = match step {
        FrontendStep::Upload => upload::perform(host, deploy, Part::Frontend, job, progress),
        FrontendStep::Flip => flip(host, deploy),
        FrontendStep::Decommission => decommission::perform(host, deploy, REPLACED),
    };
    release_on_failure(host, deploy, outcome)
}

fn flip(host: &Host, deploy: &Deploy) -> Result<String, DeployError> {
    let layout = Layout::new(host.target(), &deploy.app);
    let release = deploy.release.id();
    if upload::probe(host, deploy, Part::Frontend, None)? == Probe::Absent {
        let target = host.target().to_string();
        return Err(DeployError::Missing { target, release });
    }
    let previous = query(host, deploy)?.frontend;
    if previous.as_deref() != Some(release.as_str()) {
        let command = Command::script(FLIP_SH)
            .args([
                layout.frontend().as_str(),
                layout.releases().as_str(),
                &release,
            ])
            .arg(previous.as_deref().unwrap_or_default())
            .privileged()
            .silence_timeout(Duration::from_secs(120));
        host.check(&command)?;
    }
    if !is_recorded(host, deploy)? {
        record::append(host, deploy, Part::Frontend, None, Outcome::Confirmed, None)?;
    }
    let keep = deploy.app.bundle(Part::Frontend)?.keep_releases;
    let removed = retention::remove_old_releases(host, deploy, Part::Frontend, keep)?;
    lease::release(host, deploy)?;
    let before = previous.filter(|previous| *previous != release);
    Ok(format!(
        "frontend/current names {release}, before: {}; {removed} old releases removed",
        before.as_deref().unwrap_or("nothing")
    ))
}
