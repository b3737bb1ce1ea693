//! A listener that was handed on, and that others may accept from as well: whoever is told
//! to end accepts nothing more, answers what it has accepted, and then ends.
//!
//! So no connection is lost from one release to the next: the kernel keeps those that
//! nobody has accepted yet.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGTERM;

use crate::server::{Guestbook, converse};

/// Returns what is readable once SIGTERM has come.
///
/// # Errors
/// When the signal cannot be listened to.
pub fn told_to_end() -> std::io::Result<UnixStream> {
    let (told, tell) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, tell)?;
    Ok(told)
}

/// Serves connections until `told` is readable, and then those that it has.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    listener: &TcpListener,
    told: &UnixStream,
    guestbook: Guestbook,
) -> std::io::Result<()> {
    // Another one may take the connection between the look and the call. The flag is the
    // listener's own: it holds for all who accept from it, and stays.
    listener.set_nonblocking(true)?;
    let guestbook = Arc::new(guestbook);
    let mut conversations = Vec::new();
    loop {
        let mut waited = [
            PollFd::new(told, PollFlags::IN),
            PollFd::new(listener, PollFlags::IN),
        ];
        match poll(&mut waited, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if !waited[0].revents().is_empty() {
            break;
        }
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        stream.set_nonblocking(false)?;
        let guestbook = Arc::clone(&guestbook);
        conversations
            .retain(|conversation: &std::thread::JoinHandle<()>| !conversation.is_finished());
        conversations
            .push(std::thread::Builder::new().spawn(move || converse(&stream, &guestbook))?);
    }
    for conversation in conversations {
        // One that has panicked has ended as well.
        drop(conversation.join());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VERSION;
    use crate::store::Store;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};

    fn guestbook(name: &str) -> Guestbook {
        let file = format!("guestbook-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let address = format!("file:{}", path.display());
        Store::migrate(&address).unwrap();
        let store = Store::open(&address).unwrap();
        std::fs::remove_file(path).unwrap();
        Guestbook {
            store,
            frontend: None,
        }
    }

    fn ask(stream: &mut TcpStream) -> String {
        let request = b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.trim_end().to_owned()
    }

    /// One release takes over from another, a hundred times, while it is asked.
    #[test]
    fn nobody_is_lost_between_two_who_accept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let begin = || {
            let listener = listener.try_clone().unwrap();
            let (told, tell) = UnixStream::pair().unwrap();
            let guestbook = guestbook("handed-on");
            let serving = std::thread::spawn(move || serve(&listener, &told, guestbook));
            (serving, tell)
        };
        let asking = std::thread::spawn(move || {
            for _ in 0..2000 {
                let answer = ask(&mut TcpStream::connect(address).unwrap());
                assert!(answer.ends_with(VERSION), "{answer}");
            }
        });
        let (mut serving, mut tell) = begin();
        while !asking.is_finished() {
            let (next, tell_next) = begin();
            tell.write_all(b"x").unwrap();
            serving.join().unwrap().unwrap();
            (serving, tell) = (next, tell_next);
        }
        tell.write_all(b"x").unwrap();
        serving.join().unwrap().unwrap();
        asking.join().unwrap();
    }

    #[test]
    fn what_was_accepted_is_answered_after_the_end_was_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, mut tell) = UnixStream::pair().unwrap();
        let guestbook = guestbook("answered");
        let own = listener.try_clone().unwrap();
        let serving = std::thread::spawn(move || serve(&own, &told, guestbook));
        let mut accepted = TcpStream::connect(address).unwrap();
        accepted
            .write_all(b"GET /version HTTP/1.1\r\n\r\n")
            .unwrap();
        // It answers, so it was accepted.
        assert_eq!(accepted.read(&mut [0; 1]).unwrap(), 1);
        tell.write_all(b"x").unwrap();
        assert!(ask(&mut accepted).ends_with(VERSION));
        serving.join().unwrap().unwrap();
    }
}
