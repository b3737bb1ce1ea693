//! How a deploy fails, so that a caller can branch and a person knows what to do next.
//!
//! No message carries a value of an environment file or a key; journal lines are the
//! app's own words and are carried as they are.

use camino::Utf8PathBuf;
use thiserror::Error;

/// Why something is no artifact.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// It cannot be read.
    #[error("cannot read the artifact {path}: {source}; build it, or correct the path")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A directory holds something that a static bundle does not hold.
    #[error("{path} is {what}, which a static bundle cannot hold; remove it from the bundle")]
    Unfit {
        /// The entry.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
    },
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nothing answered at the address, or not as an SSH server.
    #[error("cannot reach {target}: {why}; check the name, the network and the SSH server")]
    Unreachable {
        /// `user@host:port`.
        target: String,
        /// What went wrong.
        why: String,
    },
    /// The host's key is not in the known hosts.
    #[error(
        "{host} shows a {key_type} key, {fingerprint}, that {known_hosts} does not list; \
         compare the fingerprint with the host's own (`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` \
         there), then add the key with `ssh-keyscan`"
    )]
    UnknownHostKey {
        /// Host as listed: `host` or `[host]:port`.
        host: String,
        /// E.g. `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// The file that was asked.
        known_hosts: Utf8PathBuf,
    },
    /// The known hosts list another key of this type.
    #[error(
        "{host} shows a {key_type} key, {fingerprint}, but {known_hosts} lists another: the host was \
         rebuilt, or somebody stands between; ask its owner, then `ssh-keygen -R '{host}'` and add \
         the new key"
    )]
    ChangedHostKey {
        /// Host as listed: `host` or `[host]:port`.
        host: String,
        /// E.g. `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// The file that was asked.
        known_hosts: Utf8PathBuf,
    },
    /// The key is marked `@revoked`.
    #[error(
        "{host} shows a {key_type} key, {fingerprint}, that {known_hosts} marks as @revoked: do not \
         connect; give the host a new key"
    )]
    RevokedHostKey {
        /// Host as listed: `host` or `[host]:port`.
        host: String,
        /// E.g. `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// The file that was asked.
        known_hosts: Utf8PathBuf,
    },
    /// Only a certificate authority is listed.
    #[error(
        "{known_hosts} trusts {host} by @cert-authority only, and host certificates are not checked \
         here; add its plain {key_type} key, {fingerprint}"
    )]
    CertificateAuthority {
        /// Host as listed: `host` or `[host]:port`.
        host: String,
        /// E.g. `ssh-ed25519`.
        key_type: String,
        /// `SHA256:…`.
        fingerprint: String,
        /// The file that was asked.
        known_hosts: Utf8PathBuf,
    },
    /// The host does not let us in.
    #[error(
        "{target} did not admit us: {why}; tried {tried}; add one of these public keys to its authorized_keys"
    )]
    AuthenticationFailed {
        /// `user@host:port`.
        target: String,
        /// What the last attempt said.
        why: String,
        /// What was tried: agent keys and files.
        tried: String,
    },
}

