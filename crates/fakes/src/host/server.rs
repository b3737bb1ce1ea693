//! The SSH server of a fake host: admits one key, runs commands, and carries
//! connections to loopback.
//!
//! Commands run through `sh -c` with a cleared environment, the host's own tools first on
//! the path; input, outputs and exit status are carried faithfully. Shells, terminals,
//! subsystems, variables and connections to elsewhere are refused.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Pty, Sig,
};
use rustix::process::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};

use super::fault::HostFault;
use super::supervisor::Supervisor;

/// What a refused or unhealthy slot is made to answer.
const UNHEALTHY: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 10\r\n\
    Connection: close\r\n\r\nunhealthy\n";

/// Accepts connections until it is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    config: Arc<russh::server::Config>,
    host: Arc<Supervisor>,
    admitted: PublicKey,
) {
    loop {
        // A connection that is gone before it is accepted is no failure of the listener.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        drop(stream.set_nodelay(true));
        let connection = Connection {
            host: Arc::clone(&host),
            admitted: admitted.clone(),
            channels: HashMap::new(),
        };
        tokio::spawn(converse(stream, Arc::clone(&config), connection));
    }
}

/// Serves one connection, until it ends or the host cuts it.
async fn converse(stream: TcpStream, config: Arc<russh::server::Config>, connection: Connection) {
    let mut cut = connection.host.cut.subscribe();
    // What happened before this connection is not its concern.
    cut.mark_unchanged();
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let Ok(handle) = stream.try_clone() else {
        return;
    };
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let session = russh::server::run_stream(config, stream, connection);
    tokio::select! {
        // How a connection ends is its client's concern.
        _ = async { if let Ok(session) = session.await { drop(session.await); } } => {}
        _ = cut.changed() => drop(handle.shutdown(std::net::Shutdown::Both)),
    }
}

struct Connection {
    host: Arc<Supervisor>,
    admitted: PublicKey,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = key.public_key.key_data() == self.admitted.key_data();
        Ok(if known && user == self.host.user {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host_to_connect: &str,
        port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let port = u16::try_from(port_to_connect).ok();
        let loopback = matches!(host_to_connect, "127.0.0.1" | "localhost");
        let Some(port) = port.filter(|_| loopback) else {
            reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
            return Ok(());
        };
        if self.is_unhealthy(port) {
            reply.accept().await;
            tokio::spawn(answer_unhealthy(channel));
            return Ok(());
        }
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => {
                reply.accept().await;
                tokio::spawn(carry(channel, stream));
            }
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let (Some(channel), Ok(command)) = (self.channels.remove(&id), std::str::from_utf8(data))
        else {
            return session.channel_failure(id);
        };
        match self.spawn(command) {
            Ok(child) => {
                session.channel_success(id)?;
                let (host, handle) = (Arc::clone(&self.host), session.handle());
                tokio::spawn(run(host, handle, channel, child));
            }
            Err(_) => session.channel_failure(id)?,
        }
        Ok(())
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }
}

impl Connection {
    fn spawn(&self, command: &str) -> std::io::Result<Child> {
        let host = &self.host;
        let mut state = host.state();
        if state.down {
            return Err(std::io::Error::other("the host is going down"));
        }
        let child = Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", &host.path)
            .env("HOME", host.root.join("root"))
            .env("USER", &host.user)
            .env("LOGNAME", &host.user)
            .env("LANG", "C.UTF-8")
            .current_dir(&host.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        state.commands.extend(group_of(&child));
        Ok(child)
    }

    /// Returns whether the fault makes the slot on that port answer 500.
    fn is_unhealthy(&self, port: u16) -> bool {
        let state = self.host.state();
        let fault = state.faults.contains(&HostFault::BackendUnhealthy);
        let behind = state
            .rules
            .tables
            .values()
            .flatten()
            .any(|redirect| redirect.to == port);
        fault && !behind && state.units.values().any(|unit| unit.port == Some(port))
    }
}

fn group_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
}

/// Carries a command's input, outputs and status, and closes the channel.
async fn run(
    host: Arc<Supervisor>,
    handle: russh::server::Handle,
    channel: Channel<Msg>,
    mut child: Child,
) {
    let id = channel.id();
    let group = group_of(&child);
    let (reader, writer) = channel.split();
    let feeding = tokio::spawn(feed(reader, child.stdin.take()));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    tokio::join!(
        pour(stdout, writer.make_writer()),
        pour(stderr, writer.make_writer_ext(Some(1))),
    );
    let status = child.wait().await;
    if let Some(group) = group {
        host.state().commands.retain(|other| *other != group);
    }
    // A client that has gone away does not hear the end of its command.
    let _ = finish(&handle, &writer, id, status).await;
    drop(feeding.await);
}

async fn finish(
    handle: &russh::server::Handle,
    writer: &ChannelWriteHalf<Msg>,
    id: ChannelId,
    status: std::io::Result<std::process::ExitStatus>,
) -> Result<(), ()> {
    writer.eof().await.map_err(drop)?;
    match status.ok().and_then(|status| status.code()) {
        Some(code) => handle.exit_status_request(id, code.cast_unsigned()).await?,
        None => {
            let (message, language) = (String::new(), String::new());
            handle
                .exit_signal_request(id, Sig::KILL, false, message, language)
                .await?;
        }
    }
    writer.close().await.map_err(drop)
}

/// The client's data into the command's input, and its end as the end.
async fn feed(mut reader: ChannelReadHalf, mut stdin: Option<ChildStdin>) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let written = match stdin.as_mut() {
                    Some(stdin) => stdin.write_all(&data).await,
                    None => Ok(()),
                };
                if written.is_err() {
                    // The command reads no more; what still comes is let go.
                    stdin = None;
                }
            }
            ChannelMsg::Eof => stdin = None,
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

async fn pour(
    from: Option<impl tokio::io::AsyncRead + Unpin>,
    mut to: impl tokio::io::AsyncWrite + Unpin,
) {
    if let Some(mut from) = from {
        // A client that has gone away must not stop the command.
        if tokio::io::copy(&mut from, &mut to).await.is_err() {
            drop(tokio::io::copy(&mut from, &mut tokio::io::sink()).await);
        }
    }
}

async fn carry(channel: Channel<Msg>, mut stream: TcpStream) {
    let mut channel = channel.into_stream();
    // How a connection ends is its two ends' concern.
    drop(tokio::io::copy_bidirectional(&mut channel, &mut stream).await);
}

/// Reads the request, so that its answer is not lost to a reset, and answers 500.
async fn answer_unhealthy(channel: Channel<Msg>) {
    let mut channel = channel.into_stream();
    let mut request = [0; 4096];
    if channel.read(&mut request).await.is_ok() && channel.write_all(UNHEALTHY).await.is_ok() {
        drop(channel.shutdown().await);
    }
}
