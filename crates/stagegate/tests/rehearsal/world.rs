//! The fakes of a rehearsal, started by the test itself, and the program
//! pointed at them by a file over stagegate.toml: so the world can be asked
//! while it lives.

use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_fakes::checkout::Checkout;
use stagegate_fakes::environment::{EnvironmentOptions, FakeEnvironment, HostedApp};
use stagegate_fakes::fault::Fault;
use stagegate_fakes::github::TokenKind;
use stagegate_fakes::host::{FakeHost, FrontEnd};

use crate::fixture::Fixture;
use crate::process::{Ran, STAGEGATE, command, run, target_directory};

/// The GitHub repository of the fixture.
pub(crate) const REPOSITORY: &str = "stagegate/stagegate-fixture";
/// Who is known to the registry beside the token's user, and a team of that one's.
pub(crate) const OWNERS: [&str; 2] = ["somebody-else", "github:stagegate:releases"];
/// Every gate, to be left out where something else is at stake.
pub(crate) const NO_GATES: [&str; 16] = [
    "--skip", "fmt", "--skip", "audit", "--skip", "links", "--skip", "secrets", "--skip", "clippy",
    "--skip", "test", "--skip", "doc", "--skip", "msrv",
];

/// The app's environment on a host.
pub(crate) const ENVIRONMENT: [&str; 2] = [
    "DATABASE_URL=file:{prefix}/var/lib/guestbook-entries",
    "FRONTEND_ROOT={prefix}/opt/guestbook/frontend/current",
];

/// The programs of a fake host.
pub(crate) fn front_end() -> FrontEnd {
    FrontEnd {
        program: STAGEGATE.into(),
        arguments: vec!["rehearsal-host".to_owned()],
    }
}

/// What lies where, whether the fakes still run or not.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The checkout.
    pub(crate) root: Utf8PathBuf,
    /// The bare remote.
    pub(crate) remote: Utf8PathBuf,
    /// The registry's files.
    pub(crate) registry: Utf8PathBuf,
    /// The host's root.
    pub(crate) host: Utf8PathBuf,
    /// GitHub's asset files.
    pub(crate) github: Utf8PathBuf,
}

impl Place {
    /// As a rehearsal lays it out below one directory.
    pub(crate) fn below(directory: &Utf8Path) -> Place {
        Place {
            root: directory.join("work"),
            remote: directory.join("remote.git"),
            registry: directory.join("registry"),
            host: directory.join("host"),
            github: directory.join("github"),
        }
    }
}

/// A running world around a copy of the fixture.
pub(crate) struct World {
    /// The fakes; they end before their directory is removed.
    pub(crate) fakes: FakeEnvironment,
    /// Where everything lies.
    pub(crate) place: Place,
    overlay: Utf8PathBuf,
    target: Utf8PathBuf,
    fixture: Fixture,
}

impl World {
    /// Starts a world with a host.
    pub(crate) fn start(name: &str) -> World {
        World::around(
            Fixture::new(),
            name,
            true,
            (Duration::ZERO, TokenKind::User),
        )
    }

    /// Starts a world with a host, whose GitHub knows the token as a workflow's own.
    pub(crate) fn for_workflows(name: &str) -> World {
        let token = TokenKind::Workflow;
        World::around(Fixture::new(), name, true, (Duration::ZERO, token))
    }

    /// Starts a world without a host.
    pub(crate) fn without_host(fixture: Fixture, name: &str) -> World {
        World::around(fixture, name, false, (Duration::ZERO, TokenKind::User))
    }

    /// Starts a world without a host, whose index is that far behind by its own clock.
    pub(crate) fn lagging(fixture: Fixture, name: &str, lag: Duration) -> World {
        World::around(fixture, name, false, (lag, TokenKind::User))
    }

    fn around(
        fixture: Fixture,
        name: &str,
        host: bool,
        (lag, github_token): (Duration, TokenKind),
    ) -> World {
        let checkout = Checkout {
            root: fixture.root.clone(),
            remote: fixture.remote.clone(),
            uncommitted: 0,
        };
        let app = HostedApp {
            name: "guestbook".to_owned(),
            environment: ENVIRONMENT.map(str::to_owned).to_vec(),
        };
        let options = EnvironmentOptions {
            github_token,
            repository: REPOSITORY.to_owned(),
            app: host.then_some(app),
            front_end: front_end(),
            owners: OWNERS.map(str::to_owned).to_vec(),
            more_registries: vec![("company".to_owned(), None)],
            // What a kill leaves half done shall not depend on a lag.
            faults: vec![Fault::IndexLag(lag)],
        };
        let directory = fixture.place().to_owned();
        let fakes = FakeEnvironment::start(&directory, checkout, options).unwrap();
        let overlay = directory.join("world.toml");
        std::fs::write(&overlay, overlay_of(&fakes)).unwrap();
        World {
            fakes,
            place: Place::below(&directory),
            overlay,
            target: target_directory(name),
            fixture,
        }
    }

    /// The checkout.
    pub(crate) fn root(&self) -> &Utf8Path {
        &self.fixture.root
    }

    /// The host.
    pub(crate) fn host(&self) -> &FakeHost {
        self.fakes.host.as_ref().expect("this world has a host")
    }

    /// The address at which users reach the app.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.host().public_port())
    }

    /// The program in the checkout, with the tokens of this world.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(STAGEGATE, self.root());
        command
            .args(arguments)
            .args(["--config", self.overlay.as_str()])
            .env("CARGO_REGISTRY_TOKEN", &self.fakes.registry_token)
            .env("GITHUB_TOKEN", &self.fakes.github_token)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Utf8Path {
        &self.target
    }

    /// The file over stagegate.toml, to be changed.
    pub(crate) fn overlay(&self) -> &Utf8Path {
        &self.overlay
    }
}

fn overlay_of(world: &FakeEnvironment) -> String {
    let mut text = format!(
        "[registry]\nindex = \"{}\"\ndocs = \"{}\"\nfresh_project = \"resolve\"\n\n[github]\napi = \"{}\"\nuploads = \"{}\"\n",
        world.registry.index(),
        world.registry.docs(),
        world.github.api(),
        world.github.uploads()
    );
    let Some(host) = &world.host else {
        // Nobody listens there, and no name has to be looked up to know it.
        text.push_str("\n[deploy.production]\nhosts = [\"deploy@127.0.0.1:1\"]\n");
        return text;
    };
    let port = host.public_port();
    text.push_str(&format!(
        "\n[app.backend]\nhealth_passes = 2\n\n\
         [deploy.production]\nhosts = [\"{}@127.0.0.1:{}\"]\nidentity = \"{}\"\n\
         known_hosts = \"{}\"\nssh_config = \"none\"\nprefix = \"{}\"\nport = {port}\nservice_user = \"{}\"\n\
         stabilize = \"1s\"\nurl = \"http://127.0.0.1:{port}/\"\n",
        host.user(),
        host.port(),
        host.identity(),
        host.known_hosts(),
        host.prefix(),
        host.user(),
    ));
    text
}
