//! A frontend that is a service: what of it waits for what, and what is built for it.

use stagegate_deploy::Part as HostPart;

use super::*;
use crate::request::{DeployRequest, Part};

const APP: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n\
                   [app.frontend.service]\npackage = \"web\"\nport = 9090\n\
                   switch = \"restart\"\n";

fn planned(part: Part, environment: &str) -> Plan {
    let text = format!("{APP}[deploy.production]\n{environment}");
    let config = Config::parse("stagegate.toml".into(), &text).unwrap();
    let request = DeployRequest {
        part,
        version: None,
        from: None,
        despite_freeze: None,
        environment: "production".to_owned(),
    };
    plan(
        &grouped(&facts(), &config),
        &config,
        &Request::Deploy(request),
    )
    .unwrap()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a crate::plan::Step {
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
        assert_eq!(step.needs, needs, "{id}");
        assert_eq!(step.after, after, "{id}");
    };
    let backends = ["backend.confirm@a", "backend.confirm@b"];
    check("frontend.upload@a", &["backend.confirm@a"], &backends);
    check("frontend.start@a", &["frontend.upload@a"], &[]);
    check("frontend.confirm@a", &["frontend.stabilise@a"], &[]);
    let canary = [&backends[..], &["frontend.confirm@a"]].concat();
    check("frontend.upload@b", &["backend.confirm@b"], &canary);
    let switch = step(&plan, "frontend.switch@b");
    assert!(switch.title.contains("by a restart"), "{}", switch.title);
    let Action::Service { part, place, .. } = &switch.action else {
        panic!("a service's step");
    };
    assert_eq!(*part, HostPart::Frontend);
    assert_eq!(place.app.settings(HostPart::Frontend).unwrap().port, 9500);
    let groups: Vec<usize> = plan.groups().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [1, 2 * 6 + 2 * 6, 1]);
    let back: Vec<_> = plan.way_back.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(back, ["back@a", "back@b"]);
}

#[test]
fn only_the_part_that_is_deployed_is_built() {
    let check = |part: Part, expected: &[&str]| {
        let plan = planned(part, "hosts = [\"d@a\"]\n");
        let Action::Build {
            binaries, frontend, ..
        } = &step(&plan, "build").action
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
