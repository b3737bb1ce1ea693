//! A connection that still reads what the registry said when sending fails.
//!
//! crates.io looks at the head of an upload first. A token that may not publish, an
//! account without a verified e-mail address or a full rate limit is answered before the
//! body is read, and then the connection is closed (crates.io
//! `src/controllers/krate/publish.rs`, 2026-08-21). The client is still sending at that
//! moment: its next write fails, and ureq reports the broken pipe, although the response
//! lies in the receive buffer.
//!
//! [`ReadAfterWriteError`] sits between the socket and TLS. Once a write fails it drops
//! what is still to be sent and lets reading go on. If there is a response, it is the
//! outcome; if there is none, the failed write is reported as before.
//!
//! Why not hyper, which reads while it writes: the client here is blocking, and a second
//! one would need a runtime, a TLS connector and support for proxies of its own. Why
//! below TLS: rustls finishes pending writes before it reads, so above it the failed write
//! would come back instead of the response.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector,
    TcpConnector, Transport,
};
use ureq::{Error, Timeout};

/// How long a registry may accept nothing while a body is sent to it. crates.io gives up on
/// a body after 30 s as a whole, so a connection that is silent for that long is lost.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to look for a response after the registry stopped accepting data without
/// closing the connection.
const RESPONSE_AFTER_SILENCE: Duration = Duration::from_millis(200);

/// Returns ureq's own connectors with [`ReadAfterWriteError`] between socket and TLS.
pub(crate) fn connector() -> impl Connector<()> {
    ().chain(ConnectProxyConnector::default())
        .chain(TcpConnector::default())
        .chain(EarlyResponseConnector)
        .chain(RustlsConnector::default())
}

#[derive(Debug)]
struct EarlyResponseConnector;

impl<In: Transport> Connector<In> for EarlyResponseConnector {
    type Out = ReadAfterWriteError<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let wrap = |inner| ReadAfterWriteError {
            inner,
            failed: None,
            responded: false,
            unread: false,
        };
        Ok(chained.map(wrap))
    }
}

/// A transport that reads on after a failed write.
#[derive(Debug)]
struct ReadAfterWriteError<T> {
    inner: T,
    /// Why writing failed. Everything after that is dropped.
    failed: Option<Error>,
    /// There is a response, or the beginning of one.
    responded: bool,
    /// It lies in the buffer, and ureq has not been told.
    unread: bool,
}

impl<T: Transport> Transport for ReadAfterWriteError<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.failed.is_some() {
            return Ok(());
        }
        let error = match self.inner.transmit_output(amount, timeout) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let is_silent = matches!(error, Error::Timeout(Timeout::PerWrite));
        if is_silent && !self.has_response(timeout) {
            return Err(error);
        }
        if !is_silent && !is_closed(&error) {
            return Err(error);
        }
        self.failed = Some(error);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if std::mem::take(&mut self.unread) {
            return Ok(true);
        }
        let result = self.inner.await_input(timeout);
        match &result {
            Ok(true) => self.responded |= self.failed.is_some(),
            // Without a response, what went wrong is the write.
            Ok(false) | Err(_) if !self.responded => {
                if let Some(error) = self.failed.take() {
                    return Err(error);
                }
            }
            _ => {}
        }
        result
    }

    fn is_open(&mut self) -> bool {
        self.failed.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T: Transport> ReadAfterWriteError<T> {
    fn has_response(&mut self, timeout: NextTimeout) -> bool {
        let soon = NextTimeout {
            after: RESPONSE_AFTER_SILENCE.into(),
            ..timeout
        };
        let read = self.inner.await_input(soon);
        self.unread = matches!(read, Ok(true));
        self.responded |= self.unread;
        self.responded
    }
}

/// Returns whether the other side has closed the connection, so that there may be a response.
fn is_closed(error: &Error) -> bool {
    matches!(
        error,
        Error::Io(error) if matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
        )
    )
}
