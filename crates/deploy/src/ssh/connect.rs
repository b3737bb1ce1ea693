//! From an address to an authenticated session: TCP, host key, admission.
//!
//! The host's key is judged before anything that identifies us is sent. Keys come from
//! a file or the agent; passwords are never asked for and never sent. How the host is
//! reached may be said by OpenSSH's configuration ([`SshRoute`]).

use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::Duration;

use camino::Utf8Path;
use rustix::net::sockopt;
use ssh2::{MethodType, Session};

use crate::model::error::ConnectError;
use crate::model::target::Target;
use crate::ssh::known_hosts::{KnownKeys, Verdict, fingerprint, key_type};
use crate::ssh::proxy_process::ProxyProcess;
use crate::ssh::ssh_config::SshRoute;

/// libssh2: a call waited longer than the session's timeout.
const TIMEOUT: i32 = -9;
/// How long a connection attempt to one address may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the SSH handshake and each authentication may take.
const HANDSHAKE_LIMIT_MS: u32 = 20_000;
/// Silence after which the kernel probes a connection; with its probes, 20 s.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(8);
/// Pause between two such probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(4);
/// Probes that may stay unanswered.
const KEEPALIVE_PROBES: u32 = 3;

/// An authenticated session, and the process that it goes through, if any.
pub(crate) struct Connection {
    pub(crate) session: Session,
    /// The session's own socket, to end it from outside.
    pub(crate) socket: OwnedFd,
    pub(crate) proxy: Option<ProxyProcess>,
}

/// Opens an authenticated session.
pub(crate) fn open(target: &Target) -> Result<Connection, ConnectError> {
    let unreachable = |why: String| ConnectError::Unreachable {
        target: target.to_string(),
        why,
    };
    let route = SshRoute::resolve(target).map_err(unreachable)?;
    let known = known_keys(&route);
    let mut session = Session::new().map_err(|error| unreachable(error.to_string()))?;
    session.set_timeout(HANDSHAKE_LIMIT_MS);
    let mut proxy = None;
    let stream = match &route.through {
        None => OwnedFd::from(dial(&route).map_err(|error| unreachable(error.to_string()))?),
        Some(through) => {
            let (process, stream) =
                ProxyProcess::start(target, &route, through).map_err(unreachable)?;
            proxy = Some(process);
            OwnedFd::from(stream)
        }
    };
    let socket = stream.try_clone();
    let socket = socket.map_err(|error| unreachable(error.to_string()))?;
    session.set_tcp_stream(stream);
    prefer_known_types(&session, &known).map_err(|error| unreachable(error.to_string()))?;
    session.handshake().map_err(|error| {
        let hint = match &mut proxy {
            Some(proxy) => format!(" ({})", proxy.error_output()),
            None if timed_out(&error) => " (no SSH greeting in time)".to_owned(),
            None => String::new(),
        };
        unreachable(format!("{error}{hint}"))
    })?;
    check_host_key(&session, &route, &known)?;
    authenticate(&session, target, &route)?;
    Ok(Connection {
        session,
        socket,
        proxy,
    })
}

fn dial(route: &SshRoute) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in (route.host.as_str(), route.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                keep_alive(&stream)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Lets the kernel find out that the other side is gone, also while a command is silent.
/// libssh2's own messages end whatever waits for an answer when the next one is due
/// (`_libssh2_wait_socket` in its `session.c`), however long that may wait.
fn keep_alive(stream: &TcpStream) -> std::io::Result<()> {
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    sockopt::set_socket_keepalive(stream, true)?;
    let longest = KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
    let longest = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(stream, longest)?)
}

/// Reads the keys that are known for the host.
fn known_keys(route: &SshRoute) -> KnownKeys {
    let mut known = KnownKeys::default();
    for file in &route.known_hosts {
        // A file that cannot be read lists nothing, and then nothing is admitted.
        if let Ok(text) = std::fs::read_to_string(file) {
            known.read(&text, &route.known_hosts_name, route.port);
        }
    }
    known
}

