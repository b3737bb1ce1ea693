//! What goes back, to what, and in which order.

use stagegate_deploy::{KnownGood, PastDeploy, Release};

use crate::facts::HostSurvey;
use crate::model::{DeployService, MigrateData, VerifyRelease};
use crate::request::RollbackRequest;
use crate::tests::frontends::{APP, step, surveys, with_hosts};
use crate::tests::waves::{a_good_host, config, migrating};
use crate::tests::*;

fn back(part: Part, hosts: &[(&str, &str, &str)]) -> Plan {
    let request = RollbackRequest {
        part,
        environment: "production".to_owned(),
    };
    with_hosts(hosts, &Request::Rollback(request))
}

#[test]
fn a_rollback_goes_back_frontends_first_on_all_hosts() {
    let check = |part: Part, hosts: &[(&str, &str, &str)], expected: &[&str]| {
        let plan = back(part, hosts);
        let groups = plan.batches();
        let told: Vec<String> = groups
            .iter()
            .map(|group| format!("{} +{}", group[0].id, group.len() - 1))
            .collect();
        assert_eq!(told, expected);
        // Nothing is waited for that another round of the plan holds.
        for group in groups {
            let waits = group
                .iter()
                .flat_map(|step| step.depends_on.iter().chain(&step.after_settled));
            for id in waits {
                assert!(group.iter().any(|step| step.id == *id), "{id}");
            }
        }
    };
    let two = [("a", "2.0.0", "1.0.0"), ("b", "2.0.0", "1.0.0")];
    check(
        Part::Both,
        &two,
        &["frontend.upload@a +11", "backend.upload@a +11", "verify +0"],
    );
    check(
        Part::Frontend,
        &two,
        &["frontend.upload@a +11", "verify +0"],
    );
    check(Part::Backend, &two, &["backend.upload@a +11", "verify +0"]);
    // An older release had been deployed by name: what comes back is ahead of what runs.
    let forward = [("a", "1.0.0", "2.0.0"), ("b", "2.0.0", "1.0.0")];
    check(
        Part::Both,
        &forward,
        &[
            "frontend.upload@b +5",
            "backend.upload@a +5",
            "backend.upload@b +5",
            "frontend.upload@a +5",
            "verify +0",
        ],
    );
}

#[test]
fn a_host_that_is_back_already_does_not_go_further_back() {
    let check = |hosts: &[(&str, &str, &str)], expected: &[&str], stays: &[&str]| {
        let plan = back(Part::Both, hosts);
        let uploads = plan.steps.iter().filter_map(|step| {
            let host = step.id.strip_prefix("backend.upload@")?;
            let Action::DeployService(DeployService { placement, .. }) = &step.action else {
                panic!("a service's step");
            };
            let there = plan.placement(*placement).unwrap();
            Some(format!("{host} {}", there.version))
        });
        assert_eq!(uploads.collect::<Vec<_>>(), expected);
        let told = plan.notes.iter().filter_map(|note| {
            let (host, _) = note.split_once(" stays as it is: it already runs what ")?;
            Some(host.to_owned())
        });
        assert_eq!(told.collect::<Vec<_>>(), stays);
        assert_eq!(plan.title, "rollback both in production: 2.0.0");
    };
    // Of three hosts, one was not reached by the deploy, or is back from it.
    let hosts = [
        ("a", "3.0.0", "2.0.0"),
        ("b", "2.0.0", "1.0.0"),
        ("c", "3.0.0", "2.0.0"),
    ];
    check(&hosts, &["a 2.0.0", "c 2.0.0"], &["d@b:22"]);
    // A host that has nothing before what it runs needs nothing.
    let hosts = [("a", "2.0.0", "2.0.0"), ("b", "3.0.0", "2.0.0")];
    check(&hosts, &["b 2.0.0"], &["d@a:22"]);
    let hosts = [("a", "3.0.0", "2.0.0"), ("b", "3.0.0", "2.0.0")];
    check(&hosts, &["a 2.0.0", "b 2.0.0"], &[]);
}

