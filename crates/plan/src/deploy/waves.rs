//! The steps of a deploy on all its hosts, wave after wave, and the way back.
//!
//! On one host everything is in order. Hosts of one wave go side by side; a wave
//! begins when the one before is confirmed, and the frontend follows when every
//! backend is. The way back is planned with it: nobody decides in the dark what
//! becomes of a host that switched before another one failed.

use semver::Version;
use stagegate_config::schema::{EnvironmentConfig, OnFailure};
use stagegate_config::stage::Stage;
use stagegate_deploy::{
    App, Direction, FrontendStep, Method, Part as HostPart, Service, ServiceStep, Target,
};

use crate::model::{
    Action, DeployBundle, DeployService, MigrateData, Placement, Plan, RollBackHost, Step,
};
use crate::request::Part;

const SERVICE: [(ServiceStep, Stage, &str); 6] = [
    (
        ServiceStep::Upload,
        Stage::DeployBackend,
        "bring the release to",
    ),
    (
        ServiceStep::Start,
        Stage::DeployBackend,
        "start the idle slot on",
    ),
    (
        ServiceStep::Health,
        Stage::Health,
        "ask the new slot for its health on",
    ),
    (
        ServiceStep::Switch,
        Stage::Stabilize,
        "arm the dead man's switch, and switch users over on",
    ),
    (
        ServiceStep::Stabilize,
        Stage::Stabilize,
        "watch the new release on",
    ),
    (
        ServiceStep::Confirm,
        Stage::Stabilize,
        "confirm, disarm and drain the old slot on",
    ),
];

const FRONTEND: [(FrontendStep, &str); 2] = [
    (FrontendStep::Upload, "bring the bundle to"),
    (FrontendStep::Flip, "flip to the bundle on"),
];

/// An app on hosts, and what is to run there.
pub struct Deploy<'a> {
    /// Each with the app as it has it.
    pub hosts: &'a [(Target, App)],
    pub(crate) environment: &'a EnvironmentConfig,
    pub(crate) version: &'a Version,
    pub(crate) revision: &'a str,
    /// Built for this run; otherwise it is on the hosts.
    pub built: bool,
    /// The hosts that run a newer release.
    pub ahead: &'a [Target],
}

