//! A frontend that is a service: what of it waits for what, and what is built for it.

use stagegate_deploy::{
    KnownGood, Part as HostPart, PastDeploy, Release, Slot, Switch, SwitchKind,
};

use crate::facts::HostSurvey;
use crate::model::{Build, DeployService};
use crate::tests::waves::a_good_host;
use crate::tests::*;

pub(crate) const APP: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n\
                   [app.frontend.service]\npackage = \"web\"\nport = 9090\n\
                   switch = \"restart\"\n";

fn planned(part: Part, environment: &str) -> Plan {
    let text = format!("{APP}[deploy.production]\n{environment}");
    let config = Config::parse("stagegate.toml".into(), &text).unwrap();
    plan(
        &grouped(&facts(), &config),
        &config,
        &Request::Deploy(deploy_of(part)),
    )
    .unwrap()
}

pub(crate) fn step<'a>(plan: &'a Plan, id: &str) -> &'a crate::model::Step {
    let found = plan.steps.iter().find(|step| step.id == id);
    found.unwrap_or_else(|| panic!("there is no {id} in {:#?}", plan.steps))
}

#[test]
fn its_waves_begin_when_every_backend_is_confirmed() {
    let plan = planned(
        Part::Both,
        "hosts = [\"d@a\", { address = \"d@b\", frontend_port = 9500 }]\n",
    );
    let check = |id: &str, needs: &[&str], after: &[&str]| {
        let step = step(&plan, id);
        assert_eq!(step.depends_on, needs, "{id}");
        assert_eq!(step.after_settled, after, "{id}");
    };
    let backends = ["backend.confirm@a", "backend.confirm@b"];
    check("frontend.upload@a", &["backend.confirm@a"], &backends);
    check("frontend.start@a", &["frontend.upload@a"], &[]);
    check("frontend.confirm@a", &["frontend.stabilize@a"], &[]);
    let canary = [&backends[..], &["frontend.confirm@a"]].concat();
    check("frontend.upload@b", &["backend.confirm@b"], &canary);
    let switch = step(&plan, "frontend.switch@b");
    assert!(switch.title.contains("by a restart"), "{}", switch.title);
    let Action::DeployService(DeployService {
        part, placement, ..
    }) = &switch.action
    else {
        panic!("a service's step");
    };
    assert_eq!(*part, HostPart::Frontend);
    let there = plan.placement(*placement).unwrap();
    assert_eq!(there.app.settings(HostPart::Frontend).unwrap().port, 9500);
    let groups: Vec<usize> = plan.batches().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [1, 2 * 6 + 2 * 6, 1]);
    let back: Vec<_> = plan.rollback_steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(back, ["back@a", "back@b"]);
}

#[test]
fn only_the_part_that_is_deployed_is_built() {
    let check = |part: Part, expected: &[&str]| {
        let plan = planned(part, "hosts = [\"d@a\"]\n");
        let Action::Build(Build {
            binaries, frontend, ..
        }) = &step(&plan, "build").action
        else {
            panic!("a build");
        };
        let names: Vec<_> = binaries.iter().map(|binary| binary.name.as_str()).collect();
        assert_eq!(names, expected);
        assert_eq!(*frontend, None);
    };
    check(Part::Both, &["tool", "web"]);
    check(Part::Backend, &["tool"]);
    check(Part::Frontend, &["web"]);
}

#[test]
fn a_plan_of_before_is_about_the_backend() {
    let plan = planned(Part::Backend, "hosts = [\"d@a\"]\n");
    let action = &step(&plan, "backend.start@a").action;
    let mut value = serde_json::to_value(action).unwrap();
    let part = value.as_object_mut().unwrap().remove("part");
    assert_eq!(part.unwrap(), "backend");
    let read: Action = serde_json::from_value(value).unwrap();
    assert_eq!(read, *action);
}

pub(crate) fn release(version: &str) -> Release {
    Release {
        version: version.parse().unwrap(),
        commit: "c".repeat(40),
    }
}

