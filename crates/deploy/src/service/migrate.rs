//! Migrate: the app's data are changed for a release, once, before users meet it.
//!
//! The command runs as a unit of the host, as the service's account and with its
//! environment file, so that a client that is lost does not stop it half-way. What the
//! command needs is in a script that is written for one release; data reach it through
//! [`quote`] only. A mark says that a release has migrated, and survives a reboot.
//!
//! A backup is made once for each release, before anything is changed, and is never
//! overwritten: a second attempt would save what the first one has half changed.
//! What goes back is what the configuration declares to go back; nothing is guessed.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::model::app::{Deploy, Migration};
use crate::model::error::DeployError;
use crate::model::layout::ServiceLayout;
use crate::model::part::Part;
use crate::model::shell_quote::quote;
use crate::model::step::{Direction, Probe, Progress};
use crate::remote::service_deploy::ServiceDeploy;
use crate::ssh::command::Command;
use crate::ssh::host::Host;
use crate::systemd::host_file::{HostFile, write_files};
use crate::systemd::{unit_status, units};

/// Pause between two queries of the unit.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Within this, systemd begins a job that it has accepted.
const START_LIMIT: Duration = Duration::from_secs(10);

/// `$1` directory of marks and backups, `$2` its owner, `$3` releases; what belongs to
/// releases that are gone goes too.
const PREPARE_SH: &str = r#"set -eu
install -d -m 0700 -o "$2" "$1"
for mark in "$1"/*.backed-up; do
  [ -e "$mark" ] || continue
  release=${mark##*/}
  release=${release%.backed-up}
  if [ ! -d "$3/$release" ]; then rm -rf -- "$1/$release".*; fi
done
systemctl daemon-reload
"#;

/// `$1` unit. Starts it, unless it is under way for a client that was lost.
const START_SH: &str = r#"set -eu
case $(systemctl show -p ActiveState "$1") in
  ActiveState=activating) ;;
  *) systemctl reset-failed "$1" 2>/dev/null || true
     systemctl start --no-block "$1" ;;
esac
"#;

/// Asks whether the data are already as the direction wants them. Reads only.
///
/// # Errors
/// When the host cannot be asked, or the deploy itself is refused.
pub fn probe_migration(
    direction: Direction,
    host: &Host,
    deploy: &Deploy,
) -> Result<Probe, DeployError> {
    deploy.check()?;
    probe(direction, &ServiceDeploy::of(Part::Backend, host, deploy)?)
}