impl Deploy<'_> {
    /// Adds the steps of the part, and how to go back, to the plan.
    pub fn steps(&self, part: Part, plan: &mut Plan) {
        let first = plan.steps.len();
        let mut settled: Vec<String> = Vec::new();
        // On a host that runs a newer release the frontend goes before the backend, as in
        // a rollback: it must never be ahead of its backend.
        let leads = |host: usize| part.backend() && self.ahead.contains(&self.hosts[host].0);
        if part.frontend() {
            settled = self.frontends(leads, &[], plan);
        }
        if part.backend() {
            let with = self.with(HostPart::Backend);
            let migrates = self.migrates(&with);
            settled = self.waves(HostPart::Backend, &with, &settled, migrates, plan);
        }
        if part.frontend() {
            self.frontends(|host| !leads(host), &settled, plan);
        }
        let own = &mut plan.steps[first..];
        for (at, step) in own.iter_mut().enumerate() {
            step.parallel_with_previous = at > 0;
            step.max_failures = self.environment.waves.max_failures;
        }
        if self.built && self.environment.on_failure == OnFailure::RollBack {
            self.rollback_steps(plan);
        }
    }

    /// Adds the frontends of some hosts, after what is `settled`; returns the ids of the steps that
    /// settle them.
    fn frontends(
        &self,
        which: impl Fn(usize) -> bool,
        settled: &[String],
        plan: &mut Plan,
    ) -> Vec<String> {
        let mut with = self.with(HostPart::Frontend);
        with.retain(|host| which(*host));
        let mut done = self.waves(HostPart::Frontend, &with, settled, None, plan);
        let is_bundle =
            |app: &App| app.frontend.is_some() && app.settings(HostPart::Frontend).is_none();
        for host in self.all(is_bundle).into_iter().filter(|host| which(*host)) {
            done.push(self.bundle(host, settled, plan));
        }
        done
    }

    /// Returns the hosts on which the part is a service.
    fn with(&self, part: HostPart) -> Vec<usize> {
        self.all(|app| app.settings(part).is_some())
    }

    /// Adds a service's steps on those hosts, wave after wave, after what is `settled`;
    /// returns the ids of the steps that settle it.
    fn waves(
        &self,
        part: HostPart,
        with: &[usize],
        settled: &[String],
        migrates: Option<usize>,
        plan: &mut Plan,
    ) -> Vec<String> {
        let mut confirmed: Vec<String> = Vec::new();
        for wave in self.environment.waves.of(with.len()) {
            let before = [settled, &confirmed[..]].concat();
            for host in &with[wave] {
                let settles = match part {
                    HostPart::Backend => self.backend(*host, &before, migrates, plan),
                    HostPart::Frontend => self.frontend(*host, &before, plan),
                };
                confirmed.push(settles);
            }
        }
        confirmed
    }

    fn all(&self, has: impl Fn(&App) -> bool) -> Vec<usize> {
        (0..self.hosts.len())
            .filter(|host| has(&self.hosts[*host].1))
            .collect()
    }

    /// Returns the host that migrates the data: the first, for all. A release that is on the
    /// hosts already has done so when it came.
    fn migrates(&self, with: &[usize]) -> Option<usize> {
        let first = *with.first()?;
        let backend = self.hosts[first].1.backend.as_ref()?;
        (self.built && backend.migrate.is_some()).then_some(first)
    }

    /// Returns the host's name in steps: with its port where the name alone is not enough.
    fn label(&self, host: usize) -> String {
        let (target, _) = &self.hosts[host];
        let same = self.hosts.iter().filter(|(t, _)| t.host == target.host);
        if same.count() > 1 {
            format!("{}:{}", target.host, target.port)
        } else {
            target.host.clone()
        }
    }

    fn placement(&self, host: usize) -> Placement {
        let (target, app) = &self.hosts[host];
        Placement {
            target: target.clone(),
            app: app.clone(),
            version: self.version.clone(),
            revision: self.revision.to_owned(),
            built: self.built,
        }
    }

    /// Returns the title of an upload: nothing is brought where the release is to be there.
    fn brings(&self, placement: &Placement, title: String) -> String {
        match self.built {
            true => title,
            false => format!("see that {} is still on {}", self.version, placement.target),
        }
    }

    /// Adds the backend's steps on one host; returns the id of the one that settles it.
    fn backend(
        &self,
        host: usize,
        before: &[String],
        migrates: Option<usize>,
        plan: &mut Plan,
    ) -> String {
        let migration = migrates.map(|first| format!("backend.migrate@{}", self.label(first)));
        let (label, there) = (self.label(host), self.placement(host));
        let placement = plan.place(there.clone());
        let own = ["confirm", "flip"].map(|step| format!("frontend.{step}@{label}"));
        let mut last: Option<String> = None;
        for (kind, stage, words) in SERVICE {
            let id = format!("backend.{}@{label}", name_of(&kind));
            let mut title = format!("{words} {}", there.target);
            if kind == ServiceStep::Upload {
                title = match self.built && builds(&there.app) {
                    true => format!("build the release from git on {}", there.target),
                    false => self.brings(&there, title),
                };
            }
            if kind == ServiceStep::Switch {
                title.push_str(switched_by(there.app.backend.as_ref()));
            }
            let action = Action::DeployService(DeployService {
                part: HostPart::Backend,
                step: kind,
                placement,
            });
            let mut step = Step::new(&id, stage, title, action);
            match last.replace(id) {
                Some(needed) => step.depends_on.push(needed),
                None => {
                    step.after_settled = before.to_vec();
                    // It never goes back before its own frontend.
                    let led = before.iter().filter(|id| own.contains(id));
                    step.depends_on.extend(led.cloned());
                }
            }
            // Nothing runs on data that it does not know.
            if kind == ServiceStep::Start {
                step.depends_on.extend(migration.clone());
            }
            plan.steps.push(step);
            if let (ServiceStep::Upload, Some(id)) = (kind, &migration)
                && migrates == Some(host)
            {
                let title = format!("migrate the data, from {}", there.target);
                let action = Action::MigrateData(MigrateData {
                    direction: Direction::Forward,
                    placement,
                });
                let mut step = Step::new(id, Stage::DeployBackend, title, action);
                step.depends_on.extend(last.clone());
                plan.steps.push(step);
            }
        }
        last.unwrap_or_default()
    }

    /// Adds the steps of a frontend that is a service on one host; returns the id of the one that
    /// settles it.
    fn frontend(&self, host: usize, before: &[String], plan: &mut Plan) -> String {
        let (label, there) = (self.label(host), self.placement(host));
        let placement = plan.place(there.clone());
        // A frontend never comes before its own backend.
        let own = format!("backend.{}@{label}", name_of(&ServiceStep::Confirm));
        let mut last = before.contains(&own).then_some(own);
        for (kind, _, words) in SERVICE {
            let id = format!("frontend.{}@{label}", name_of(&kind));
            let mut title = format!("{words} {}", there.target);
            if kind == ServiceStep::Upload {
                title = self.brings(&there, title);
            }
            title.insert_str(0, "the frontend: ");
            if kind == ServiceStep::Switch {
                title.push_str(switched_by(there.app.settings(HostPart::Frontend)));
            }
            let action = Action::DeployService(DeployService {
                part: HostPart::Frontend,
                step: kind,
                placement,
            });
            let mut step = Step::new(&id, Stage::DeployFrontend, title, action);
            if kind == ServiceStep::Upload {
                step.after_settled = before.to_vec();
            }
            step.depends_on.extend(last.replace(id));
            plan.steps.push(step);
        }
        last.unwrap_or_default()
    }

    /// Adds the steps of a frontend that is a bundle on one host; returns the id of the one
    /// that settles it.
    fn bundle(&self, host: usize, confirmed: &[String], plan: &mut Plan) -> String {
        let (label, there) = (self.label(host), self.placement(host));
        let placement = plan.place(there.clone());
        // A frontend never comes before its own backend.
        let own = format!("backend.{}@{label}", name_of(&ServiceStep::Confirm));
        let mut needed = confirmed.contains(&own).then_some(own);
        for (kind, words) in FRONTEND {
            let id = format!("frontend.{}@{label}", name_of(&kind));
            let mut title = format!("{words} {}", there.target);
            if kind == FrontendStep::Upload {
                title = self.brings(&there, title);
            }
            let action = Action::DeployBundle(DeployBundle {
                step: kind,
                placement,
            });
            let mut step = Step::new(&id, Stage::DeployFrontend, title, action);
            if kind == FrontendStep::Upload {
                step.after_settled = confirmed.to_vec();
            }
            step.depends_on.extend(needed.replace(id));
            plan.steps.push(step);
        }
        needed.unwrap_or_default()
    }

    fn rollback_steps(&self, plan: &mut Plan) {
        for host in 0..self.hosts.len() {
            let placement = plan.place(self.placement(host));
            let title = format!("bring back what ran before on {}", self.hosts[host].0);
            let id = format!("back@{}", self.label(host));
            let mut step = Step::new(
                id,
                Stage::Stabilize,
                title,
                Action::RollBackHost(RollBackHost { placement }),
            );
            step.parallel_with_previous = host > 0;
            step.max_failures = self.hosts.len();
            plan.rollback_steps.push(step);
        }
        let with = self.all(|app| app.backend.is_some());
        if let Some(host) = self.migrates(&with) {
            let needs: Vec<String> = plan
                .rollback_steps
                .iter()
                .map(|step| step.id.clone())
                .collect();
            let there = self.placement(host);
            match undo_of(&there.app) {
                true => {
                    let id = format!("back.data@{}", self.label(host));
                    let mut step = take_data_back(id, there, plan);
                    step.parallel_with_previous = true;
                    step.depends_on = needs;
                    plan.rollback_steps.push(step);
                }
                false => plan.notes.push(
                    "the migration has no `undo`: data that were migrated stay so, whatever is rolled back"
                        .to_owned(),
                ),
            }
        }
    }
}