/// Why a question to a connected host has no answer.
#[derive(Debug, Error)]
pub enum RunError {
    /// The connection broke, or the command never reported its end.
    #[error("lost {target} while running `{command}`: {why}; connect again and resume")]
    Lost {
        /// `user@host:port`.
        target: String,
        /// The command, in short.
        command: String,
        /// What went wrong.
        why: String,
    },
    /// The command ended with a status that its caller does not expect.
    #[error("`{command}` on {target} ended with status {status}: {stderr}")]
    Failed {
        /// `user@host:port`.
        target: String,
        /// The command, in short.
        command: String,
        /// Exit status.
        status: i32,
        /// What it said on standard error, or on standard output.
        stderr: String,
    },
    /// The output is not what the command prints.
    #[error(
        "cannot make sense of what `{command}` on {target} printed: {what}; look at the file it read"
    )]
    Unreadable {
        /// `user@host:port`.
        target: String,
        /// The command, in short.
        command: String,
        /// What was found.
        what: String,
    },
    /// A word cannot be given to any program.
    #[error("`{command}` was not sent to {target}: a word holds a NUL character; remove it")]
    Unsendable {
        /// `user@host:port`.
        target: String,
        /// The command, in short.
        command: String,
    },
    /// Somebody asked to stop; what was sent is kept.
    #[error("stopped sending to {target}, as asked; resume to send the rest")]
    Stopped {
        /// `user@host:port`.
        target: String,
    },
    /// The local file cannot be read.
    #[error("cannot read {path} to upload it to {target}: {source}; build it again")]
    Local {
        /// `user@host:port`.
        target: String,
        /// The local file.
        path: Utf8PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why a step of a deploy did not come to its end.
#[derive(Debug, Error)]
pub enum DeployError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The host did not do what it was asked.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The artifact cannot be used.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A name or number that cannot be carried out safely.
    #[error("refused {what} {value:?}: {remedy}")]
    Refused {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The app has no such part.
    #[error(
        "the app has no {part}; add `[app.{part}]` to the configuration, or deploy the other part"
    )]
    NoSuchPart {
        /// `backend` or `frontend`.
        part: &'static str,
    },
    /// Another run deploys this app on this host.
    #[error(
        "{target} is being deployed to by {holder}, since {since}; wait for it, or until its lease \
         ends at {until}"
    )]
    LeaseHeld {
        /// `user@host:port`.
        target: String,
        /// The run that holds it.
        holder: String,
        /// When it took it.
        since: jiff::Timestamp,
        /// When it ends unless renewed.
        until: jiff::Timestamp,
    },
    /// The new slot did not become healthy; users never met it.
    #[error(
        "{release} on {target} did not become healthy: {why}; users never met it and the slot is \
         stopped. Last journal lines:\n{}", journal.join("\n")
    )]
    Unhealthy {
        /// `user@host:port`.
        target: String,
        /// The release.
        release: String,
        /// The last thing the probe saw.
        why: String,
        /// The unit's last journal lines.
        journal: Vec<String>,
    },
    /// The app's data could not be changed; nothing was switched.
    #[error(
        "the {what} of {release} on {target} failed: {why}; users are where they were. Fix it and \
         resume: it is run again. Last journal lines:\n{}", journal.join("\n")
    )]
    MigrationFailed {
        /// `user@host:port`.
        target: String,
        /// The release.
        release: String,
        /// The migration, or its undo.
        what: &'static str,
        /// How it ended.
        why: String,
        /// The unit's last journal lines.
        journal: Vec<String>,
    },
    /// The host could not build the release; nothing was started.
    #[error(
        "{release} could not be built on {target}: {why}; nothing was started, and users are where \
         they were. Fix what is wrong with the host and resume; for what is wrong with the \
         sources, deploy another commit. Last journal lines:\n{}", journal.join("\n")
    )]
    BuildFailed {
        /// `user@host:port`.
        target: String,
        /// The release.
        release: String,
        /// How it ended.
        why: String,
        /// The unit's last journal lines.
        journal: Vec<String>,
    },
    /// The switch was reverted.
    #[error(
        "{release} on {target} was rolled back: {reason}; now running: {}. Last journal lines:\n{}",
        now_running.as_deref().unwrap_or("nothing, this was the first deploy"), journal.join("\n")
    )]
    RolledBack {
        /// `user@host:port`.
        target: String,
        /// The release that was rolled back.
        release: String,
        /// Why.
        reason: String,
        /// The release that answers now.
        now_running: Option<String>,
        /// The unit's last journal lines.
        journal: Vec<String>,
    },
    /// The host is in a state that this step must not overwrite.
    #[error("conflict on {target}: {what}; {next}")]
    Conflict {
        /// `user@host:port`.
        target: String,
        /// What was found.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// The release is neither on the host nor given.
    #[error(
        "{target} does not have {release}, and no artifact was given; deploy that version afresh"
    )]
    Missing {
        /// `user@host:port`.
        target: String,
        /// The release.
        release: String,
    },
    /// A step came before the ones it stands on.
    #[error("cannot {step} {release} on {target}: {what}; run the earlier steps again")]
    OutOfOrder {
        /// `user@host:port`.
        target: String,
        /// The step.
        step: &'static str,
        /// The release.
        release: String,
        /// What is missing.
        what: String,
    },
}