#[test]
fn a_rollback_is_of_the_pair_and_keeps_its_waves() {
    let plan = back(
        Part::Both,
        &[("a", "2.0.0", "1.0.0"), ("b", "2.0.0", "1.0.0")],
    );
    assert_eq!(plan.title, "rollback both in production: 1.0.0");
    for part in ["frontend", "backend"] {
        let canary = [format!("{part}.confirm@a")];
        assert_eq!(
            step(&plan, &format!("{part}.upload@a")).after_settled,
            [""; 0]
        );
        assert_eq!(
            step(&plan, &format!("{part}.upload@b")).after_settled,
            canary
        );
        for host in ["a", "b"] {
            let id = format!("{part}.start@{host}");
            let Action::DeployService(DeployService {
                placement,
                part: of,
                ..
            }) = &step(&plan, &id).action
            else {
                panic!("a service's step");
            };
            let there = plan.placement(*placement).unwrap();
            assert_eq!(
                (there.version.to_string().as_str(), there.built),
                ("1.0.0", false)
            );
            assert_eq!(of.name(), part);
        }
    }
    let Action::VerifyRelease(VerifyRelease {
        hosts, frontends, ..
    }) = &step(&plan, "verify").action
    else {
        panic!("a look");
    };
    assert_eq!((hosts.len(), frontends.len()), (2, 2));
    assert!(plan.rollback_steps.is_empty());
}

#[test]
fn a_rollback_brings_each_host_its_own_pair() {
    let config =
        config("hosts = [\"d@a\", \"d@b\", \"d@c\"]\nfreeze = [\"Mon 00:00 - Sun 23:59 UTC\"]\n");
    let hosts = stagegate_config::resolve::hosts_of(
        config.app.as_ref().unwrap(),
        &config.deploy["production"],
    );
    let release = |version: &str| Release {
        version: version.parse().unwrap(),
        commit: "c".repeat(40),
    };
    let previous = |backend: &str| PastDeploy {
        at: Timestamp::UNIX_EPOCH,
        backend: Some(release(backend)),
        frontend: Some(release("1.0.0")),
        frontend_is_service: false,
    };
    let surveys = hosts.unwrap().into_iter().zip(["1.1.0", "1.0.0", "1.1.0"]);
    let facts = Facts {
        hosts: surveys
            .map(|((target, _), version)| HostSurvey {
                found: Ok(a_good_host(&target.to_string())),
                target,
                known: KnownGood {
                    current: None,
                    previous: Some(previous(version)),
                },
            })
            .collect(),
        ..facts()
    };
    let request = RollbackRequest {
        part: Part::Both,
        environment: "production".to_owned(),
    };
    let made = plan(
        &grouped(&facts, &config),
        &config,
        &Request::Rollback(request),
    );
    let made = made.unwrap();
    for (host, version) in [("a", "1.1.0"), ("b", "1.0.0"), ("c", "1.1.0")] {
        let Action::DeployService(DeployService { placement, .. }) =
            &step(&made, &format!("backend.start@{host}")).action
        else {
            panic!("a backend's step");
        };
        let there = made.placement(*placement).unwrap();
        assert_eq!(there.version.to_string(), version, "{host}");
        assert!(!there.built);
    }
    let after = &step(&made, "backend.upload@c").after_settled;
    assert_eq!(after[..], ["backend.confirm@a"]);
    // The bundles, which are the same, before any backend, and one release after the other.
    let groups: Vec<usize> = made.batches().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [6, 12, 6, 1]);
    let begins = made.batches().into_iter().map(|group| group[0].id.clone());
    let begins: Vec<String> = begins.collect();
    let expected = [
        "frontend.upload@a",
        "backend.upload@a",
        "backend.upload@b",
        "verify",
    ];
    assert_eq!(begins, expected);
    // Each is looked at for what it went back to.
    let Action::VerifyRelease(VerifyRelease { hosts, .. }) = &step(&made, "verify").action else {
        panic!("a look");
    };
    let seen: Vec<_> = hosts
        .iter()
        .map(|id| made.placement(*id).unwrap().version.to_string())
        .collect();
    assert_eq!(seen, ["1.1.0", "1.0.0", "1.1.0"]);
    assert!(
        made.rollback_steps.is_empty(),
        "what goes back does not go back again"
    );
}

