//! Deploys over SSH that no user notices: slots, switch, health gate, dead man's switch.
//!
//! One deploy to one host is a transaction. [`probe_service`] and [`perform_service`] go
//! through the [`ServiceStep`]s of a part that listens, [`probe_frontend`] and
//! [`perform_frontend`] through the [`FrontendStep`]s of a bundle; [`survey`] asks for every precondition first, [`status`] and
//! [`known_good`] look afterwards. A client that is lost on the way leaves a
//! host that completes or reverts by itself, and says so in `deploys.jsonl`.
//!
//! It needs sshd, systemd, iproute2, util-linux and coreutils on the host, and what its
//! [`Method`] of switching goes by: nftables, or a proxy. It installs nothing but what the
//! deploy itself brings. It knows no configuration file,
//! no journal and no terminal; it prints nothing; it does not know whether the host is
//! real. It sends no password, and no value of an environment file leaves the host.

mod app;
mod artifact;
mod bootstrap;
mod build;
mod command;
mod connect;
mod drift;
mod earlier;
mod error;
mod facts;
mod feed;
mod fetch;
mod firewall;
mod form;
mod freight;
mod frontend;
mod host;
mod http;
mod known_hosts;
mod layout;
mod lease;
mod limits;
mod listener;
mod logs;
mod method;
mod pack;
mod pending;
mod proxy;
mod record;
mod restore;
mod retention;
mod retire;
mod service;
mod shell;
mod ssh_config;
mod state;
mod status;
mod step;
mod survey;
mod switch;
mod take_back;
mod target;
mod transfer;
mod units;
mod upload;

pub use app::{App, Bundle, Deploy, Frontend, Migration, Release, Service};
pub use artifact::{Artifact, ArtifactError};
pub use bootstrap::{Provision, missing, provide};
pub use build::HostBuild;
pub use command::{Command, Output, quote};
pub use error::{ConnectError, DeployError, RunError};
pub use facts::{DirectoryFacts, EnvFileFacts, HostFacts, LeaseFacts, Sudo};
pub use fetch::fetch;
pub use frontend::{perform_frontend, probe_frontend};
pub use host::{Host, Reply};
pub use http::HttpAnswer;
pub use layout::{Part, Slot};
pub use lease::LEASE_SECONDS;
pub use limits::Limits;
pub use logs::{Logs, logs};
pub use method::{By, Method, Preset, Proxy, Watch};
pub use pending::PendingFile;
pub use record::{DeployRecord, KnownGood, Outcome, PastDeploy};
pub use service::{migrate, perform_service, probe_migration, probe_service, revert};
pub use status::{Health, HostStatus, history, known_good, status};
pub use step::{Direction, FrontendStep, Probe, Probed, Progress, ServiceStep};
pub use survey::survey;
pub use switch::Switch;
pub use take_back::take_back;
pub use target::{Target, TargetError};
