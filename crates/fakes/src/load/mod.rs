//! Load on one address, with retries off: every request is sent once and counted.
//!
//! Four lines of requests, {GET, POST} × {new connection, kept-alive connection}, at a
//! bounded rate, over plain hyper connections, which repeat nothing by themselves. A
//! kept-alive connection that the server has closed between two requests is opened
//! again; a request that is lost on one is a failure. It stops by itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request without an answer for so long is a failure.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What is asked, and how.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// GET on a new connection each time.
    GetNew,
    /// GET on a kept-alive connection.
    GetKept,
    /// POST on a new connection each time.
    PostNew,
    /// POST on a kept-alive connection.
    PostKept,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::GetNew, Kind::GetKept, Kind::PostNew, Kind::PostKept];

    fn is_kept(self) -> bool {
        matches!(self, Kind::GetKept | Kind::PostKept)
    }

    fn method(self) -> Method {
        match self {
            Kind::GetNew | Kind::GetKept => Method::GET,
            Kind::PostNew | Kind::PostKept => Method::POST,
        }
    }
}

/// What came of a request.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum LoadOutcome {
    /// An answer, with its status.
    Status(u16),
    /// None, and why.
    Error(String),
}

/// One request.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was sent, in microseconds since the load began.
    pub start_us: u64,
    /// From there to the last byte of its answer, in microseconds.
    pub latency_us: u64,
    /// What was asked, and how.
    pub kind: Kind,
    /// What came of it.
    pub outcome: LoadOutcome,
}

impl Sample {
    /// Returns whether a user would have seen it fail.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, LoadOutcome::Status(200..=299))
    }
}

/// What a load asks for.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct LoadPaths {
    /// The path of GETs.
    pub get: String,
    /// What is posted; without it, only GETs are sent.
    pub post: Option<Post>,
}

/// A request that brings something.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Post {
    /// The path.
    pub path: String,
    /// The body.
    pub body: String,
}

/// How much, and for how long at most.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub struct LoadRate {
    /// Requests per second, over all kinds together.
    pub per_second: f64,
    /// The load ends by itself after this time.
    pub longest: Duration,
}

/// A running load.
pub struct Load {
    samples: Arc<Mutex<Vec<Sample>>>,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    handle: Handle,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Load({} samples)", self.sent())
    }
}

impl Load {
    /// Begins to send requests to `address`.
    pub fn start(handle: &Handle, address: SocketAddr, paths: LoadPaths, rate: LoadRate) -> Load {
        let samples = Arc::new(Mutex::new(Vec::new()));
        let stop = watch::Sender::new(false);
        let began = Instant::now();
        let sent = |kind: &Kind| paths.post.is_some() || kind.method() == Method::GET;
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(sent).collect();
        let interval = Duration::from_secs_f64(kinds.len() as f64 / rate.per_second.max(0.1));
        let spawn = |kind| {
            let line = Line {
                kind,
                address,
                paths: paths.clone(),
                interval,
                began,
                longest: rate.longest,
                samples: Arc::clone(&samples),
                kept: None,
            };
            handle.spawn(line.run(stop.subscribe()))
        };
        let workers = kinds.into_iter().map(spawn).collect();
        Load {
            samples,
            stop,
            workers,
            handle: handle.clone(),
        }
    }

    /// Returns how many requests have ended so far.
    pub fn sent(&self) -> usize {
        self.samples
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Ends the load; requests under way are waited for and counted. Must not be called
    /// from within the runtime.
    pub fn stop(mut self) -> Vec<Sample> {
        self.stop.send_replace(true);
        for worker in self.workers.drain(..) {
            // A worker that panicked has left its samples.
            drop(self.handle.block_on(worker));
        }
        let mut samples =
            std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner));
        samples.sort_by_key(|sample| sample.start_us);
        samples
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.abort();
        }
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// One kind of requests, one after the other.
struct Line {
    kind: Kind,
    address: SocketAddr,
    paths: LoadPaths,
    interval: Duration,
    began: Instant,
    longest: Duration,
    samples: Arc<Mutex<Vec<Sample>>>,
    kept: Option<Sender>,
}

