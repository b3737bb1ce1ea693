//! What every scenario needs: a built guestbook, a prepared host, and deploys to it.

use std::path::PathBuf;
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_deploy::{
    App, Bundle, Deploy, DeployError, DeployJob, DeployRecord, Frontend, FrontendStep, Host,
    LEASE_SECONDS, Limits, Method, Part, Probe, Release, Service, ServiceStep, Stop, Target,
    history, perform_frontend, perform_service, probe_frontend, probe_service,
};
use stagegate_fakes::host::HostFault;
use stagegate_fakes::load::{Kind, Load, LoadPaths, LoadRate, Post};

use super::machine::Machine;

/// Two commits, and thereby two releases of the same program.
pub(crate) const FIRST: &str = "1111111111111111111111111111111111111111";
pub(crate) const SECOND: &str = "2222222222222222222222222222222222222222";
pub(crate) const THIRD: &str = "3333333333333333333333333333333333333333";

/// The directory of the guestbook's programs, built once.
pub(crate) fn demo() -> &'static Utf8Path {
    static BUILT: OnceLock<Utf8PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("guestbook");
        let status = std::process::Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--package",
                "stagegate-demo",
                "--bins",
                "--features",
                "echo",
            ])
            .args(["--target-dir", target.as_str()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(status.success(), "the guestbook does not build");
        target.join("debug")
    })
}

