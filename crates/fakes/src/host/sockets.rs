//! TCP sockets of this machine by local port, from the kernel's own table.
//!
//! The table is read piece by piece while it changes, so one socket may show up several
//! times (seen: thirteen times) and is counted once. A socket may be passed over just
//! as well: who waits for none to be left must look more than once.

use std::collections::BTreeSet;
use std::io;

/// `TCP_ESTABLISHED` in `/proc/net/tcp`.
pub(super) const ESTABLISHED: &str = "01";
/// `TCP_LISTEN` in `/proc/net/tcp`.
pub(super) const LISTEN: &str = "0A";

/// Returns one line per socket in that state whose local port it is.
pub(super) fn with_local_port(port: u16, state: &str) -> io::Result<BTreeSet<String>> {
    let mut lines = of_table(&std::fs::read_to_string("/proc/net/tcp")?, port, state);
    // A kernel without IPv6 has no such table.
    if let Ok(table) = std::fs::read_to_string("/proc/net/tcp6") {
        lines.extend(of_table(&table, port, state));
    }
    Ok(lines)
}

fn of_table(table: &str, port: u16, state: &str) -> BTreeSet<String> {
    let ends = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (local, remote, found) = (fields.next()?, fields.next()?, fields.next()?);
            (local.ends_with(&ends) && found == state).then(|| format!("0 0 {local} {remote}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_socket_that_is_shown_twice_is_counted_once() {
        let line = "   0: 0100007F:1F91 0100007F:D694 01 00000000:00000000 00:00000000";
        let other = "   1: 0100007F:1F91 0100007F:D695 01 00000000:00000000 00:00000000";
        let table = format!("  sl  local_address rem_address   st\n{line}\n{other}\n{line}\n");
        assert_eq!(of_table(&table, 8081, ESTABLISHED).len(), 2);
        assert_eq!(of_table(&table, 8081, LISTEN).len(), 0);
        assert_eq!(of_table(&table, 8082, ESTABLISHED).len(), 0);
    }

    #[test]
    fn the_kernel_counts_connections_by_local_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(with_local_port(port, LISTEN).unwrap().len(), 1);
        assert_eq!(with_local_port(port, ESTABLISHED).unwrap().len(), 0);
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert_eq!(with_local_port(port, ESTABLISHED).unwrap().len(), 1);
        drop((client, server));
    }
}
