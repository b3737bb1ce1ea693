//! The bridge that a fleet's hosts are on, in a range that no network of this machine uses.
//!
//! The addresses are of 198.18.0.0/15, which is set aside for tests of network equipment
//! and is routed nowhere. The bridge has no way out: nothing is forwarded from it.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::program::run;

/// A bridge and its addresses.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Network {
    /// The bridge's name.
    pub(crate) bridge: String,
    /// The third part of its addresses.
    number: u8,
}

impl Network {
    /// Makes a bridge under the first free name; making it is what claims the name.
    pub(crate) fn make() -> Result<Network> {
        let mut last = None;
        for number in 0..=99 {
            let network = Network {
                bridge: format!("sg{number}"),
                number,
            };
            match run("ip", &["link", "add", &network.bridge, "type", "bridge"]) {
                Ok(_) => {
                    let address = format!("{}/24", network.address(1));
                    run("ip", &["address", "add", &address, "dev", &network.bridge])?;
                    run("ip", &["link", "set", &network.bridge, "up"])?;
                    return Ok(network);
                }
                Err(error) => last = Some(error),
            }
        }
        match last {
            Some(error) => Err(error.context("there is no free bridge from sg0 to sg99")),
            None => bail!("there is no bridge to make"),
        }
    }

    /// Returns an address on the bridge; 1 is the bridge's own.
    pub(crate) fn address(&self, host: u8) -> String {
        format!("198.18.{}.{host}", self.number)
    }

    /// Removes the bridge, if it is there.
    pub(crate) fn remove(&self) -> Result<()> {
        if run("ip", &["link", "show", &self.bridge]).is_ok() {
            run("ip", &["link", "delete", &self.bridge])?;
        }
        Ok(())
    }
}
