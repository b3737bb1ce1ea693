//! The public port: new connections go where the rules say, established ones stay.
//!
//! This is what the kernel does with a redirect and conntrack, done by a relay on
//! loopback. Without a rule nothing listens, so a connection is refused; where nothing
//! listens on the slot's port, the connection is reset.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::firewall::Ruleset;

/// One public port that is relayed.
struct Relayed {
    to: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

/// All public ports that are relayed.
#[derive(Default)]
pub(super) struct Relay {
    ports: BTreeMap<u16, Relayed>,
}

impl Relay {
    /// Lets the ports lead where the rules say, from now on.
    pub(super) fn follow(&mut self, rules: &Ruleset, handle: &Handle) -> Result<(), String> {
        let wanted: BTreeMap<u16, u16> = rules
            .tables
            .values()
            .flatten()
            .map(|redirect| (redirect.from, redirect.to))
            .collect();
        for (from, to) in &wanted {
            match self.ports.get(from) {
                Some(relayed) => relayed.to.store(*to, Ordering::SeqCst),
                None => {
                    let relayed = listen(*from, *to, handle)
                        .map_err(|error| format!("cannot relay port {from}: {error}"))?;
                    self.ports.insert(*from, relayed);
                }
            }
        }
        let gone: Vec<u16> = self
            .ports
            .keys()
            .copied()
            .filter(|port| !wanted.contains_key(port))
            .collect();
        for port in gone {
            if let Some(relayed) = self.ports.remove(&port) {
                relayed.task.abort();
            }
        }
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for relayed in self.ports.values() {
            relayed.task.abort();
        }
    }
}

fn listen(from: u16, to: u16, handle: &Handle) -> std::io::Result<Relayed> {
    let _entered = handle.enter();
    let socket = TcpSocket::new_v4()?;
    // A port whose last connections have just ended may be taken again at once.
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, from).into())?;
    let listener = socket.listen(1024)?;
    let to = Arc::new(AtomicU16::new(to));
    let task = handle.spawn(accept(listener, Arc::clone(&to)));
    Ok(Relayed { to, task })
}

async fn accept(listener: TcpListener, to: Arc<AtomicU16>) {
    loop {
        // A connection that is gone before it is accepted is no failure of the listener.
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let port = to.load(Ordering::SeqCst);
        tokio::spawn(carry(client, port));
    }
}

async fn carry(mut client: TcpStream, port: u16) {
    let slot = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let Ok(mut slot) = slot else {
        // Closing with no linger resets the connection, as a refusal would.
        drop(client.set_zero_linger());
        return;
    };
    if client.set_nodelay(true).and(slot.set_nodelay(true)).is_ok() {
        // How a connection ends is its two ends' concern.
        drop(tokio::io::copy_bidirectional(&mut client, &mut slot).await);
    }
}