/// What the release that is left has migrated goes back last of all.
#[test]
fn a_rollback_takes_the_data_back_where_that_is_declared() {
    let check = |undo: &str, hosts: &[(&str, &str, &str)], ids: &[&str], notes: usize| {
        let names: Vec<String> = hosts.iter().map(|(name, ..)| format!("d@{name}")).collect();
        let config = migrating(undo, &format!("hosts = {names:?}\n"));
        let facts = Facts {
            hosts: surveys(&config, hosts),
            ..facts()
        };
        let request = RollbackRequest {
            part: Part::Backend,
            environment: "production".to_owned(),
        };
        let facts = grouped(&facts, &config);
        let made = plan(&facts, &config, &Request::Rollback(request)).unwrap();
        let confirmed = made
            .steps
            .iter()
            .rposition(|step| step.id.starts_with("backend.confirm@"));
        let data: Vec<_> = made.steps[confirmed.unwrap() + 1..]
            .iter()
            .map(|step| step.id.as_str())
            .collect();
        assert_eq!(data, ids);
        assert_eq!(made.notes.len(), notes, "{:?}", made.notes);
        if let Some(step) = made.steps.iter().find(|step| step.id == "data@a") {
            let Action::MigrateData(MigrateData {
                placement,
                direction,
            }) = &step.action
            else {
                panic!("a migration");
            };
            let there = made.placement(*placement).unwrap();
            assert_eq!(there.version.to_string(), "2.0.0");
            assert_eq!(*direction, stagegate_deploy::Direction::Undo);
        }
    };
    let undo = ", undo = [\"tool\", \"back\"]";
    let one = [("a", "2.0.0", "1.0.0")];
    check(undo, &one, &["data@a", "verify"], 0);
    check("", &one, &["verify"], 1);
    // The first host, which migrated for all, is back; the data are not yet.
    let other = [("a", "1.0.0", "0.9.0"), ("b", "2.0.0", "1.0.0")];
    check(undo, &other, &["data@a", "verify"], 1);
}

/// A host that is full, whose clock is wrong, or that is down, keeps no other from going back.
#[test]
fn what_only_matters_to_a_new_release_keeps_none_from_going_back() {
    let text = format!("{APP}[deploy.production]\nhosts = [\"d@a\", \"d@b\"]\n");
    let config = Config::parse("stagegate.toml".into(), &text).unwrap();
    let two = [("a", "2.0.0", "1.0.0"), ("b", "2.0.0", "1.0.0")];
    let request = Request::Rollback(RollbackRequest {
        part: Part::Both,
        environment: "production".to_owned(),
    });
    let planned = |change: &dyn Fn(&mut Vec<HostSurvey>)| {
        let mut facts = Facts {
            hosts: surveys(&config, &two),
            ..facts()
        };
        change(&mut facts.hosts);
        plan(&grouped(&facts, &config), &config, &request)
    };
    let full = planned(&|hosts| {
        let found = hosts[0].found.as_mut().unwrap();
        found.disk_free_bytes = 0;
        found.clock_skew_seconds = 400;
    });
    let full = full.unwrap();
    let goes_back = |plan: &Plan, id: &str| plan.steps.iter().any(|step| step.id == id);
    assert!(goes_back(&full, "backend.switch@a") && goes_back(&full, "backend.switch@b"));
    let notes = full.notes.join("\n");
    assert!(
        notes.contains("0 MiB free") && notes.contains("by 400 s"),
        "{notes}"
    );

    let gone = |host: &mut HostSurvey| {
        host.found = Err(Blocker::new(
            format!("cannot reach {}", host.target),
            "look",
        ));
        host.known = KnownGood {
            current: None,
            previous: None,
        };
    };
    let down = planned(&|hosts| gone(&mut hosts[1])).unwrap();
    assert!(goes_back(&down, "backend.switch@a") && !goes_back(&down, "backend.switch@b"));
    let hint = down.next_step_hint.unwrap();
    assert!(hint.starts_with("d@b:22 was left as it is"), "{hint}");
    assert!(
        down.notes
            .iter()
            .any(|note| note.contains("cannot reach d@b"))
    );

    // Where none answers, there is nothing to go back.
    let none = planned(&|hosts| hosts.iter_mut().for_each(gone)).unwrap_err();
    assert_eq!(none.0.len(), 2, "{none}");
    // And a release under way keeps a rollback from cutting in.
    let held = planned(&|hosts| {
        let found = hosts[0].found.as_mut().unwrap();
        found.sudo = stagegate_deploy::Sudo::Refused;
    });
    assert_eq!(held.unwrap_err().0.len(), 1);
}
