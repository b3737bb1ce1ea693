//! The host that a scenario runs on: the fake, or a real one.
//!
//! Both can be prepared, looked into and told to misbehave in the same words; what a
//! scenario asserts does not depend on which it got.

use std::net::{IpAddr, Ipv4Addr};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_fakes::host::{FakeHost, FrontEnd, HostFault, ProcessInfo};
use tokio::runtime::Handle;

use super::real::{self, RealHost};

/// The word that makes this program a front end.
pub(crate) const FRONT_END: &str = "fake-front-end";

/// A host.
pub(crate) enum Machine {
    /// In this process.
    Fake(Box<FakeHost>),
    /// A Debian of its own.
    Real(Box<RealHost>),
}

impl Machine {
    /// A fresh fake below that directory, or a real host that is free, as if fresh.
    pub(crate) fn start(handle: &Handle, place: &Utf8Path, faults: Vec<HostFault>) -> Machine {
        if real::count() > 0 {
            let mut host = RealHost::take(place);
            for fault in faults {
                host.inject(fault);
            }
            return Machine::Real(Box::new(host));
        }
        let front_end = FrontEnd {
            program: std::env::current_exe().unwrap(),
            arguments: vec![FRONT_END.to_owned()],
        };
        let host = FakeHost::start(handle, place, front_end, None, faults).unwrap();
        Machine::Fake(Box::new(host))
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Machine::Real(_))
    }

    /// Does what the owner of a host does for an app, and returns the file's path there.
    pub(crate) fn provision(&self, app: &str, env_lines: &[String]) -> anyhow::Result<Utf8PathBuf> {
        match self {
            Machine::Fake(host) => host.provision(app, env_lines),
            Machine::Real(host) => Ok(host.provision(app, env_lines)),
        }
    }

    /// The account that deploys.
    pub(crate) fn user(&self) -> &str {
        match self {
            Machine::Fake(host) => host.user(),
            Machine::Real(host) => host.user(),
        }
    }

    /// The account that the app runs as.
    pub(crate) fn service_user(&self) -> &str {
        match self {
            Machine::Fake(host) => host.user(),
            Machine::Real(_) => real::SERVICE_USER,
        }
    }

    /// Where it is reached.
    pub(crate) fn address(&self) -> IpAddr {
        match self {
            Machine::Fake(_) => Ipv4Addr::LOCALHOST.into(),
            Machine::Real(host) => host.address(),
        }
    }

    /// The SSH port.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Machine::Fake(host) => host.port(),
            Machine::Real(_) => 22,
        }
    }

    /// Its name in a list of known hosts.
    pub(crate) fn listed_name(&self) -> String {
        match self {
            Machine::Fake(host) => format!("[127.0.0.1]:{}", host.port()),
            Machine::Real(host) => host.address().to_string(),
        }
    }

    /// The private key that is admitted.
    pub(crate) fn identity(&self) -> &Utf8Path {
        match self {
            Machine::Fake(host) => host.identity(),
            Machine::Real(host) => host.identity(),
        }
    }

    /// The list of known hosts for it.
    pub(crate) fn known_hosts(&self) -> &Utf8Path {
        match self {
            Machine::Fake(host) => host.known_hosts(),
            Machine::Real(host) => host.known_hosts(),
        }
    }

    /// What stands for `/` in the commands that it is sent.
    pub(crate) fn prefix(&self) -> &Utf8Path {
        match self {
            Machine::Fake(host) => host.prefix(),
            Machine::Real(_) => Utf8Path::new("/"),
        }
    }

    /// Its `/`, seen from here.
    pub(crate) fn files(&self) -> &Utf8Path {
        match self {
            Machine::Fake(host) => host.prefix(),
            Machine::Real(host) => host.files(),
        }
    }

    /// The port at which users reach the app.
    pub(crate) fn public_port(&self) -> u16 {
        match self {
            Machine::Fake(host) => host.public_port(),
            Machine::Real(_) => real::PUBLIC_PORT,
        }
    }

    /// The same for a frontend that is a service.
    pub(crate) fn frontend_port(&self) -> u16 {
        match self {
            Machine::Fake(host) => host.frontend_port(),
            Machine::Real(_) => real::FRONTEND_PORT,
        }
    }

    /// A guestbook that the host's programs may run, without a deploy.
    pub(crate) fn installed_guestbook(&self) -> Utf8PathBuf {
        match self {
            Machine::Fake(_) => super::bench::demo().join("guestbook-backend"),
            Machine::Real(host) => host.install_guestbook(),
        }
    }

    /// Goes down in good order, and comes up.
    pub(crate) fn reboot(&self) -> anyhow::Result<()> {
        match self {
            Machine::Fake(host) => host.reboot(),
            Machine::Real(host) => {
                host.reboot();
                Ok(())
            }
        }
    }

    /// Lets the host misbehave from now on.
    pub(crate) fn inject(&mut self, fault: HostFault) -> anyhow::Result<()> {
        match self {
            Machine::Fake(host) => host.inject(fault),
            Machine::Real(host) => {
                host.inject(fault);
                Ok(())
            }
        }
    }

    /// Takes every fault back.
    pub(crate) fn heal(&mut self) -> anyhow::Result<()> {
        match self {
            Machine::Fake(host) => host.heal(),
            Machine::Real(host) => {
                host.heal();
                Ok(())
            }
        }
    }

    /// The main processes of the app's units.
    pub(crate) fn processes(&self) -> Vec<ProcessInfo> {
        match self {
            Machine::Fake(host) => host.processes(),
            Machine::Real(host) => host.processes(),
        }
    }

    /// Transient timers that have not elapsed yet.
    pub(crate) fn timers(&self) -> Vec<String> {
        match self {
            Machine::Fake(host) => host.timers(),
            Machine::Real(host) => host.timers(),
        }
    }

    /// The program that a process of the host runs.
    pub(crate) fn executable(&self, pid: i32) -> String {
        match self {
            Machine::Fake(_) => {
                let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
                exe.into_os_string().into_string().unwrap()
            }
            Machine::Real(host) => host.inside(&format!("readlink /proc/{pid}/exe")),
        }
    }
}
