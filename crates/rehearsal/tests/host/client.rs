//! A client in a process of its own, so that it can be lost: this test program with
//! another first word. It says which step it begins, and goes through all of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use serde::{Deserialize, Serialize};
use stagegate_deploy::{
    Artifact, BackendStep, Deploy, DeployError, Host, Probe, perform_backend, probe_backend,
};

use super::bench::{Bench, eventually};

/// The word that makes this program a client.
pub(crate) const CLIENT: &str = "client";

#[derive(Serialize, Deserialize)]
struct Task {
    deploy: Deploy,
    /// None: the host builds it.
    artifact: Option<Artifact>,
}

/// Deploys as the file says: the program behind [`CLIENT`].
pub(crate) fn main(file: &str) -> ExitCode {
    let task: Task = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    for step in BackendStep::ALL {
        // Whoever listened may have heard enough.
        drop(writeln!(std::io::stdout(), "{step:?}"));
        if let Err(error) = go(step, &task) {
            eprintln!("{step:?}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn go(step: BackendStep, task: &Task) -> Result<(), DeployError> {
    let host = Host::connect(&task.deploy.target)?;
    let artifact = task.artifact.as_ref();
    if let Probe::Done(_) = probe_backend(step, &host, &task.deploy, artifact)? {
        return Ok(());
    }
    perform_backend(step, &host, &task.deploy, artifact, &mut |_| {}).map(drop)
}

/// A client at work.
pub(crate) struct Client {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Client {
    /// Begins to deploy.
    pub(crate) fn begin<'a>(
        bench: &Bench,
        deploy: &Deploy,
        artifact: impl Into<Option<&'a Artifact>>,
    ) -> Client {
        let task = Task {
            deploy: deploy.clone(),
            artifact: artifact.into().cloned(),
        };
        let file = bench.file(&format!("task-{}.json", deploy.owner));
        std::fs::write(&file, serde_json::to_string(&task).unwrap()).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([CLIENT, file.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Client { process, said }
    }

    /// Waits until it begins that step.
    pub(crate) fn reaches(&mut self, step: BackendStep) {
        let mut line = String::new();
        while line.trim() != format!("{step:?}") {
            line.clear();
            assert!(
                self.said.read_line(&mut line).unwrap() > 0,
                "it ended before {step:?}"
            );
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Waits until it has ended by itself; whether well, and what it complained about.
    pub(crate) fn end(mut self) -> (bool, String) {
        use std::io::Read as _;
        let mut status = None;
        eventually("the client ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let mut text = String::new();
        let mut complaints = self.process.stderr.take().unwrap();
        complaints.read_to_string(&mut text).unwrap();
        (status.unwrap().success(), text)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
