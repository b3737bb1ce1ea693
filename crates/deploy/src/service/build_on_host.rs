//! Build: the host makes the program from the release's sources, instead of being sent it.
//!
//! The build is a unit of the host, as a migration is: the service's own account runs it,
//! it ends at its limit whether a client waits or not, and a client that comes back finds
//! it under way, or done. What it leaves is read with that account's rights and becomes
//! a release like an uploaded one, root's own and with its checksum beside it. Hosts that
//! build each for themselves may have different bytes; each is held to its own.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::artifact::upload;
use crate::artifact::upload_progress::SILENCE_TIMEOUT;
use crate::model::error::DeployError;
use crate::model::host_build::HostBuild;
use crate::model::step::Progress;
use crate::remote::service_deploy::ServiceDeploy;
use crate::ssh::command::Command;
use crate::systemd::host_file::{HostFile, write_files};
use crate::systemd::{unit_status, units};

use super::build_script::{self, first_line};

/// Pause between two queries of the unit.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Within this, systemd begins a job that it has accepted.
const START_LIMIT: Duration = Duration::from_secs(10);

/// `$1` directory of the build, `$2` its owner.
const PREPARE_SH: &str = r#"set -eu
install -d -m 0750 -o "$2" "$1"
systemctl daemon-reload
"#;

/// `$1` unit, `$2` what it is to build, `$3` the file that says what it was started for.
/// A build that is under way for a client that was lost goes on, unless it is another.
const START_SH: &str = r#"set -eu
case $(systemctl show -p ActiveState "$1") in
  ActiveState=activating)
    if [ -e "$3" ] && [ "$(cat "$3")" = "$2" ]; then exit 0; fi
    systemctl stop "$1" ;;
esac
mkdir -p "$(dirname "$3")"
printf '%s\n' "$2" >"$3"
systemctl reset-failed "$1" 2>/dev/null || true
systemctl start --no-block "$1"
"#;

/// `$1` releases, `$2` what was built, `$3` whose it is, `$4` the program's name: takes it
/// with the rights of whoever built it, so that a link to something else shows nothing.
/// Prints where it is now, and its hash.
const INSTALL_SH: &str = r#"set -eu
umask 022
PATH=$PATH:/usr/sbin:/sbin
owner=$3
theirs() { if [ "$(id -u)" = 0 ]; then runuser -u "$owner" -- "$@"; else "$@"; fi; }
rm -rf "$1"/.incoming-*
mkdir -p "$1"
incoming=$(mktemp -d "$1/.incoming-XXXXXXXX")
theirs cat -- "$2" >"$incoming/$4"
theirs rm -f -- "$2"
chmod 0755 "$incoming/$4" "$incoming"
printf '%s\n%s\n' "$incoming" "$(sha256sum -- "$incoming/$4" | cut -d ' ' -f 1)"
"#;

/// Builds the release on the host, unless it is there.
pub(super) fn perform(
    deployment: &ServiceDeploy<'_>,
    build: &HostBuild,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    let part = deployment.service.part;
    if let Some(evidence) =
        upload::evidence_of_upload(deployment.host, deployment.deploy, part, None)?
    {
        return Ok(evidence);
    }
    let commit = &deployment.deploy.release.commit;
    if commit.len() < 40 {
        return Err(DeployError::Refused {
            what: "commit",
            value: commit.clone(),
            remedy: "give all digits of it: a host fetches a commit by its id",
        });
    }
    let began = Instant::now();
    let building = Building { deployment, build };
    let product = building.start_unit()?;
    if let Some(why) = building.wait_until_built(&product, progress)? {
        return building.failed(why);
    }
    let sha256 = building.install(&product)?;
    Ok(format!(
        "built {} on the host in {:.1} s, SHA-256 {sha256}",
        deployment.release(),
        began.elapsed().as_secs_f64()
    ))
}

/// One build on one host.
struct Building<'a> {
    deployment: &'a ServiceDeploy<'a>,
    build: &'a HostBuild,
}

