//! A link to a host that takes time, as most links to hosts do: what goes through it arrives
//! later, in both directions.
//!
//! The hosts of a benchmark are on this machine, and a round trip to them takes nothing; not
//! every kernel has `netem`, which would delay packets. So whoever is measured connects to a
//! port of this machine, and what they say is handed on when it is due. Only the time is that
//! of a longer way: its width, its losses and its jitter are not.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// A port of this machine that leads to a host; it is closed with this value.
pub(super) struct Link {
    /// Where to connect instead.
    pub(super) address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Link {
    /// Opens it.
    pub(super) fn open(host: SocketAddr, round_trip: Duration) -> io::Result<Link> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let link = Link {
            address: listener.local_addr()?,
            ended: Arc::default(),
        };
        let ended = Arc::clone(&link.ended);
        thread::spawn(move || {
            for near in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                // Who could not be led on notices that the connection ends.
                thread::spawn(move || lead_on(&near?, host, round_trip));
            }
        });
        Ok(link)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes it, so that it sees that.
        drop(TcpStream::connect(self.address));
    }
}

fn lead_on(near: &TcpStream, host: SocketAddr, round_trip: Duration) -> io::Result<()> {
    // The handshake: it is at its third packet that the host knows of the connection.
    thread::sleep(round_trip + round_trip / 2);
    let far = TcpStream::connect(host)?;
    for stream in [near, &far] {
        stream.set_nodelay(true)?;
    }
    hand_on(near.try_clone()?, far.try_clone()?, round_trip / 2);
    hand_on(far, near.try_clone()?, round_trip / 2);
    Ok(())
}

/// Hands on what is said, so much later, until one of both ends.
fn hand_on(mut from: TcpStream, mut to: TcpStream, later: Duration) {
    let (say, said) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = from.read(&mut buffer) {
            let due = Instant::now() + later;
            if length == 0 || say.send((due, buffer[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in said {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // Who was the last to speak here may have gone already.
        drop(to.shutdown(Shutdown::Both));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_arrives_whole_and_not_before_it_is_due() {
        let host = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let round_trip = Duration::from_millis(40);
        let link = Link::open(host.local_addr().unwrap(), round_trip).unwrap();
        let address = link.address;
        let echo = thread::spawn(move || {
            let (mut stream, _) = host.accept().unwrap();
            let mut all = Vec::new();
            let mut first = [0; 5];
            stream.read_exact(&mut first).unwrap();
            stream.write_all(&first).unwrap();
            stream.read_to_end(&mut all).unwrap();
            all
        });
        let mut stream = TcpStream::connect(address).unwrap();
        let began = Instant::now();
        stream.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hello");
        // The handshake's, and its own.
        assert!(began.elapsed() >= round_trip * 2, "{:?}", began.elapsed());
        let long = vec![7; 1 << 20];
        stream.write_all(&long).unwrap();
        drop(stream);
        assert_eq!(echo.join().unwrap(), long);
        drop(link);
    }
}