/// Returns a switch to that version.
pub(crate) fn running(version: &str) -> Switch {
    Switch {
        slot: Slot::Blue,
        switch_kind: SwitchKind::Restart,
        release: release(version).id(),
        version: version.to_owned(),
        commit: release(version).commit,
        owner: "a run".to_owned(),
        by: "somebody".to_owned(),
        at: 0,
    }
}

fn pair(version: &str) -> PastDeploy {
    PastDeploy {
        at: Timestamp::UNIX_EPOCH,
        backend: Some(release(version)),
        frontend: Some(release(version)),
        frontend_is_service: true,
    }
}

/// Hosts, on each of which the pair of one version runs and the pair of another ran before.
pub(crate) fn surveys(config: &Config, hosts: &[(&str, &str, &str)]) -> Vec<HostSurvey> {
    let there = stagegate_config::resolve::hosts_of(
        config.app.as_ref().unwrap(),
        &config.deploy["production"],
    );
    let surveys = there.unwrap().into_iter().zip(hosts);
    let survey =
        |((target, _), (_, now, before)): ((stagegate_deploy::Target, _), &(_, &str, &str))| {
            let mut found = a_good_host(&target.to_string());
            found.running = Some(running(now));
            HostSurvey {
                target,
                found: Ok(found),
                known: KnownGood {
                    current: Some(pair(now)),
                    previous: Some(pair(before)),
                },
            }
        };
    surveys.map(survey).collect()
}

/// Returns a plan for such hosts.
pub(crate) fn with_hosts(hosts: &[(&str, &str, &str)], request: &Request) -> Plan {
    let names: Vec<String> = hosts.iter().map(|(name, ..)| format!("d@{name}")).collect();
    let text = format!("{APP}[deploy.production]\nhosts = {names:?}\n");
    let config = Config::parse("stagegate.toml".into(), &text).unwrap();
    let facts = Facts {
        hosts: surveys(&config, hosts),
        ..facts()
    };
    plan(&grouped(&facts, &config), &config, request).unwrap()
}

#[test]
fn where_a_newer_release_runs_the_frontend_goes_before_the_backend() {
    let hosts = [
        ("a", "2.0.0", "1.0.0"),
        ("b", "0.9.0", "0.8.0"),
        ("c", "2.0.0", "1.0.0"),
    ];
    let plan = with_hosts(&hosts, &Request::Deploy(deploy_of(Part::Both)));
    let check = |id: &str, needs: &[&str], after: &[&str]| {
        let step = step(&plan, id);
        assert_eq!(step.depends_on, needs, "{id}");
        assert_eq!(step.after_settled, after, "{id}");
    };
    check("frontend.upload@a", &[], &[]);
    check("frontend.upload@c", &[], &["frontend.confirm@a"]);
    let led = ["frontend.confirm@a", "frontend.confirm@c"];
    check("backend.upload@a", &["frontend.confirm@a"], &led);
    let canary = [&led[..], &["backend.confirm@a"]].concat();
    check("backend.upload@b", &[], &canary);
    check("backend.upload@c", &["frontend.confirm@c"], &canary);
    let backends = [
        "backend.confirm@a",
        "backend.confirm@b",
        "backend.confirm@c",
    ];
    check("frontend.upload@b", &["backend.confirm@b"], &backends);
    let notes = plan.notes.join("\n");
    assert!(
        notes.contains("d@a:22 runs 2.0.0, which is newer than 1.0.0: its frontend goes first"),
        "{notes}"
    );
    assert!(!notes.contains("d@b:22 runs"), "{notes}");

    // One part alone has no order, and the plan says what becomes of the other.
    let plan = with_hosts(&hosts, &Request::Deploy(deploy_of(Part::Backend)));
    assert_eq!(step(&plan, "backend.upload@a").after_settled, [""; 0]);
    let notes = plan.notes.join("\n");
    assert!(notes.contains("is then ahead of its backend"), "{notes}");
    let plan = with_hosts(&hosts, &Request::Deploy(deploy_of(Part::Frontend)));
    assert_eq!(step(&plan, "frontend.upload@a").after_settled, [""; 0]);
    assert_eq!(
        step(&plan, "frontend.upload@b").after_settled,
        ["frontend.confirm@a"]
    );
}
