//! Three neighbouring ports for an app: the public one and its two slots'.
//!
//! They are looked for below the range from which the kernel gives ports to outgoing
//! connections (32768 and up by default): a slot is started later, and a port of that
//! range may by then be some client's own.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Where the search begins.
const FIRST: u16 = 10_000;
/// How many triples there are.
const TRIPLES: u16 = 7_000;

/// Counts the triples given to this process, so that none is given twice.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// Finds a port that is free, and its two successors too.
pub(super) fn free_neighbours() -> Result<u16> {
    // Processes that run side by side begin at different places.
    let own = std::process::id().wrapping_mul(2_654_435_761) >> 16;
    for _ in 0..TRIPLES {
        let triple = (own + u32::from(GIVEN.fetch_add(1, Ordering::Relaxed))) % u32::from(TRIPLES);
        let port = FIRST + 3 * u16::try_from(triple)?;
        let free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
        if (port..port + 3).all(free) {
            return Ok(port);
        }
    }
    bail!(
        "there are no three free neighbouring ports between {FIRST} and {}",
        FIRST + 3 * TRIPLES
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..20).map(|_| free_neighbours().unwrap()).collect();
        ports.sort_unstable();
        assert!(
            ports.windows(2).all(|pair| pair[1] - pair[0] >= 3),
            "{ports:?}"
        );
        assert!(
            ports
                .iter()
                .all(|port| (FIRST..FIRST + 3 * TRIPLES).contains(port))
        );
    }
}