/// Asks for the key types that are listed first, so that a host with several keys shows
/// the one we can judge.
fn prefer_known_types(session: &Session, known: &KnownKeys) -> Result<(), ssh2::Error> {
    let supported = session.supported_algs(MethodType::HostKey)?;
    let signs = |kind: &str| match kind {
        "ssh-rsa" => vec!["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
        _ => supported
            .iter()
            .copied()
            .filter(|alg| *alg == kind)
            .collect(),
    };
    let mut preferred: Vec<&str> = known
        .types()
        .flat_map(signs)
        .filter(|alg| supported.contains(alg))
        .collect();
    let rest: Vec<&str> = supported
        .iter()
        .copied()
        .filter(|alg| !preferred.contains(alg))
        .collect();
    preferred.extend(rest);
    session.method_pref(MethodType::HostKey, &preferred.join(","))
}

fn check_host_key(
    session: &Session,
    route: &SshRoute,
    known: &KnownKeys,
) -> Result<(), ConnectError> {
    let known_hosts = route.known_hosts.first().cloned().unwrap_or_default();
    let key = session
        .host_key()
        .map(|(key, _)| key.to_vec())
        .unwrap_or_default();
    let host = match route.port {
        22 => route.known_hosts_name.clone(),
        port => format!("[{}]:{port}", route.known_hosts_name),
    };
    let (key_type, fingerprint) = (key_type(&key), fingerprint(&key));
    Err(match known.judge(&key) {
        Verdict::Known => return Ok(()),
        Verdict::Unknown => ConnectError::UnknownHostKey {
            host,
            key_type,
            fingerprint,
            known_hosts,
        },
        Verdict::Changed => ConnectError::ChangedHostKey {
            host,
            key_type,
            fingerprint,
            known_hosts,
        },
        Verdict::Revoked => ConnectError::RevokedHostKey {
            host,
            key_type,
            fingerprint,
            known_hosts,
        },
        Verdict::OnlyAuthority => ConnectError::CertificateAuthority {
            host,
            key_type,
            fingerprint,
            known_hosts,
        },
    })
}

/// Tries the agent, unless certain files are meant, and then the files.
fn authenticate(session: &Session, target: &Target, route: &SshRoute) -> Result<(), ConnectError> {
    let mut tried = Vec::new();
    let mut why = "there is no key to try".to_owned();
    if route.agent && try_agent(session, target, &mut tried, &mut why) {
        return Ok(());
    }
    for file in &route.identities {
        if try_file(session, target, file, &mut tried, &mut why) {
            return Ok(());
        }
    }
    let tried = if tried.is_empty() {
        "nothing".to_owned()
    } else {
        tried.join(", ")
    };
    Err(ConnectError::AuthenticationFailed {
        target: target.to_string(),
        why,
        tried,
    })
}

fn try_file(
    session: &Session,
    target: &Target,
    file: &Utf8Path,
    tried: &mut Vec<String>,
    why: &mut String,
) -> bool {
    tried.push(file.to_string());
    let outcome = session.userauth_pubkey_file(&target.user, None, file.as_std_path(), None);
    if let Err(error) = outcome {
        *why = format!("{error} (a key with a passphrase must be in the agent)");
    }
    session.authenticated()
}

fn try_agent(
    session: &Session,
    target: &Target,
    tried: &mut Vec<String>,
    why: &mut String,
) -> bool {
    let Ok(mut agent) = session.agent() else {
        return false;
    };
    if agent.connect().is_err() || agent.list_identities().is_err() {
        return false;
    }
    for identity in agent.identities().unwrap_or_default() {
        tried.push(format!("the agent's {}", identity.comment()));
        if let Err(error) = agent.userauth(&target.user, &identity) {
            *why = error.to_string();
        }
        if session.authenticated() {
            return true;
        }
    }
    false
}

/// Returns libssh2's number of an error.
pub(crate) fn code(error: &ssh2::Error) -> i32 {
    match error.code() {
        ssh2::ErrorCode::Session(code) | ssh2::ErrorCode::SFTP(code) => code,
    }
}

/// Tells whether a call merely waited too long.
fn timed_out(error: &ssh2::Error) -> bool {
    code(error) == TIMEOUT
}
