//! Build: the host makes the program from the release's sources, instead of being sent it.
//!
//! The build is a unit of the host, as a migration is: the service's own account runs it,
//! it ends at its limit whether a client waits or not, and a client that comes back finds
//! it under way, or done. What it leaves is read with that account's rights and becomes
//! a release like an uploaded one, root's own and with its checksum beside it. Hosts that
//! build each for themselves may have different bytes; each is held to its own.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::app::Deploy;
use crate::build::{HostBuild, first_line};
use crate::command::Command;
use crate::error::DeployError;
use crate::host::Host;
use crate::layout::{Layout, Part};
use crate::lease;
use crate::record::{self, Outcome};
use crate::step::Progress;
use crate::units::{self, HostFile};
use crate::upload::{self, PATIENCE, is_sha256};

use super::health::RENEWAL;
use super::{start, unit};

/// Between two looks at the unit.
const INTERVAL: Duration = Duration::from_millis(500);
/// A job that systemd has accepted has begun by then.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);

/// `$1` directory of the build, `$2` its owner.
const PREPARE: &str = r#"set -eu
install -d -m 0750 -o "$2" "$1"
systemctl daemon-reload
"#;

/// `$1` unit, `$2` what it is to build, `$3` the file that says what it was started for.
/// A build that is under way for a client that was lost goes on, unless it is another.
const BEGIN: &str = r#"set -eu
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
const TAKE: &str = r#"set -eu
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
    host: &Host,
    deploy: &Deploy,
    build: &HostBuild,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    if let Some(evidence) = upload::already(host, deploy, Part::Backend, None)? {
        return Ok(evidence);
    }
    if deploy.release.commit.len() < 40 {
        return Err(DeployError::Refused {
            what: "commit",
            value: deploy.release.commit.clone(),
            remedy: "give all digits of it: a host fetches a commit by its id",
        });
    }
    let began = Instant::now();
    let work = Work {
        host,
        deploy,
        build,
        layout: Layout::new(host.target(), &deploy.app),
    };
    let product = work.begin()?;
    if let Some(why) = work.wait(&product, progress)? {
        return work.failed(why);
    }
    let sha256 = work.install(&product)?;
    Ok(format!(
        "built {} on the host in {:.1} s, SHA-256 {sha256}",
        deploy.release.id(),
        began.elapsed().as_secs_f64()
    ))
}

/// One build on one host.
struct Work<'a> {
    host: &'a Host,
    deploy: &'a Deploy,
    build: &'a HostBuild,
    layout: Layout,
}

impl Work<'_> {
    /// Starts the unit; where its product will be.
    fn begin(&self) -> Result<Utf8PathBuf, DeployError> {
        let Deploy { app, release, .. } = self.deploy;
        let backend = app.backend()?;
        let (script, product) = self.build.script(&self.layout, release);
        let unit = self.layout.build_unit();
        let text = units::build_unit(&self.layout, &app.name, backend, &release.id(), self.build);
        let files = [
            HostFile {
                path: self.layout.build_script().into_string(),
                mode: "0755",
                text: script,
            },
            HostFile {
                path: self.layout.units().join(&unit).into_string(),
                mode: "0644",
                text,
            },
        ];
        start::write_files(self.host, &files)?;
        let prepare = Command::script(PREPARE)
            .arg(self.layout.build())
            .arg(&backend.service_user);
        self.host.check(&prepare.privileged())?;
        // Made for a client that was lost before it could take it.
        if !self.is_there(&product)? {
            let begin = Command::script(BEGIN)
                .args([unit.as_str(), product.as_str()])
                .arg(self.layout.run().join("build"))
                .patience(Duration::from_secs(120));
            self.host.check(&begin.privileged())?;
        }
        Ok(product)
    }

    fn is_there(&self, product: &Utf8Path) -> Result<bool, DeployError> {
        let test = Command::new("test")
            .args(["-f", product.as_str()])
            .privileged();
        Ok(self.host.run(&test)?.status == 0)
    }

    /// Waits for the unit's end; says why it did not end well.
    fn wait(
        &self,
        product: &Utf8Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<String>, DeployError> {
        let unit = self.layout.build_unit();
        let limit = Duration::from_secs(self.build.limit_seconds);
        let began = Instant::now();
        let mut renewed = began;
        loop {
            let state = unit::state_of(self.host, &unit)?.active;
            match state.as_str() {
                "activating" | "deactivating" => {}
                "failed" if began.elapsed() >= limit => {
                    return Ok(Some(format!("it was not done within {limit:?}")));
                }
                "failed" => return Ok(Some("the build failed".to_owned())),
                _ if self.is_there(product)? => return Ok(None),
                _ if began.elapsed() > BEGINS_WITHIN => {
                    return Ok(Some(format!("its unit is {state}, and nothing is built")));
                }
                _ => {}
            }
            // systemd ends it at its own limit; this is for a host that does not.
            if began.elapsed() > limit + BEGINS_WITHIN {
                let stop = Command::new("systemctl").args(["stop", &unit]);
                self.host
                    .check(&stop.privileged().patience(Duration::from_secs(120)))?;
                return Ok(Some(format!("it was not done within {limit:?}")));
            }
            if renewed.elapsed() > RENEWAL {
                renewed = Instant::now();
                lease::hold(self.host, self.deploy)?;
            }
            progress(Progress {
                text: format!(
                    "{} is being built on the host, {} s",
                    self.deploy.release.id(),
                    began.elapsed().as_secs()
                ),
                done: None,
                total: None,
                probed: None,
            });
            std::thread::sleep(INTERVAL);
        }
    }

    /// Makes the product a release; its hash.
    fn install(&self, product: &Utf8Path) -> Result<String, DeployError> {
        let backend = self.deploy.app.backend()?;
        let take = Command::script(TAKE)
            .arg(self.layout.releases())
            .args([product.as_str(), &backend.service_user, &backend.binary])
            .privileged()
            .patience(PATIENCE);
        let said = self.host.check(&take)?.text();
        let mut lines = said.lines();
        let (Some(incoming), Some(sha256)) = (lines.next(), lines.next()) else {
            return Err(self.host.unreadable(&take, said.clone()).into());
        };
        if !is_sha256(sha256) {
            let what = format!("{sha256:?} is no SHA-256");
            return Err(self.host.unreadable(&take, what).into());
        }
        let incoming = Utf8Path::new(incoming);
        upload::publish(self.host, self.deploy, Part::Backend, incoming, sha256)?;
        Ok(sha256.to_owned())
    }

    /// Writes down what happened; users have met nothing.
    fn failed(&self, why: String) -> Result<String, DeployError> {
        let mut journal = unit::journal_of(self.host, &self.layout.build_unit())?;
        let first = first_line(&self.deploy.release);
        if let Some(at) = journal.iter().rposition(|line| *line == first) {
            journal.drain(..=at);
        }
        let reason = format!("the build on the host failed: {why}");
        let (part, outcome) = (Part::Backend, Outcome::Unhealthy);
        record::append(self.host, self.deploy, part, None, outcome, Some(&reason))?;
        Err(DeployError::BuildFailed {
            target: self.host.target().to_string(),
            release: self.deploy.release.id(),
            why,
            journal,
        })
    }
}
