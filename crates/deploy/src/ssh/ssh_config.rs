//! What `~/.ssh/config` says about a target, in OpenSSH's own words.
//!
//! `ssh -G` is asked, so that `Host`, `Match`, `Include` and every default mean what
//! they mean to the user's own `ssh`. Of its settings only the route to the host is taken:
//! name, port, keys, lists of known hosts, and what to go through. How strictly a host
//! key is checked is not for a configuration to say, and the account is always the
//! target's: it is part of what a plan shows.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::target::Target;

/// The name that stands for no configuration file, as with `ssh -F none`.
const NONE: &str = "none";
/// The system's own lists, asked after the user's.
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// Where a target is reached, by what keys, and through what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SshRoute {
    /// Where to connect: a name or an address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// What the host is called in lists of known hosts.
    pub(crate) known_hosts_name: String,
    /// Private keys, in the order they are tried.
    pub(crate) identities: Vec<Utf8PathBuf>,
    /// Whether the agent is asked for keys first.
    pub(crate) agent: bool,
    /// Lists of known hosts; the first is the one that messages name.
    pub(crate) known_hosts: Vec<Utf8PathBuf>,
    /// What the connection goes through.
    pub(crate) through: Option<ProxyVia>,
}

/// What a connection goes through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ProxyVia {
    /// Other hosts, the nearest first, as `USER@HOST:PORT`.
    Jump(Vec<String>),
    /// A command that speaks with the host on its standard streams.
    Command(String),
}

/// Names a file of trusted host keys that is this process's alone: on a runner that is kept,
/// what a home holds is everybody's.
const KNOWN_HOSTS: &str = "STAGEGATE_KNOWN_HOSTS";

/// Returns the file of trusted host keys that is meant for a target, or for this process, if
/// there is one. The second is no part of a target: another machine has it elsewhere.
pub(crate) fn own_known_hosts(target: &Target) -> Option<Utf8PathBuf> {
    let of_process = || {
        let file = std::env::var(KNOWN_HOSTS).ok().map(Utf8PathBuf::from);
        file.filter(|file| file.is_file())
    };
    target.known_hosts.clone().or_else(of_process)
}

impl SshRoute {
    /// Asks OpenSSH for the route to a target. What the target itself says comes first.
    ///
    /// # Errors
    /// What is wrong, in words, when there is a configuration and it cannot be asked.
    pub(crate) fn resolve(target: &Target) -> Result<SshRoute, String> {
        let settings = match config_file(target) {
            Some(file) => query_openssh(target, file.as_deref())?,
            None => BTreeMap::new(),
        };
        let target = Target {
            known_hosts: own_known_hosts(target),
            ..target.clone()
        };
        Ok(SshRoute::from_settings(
            &target,
            &settings,
            home().as_deref(),
        ))
    }

    fn from_settings(
        target: &Target,
        settings: &BTreeMap<String, Vec<String>>,
        home: Option<&Utf8Path>,
    ) -> SshRoute {
        let one = |name: &str| settings.get(name).and_then(|values| values.first());
        let host = one("hostname").unwrap_or(&target.host).clone();
        let port = one("port").and_then(|port| port.parse().ok());
        let known_hosts_name = one("hostkeyalias").unwrap_or(&host).clone();
        let files = |name: &str| -> Vec<Utf8PathBuf> {
            let values = settings.get(name).into_iter().flatten();
            let words = values.flat_map(|value| value.split_ascii_whitespace());
            words
                .filter_map(|path| expand_home(path, home))
                .filter(|path| path != "/dev/null")
                .collect()
        };
        let default_identities =
            ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| format!("~/.ssh/{name}"));
        let identities = match (&target.identity, settings.get("identityfile")) {
            (Some(file), _) => vec![file.clone()],
            (None, Some(named)) => existing(named, home),
            (None, None) => existing(&default_identities, home),
        };
        let only = one("identitiesonly").is_some_and(|value| value == "yes");
        let mut known_hosts = match &target.known_hosts {
            Some(file) => vec![file.clone()],
            None => {
                let mut files_of = files("userknownhostsfile");
                files_of.extend(files("globalknownhostsfile"));
                files_of
            }
        };
        if known_hosts.is_empty() {
            known_hosts.extend(expand_home("~/.ssh/known_hosts", home));
            known_hosts.push(SYSTEM_KNOWN_HOSTS.into());
        }
        let jump = target.jump.as_ref().or_else(|| one("proxyjump"));
        let through = match (jump, one("proxycommand")) {
            (Some(jump), _) if jump != NONE => Some(ProxyVia::Jump(
                jump.split(',').map(|hop| hop.trim().to_owned()).collect(),
            )),
            (None, Some(command)) if command != NONE => Some(ProxyVia::Command(command.clone())),
            _ => None,
        };
        SshRoute {
            host,
            port: port.unwrap_or(target.port),
            known_hosts_name,
            agent: target.identity.is_none() && !only,
            identities,
            known_hosts,
            through,
        }
    }
}

/// Returns whether a configuration is to be asked, and which if not the user's own.
pub(crate) fn config_file(target: &Target) -> Option<Option<Utf8PathBuf>> {
    match &target.ssh_config {
        Some(none) if none == NONE => None,
        Some(file) => Some(Some(file.clone())),
        None => {
            let own = home()?.join(".ssh/config");
            own.exists().then_some(None)
        }
    }
}

