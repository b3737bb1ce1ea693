//! From an address to an authenticated session: TCP, host key, admission.
//!
//! The host's key is judged before anything that identifies us is sent. Keys come from
//! a file or the agent; passwords are never asked for and never sent.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use ssh2::{MethodType, Session};

use crate::error::ConnectError;
use crate::host::timed_out;
use crate::known_hosts::{KnownKeys, Verdict, fingerprint, key_type};
use crate::target::Target;

/// How long a connection attempt to one address may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long the SSH handshake and each authentication may take.
const HANDSHAKE_LIMIT_MS: u32 = 20_000;
/// Seconds between keep-alive messages on a quiet connection.
const KEEPALIVE_SECONDS: u32 = 15;
/// The system's own list, asked after the user's.
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// Opens an authenticated session.
pub(crate) fn open(target: &Target) -> Result<Session, ConnectError> {
    let unreachable = |why: String| ConnectError::Unreachable {
        target: target.to_string(),
        why,
    };
    let (known, asked) = known_keys(target);
    let stream = dial(target).map_err(|error| unreachable(error.to_string()))?;
    let mut session = Session::new().map_err(|error| unreachable(error.to_string()))?;
    session.set_timeout(HANDSHAKE_LIMIT_MS);
    session.set_tcp_stream(stream);
    prefer_known_types(&session, &known).map_err(|error| unreachable(error.to_string()))?;
    session.handshake().map_err(|error| {
        let hint = if timed_out(&error) {
            " (no SSH greeting in time)"
        } else {
            ""
        };
        unreachable(format!("{error}{hint}"))
    })?;
    check_host_key(&session, target, &known, asked)?;
    admit(&session, target)?;
    session.set_keepalive(true, KEEPALIVE_SECONDS);
    Ok(session)
}

fn dial(target: &Target) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in (target.host.as_str(), target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn home() -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(std::env::home_dir()?).ok()
}

/// The keys known for the target, and the file to name in messages.
fn known_keys(target: &Target) -> (KnownKeys, Utf8PathBuf) {
    let files = match (&target.known_hosts, home()) {
        (Some(file), _) => vec![file.clone()],
        (None, Some(home)) => vec![home.join(".ssh/known_hosts"), SYSTEM_KNOWN_HOSTS.into()],
        (None, None) => vec![SYSTEM_KNOWN_HOSTS.into()],
    };
    let mut known = KnownKeys::default();
    for file in &files {
        // A file that cannot be read lists nothing, and then nothing is admitted.
        if let Ok(text) = std::fs::read_to_string(file) {
            known.read(&text, &target.host, target.port);
        }
    }
    let asked = files
        .into_iter()
        .next()
        .unwrap_or_else(|| SYSTEM_KNOWN_HOSTS.into());
    (known, asked)
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
    target: &Target,
    known: &KnownKeys,
    known_hosts: Utf8PathBuf,
) -> Result<(), ConnectError> {
    let key = session
        .host_key()
        .map(|(key, _)| key.to_vec())
        .unwrap_or_default();
    let host = match target.port {
        22 => target.host.clone(),
        port => format!("[{}]:{port}", target.host),
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

/// Tries the given key file, or the agent and then the usual files.
fn admit(session: &Session, target: &Target) -> Result<(), ConnectError> {
    let mut tried = Vec::new();
    let mut why = "there is no key to try".to_owned();
    if let Some(identity) = &target.identity {
        if try_file(session, target, identity, &mut tried, &mut why) {
            return Ok(());
        }
    } else {
        if try_agent(session, target, &mut tried, &mut why) {
            return Ok(());
        }
        for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
            let file = home()
                .map(|home| home.join(".ssh").join(name))
                .filter(|file| file.exists());
            let Some(file) = file else { continue };
            if try_file(session, target, &file, &mut tried, &mut why) {
                return Ok(());
            }
        }
    }
    let tried = if tried.is_empty() {
        "nothing".to_owned()
    } else {
        tried.join(", ")
    };
    Err(ConnectError::NotAdmitted {
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