/// Migrates the data, or undoes a migration; returns a short sentence about what was done.
///
/// # Errors
/// [`DeployError::MigrationFailed`] when the command fails: nothing was switched.
pub fn migrate(
    direction: Direction,
    host: &Host,
    deploy: &Deploy,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DeployError> {
    deploy.check()?;
    let deployment = ServiceDeploy::of(Part::Backend, host, deploy)?;
    let Some(migration) = &deployment.settings().migrate else {
        return Ok("the app has no migration".to_owned());
    };
    if let Probe::Done(evidence) = probe(direction, &deployment)? {
        return Ok(evidence);
    }
    deployment.renew_lease()?;
    let (layout, release) = (&deployment.layout, deployment.release());
    write_files(host, &files(&deployment, migration, direction))?;
    let prepare = Command::script(PREPARE_SH)
        .arg(layout.migrations())
        .arg(&deployment.settings().service_user)
        .arg(layout.releases());
    host.check(&prepare.privileged())?;
    let begin = Command::script(START_SH).arg(layout.migrate_unit());
    host.check(&begin.privileged())?;
    let began = Instant::now();
    if let Some(why) = wait(direction, &deployment, migration, progress)? {
        return failed(direction, &deployment, why);
    }
    let took = began.elapsed().as_secs_f64();
    Ok(match direction {
        Direction::Forward => format!("{release} migrated the data in {took:.1} s"),
        Direction::Undo => format!("the migration of {release} is undone, in {took:.1} s"),
    })
}

fn probe(direction: Direction, deployment: &ServiceDeploy<'_>) -> Result<Probe, DeployError> {
    let release = deployment.release();
    Ok(match (direction, is_marked(deployment)?) {
        (Direction::Forward, true) => Probe::Done(format!("{release} has migrated the data")),
        (Direction::Undo, false) => Probe::Done(format!("{release} has migrated nothing")),
        _ => Probe::Absent,
    })
}

fn is_marked(deployment: &ServiceDeploy<'_>) -> Result<bool, DeployError> {
    let mark = format!(
        "{}/{}.migrated",
        deployment.layout.migrations(),
        deployment.release()
    );
    let command = Command::new("test").args(["-e", &mark]).privileged();
    Ok(deployment.host.run(&command)?.status == 0)
}

/// Waits for the unit's end; returns why it did not end well.
fn wait(
    direction: Direction,
    deployment: &ServiceDeploy<'_>,
    migration: &Migration,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<String>, DeployError> {
    let wanted = direction == Direction::Forward;
    let limit = Duration::from_secs(migration.limit_seconds);
    let unit = deployment.layout.migrate_unit();
    deployment.poll_until(|elapsed| {
        let state = unit_status::of_unit(deployment.host, &unit)?.active;
        let failed = |why: String| Ok(ControlFlow::Break(Some(why)));
        match state.as_str() {
            "activating" | "deactivating" => {}
            "failed" => return failed("the command failed".to_owned()),
            _ if is_marked(deployment)? == wanted => return Ok(ControlFlow::Break(None)),
            _ if elapsed > START_LIMIT => {
                return failed(format!("its unit is {state}, and nothing is marked"));
            }
            _ => {}
        }
        // systemd ends it at its own limit; this is for a host that does not.
        if elapsed > limit + START_LIMIT {
            return failed(format!("it was not done within {limit:?}"));
        }
        let text = format!("the migration runs, {} s", elapsed.as_secs());
        progress(Progress::text(text));
        Ok(ControlFlow::Continue(POLL_INTERVAL))
    })
}

/// Records the failure, and releases the lease: users have met nothing.
fn failed(
    direction: Direction,
    deployment: &ServiceDeploy<'_>,
    why: String,
) -> Result<String, DeployError> {
    let journal = unit_status::journal_of(deployment.host, &deployment.layout.migrate_unit())?;
    let what = match direction {
        Direction::Forward => "migration",
        Direction::Undo => "undo of the migration",
    };
    if direction == Direction::Forward {
        deployment.append_unhealthy(None, &format!("the migration failed: {why}"))?;
    }
    deployment.release_lease()?;
    Err(DeployError::MigrationFailed {
        target: deployment.target(),
        release: deployment.release(),
        what,
        why,
        journal,
    })
}

/// Returns the unit, and the script that it runs.
fn files(
    deployment: &ServiceDeploy<'_>,
    migration: &Migration,
    direction: Direction,
) -> [HostFile; 2] {
    let (layout, settings) = (&deployment.layout, deployment.settings());
    let script = layout.migrate_script();
    let limit = migration.limit_seconds;
    [
        HostFile {
            path: script.to_string(),
            mode: "0755",
            text: script_of(layout, deployment.deploy, migration, direction),
        },
        HostFile {
            path: layout.units().join(layout.migrate_unit()).into_string(),
            mode: "0644",
            text: units::migrate_unit(layout, settings, &deployment.release(), limit),
        },
    ]
}

fn script_of(
    layout: &ServiceLayout,
    deploy: &Deploy,
    migration: &Migration,
    direction: Direction,
) -> String {
    let release = deploy.release.id();
    let version = deploy.release.version.to_string();
    let there = layout.release(&release);
    let saved = format!("{}/{release}", layout.migrations());
    let line = |words: &[String], backup: &str| {
        let word = |word: &String| {
            quote(
                &word
                    .replace("{version}", &version)
                    .replace("{backup}", backup),
            )
        };
        words.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    let backup = format!("{saved}.backup");
    let mut text = format!(
        "#!/bin/sh\n# The data of {}, for {release}.\nset -eu\numask 077\nPATH={}:$PATH\nexport PATH\n\
         cd {}\nsaved={}\n",
        layout.name(),
        quote(there.as_str()),
        quote(there.as_str()),
        quote(&saved),
    );
    match direction {
        Direction::Forward => {
            if let Some(words) = &migration.backup {
                let made = line(words, &format!("{saved}.new"));
                text.push_str(&format!(
                    "if [ ! -e \"$saved.backed-up\" ]; then\n  rm -rf \"$saved.new\"\n  {made}\n  \
                     if [ -e \"$saved.new\" ]; then rm -rf \"$saved.backup\"; mv \"$saved.new\" \"$saved.backup\"; fi\n  \
                     : >\"$saved.backed-up\"\n  sync\nfi\n"
                ));
            }
            text.push_str(&line(&migration.run, &backup));
            text.push_str("\n: >\"$saved.backed-up\"\n: >\"$saved.migrated\"\nsync\n");
        }
        Direction::Undo => {
            // Without a command, data stay as they are and the mark with them.
            let words = migration.undo.as_deref().unwrap_or_default();
            text.push_str(&line(words, &backup));
            text.push_str("\nrm -f \"$saved.migrated\"\nsync\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, release};
    use crate::model::layout::Layout;
    use crate::model::target::Target;

    struct Scratch {
        _directory: tempfile::TempDir,
        deploy: Deploy,
        layout: ServiceLayout,
    }

    /// A directory that stands for a host's, with a release of that version in it.
    fn scratch(version: &str) -> Scratch {
        let directory = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(directory.path()).unwrap();
        let deploy = Deploy {
            target: Target {
                prefix: root.join("a host's \"root\""),
                ..Target::parse("root@host").unwrap()
            },
            app: app(),
            release: release(version),
            owner: "me".into(),
            by: "someone".into(),
            is_rollback: false,
        };
        let layout = Layout::new(&deploy.target, &deploy.app).service(Part::Backend);
        let there = layout.release(&deploy.release.id());
        std::fs::create_dir_all(there).unwrap();
        std::fs::create_dir_all(layout.migrations()).unwrap();
        Scratch {
            _directory: directory,
            deploy,
            layout,
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn run(scratch: &Scratch, migration: &Migration, direction: Direction) -> bool {
        let text = script_of(&scratch.layout, &scratch.deploy, migration, direction);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &text]).status().unwrap().success()
    }

    fn read(scratch: &Scratch, name: &str) -> Option<String> {
        std::fs::read_to_string(scratch.layout.migrations().join(name)).ok()
    }

    #[test]
    fn a_second_attempt_keeps_the_first_backup() {
        let scratch = scratch("2.0.0");
        let data = scratch.layout.directory().join("data");
        std::fs::write(&data, "old").unwrap();
        let id = scratch.deploy.release.id();
        let change = |last: &str| Migration {
            run: words(&["sh", "-c", &format!("echo half >'../../../data'; {last}")]),
            backup: Some(words(&["cp", "../../../data", "{backup}"])),
            undo: Some(words(&["cp", "{backup}", "../../../data"])),
            limit_seconds: 10,
        };
        assert!(!run(&scratch, &change("exit 3"), Direction::Forward));
        assert_eq!(read(&scratch, &format!("{id}.migrated")), None);
        assert!(run(&scratch, &change("true"), Direction::Forward));
        assert_eq!(
            read(&scratch, &format!("{id}.backup")).as_deref(),
            Some("old")
        );
        assert!(read(&scratch, &format!("{id}.migrated")).is_some());
        assert!(run(&scratch, &change("true"), Direction::Undo));
        assert_eq!(std::fs::read_to_string(&data).unwrap(), "old");
        assert_eq!(read(&scratch, &format!("{id}.migrated")), None);
    }

    #[test]
    fn a_backup_that_fails_changes_nothing() {
        let scratch = scratch("2.0.0");
        let migration = Migration {
            run: words(&["touch", "changed"]),
            backup: Some(words(&["false"])),
            undo: None,
            limit_seconds: 10,
        };
        assert!(!run(&scratch, &migration, Direction::Forward));
        let there = scratch.layout.release(&scratch.deploy.release.id());
        assert!(!there.join("changed").exists());
    }

    #[test]
    fn words_reach_the_program_as_they_are_written() {
        let scratch = scratch("2.0.0");
        let odd = "it's $(touch x) `y` \"z\"\n{version}";
        let migration = Migration {
            run: words(&["sh", "-c", "printf %s \"$1\" >got", "-", odd]),
            backup: None,
            undo: None,
            limit_seconds: 10,
        };
        assert!(run(&scratch, &migration, Direction::Forward));
        let there = scratch.layout.release(&scratch.deploy.release.id());
        let got = std::fs::read_to_string(there.join("got")).unwrap();
        assert_eq!(got, odd.replace("{version}", "2.0.0"));
        assert!(!there.join("x").exists());
    }
}
