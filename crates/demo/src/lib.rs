//! The guestbook that rehearsals deploy: a small but whole web app.
//!
//! A backend that keeps entries in a file and serves them over HTTP/1.1, and a frontend
//! that is built into a static bundle with content-hashed names. It takes a listener that
//! systemd hands on. It depends on few and small libraries, so that its release build takes
//! seconds. It does no TLS, no
//! templating and no authentication. The feature `echo` adds a WebSocket, for tests of deploys.

pub mod bundle;
#[cfg(feature = "echo")]
mod echo;
pub mod files;
pub mod handed_on;
pub mod message;
pub mod server;
pub mod store;

/// The version that `/health` and the bundle report.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that the build was told of, if it was.
pub const COMMIT: Option<&str> = option_env!("GUESTBOOK_COMMIT");
