//! Ours: the command line on the bench's workspace, and the way back as a breach takes it.

use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, bail};
use camino::Utf8Path;
use stagegate_config::schema::Config;
use stagegate_deploy::{
    App, Deploy, DeployJob, Host, Part, Release, ServiceStep, Target, perform_service, revert,
    survey,
};
use stagegate_plan::model::Event;

use super::Taken;
use super::site::{PORT, Site};
use super::watch::Watch;
use stagegate_hosts::machine::Machine;

/// Brings one edit to the hosts.
pub(super) fn deploy(site: &mut Site, hosts: &[Machine]) -> anyhow::Result<Taken> {
    let (program, version) = site.edit()?;
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command
        .args(["deploy", "backend", "--yes", "--format", "json", "--config"])
        .arg(&site.overlay)
        .stdin(Stdio::null());
    let watch = Watch::begin(hosts, PORT, &version);
    let before = super::watch::sent(hosts)?;
    let began = Instant::now();
    let output = site
        .surround(&mut command)
        .output()
        .context("starting ours")?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("ours ended with {}: {said}{complaint}", output.status);
    }
    let answered = watch.end(began)?;
    let events: Vec<Event> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let longest = |prefix: &str| {
        let of = events.iter().filter_map(|event| match event {
            Event::StepDone { step, seconds, .. } if step.starts_with(prefix) => Some(*seconds),
            _ => None,
        });
        of.fold(0.0, f64::max)
    };
    let health = longest("backend.health@");
    let travelled = events.iter().filter_map(|event| match event {
        Event::Progress { step, total, .. } if step.starts_with("backend.upload@") => *total,
        _ => None,
    });
    let travelled = travelled.max().context("no upload told of its bytes")?;
    Ok(Taken {
        to_traffic: answered - longest("build") - health,
        health,
        switch: longest("backend.switch@"),
        bytes: super::most(&before, &super::watch::sent(hosts)?),
        back: 0.0,
        share: travelled as f64 / compressed(&program)? as f64,
    })
}

/// Counts the bytes of a file as `gzip` leaves them.
fn compressed(file: &Utf8Path) -> anyhow::Result<usize> {
    let output = Command::new("gzip").args(["-c", file.as_str()]).output();
    Ok(output.context("starting gzip")?.stdout.len())
}

/// Measures the seconds of the way back, from the decision to users on the release of before:
/// what the stabilization does at a breach, over the connection that it watches through.
pub(super) fn back(site: &mut Site, hosts: &[Machine]) -> anyhow::Result<f64> {
    let old = site.version();
    let (program, version) = site.edit()?;
    let job = DeployJob::of_file(&program)?;
    let places = places(site)?;
    let ready = Barrier::new(hosts.len());
    let one = |(target, app): (Target, App)| -> anyhow::Result<(Host, Deploy)> {
        let deploy = Deploy {
            target,
            app,
            release: Release {
                version: version.parse()?,
                commit: site.commit()?,
            },
            owner: "bench-back".into(),
            by: "a benchmark".into(),
            is_rollback: false,
        };
        let host = Host::connect(&deploy.target)?;
        survey(&host, &deploy.app)?;
        for step in &ServiceStep::ALL[..4] {
            perform_service(
                Part::Backend,
                *step,
                &host,
                &deploy,
                Some(&job),
                &mut |_| {},
            )?;
        }
        Ok((host, deploy))
    };
    std::thread::scope(|scope| {
        let ways: Vec<_> = places
            .into_iter()
            .map(|place| {
                let (one, ready) = (&one, &ready);
                scope.spawn(move || -> anyhow::Result<Instant> {
                    let deployed = one(place);
                    ready.wait();
                    let decided = Instant::now();
                    let (host, deploy) = deployed?;
                    revert(Part::Backend, &host, &deploy, "a benchmark of the way back")?;
                    Ok(decided)
                })
            })
            .collect();
        let mut decided = None;
        for way in ways {
            let at = way.join().ok().context("a thread ended early")??;
            decided = Some(decided.map_or(at, |first: Instant| first.min(at)));
        }
        let decided = decided.context("there are no hosts")?;
        // Asked afterwards: what the calls took is the upper bound of when users were back.
        let took = decided.elapsed().as_secs_f64();
        Watch::begin(hosts, PORT, &old).end(decided)?;
        Ok(took)
    })
}

fn places(site: &Site) -> anyhow::Result<Vec<(Target, App)>> {
    let config = Config::load(&site.root, Some(Utf8Path::new(site.overlay.as_str())))
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let (app, environment) = config
        .app
        .as_ref()
        .zip(config.deploy.get("production"))
        .context("the bench's own configuration")?;
    stagegate_config::resolve::hosts_of(app, environment).map_err(anyhow::Error::msg)
}