impl Building<'_> {
    /// Starts the unit; returns where its product will be.
    fn start_unit(&self) -> Result<Utf8PathBuf, DeployError> {
        let (layout, settings) = (&self.deployment.layout, self.deployment.settings());
        let (script, product) =
            build_script::script(self.build, layout, &self.deployment.deploy.release);
        let unit = layout.build_unit();
        let text = units::build_unit(layout, settings, &self.deployment.release(), self.build);
        let files = [
            HostFile {
                path: layout.build_script().into_string(),
                mode: "0755",
                text: script,
            },
            HostFile {
                path: layout.units().join(&unit).into_string(),
                mode: "0644",
                text,
            },
        ];
        write_files(self.deployment.host, &files)?;
        let prepare = Command::script(PREPARE_SH)
            .arg(layout.build())
            .arg(&settings.service_user);
        self.deployment.host.check(&prepare.privileged())?;
        // Made for a client that was lost before it could take it.
        if !self.is_there(&product)? {
            let begin = Command::script(START_SH)
                .args([unit.as_str(), product.as_str()])
                .arg(layout.runtime_directory().join("build"))
                .silence_timeout(Duration::from_secs(120));
            self.deployment.host.check(&begin.privileged())?;
        }
        Ok(product)
    }

    fn is_there(&self, product: &Utf8Path) -> Result<bool, DeployError> {
        let test = Command::new("test")
            .args(["-f", product.as_str()])
            .privileged();
        Ok(self.deployment.host.run(&test)?.status == 0)
    }

    /// Waits for the unit's end; returns why it did not end well.
    fn wait_until_built(
        &self,
        product: &Utf8Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<String>, DeployError> {
        let unit = self.deployment.layout.build_unit();
        let limit = Duration::from_secs(self.build.limit_seconds);
        let began = Instant::now();
        self.deployment.poll_until(|_| {
            let state = unit_status::of_unit(self.deployment.host, &unit)?.active;
            // Since after the answer: a unit that systemd has ended at its limit says only
            // that it failed.
            let elapsed = began.elapsed();
            let failed = |why: String| Ok(ControlFlow::Break(Some(why)));
            match state.as_str() {
                "activating" | "deactivating" => {}
                "failed" if elapsed >= limit => {
                    return failed(format!("it was not done within {limit:?}"));
                }
                "failed" => return failed("the build failed".to_owned()),
                _ if self.is_there(product)? => return Ok(ControlFlow::Break(None)),
                _ if elapsed > START_LIMIT => {
                    return failed(format!("its unit is {state}, and nothing is built"));
                }
                _ => {}
            }
            // systemd ends it at its own limit; this is for a host that does not.
            if elapsed > limit + START_LIMIT {
                let stop = Command::new("systemctl").args(["stop", &unit]);
                let stop = stop.privileged().silence_timeout(Duration::from_secs(120));
                self.deployment.host.check(&stop)?;
                return failed(format!("it was not done within {limit:?}"));
            }
            progress(Progress::text(format!(
                "{} is being built on the host, {} s",
                self.deployment.release(),
                elapsed.as_secs()
            )));
            Ok(ControlFlow::Continue(POLL_INTERVAL))
        })
    }

    /// Makes the product a release; returns its hash.
    fn install(&self, product: &Utf8Path) -> Result<String, DeployError> {
        let settings = self.deployment.settings();
        let take = Command::script(INSTALL_SH)
            .arg(self.deployment.layout.releases())
            .args([product.as_str(), &settings.service_user, &settings.binary])
            .privileged()
            .silence_timeout(SILENCE_TIMEOUT);
        let printed = self.deployment.host.check(&take)?.text();
        let mut lines = printed.lines();
        let (Some(incoming), Some(sha256)) = (lines.next(), lines.next()) else {
            return Err(self
                .deployment
                .host
                .unreadable(&take, printed.clone())
                .into());
        };
        let ServiceDeploy { host, deploy, .. } = self.deployment;
        let sha256 = host.sha256_in(&take, sha256)?;
        let incoming = Utf8Path::new(incoming);
        upload::install_release(
            host,
            deploy,
            self.deployment.service.part,
            incoming,
            &sha256,
        )?;
        Ok(sha256)
    }

    /// Records the failure; users have met nothing.
    fn failed(&self, why: String) -> Result<String, DeployError> {
        let mut journal =
            unit_status::journal_of(self.deployment.host, &self.deployment.layout.build_unit())?;
        let first = first_line(&self.deployment.deploy.release);
        if let Some(at) = journal.iter().rposition(|line| *line == first) {
            journal.drain(..=at);
        }
        let reason = format!("the build on the host failed: {why}");
        self.deployment.append_unhealthy(None, &reason)?;
        Err(DeployError::BuildFailed {
            target: self.deployment.target(),
            release: self.deployment.release(),
            why,
            journal,
        })
    }
}
