//! `[app.backend.build]`: where the program is built that hosts run.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stagegate_deploy::{HostBuild, Limits};

/// `[app.backend.build]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BuildConfig {
    /// Where the program is built.
    pub on: BuildOn,
    /// The address that hosts fetch the sources from. The default is the remote's, as
    /// https.
    pub git: Option<String>,
    /// The command, run at the workspace's root. The default is `cargo build --release
    /// --locked` for the package and the binary.
    pub run: Option<Vec<String>>,
    /// Where the program is then, relative to the workspace's root. The default is where
    /// cargo puts it.
    #[schemars(with = "Option<String>")]
    pub program: Option<Utf8PathBuf>,
    /// Environment variables for the command. Do not put secrets here.
    pub env: BTreeMap<String, String>,
    /// Limits of the build, in addition to those of the service.
    pub limits: Limits,
    /// The free space that a host needs for the build, in MiB.
    pub disk_mib: u64,
    /// How long the build may take.
    #[schemars(with = "crate::text_value::Duration")]
    pub limit: SignedDuration,
    /// What the checkout says, where the configuration does not.
    #[serde(skip)]
    pub checkout: Checkout,
}

/// Where the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BuildOn {
    /// Where stagegate runs; the program is then sent to the hosts.
    #[default]
    Here,
    /// On each host, as the service's account, from git.
    Host,
}

/// What only the checkout knows of a build elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkout {
    /// The remote's address, as anybody may fetch from it.
    pub remote: Option<String>,
    /// The workspace's directory within the checkout.
    pub directory: Utf8PathBuf,
}

impl Default for BuildConfig {
    fn default() -> Self {
        BuildConfig {
            on: BuildOn::Here,
            git: None,
            run: None,
            program: None,
            env: BTreeMap::new(),
            limits: Limits::default(),
            disk_mib: 1024,
            limit: SignedDuration::from_hours(1),
            checkout: Checkout::default(),
        }
    }
}

impl BuildConfig {
    /// Returns what is wrong with it, but for the address, which may not be known yet.
    pub fn problem(&self) -> Option<String> {
        if self.on == BuildOn::Here {
            return (*self != BuildConfig::default()).then(|| {
                "`app.backend.build` says how hosts build: add `on = \"host\"`, or leave it out"
                    .to_owned()
            });
        }
        let mut build = self.on_host("package", "binary")?;
        if self.git.is_none() {
            build.git = "https://example.org/".to_owned();
        }
        let (what, value, remedy) = build.problem()?;
        Some(format!("the {what} is {value:?}: {remedy}"))
    }

    /// Returns it as the hosts are told; nothing where the program is built here.
    pub fn on_host(&self, package: &str, binary: &str) -> Option<HostBuild> {
        if self.on == BuildOn::Here {
            return None;
        }
        let cargo = ["cargo", "build", "--release", "--locked"];
        let which = ["--package", package, "--bin", binary];
        let usual = || cargo.into_iter().chain(which).map(str::to_owned).collect();
        let address = self.git.as_ref().or(self.checkout.remote.as_ref());
        Some(HostBuild {
            git: address.cloned().unwrap_or_default(),
            directory: self.checkout.directory.clone(),
            run: self.run.clone().unwrap_or_else(usual),
            program: self
                .program
                .clone()
                .unwrap_or_else(|| format!("target/release/{binary}").into()),
            env: self.env.clone(),
            limits: self.limits.clone(),
            disk_mib: self.disk_mib,
            limit_seconds: u64::try_from(self.limit.as_secs()).unwrap_or(0),
        })
    }

    /// Returns whether the hosts fetch from the remote that is pushed to.
    pub fn fetches_remote(&self) -> bool {
        self.on == BuildOn::Host && self.git.is_none()
    }
}

impl Checkout {
    /// Describes a checkout with that remote.
    pub fn of(remote: Option<&str>, directory: Utf8PathBuf) -> Checkout {
        Checkout {
            remote: remote.map(fetched_from),
            directory,
        }
    }
}

/// Returns the address that a host without our keys would fetch from: https in the place of ssh,
/// and nobody's name or password.
fn fetched_from(remote: &str) -> String {
    let Some((scheme, rest)) = remote.split_once("://") else {
        // `user@host:path`, unless it is a path of this machine.
        return match remote.split_once(':') {
            Some((host, path)) if !host.contains('/') => {
                format!(
                    "https://{}/{}",
                    without_user(host),
                    path.trim_start_matches('/')
                )
            }
            _ => remote.to_owned(),
        };
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = without_user(authority);
    match scheme {
        "ssh" | "git+ssh" | "ssh+git" => {
            // That port is sshd's.
            let host = match authority.rsplit_once(':') {
                Some((host, port)) if port.parse::<u16>().is_ok() => host,
                _ => authority,
            };
            format!("https://{host}/{path}")
        }
        _ => format!("{scheme}://{authority}/{path}"),
    }
}

fn without_user(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_fetch_by_https_and_without_anybodys_name() {
        let check = |remote: &str, want: &str| assert_eq!(fetched_from(remote), want);
        check("git@github.com:o/r.git", "https://github.com/o/r.git");
        check("github.com:/o/r.git", "https://github.com/o/r.git");
        check("ssh://git@example.org:2222/o/r", "https://example.org/o/r");
        check("ssh://git@[::1]/r", "https://[::1]/r");
        check(
            "https://me:secret@example.org:8443/r",
            "https://example.org:8443/r",
        );
        check("file:///srv/r.git", "file:///srv/r.git");
        check("/srv/a:b/r.git", "/srv/a:b/r.git");
    }

    #[test]
    fn the_usual_build_is_cargos() {
        let build = BuildConfig {
            on: BuildOn::Host,
            checkout: Checkout::of(Some("git@example.org:o/r"), "server".into()),
            ..BuildConfig::default()
        };
        assert_eq!(build.problem(), None);
        let told = build.on_host("book", "book-server").unwrap();
        assert_eq!(told.git, "https://example.org/o/r");
        assert_eq!(told.directory, "server");
        assert_eq!(
            told.run.join(" "),
            "cargo build --release --locked --package book --bin book-server"
        );
        assert_eq!(told.program, "target/release/book-server");
        assert_eq!(BuildConfig::default().on_host("a", "a"), None);
    }
}
