//! A frontend that changes its form: what is stopped, when, and what is only said.

use stagegate_deploy::{FrontendStep, HostFacts, KnownGood, PastDeploy, Target};

use crate::facts::HostSurvey;
use crate::model::DeployBundle;
use crate::request::RollbackRequest;
use crate::tests::frontends::{release, running};
use crate::tests::waves::a_good_host;
use crate::tests::*;

const BACKEND: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n";

const BUNDLE: &str = "[app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n";

const SERVICE: &str = "[app.frontend.service]\npackage = \"web\"\nport = 9090\n";

const HOSTS: &str = "[deploy.production]\nhosts = [\"d@a\", \"d@b\", \"d@c\"]\n";

/// Returns the facts of these hosts: what they are, and what ran there before.
fn facts_of(
    config: &Config,
    found: &dyn Fn(&Target) -> HostFacts,
    previous: Option<&PastDeploy>,
) -> Facts {
    let (app, there) = (config.app.as_ref().unwrap(), &config.deploy["production"]);
    let hosts = stagegate_config::resolve::hosts_of(app, there)
        .unwrap()
        .into_iter();
    let hosts = hosts.map(|(target, _)| HostSurvey {
        found: Ok(found(&target)),
        target,
        known: KnownGood {
            current: None,
            previous: previous.cloned(),
        },
    });
    let facts = Facts {
        hosts: hosts.collect(),
        ..facts()
    };
    grouped(&facts, config)
}

fn config(frontend: &str) -> Config {
    let text = format!("{BACKEND}{frontend}{HOSTS}");
    Config::parse("stagegate.toml".into(), &text).unwrap()
}

fn deploy(config: &Config, facts: &Facts, part: Part) -> Plan {
    plan(facts, config, &Request::Deploy(deploy_of(part))).unwrap()
}

#[test]
fn a_service_is_stopped_when_every_host_has_the_bundle() {
    let config = config(BUNDLE);
    // One of the hosts is new, and never had the service.
    let found = |target: &Target| HostFacts {
        running_frontend: (target.host != "b").then(|| running("1.0.0")),
        ..a_good_host(&target.to_string())
    };
    let facts = facts_of(&config, &found, None);
    let made = deploy(&config, &facts, Part::Both);
    let groups: Vec<Vec<&str>> = made
        .batches()
        .iter()
        .map(|group| group.iter().map(|step| step.id.as_str()).collect())
        .collect();
    assert!(groups[1].contains(&"frontend.flip@c"), "{groups:?}");
    assert_eq!(
        groups[2],
        ["frontend.decommission@a", "frontend.decommission@c"]
    );
    assert_eq!(groups[3], ["verify"]);
    let decommission = made
        .steps
        .iter()
        .find(|step| step.id == "frontend.decommission@a");
    let decommission = decommission.unwrap();
    assert_eq!(decommission.max_failures, 2);
    let title = "stop the frontend's service 1.0.0-cccccccccccc for good on d@a:22";
    assert_eq!(decommission.title, title);
    assert!(matches!(
        decommission.action,
        Action::DeployBundle(DeployBundle {
            step: FrontendStep::Decommission,
            ..
        })
    ));
    // A deploy of the backend leaves the frontend as it is.
    let backend = deploy(&config, &facts, Part::Backend);
    let of_frontend = backend.steps.iter().filter(|s| s.id.contains("frontend"));
    assert_eq!(of_frontend.count(), 0);
}

#[test]
fn files_of_a_bundle_stay_and_the_plan_says_so() {
    let config = config(SERVICE);
    let found = |target: &Target| HostFacts {
        previous_bundle: (target.host == "c").then(|| "/opt/book/frontend".into()),
        ..a_good_host(&target.to_string())
    };
    let facts = facts_of(&config, &found, None);
    let made = deploy(&config, &facts, Part::Both);
    let about = |note: &&String| note.contains("the frontend was a bundle");
    let notes: Vec<&String> = made.notes.iter().filter(about).collect();
    assert_eq!(notes.len(), 1, "{:?}", made.notes);
    let note = notes[0];
    assert!(
        note.starts_with("d@c:22: the frontend was a bundle"),
        "{note}"
    );
    let remedy = "`rm -r /opt/book/frontend/current /opt/book/frontend/served`";
    assert!(note.ends_with(remedy), "{note}");
    assert!(
        !made
            .steps
            .iter()
            .any(|step| step.id.contains("decommission"))
    );
}

#[test]
fn what_was_of_another_form_is_not_rolled_back_to() {
    let check = |frontend: &str, was_service: bool, words: &str| {
        let config = config(frontend);
        let previous = PastDeploy {
            at: Timestamp::UNIX_EPOCH,
            backend: Some(release("1.0.0")),
            frontend: Some(release("1.0.0")),
            frontend_is_service: was_service,
        };
        let found = |target: &Target| a_good_host(&target.to_string());
        let facts = facts_of(&config, &found, Some(&previous));
        let back = |part: Part| {
            let request = RollbackRequest {
                part,
                environment: "production".to_owned(),
            };
            plan(&facts, &config, &Request::Rollback(request))
        };
        let blockers = back(Part::Both).unwrap_err();
        assert_eq!(blockers.0.len(), 3, "{blockers}");
        assert!(blockers.to_string().contains(words), "{blockers}");
        let remedy = format!("check out {}", "c".repeat(40));
        assert!(blockers.to_string().contains(&remedy), "{blockers}");
        back(Part::Frontend).unwrap_err();
        back(Part::Backend).unwrap();
    };
    check(
        SERVICE,
        false,
        "was a bundle (1.0.0), and stagegate.toml says that it is a service",
    );
    check(
        BUNDLE,
        true,
        "was a service (1.0.0), and stagegate.toml says that it is a bundle",
    );
}
