//! Several hosts on one bridge, and the file that says how to reach them.

use std::fs;

use anyhow::{Context, Result, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::network::Network;
use super::{image, needs};

/// The directory of a fleet.
pub struct Fleet {
    directory: Utf8PathBuf,
}

/// What is written down of a fleet.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Listing {
    /// Their bridge.
    pub(crate) network: Network,
    /// This machine's own address on it.
    pub gateway: String,
    /// The hosts.
    pub hosts: Vec<Machine>,
}

impl Fleet {
    /// Returns the fleet in that directory, which may not be there yet.
    pub fn at(directory: &Utf8Path) -> Fleet {
        Fleet {
            directory: directory.to_owned(),
        }
    }

    /// Returns the file that says how to reach its hosts.
    pub fn file(&self) -> Utf8PathBuf {
        self.directory.join("hosts.json")
    }

    /// Returns what is written down; `None` where no hosts are up.
    pub fn listing(&self) -> Result<Option<Listing>> {
        let file = self.file();
        if !file.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        serde_json::from_str(&text)
            .map(Some)
            .with_context(|| format!("{file} is not as it was written"))
    }

    /// Boots that many hosts. What is half made is removed again.
    pub fn up(&self, count: u8, tell: &mut dyn FnMut(&str)) -> Result<()> {
        needs::check()?;
        if self.listing()?.is_some() {
            bail!(
                "hosts are up already, in {}; end them first: `cargo xtask hosts down`",
                self.directory
            );
        }
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory))?;
        let directory = self.directory.canonicalize_utf8()?;
        let home = directory.parent().context("a fleet lives in a directory")?;
        let base = image::base(home, tell)?;
        let network = Network::make()?;
        let hosts: Vec<Machine> = (1..=count)
            .map(|number| Machine::describe(&directory, &network, number))
            .collect();
        let listing = Listing {
            gateway: network.address(1),
            network,
            hosts,
        };
        // Written first: whoever is killed while hosts boot leaves what `down` needs.
        fs::write(self.file(), serde_json::to_string_pretty(&listing)?)?;
        tell(&format!("booting {count} hosts …"));
        let booted = listing
            .hosts
            .iter()
            .try_for_each(|host| host.start(&base, &listing.network))
            .and_then(|()| listing.hosts.iter().try_for_each(Machine::wait));
        booted.inspect_err(|_| {
            if let Err(error) = self.down() {
                tell(&format!("what was booted could not be ended: {error:#}"));
            }
        })
    }

    /// Ends all hosts, and leaves nothing.
    pub fn down(&self) -> Result<()> {
        let Some(listing) = self.listing()? else {
            return Ok(());
        };
        // Those that can be ended are ended, whatever the others do.
        let mut outcome = Ok(());
        for host in &listing.hosts {
            outcome = outcome.and(host.remove());
        }
        outcome?;
        listing.network.remove()?;
        fs::remove_file(self.file())?;
        // The directory may hold a person's own files.
        drop(fs::remove_dir(&self.directory));
        Ok(())
    }
}