/// The version that the built guestbook reports.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A host, prepared for the guestbook.
pub(crate) struct Bench {
    pub(crate) host: Machine,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) app: App,
    scratch: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(faults: Vec<HostFault>) -> Bench {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(scratch.path()).unwrap().join("a host");
        let host = Machine::start(runtime.handle(), &place, faults);
        let prefix = match host.prefix().as_str() {
            "/" => "/".to_owned(),
            directory => format!("{directory}/"),
        };
        let env_file = host
            .provision(
                "guestbook",
                &[
                    format!("DATABASE_URL=file:{prefix}var/lib/guestbook/entries.jsonl"),
                    format!("FRONTEND_ROOT={prefix}opt/guestbook/frontend/current"),
                    "SECRET=\"hunter2\"".to_owned(),
                ],
            )
            .unwrap();
        let backend = Service {
            binary: "guestbook-backend".into(),
            service_user: host.service_user().to_owned(),
            port: host.public_port(),
            health: "/health".into(),
            env_file: Some(env_file),
            require_env: vec!["DATABASE_URL".into(), "SECRET".into()],
            health_passes: 2,
            health_deadline_seconds: 20,
            stabilize_seconds: 1,
            revert_after_seconds: 120,
            drain_seconds: 30,
            keep_releases: 2,
            switch: Method::Nft,
            limits: Limits::default(),
            stop: Stop::default(),
            migrate: None,
            build: None,
        };
        let frontend = Frontend::Bundle(Bundle {
            url: None,
            keep_releases: 2,
        });
        let app = App {
            name: "guestbook".into(),
            backend: Some(backend),
            frontend: Some(frontend),
            lease_seconds: LEASE_SECONDS,
        };
        Bench {
            host,
            runtime,
            app,
            scratch,
        }
    }

    /// Two hosts. Taken together, or two scenarios could wait for each other's second.
    pub(crate) fn two() -> (Bench, Bench) {
        static TAKING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _alone = TAKING.lock().unwrap_or_else(PoisonError::into_inner);
        (Bench::new(Vec::new()), Bench::new(Vec::new()))
    }

    /// Lets the host take back what nobody confirms, soon after the step that switches: by a
    /// listener, that step waits for an answer.
    pub(crate) fn reverts_soon(&mut self) {
        let backend = self.backend();
        backend.revert_after_seconds = match backend.switch {
            Method::Socket => 10,
            _ => 2,
        };
    }

    pub(crate) fn backend(&mut self) -> &mut Service {
        self.app.backend.as_mut().unwrap()
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            user: self.host.user().to_owned(),
            host: self.host.address().to_string(),
            port: self.host.port(),
            identity: Some(self.host.identity().to_owned()),
            known_hosts: Some(self.host.known_hosts().to_owned()),
            jump: None,
            ssh_config: Some("none".into()),
            prefix: self.host.prefix().to_owned(),
        }
    }

    pub(crate) fn connect(&self) -> Host {
        Host::connect(&self.target()).unwrap()
    }

    /// A deploy of that commit by a run of its own.
    pub(crate) fn deploy(&self, commit: &str) -> Deploy {
        self.deploy_by(commit, &format!("run-{}", &commit[..1]))
    }

    pub(crate) fn deploy_by(&self, commit: &str, owner: &str) -> Deploy {
        Deploy {
            target: self.target(),
            app: self.app.clone(),
            release: Release {
                version: VERSION.parse().unwrap(),
                commit: commit.into(),
            },
            owner: owner.into(),
            by: "a test".into(),
            is_rollback: false,
        }
    }

    /// The guestbook's own program.
    pub(crate) fn program(&self) -> DeployJob {
        DeployJob::of_file(demo().join("guestbook-backend")).unwrap()
    }

    /// A program of one's own, as a shell script.
    pub(crate) fn script(&self, text: &str) -> DeployJob {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.file("program");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        DeployJob::of_file(&path).unwrap()
    }

    /// A path beside the host.
    pub(crate) fn file(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.scratch.path().join(name)).unwrap()
    }

    /// The steps of a backend's deploy.
    pub(crate) fn run_backend(
        &self,
        deploy: &Deploy,
        artifact: Option<&DeployJob>,
        steps: &[ServiceStep],
    ) -> Result<(), DeployError> {
        self.run_service(Part::Backend, deploy, artifact, steps)
    }

    /// The steps of a service's deploy, each probed, performed, and probed again.
    pub(crate) fn run_service(
        &self,
        part: Part,
        deploy: &Deploy,
        artifact: Option<&DeployJob>,
        steps: &[ServiceStep],
    ) -> Result<(), DeployError> {
        for step in steps {
            // Each step over a connection of its own, as after a resume.
            let host = Host::connect(&self.target())?;
            if let Probe::Done(_) = probe_service(part, *step, &host, deploy, artifact)? {
                continue;
            }
            perform_service(part, *step, &host, deploy, artifact, &mut |_| {})?;
            // Start and what follows it are seen on the host; a health check leaves no trace
            // there, and a stabilization none until it is confirmed.
            if !matches!(step, ServiceStep::Health | ServiceStep::Stabilize) {
                let probe = probe_service(part, *step, &host, deploy, artifact)?;
                assert!(matches!(probe, Probe::Done(_)), "{step:?}: {probe:?}");
            }
        }
        Ok(())
    }

    /// A whole deploy of the backend.
    pub(crate) fn deploy_backend(&self, commit: &str) {
        self.run_backend(
            &self.deploy(commit),
            Some(&self.program()),
            &ServiceStep::ALL,
        )
        .unwrap();
    }

    /// A whole deploy of the frontend.
    pub(crate) fn deploy_frontend(&self, deploy: &Deploy, artifact: Option<&DeployJob>) {
        let host = self.connect();
        for step in FrontendStep::ALL {
            if let Probe::Done(_) = probe_frontend(step, &host, deploy, artifact).unwrap() {
                continue;
            }
            perform_frontend(step, &host, deploy, artifact, &mut |_| {}).unwrap();
            let probe = probe_frontend(step, &host, deploy, artifact).unwrap();
            assert!(matches!(probe, Probe::Done(_)), "{step:?}: {probe:?}");
        }
    }

    /// `deploys.jsonl`, as commit's first letter and outcome.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        self.history().iter().map(show).collect()
    }

    /// The same, of a host that may be going down or coming up just now.
    pub(crate) fn outcomes_if_up(&self) -> Option<Vec<String>> {
        let host = Host::connect(&self.target()).ok()?;
        let records = history(&host, &self.app).ok()?;
        Some(records.iter().map(show).collect())
    }

    pub(crate) fn history(&self) -> Vec<DeployRecord> {
        history(&self.connect(), &self.app).unwrap()
    }

    /// Which commit's program answers on the public port, by the executable of the process
    /// that listens there; `None` when nothing does.
    pub(crate) fn serving(&self) -> Option<String> {
        let answer = self.get("/health")?;
        assert!(answer.contains(VERSION), "{answer}");
        let status = stagegate_deploy::status(&self.connect(), &self.app).unwrap();
        let unit = format!("guestbook-backend@{}.service", status.slot?);
        let process = self.host.processes().into_iter().find(|p| p.unit == unit)?;
        let exe = self.host.executable(process.pid);
        let release = exe.split("/releases/").nth(1).unwrap().to_owned();
        let commit = release
            .split('/')
            .next()
            .unwrap()
            .rsplit('-')
            .next()
            .unwrap();
        Some(commit[..1].to_owned())
    }

    /// GET on the public port; `None` unless it answers 200.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        self.get_from(self.host.public_port(), path)
    }

    /// GET on a port; `None` unless it answers 200.
    pub(crate) fn get_from(&self, port: u16, path: &str) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect((self.host.address(), port)).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }

    /// Whether a switch may cost this request: by a restart any, behind a proxy one on a
    /// kept connection, which its reload closes while the request arrives.
    pub(crate) fn may_lose(&self, kind: Kind) -> bool {
        let kept = matches!(kind, Kind::GetKept | Kind::PostKept);
        match self.app.backend.as_ref().unwrap().switch {
            Method::Nft | Method::Socket => false,
            Method::Template(_) => kept,
            Method::Restart => true,
        }
    }

    /// Load on the public port, until it is stopped.
    pub(crate) fn load(&self) -> Load {
        self.load_at(self.host.public_port())
    }

    /// Load on a port, until it is stopped.
    pub(crate) fn load_at(&self, port: u16) -> Load {
        let address = (self.host.address(), port).into();
        let paths = LoadPaths {
            get: "/version".into(),
            post: Some(Post {
                path: "/entries".into(),
                body: "hello".into(),
            }),
        };
        let rate = LoadRate {
            per_second: 200.0,
            longest: Duration::from_secs(120),
        };
        Load::start(self.runtime.handle(), address, paths, rate)
    }

    /// A path on the host, seen from here.
    pub(crate) fn on_host(&self, path: &str) -> PathBuf {
        self.host.files().join(path).into_std_path_buf()
    }
}

/// A record as commit's first letter and outcome.
fn show(record: &DeployRecord) -> String {
    let outcome = serde_json::to_value(record.outcome).unwrap();
    format!("{} {}", &record.commit[..1], outcome.as_str().unwrap())
}

/// Waits until something holds, for a generous time.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What people read of problems or differences.
pub(crate) fn sentences<T: std::fmt::Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}
