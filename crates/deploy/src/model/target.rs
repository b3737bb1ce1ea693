//! Where a deploy goes: user, host, port, and the files that prove both sides' identity.
//!
//! A target carries a path prefix (`/` in production), and every path on the host is
//! made through it: the same code then serves a host that lives in a scratch directory.
//! It refuses addresses it would have to guess about.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An SSH account on one host, and how both sides prove who they are.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Target {
    /// The account on the host: root, or one that may use `sudo -n`.
    pub user: String,
    /// Host name or address.
    pub host: String,
    /// TCP port of the SSH server.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// Private key file. Without one: the agent, then the usual files in `~/.ssh`.
    #[serde(default)]
    pub identity: Option<Utf8PathBuf>,
    /// Known hosts file. Without one: `~/.ssh/known_hosts`, then the system's.
    #[serde(default)]
    pub known_hosts: Option<Utf8PathBuf>,
    /// Hosts to go through, the nearest first, as `USER@HOST:PORT` with commas between;
    /// `none` for none. Without it: what OpenSSH's configuration says.
    #[serde(default)]
    pub jump: Option<String>,
    /// OpenSSH's configuration, or `none`. Without it: `~/.ssh/config`, if that is there.
    #[serde(default)]
    pub ssh_config: Option<Utf8PathBuf>,
    /// The directory that stands for the host's root.
    #[serde(default = "root")]
    pub prefix: Utf8PathBuf,
}

fn ssh_port() -> u16 {
    22
}

fn root() -> Utf8PathBuf {
    Utf8PathBuf::from("/")
}

/// Why an address is no [`Target`].
#[derive(Debug, Error, PartialEq)]
#[error("`{address}` is no deploy target: {why}; write it as USER@HOST or USER@HOST:PORT")]
pub struct TargetError {
    /// What was given.
    pub address: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Target {
    /// Parses `USER@HOST` or `USER@HOST:PORT`; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// When the user is missing, or a part has characters no account or host name has.
    pub fn parse(address: &str) -> Result<Target, TargetError> {
        let refuse = |why| TargetError {
            address: address.to_owned(),
            why,
        };
        let (user, rest) = address
            .split_once('@')
            .ok_or_else(|| refuse("the user is missing"))?;
        let (host, port) = split_port(rest).map_err(refuse)?;
        if !is_account(user) {
            return Err(refuse("the user is no account name"));
        }
        let is_host =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || host.starts_with('-') || !host.chars().all(is_host) {
            return Err(refuse("the host is neither a name nor an address"));
        }
        Ok(Target {
            user: user.to_owned(),
            host: host.to_owned(),
            port,
            identity: None,
            known_hosts: None,
            jump: None,
            ssh_config: None,
            prefix: root(),
        })
    }

    /// Returns where an absolute path of the host is: below the prefix.
    pub fn path(&self, absolute: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        let path = absolute.as_ref();
        self.prefix.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// Splits `HOST[:PORT]` or `[IPV6][:PORT]`.
fn split_port(text: &str) -> Result<(&str, u16), &'static str> {
    let port = |digits: &str| match digits.parse::<u16>() {
        Ok(0) | Err(_) => Err("the port is not between 1 and 65535"),
        Ok(port) => Ok(port),
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, port(digits)?)),
            None if rest.is_empty() => Ok((host, ssh_port())),
            None => Err("something follows the bracket"),
        };
    }
    match text.split_once(':') {
        Some((_, more)) if more.contains(':') => Err("an IPv6 address stands in brackets"),
        Some((host, digits)) => Ok((host, port(digits)?)),
        None => Ok((text, ssh_port())),
    }
}

/// Tells whether `name` is an account name as `useradd` accepts it.
pub(crate) fn is_account(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && name.len() <= 32
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(address: &str) -> Result<Target, TargetError> {
        Target::parse(address)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}@[{}]:{}", self.user, self.host, self.port)
        } else {
            write!(f, "{}@{}:{}", self.user, self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused() {
        let check = |address: &str, shown: Result<&str, &str>| match (Target::parse(address), shown)
        {
            (Ok(target), Ok(shown)) => assert_eq!(target.to_string(), shown),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (got, _) => panic!("{address}: {got:?}"),
        };
        check("deploy@app1.example.org", Ok("deploy@app1.example.org:22"));
        check(
            "deploy@app1.example.org:2222",
            Ok("deploy@app1.example.org:2222"),
        );
        check("root@[::1]:2222", Ok("root@[::1]:2222"));
        check("root@[fe80::1]", Ok("root@[fe80::1]:22"));
        check("app1.example.org", Err("user is missing"));
        check("de ploy@host", Err("no account name"));
        check("-oProxyCommand=x@host", Err("no account name"));
        check("root@-host", Err("neither a name nor an address"));
        check("root@$(id)", Err("neither a name nor an address"));
        check("root@host:0", Err("between 1 and 65535"));
        check("root@host:ssh", Err("between 1 and 65535"));
        check("root@::1", Err("stands in brackets"));
        check("root@[::1", Err("not closed"));
        check("root@", Err("neither a name nor an address"));
    }

    #[test]
    fn paths_go_below_the_prefix() {
        let mut target = Target::parse("root@host").unwrap();
        assert_eq!(target.path("/opt/app"), "/opt/app");
        target.prefix = "/scratch/host".into();
        assert_eq!(target.path("/opt/app"), "/scratch/host/opt/app");
    }
}
