//! A WebSocket at `/echo`, that sends back each message: a connection that is in flight for
//! long, as tests of a deploy want one.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;

use tungstenite::Message;

/// What has been read ahead, and the connection.
struct Upgraded<'a> {
    reader: BufReader<&'a TcpStream>,
    writer: &'a TcpStream,
}

impl Read for Upgraded<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(to)
    }
}

impl Write for Upgraded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// Returns whether the connection begins with a request for the echo.
pub(crate) fn is_asked(reader: &mut BufReader<&TcpStream>) -> bool {
    reader
        .fill_buf()
        .is_ok_and(|bytes| bytes.starts_with(b"GET /echo "))
}

/// Echoes until the other side closes.
pub(crate) fn converse(reader: BufReader<&TcpStream>, writer: &TcpStream) {
    let Ok(mut socket) = tungstenite::accept(Upgraded { reader, writer }) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let echoed = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message),
            // Pings and the closing handshake are answered while reading.
            _ => socket.flush(),
        };
        if echoed.is_err() {
            return;
        }
    }
}
