//! Deploys over SSH that no user notices: slots, switch, health gate, dead man's switch.
//!
//! One deploy to one host is a transaction. [`probe_service`] and [`perform_service`] go
//! through the [`ServiceStep`]s of a part that listens, [`probe_frontend`] and
//! [`perform_frontend`] through the [`FrontendStep`]s of a bundle; [`survey()`] asks for every
//! precondition first, [`status`] and [`known_good`] look afterwards. A client that is lost on
//! the way leaves a host that completes or reverts by itself, and says so in `deploys.jsonl`.
//!
//! It needs sshd, systemd, iproute2, util-linux and coreutils on the host, and what its
//! [`Method`] needs: nftables, or a proxy. It installs nothing but what the deploy itself
//! brings. It knows no configuration file, no journal and no terminal; it prints nothing; it
//! does not know whether the host is real. It sends no password, and no value of an
//! environment file leaves the host.
//!
//! A folder uses those below it, and none above it:
//!
//! Layers, lowest first: model < ssh < systemd < remote < artifact < traffic < service < frontend < survey < rollback

mod artifact;
mod frontend;
mod model;
mod remote;
mod rollback;
mod service;
mod ssh;
mod survey;
mod systemd;
mod traffic;

pub use artifact::fetch::fetch;
pub use artifact::job::DeployJob;
pub use artifact::measure::Artifact;
pub use frontend::bundle::{perform_frontend, probe_frontend};
pub use model::app::{App, Bundle, Deploy, Frontend, LEASE_SECONDS, Migration, Release, Service};
pub use model::error::{ArtifactError, ConnectError, DeployError, RunError};
pub use model::host_build::HostBuild;
pub use model::limits::Limits;
pub use model::part::Part;
pub use model::problem::Problem;
pub use model::shell_quote::quote;
pub use model::slot::Slot;
pub use model::step::{Direction, FrontendStep, Probe, Probed, Progress, ServiceStep};
pub use model::stop::{Stop, StopSignal};
pub use model::switch::Switch;
pub use model::switch_method::{DrainProbe, Method, Preset, Proxy, SwitchKind};
pub use model::target::{Target, TargetError};
pub use remote::lease::give_up_lease;
pub use remote::record::{DeployRecord, KnownGood, Outcome, PastDeploy};
pub use rollback::roll_back;
pub use service::{migrate, perform_service, probe_migration, probe_service, revert};
pub use ssh::command::{Command, Output};
pub use ssh::host::{Host, HttpReply};
pub use ssh::http::HttpResponse;
pub use survey::drift::Drift;
pub use survey::facts::{DirectoryFacts, EnvFileFacts, HostFacts, LeaseFacts, Sudo};
pub use survey::file_change::FileChange;
pub use survey::logs::{Logs, logs};
pub use survey::preconditions::survey;
pub use survey::provision::{Provision, apply_provision, required_provisions};
pub use survey::status::{Health, HostStatus, history, known_good, status};