/// Returns how users come over, where it is not the kernel's own way, which loses nothing.
fn switched_by(service: Option<&Service>) -> &'static str {
    match service.map(|service| &service.switch) {
        Some(Method::Template(_)) => ", by its proxy",
        Some(Method::Socket) => ", by the listener that systemd holds",
        Some(Method::Restart) => ", by a restart: what users ask until it answers fails",
        Some(Method::Nft) | None => "",
    }
}

/// Returns whether the host builds the program itself.
fn builds(app: &App) -> bool {
    let backend = app.backend.as_ref();
    backend.is_some_and(|backend| backend.build.is_some())
}

/// Returns whether what the app migrates can be taken back.
pub fn undo_of(app: &App) -> bool {
    let migrate = app.backend.as_ref().and_then(|b| b.migrate.as_ref());
    migrate.is_some_and(|migrate| migrate.undo.is_some())
}

/// Creates the step that takes back what a release has migrated.
pub fn take_data_back(id: String, there: Placement, plan: &mut Plan) -> Step {
    let title = format!(
        "take back what {} has migrated, from {}",
        there.version, there.target
    );
    let action = Action::MigrateData(MigrateData {
        direction: Direction::Undo,
        placement: plan.place(there),
    });
    Step::new(id, Stage::Stabilize, title, action)
}

fn name_of(step: &impl std::fmt::Debug) -> String {
    format!("{step:?}").to_lowercase()
}