/// Returns the arguments of `ssh` that name a configuration file.
pub(crate) fn config_args(file: Option<&Utf8Path>) -> Vec<String> {
    file.map_or_else(Vec::new, |file| vec!["-F".to_owned(), file.to_string()])
}

fn query_openssh(
    target: &Target,
    file: Option<&Utf8Path>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut command = Command::new("ssh");
    command.arg("-G").args(config_args(file));
    command.args(["-l", &target.user]);
    // The default_identities port is what an address without one has: the configuration may differ.
    if target.port != 22 {
        command.args(["-p", &target.port.to_string()]);
    }
    command.arg("--").arg(&target.host);
    let name = file.map_or("~/.ssh/config", Utf8Path::as_str);
    let output = command.output().map_err(|error| {
        format!(
            "{name} says how to reach hosts, and `ssh`, which reads it, cannot be started: \
             {error}; install the OpenSSH client, or set `ssh_config = \"none\"`"
        )
    })?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name} cannot be read: {}", stderr.trim()));
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// Parses one `name value` a line; a name may come again.
fn parse(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        let values = settings.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.trim().to_owned());
    }
    settings
}

fn existing(names: &[String], home: Option<&Utf8Path>) -> Vec<Utf8PathBuf> {
    let paths = names.iter().filter_map(|name| expand_home(name, home));
    paths.filter(|path| path.exists()).collect()
}

fn expand_home(path: &str, home: Option<&Utf8Path>) -> Option<Utf8PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => Some(home?.join(rest)),
        None => Some(path.into()),
    }
}

fn home() -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(std::env::home_dir()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str) -> Target {
        Target::parse(address).unwrap()
    }

    fn way(target: &Target, settings: &str) -> SshRoute {
        SshRoute::from_settings(target, &parse(settings), Some(Utf8Path::new("/home/me")))
    }

    #[test]
    fn without_a_configuration_the_target_is_the_route() {
        let way = way(&target("deploy@app1:2222"), "");
        assert_eq!((way.host.as_str(), way.port), ("app1", 2222));
        assert_eq!(way.known_hosts_name, "app1");
        assert!(way.agent && way.through.is_none());
        let lists = ["/home/me/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];
        assert_eq!(way.known_hosts, lists);
    }

    #[test]
    fn an_alias_leads_to_its_host() {
        let settings = "hostname 10.0.0.1\nport 2200\nhostkeyalias app\nidentitiesonly yes\n\
                      userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\n\
                      globalknownhostsfile /etc/ssh/ssh_known_hosts\nproxyjump a@one,b@two:2222\n";
        let way = way(&target("deploy@app1"), settings);
        assert_eq!((way.host.as_str(), way.port), ("10.0.0.1", 2200));
        assert_eq!(way.known_hosts_name, "app");
        assert!(!way.agent);
        assert_eq!(way.known_hosts.len(), 3);
        assert_eq!(way.known_hosts[1], "/home/me/.ssh/known_hosts2");
        let hops = ["a@one", "b@two:2222"].map(str::to_owned).to_vec();
        assert_eq!(way.through, Some(ProxyVia::Jump(hops)));
    }

    #[test]
    fn what_the_target_says_comes_first() {
        let settings = "hostname 10.0.0.1\nproxycommand nc %h %p\nuserknownhostsfile /else\n";
        let mut own = target("deploy@app1");
        own.identity = Some("/keys/deploy".into());
        own.known_hosts = Some("/keys/known_hosts".into());
        let read = way(&own, settings);
        assert_eq!(read.identities, ["/keys/deploy"]);
        assert!(!read.agent);
        assert_eq!(read.known_hosts, ["/keys/known_hosts"]);
        assert_eq!(read.through, Some(ProxyVia::Command("nc %h %p".to_owned())));
        own.jump = Some("none".to_owned());
        assert_eq!(way(&own, settings).through, None);
        own.jump = Some("gate@bastion".to_owned());
        let hops = vec!["gate@bastion".to_owned()];
        assert_eq!(way(&own, settings).through, Some(ProxyVia::Jump(hops)));
    }

    #[test]
    fn openssh_itself_is_asked() {
        if Command::new("ssh").arg("-V").output().is_err() {
            eprintln!("skipped: there is no ssh");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(directory.path())
            .unwrap()
            .join("a config");
        std::fs::write(
            &file,
            "Host app*\n  HostName %h.internal.example.org\n  Port 2201\n\
             Match host *.internal.example.org user deploy\n  ProxyJump gate@bastion\n",
        )
        .unwrap();
        let mut own = target("deploy@app1");
        own.ssh_config = Some(file.clone());
        let way = SshRoute::resolve(&own).unwrap();
        assert_eq!(way.host, "app1.internal.example.org");
        assert_eq!(way.port, 2201);
        assert!(matches!(way.through, Some(ProxyVia::Jump(_))), "{way:?}");
        own.ssh_config = Some("none".into());
        assert_eq!(SshRoute::resolve(&own).unwrap().host, "app1");
        std::fs::write(&file, "Nonsense yes\n").unwrap();
        own.ssh_config = Some(file);
        let why = SshRoute::resolve(&own).unwrap_err();
        assert!(
            why.contains("cannot be read") && why.contains("onsense"),
            "{why}"
        );
    }
}