impl Line {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.began.elapsed() < self.longest {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let start = Instant::now();
            let outcome = match tokio::time::timeout(ANSWER_LIMIT, self.ask()).await {
                Ok(Ok(status)) => LoadOutcome::Status(status),
                Ok(Err(error)) => LoadOutcome::Error(error),
                Err(_) => LoadOutcome::Error(format!("no answer in {ANSWER_LIMIT:?}")),
            };
            if matches!(outcome, LoadOutcome::Error(_)) {
                self.kept = None;
            }
            let sample = Sample {
                start_us: micros(start.duration_since(self.began)),
                latency_us: micros(start.elapsed()),
                kind: self.kind,
                outcome,
            };
            self.samples
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sample);
        }
    }

    /// Sends one request, once, and reads its whole answer.
    async fn ask(&mut self) -> Result<u16, String> {
        let request = self.request()?;
        let (mut sender, request) = match self.kept.take() {
            None => (connect(self.address).await?, request),
            Some(mut sender) => match sender.try_send_request(request).await {
                Ok(answer) => return self.read(answer, sender).await,
                // Closed between two requests: this one was not sent, so it is not lost.
                Err(mut error) => match error.take_message() {
                    Some(request) => (connect(self.address).await?, request),
                    None => return Err(text(error.error())),
                },
            },
        };
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| text(&error))?;
        self.read(answer, sender).await
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, String> {
        let (path, body) = match self.kind.method() {
            Method::POST => {
                let post = self.paths.post.as_ref().ok_or("there is nothing to post")?;
                (&post.path, post.body.clone())
            }
            _ => (&self.paths.get, String::new()),
        };
        let connection = if self.kind.is_kept() {
            "keep-alive"
        } else {
            "close"
        };
        Request::builder()
            .method(self.kind.method())
            .uri(path.as_str())
            .header(header::HOST, self.address.to_string())
            .header(header::CONNECTION, connection)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| text(&error))
    }

    /// Reads the whole answer, and keeps the connection unless the server gives it up.
    async fn read(&mut self, answer: Response<Incoming>, sender: Sender) -> Result<u16, String> {
        let status = answer.status().as_u16();
        let closes = answer
            .headers()
            .get(header::CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        answer
            .into_body()
            .collect()
            .await
            .map_err(|error| text(&error))?;
        if self.kind.is_kept() && !closes {
            self.kept = Some(sender);
        }
        Ok(status)
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| text(&error))?;
    stream.set_nodelay(true).map_err(|error| text(&error))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| text(&error))?;
    // How the connection ends is seen by the request that it carries.
    tokio::spawn(connection);
    Ok(sender)
}

/// Returns an error with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream as StdStream};

    /// Answers `requests` requests of a connection with `status`, then hangs up.
    fn converse(stream: StdStream, requests: usize, answer: &str) {
        let mut reader = BufReader::new(stream);
        for _ in 0..requests {
            let (mut line, mut length) = (String::new(), 0);
            while line != "\r\n" {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// Loads a server of that behaviour until there are samples of each kind.
    fn samples_of(requests: usize, answer: &'static str) -> Vec<Sample> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || converse(stream, requests, answer));
            }
        });
        let paths = LoadPaths {
            get: "/".into(),
            post: Some(Post {
                path: "/".into(),
                body: "hi".into(),
            }),
        };
        let rate = LoadRate {
            per_second: 400.0,
            longest: Duration::from_secs(30),
        };
        let load = Load::start(runtime.handle(), address, paths, rate);
        let began = Instant::now();
        while load.sent() < 40 {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "no load in a minute"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        load.stop()
    }

    #[test]
    fn every_request_is_counted_once_and_by_kind() {
        let samples = samples_of(1000, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        for kind in Kind::ALL {
            assert!(samples.iter().any(|sample| sample.kind == kind), "{kind:?}");
        }
        let failed: Vec<_> = samples.iter().filter(|sample| sample.failed()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        assert!(samples.is_sorted_by_key(|sample| sample.start_us));
    }

    #[test]
    fn an_announced_close_loses_nothing() {
        let samples = samples_of(
            1,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        );
        let failed: Vec<_> = samples.iter().filter(|sample| sample.failed()).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }

    #[test]
    fn errors_and_bad_statuses_are_failures() {
        let answer = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
        assert!(samples_of(1000, answer).iter().all(Sample::failed));
        let cut_off = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok";
        assert!(samples_of(1, cut_off).iter().all(Sample::failed));
    }
}
