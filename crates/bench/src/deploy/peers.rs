//! The peers: a script as many teams have it, and slipway.

use std::process::Command;
use std::time::Instant;

use super::Taken;
use super::site::{SCRIPT_PORT, SLIPWAY_PORT, Site, run};
use super::watch::Watch;
use stagegate_hosts::machine::Machine;

/// `$1` the program, `$2` the release's name, then the hosts. All hosts side by side.
const SCRIPT: &str = r#"set -eu
program=$1 release=$2
shift 2
all=
for host; do
  (
    tar -C "$(dirname "$program")" -cz "$(basename "$program")" |
      ssh "$host" "mkdir -p /srv/script/releases/$release && tar -xz -C /srv/script/releases/$release"
    ssh "$host" "ln -s releases/$release /srv/script/current.new && mv -T /srv/script/current.new /srv/script/current"
    ssh "$host" "sudo -n systemctl restart script.service"
  ) &
  all="$all $!"
done
for one in $all; do wait "$one"; done
"#;

/// `$1` the release before, then the hosts.
const SCRIPT_BACK: &str = r#"set -eu
release=$1
shift
all=
for host; do
  ssh "$host" "ln -s releases/$release /srv/script/current.new && mv -T /srv/script/current.new /srv/script/current && sudo -n systemctl restart script.service" &
  all="$all $!"
done
for one in $all; do wait "$one"; done
"#;

/// Waits until nobody is refused by systemd for restarting a service more than five times in
/// ten seconds, which no deploy in earnest would meet.
fn rested(hosts: &[Machine]) -> anyhow::Result<()> {
    for host in hosts {
        run(Command::new(host.directory.join("enter")).args(["systemctl", "reset-failed"]))?;
    }
    Ok(())
}

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Peer {
    /// Pack, unpack, flip, restart.
    Script,
    /// `slipway deploy`
    Slipway,
}

impl Peer {
    /// Returns its name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Peer::Script => "script",
            Peer::Slipway => "slipway",
        }
    }

    fn port(self) -> u16 {
        match self {
            Peer::Script => SCRIPT_PORT,
            Peer::Slipway => SLIPWAY_PORT,
        }
    }

    /// Returns how to install it, if it is not here.
    pub(super) fn missing(self) -> Option<&'static str> {
        let asked = Command::new("slipway").arg("--version").output();
        (self == Peer::Slipway && asked.is_err())
            .then_some("slipway is not installed: `cargo install slipway --locked`")
    }

    /// Brings one edit to the hosts, and takes it back.
    pub(super) fn deploy(self, site: &mut Site, hosts: &[Machine]) -> anyhow::Result<Taken> {
        let before = site.last(self.name());
        let (program, version) = site.edit()?;
        let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        let mut forth = self.command(site, &["deploy", "--skip-build"]);
        if self == Peer::Script {
            forth
                .args([SCRIPT, "script", program.as_str(), &version])
                .args(&names);
        }
        let mut back = self.command(site, &["rollback"]);
        if self == Peer::Script {
            let old = before.clone().unwrap_or_default();
            back.args([SCRIPT_BACK, "script", &old]).args(&names);
        }
        rested(hosts)?;
        site.hang_up(hosts)?;
        let watch = Watch::begin(hosts, self.port(), &version);
        let sent = super::watch::sent(hosts)?;
        let began = Instant::now();
        run(&mut forth)?;
        let to_traffic = watch.end(began)?;
        let bytes = super::most(&sent, &super::watch::sent(hosts)?);
        let mut taken = Taken {
            to_traffic,
            bytes,
            ..Taken::default()
        };
        // The first of all has nothing to go back to.
        if let Some(old) = before {
            rested(hosts)?;
            let watch = Watch::begin(hosts, self.port(), &old);
            let decided = Instant::now();
            run(&mut back)?;
            taken.back = watch.end(decided)?;
            // Forth again, so that the next one begins where this one ended.
            rested(hosts)?;
            run(&mut forth)?;
        }
        site.was(self.name(), &version);
        Ok(taken)
    }

    fn command(self, site: &Site, words: &[&str]) -> Command {
        let (program, arguments): (&str, &[&str]) = match self {
            Peer::Script => ("sh", &["-c"]),
            Peer::Slipway => ("slipway", words),
        };
        let mut command = Command::new(program);
        command.args(arguments);
        site.surround(&mut command);
        site.over_ssh(&mut command);
        command
    }
}
