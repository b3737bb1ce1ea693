//! What users do during a deploy, from one place: every way of asking side by side, each
//! request sent once and counted.
//!
//! It runs as a process of its own, so that it can stand in the network of a host: this
//! test program with another first word. It sends until its input ends, then prints what
//! it counted.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use stagegate_fakes::load::{Load, LoadPaths, LoadRate, Post, Sample};
use tungstenite::Message;

/// The word that makes this program a crowd of users.
pub(crate) const TRAFFIC: &str = "traffic";

/// It ends by itself after this time.
const LONGEST: Duration = Duration::from_secs(40 * 60);
/// Requests per second on connections that are always busy, over all four kinds.
const BUSY: f64 = 120.0;
/// Users whose connection is idle for 2 s between two requests, of each kind.
const IDLE_USERS: usize = 6;
/// Users who wait 5 s for an answer, of each kind.
const SLOW_USERS: usize = 2;
/// Users with a WebSocket.
const WEBSOCKETS: usize = 4;
/// Messages in one WebSocket's life, and the pause between two.
const MESSAGES: usize = 40;
const PAUSE: Duration = Duration::from_millis(100);
/// A message without its echo for so long is lost.
const ECHO_LIMIT: Duration = Duration::from_secs(10);

/// What was sent of one kind, and what failed.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) sent: usize,
    pub(crate) failed: usize,
    /// The first few failures, in words.
    pub(crate) why: Vec<String>,
}

impl Count {
    fn add(&mut self, failure: Option<String>) {
        self.sent += 1;
        if let Some(why) = failure {
            self.failed += 1;
            if self.why.len() < 5 {
                self.why.push(why);
            }
        }
    }
}

/// By request and connection.
pub(crate) type Counts = BTreeMap<String, Count>;

/// Sends until the input ends: the program behind [`TRAFFIC`].
pub(crate) fn main(address: &str) -> ExitCode {
    let address: SocketAddr = address.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let load = |get: &str, post: bool, per_second: f64| {
        let post = post.then(|| Post {
            path: "/entries".into(),
            body: "hello".into(),
        });
        let get = get.into();
        let longest = LONGEST;
        let rate = LoadRate {
            per_second,
            longest,
        };
        Load::start(runtime.handle(), address, LoadPaths { get, post }, rate)
    };
    let busy = load("/version", true, BUSY);
    // One request of each kind in 2 s.
    let idle: Vec<Load> = (0..IDLE_USERS)
        .map(|_| load("/version", true, 2.0))
        .collect();
    let slow: Vec<Load> = (0..SLOW_USERS).map(|_| load("/slow", false, 2.0)).collect();
    let done = Arc::new(AtomicBool::new(false));
    let echoed = Arc::new(Mutex::new(Count::default()));
    let sockets: Vec<_> = (0..WEBSOCKETS)
        .map(|_| {
            let (done, echoed) = (Arc::clone(&done), Arc::clone(&echoed));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    converse(address, &echoed);
                }
            })
        })
        .collect();
    let mut input = Vec::new();
    // Whatever ends the input ends the traffic.
    drop(std::io::stdin().read_to_end(&mut input));
    done.store(true, Ordering::Relaxed);
    let mut counts = Counts::new();
    sum(&mut counts, "", &busy.stop());
    for load in idle {
        let samples = load.stop();
        let kept = samples
            .into_iter()
            .filter(|s| format!("{:?}", s.kind).ends_with("Kept"));
        sum(&mut counts, ", idle 2 s", &kept.collect::<Vec<_>>());
    }
    for load in slow {
        sum(&mut counts, ", answer after 5 s", &load.stop());
    }
    for socket in sockets {
        drop(socket.join());
    }
    counts.insert("WebSocket messages".into(), echoed.lock().unwrap().clone());
    println!("{}", serde_json::to_string(&counts).unwrap());
    ExitCode::SUCCESS
}

fn sum(counts: &mut Counts, what: &str, samples: &[Sample]) {
    for sample in samples {
        let kind = match format!("{:?}", sample.kind).as_str() {
            "GetNew" => "GET, new connection",
            "GetKept" => "GET, kept connection",
            "PostNew" => "POST, new connection",
            "PostKept" => "POST, kept connection",
            other => panic!("{other}"),
        };
        let failure = sample.failed().then(|| {
            format!(
                "after {} s: {:?}",
                sample.start_us / 1_000_000,
                sample.outcome
            )
        });
        counts
            .entry(format!("{kind}{what}"))
            .or_default()
            .add(failure);
    }
}

/// One WebSocket's life: messages and their echoes, then a close that is answered.
fn converse(address: SocketAddr, echoed: &Mutex<Count>) {
    let count = |outcome: Result<(), String>| {
        let well = outcome.is_ok();
        echoed.lock().unwrap().add(outcome.err());
        well
    };
    let opened = TcpStream::connect_timeout(&address, ECHO_LIMIT)
        .map_err(|error| format!("connect: {error}"))
        .and_then(|stream| {
            stream
                .set_read_timeout(Some(ECHO_LIMIT))
                .map_err(|e| e.to_string())?;
            tungstenite::client(format!("ws://{address}/echo"), stream)
                .map_err(|error| format!("open: {error}"))
        });
    let mut socket = match opened {
        Ok((socket, _)) => socket,
        Err(why) => {
            count(Err(why));
            std::thread::sleep(PAUSE);
            return;
        }
    };
    for number in 0..MESSAGES {
        let message = Message::text(number.to_string());
        let outcome = socket.send(message.clone()).and_then(|()| socket.read());
        let outcome = match outcome {
            Ok(answer) if answer == message => Ok(()),
            Ok(other) => Err(format!("message {number} came back as {other:?}")),
            Err(error) => Err(format!("message {number}: {error}")),
        };
        if !count(outcome) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    if let Err(error) = socket.close(None) {
        count(Err(format!("close: {error}")));
        return;
    }
    // Until the other side has closed as well.
    while socket.read().is_ok() {}
}

/// Users at work, in some network.
pub(crate) struct Traffic {
    process: Child,
}

impl Traffic {
    /// Begins: in the network that `enter` opens, or in this one.
    pub(crate) fn begin(enter: Option<&Utf8Path>, address: SocketAddr) -> Traffic {
        let own = std::env::current_exe().unwrap();
        let mut command = match enter {
            None => Command::new(own),
            Some(enter) => {
                let mut command = Command::new(enter);
                command.arg("--net").arg(own);
                command
            }
        };
        let process = command
            .args([TRAFFIC, &address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Traffic { process }
    }

    /// Ends it; what it counted.
    pub(crate) fn end(mut self) -> Counts {
        drop(self.process.stdin.take());
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
