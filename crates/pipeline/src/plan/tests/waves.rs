//! Deploys to many hosts: who waits for whom, what is planned for a failure, and
//! when nothing is deployed at all.

use stagegate_deploy::{HostFacts, Part as HostPart, PastDeploy, PendingFile, Release, Sudo};

use super::*;
use crate::facts::HostSurvey;
use crate::request::RollbackRequest;

const APP: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n\
                   [app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n";

fn config(environment: &str) -> Config {
    let text = format!("{APP}[deploy.production]\n{environment}");
    Config::parse("stagegate.toml".into(), &text).unwrap()
}

fn request(despite: Option<&str>) -> DeployRequest {
    DeployRequest {
        part: Part::Both,
        version: None,
        from: None,
        despite_freeze: despite.map(str::to_owned),
        environment: "production".to_owned(),
    }
}

fn deploy(config: &Config, despite: Option<&str>) -> Result<Plan, Blockers> {
    plan(
        &grouped(&facts(), config),
        config,
        &Request::Deploy(request(despite)),
    )
}

/// The plan of a deploy to these hosts.
pub(crate) fn backends(hosts: &[&str]) -> Plan {
    deploy(&config(&format!("hosts = {hosts:?}\n")), None).unwrap()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a crate::plan::Step {
    let found = plan.steps.iter().find(|step| step.id == id);
    found.unwrap_or_else(|| panic!("there is no {id} in {:#?}", plan.steps))
}

#[test]
fn a_wave_waits_for_the_one_before_and_the_bundle_for_all() {
    let config = config(
        "hosts = [\"d@a\", \"d@b\", { address = \"d@b:2222\", port = 9090 }, \"d@c\"]\nwaves = { batch = 2, max_failures = 1 }\n",
    );
    let plan = deploy(&config, None).unwrap();
    let confirm = |hosts: &[&str]| -> Vec<String> {
        hosts
            .iter()
            .map(|h| format!("backend.confirm@{h}"))
            .collect()
    };
    let check = |id: &str, needs: &[&str], after: &[&str]| {
        let step = step(&plan, id);
        assert_eq!(step.needs, needs, "{id}");
        assert_eq!(step.after, confirm(after), "{id}");
        assert_eq!(step.bears, 1, "{id}");
    };
    check("backend.upload@a", &[], &[]);
    check("backend.start@a", &["backend.upload@a"], &[]);
    check("backend.confirm@a", &["backend.stabilise@a"], &[]);
    // Where a name is not enough, the port tells hosts apart.
    check("backend.upload@b:22", &[], &["a"]);
    check("backend.upload@b:2222", &[], &["a"]);
    check("backend.upload@c", &[], &["a", "b:22", "b:2222"]);
    let all = ["a", "b:22", "b:2222", "c"];
    check("frontend.upload@a", &["backend.confirm@a"], &all);
    check("frontend.flip@a", &["frontend.upload@a"], &[]);
    let Action::Service { place, .. } = &step(&plan, "backend.start@b:2222").action else {
        panic!("a backend's step");
    };
    assert_eq!(place.app.backend.as_ref().unwrap().port, 9090);
    // One run of steps: the build before it, the look after it.
    let groups: Vec<usize> = plan.groups().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [1, 4 * 6 + 4 * 2, 1]);
    let back: Vec<_> = plan.way_back.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(back, ["back@a", "back@b:22", "back@b:2222", "back@c"]);
}

#[test]
fn hosts_keep_what_they_have_where_that_is_configured() {
    let config = config("hosts = [\"d@a\", \"d@b\"]\non_failure = \"keep\"\n");
    assert!(deploy(&config, None).unwrap().way_back.is_empty());
}

/// The app with a migration, and what takes it back.
fn migrating(undo: &str, environment: &str) -> Config {
    let app = APP.replace(
        "port = 8080\n",
        &format!("port = 8080\nmigrate = {{ run = [\"tool\", \"migrate\"]{undo} }}\n"),
    );
    let text = format!("{app}[deploy.production]\n{environment}");
    Config::parse("stagegate.toml".into(), &text).unwrap()
}

#[test]
fn one_host_migrates_for_all_and_nothing_starts_before() {
    let hosts = "hosts = [\"d@a\", \"d@b\", \"d@c\"]\nwaves = { canary = 2 }\n";
    let plan = deploy(&migrating(", undo = [\"tool\", \"back\"]", hosts), None).unwrap();
    let migrates: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Migrate { .. }))
        .collect();
    assert_eq!(migrates.len(), 1);
    assert_eq!(migrates[0].id, "backend.migrate@a");
    assert_eq!(migrates[0].needs, ["backend.upload@a"]);
    for host in ["a", "b", "c"] {
        let start = step(&plan, &format!("backend.start@{host}"));
        let own = format!("backend.upload@{host}");
        assert_eq!(start.needs, [own.as_str(), "backend.migrate@a"]);
    }
    // The data go back when every host is back.
    let last = plan.way_back.last().unwrap();
    assert_eq!(last.id, "back.data@a");
    assert_eq!(last.needs, ["back@a", "back@b", "back@c"]);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn data_that_cannot_go_back_are_told_of() {
    let plan = deploy(&migrating("", "hosts = [\"d@a\"]\n"), None).unwrap();
    assert_eq!(plan.way_back.len(), 1);
    assert!(plan.notes[0].contains("has no `undo`"), "{:?}", plan.notes);
}

#[test]
fn a_host_is_written_once() {
    let blockers = deploy(&config("hosts = [\"d@a\", \"e@a:22\"]\n"), None).unwrap_err();
    assert!(
        blockers.to_string().contains("e@a:22 is written twice"),
        "{blockers}"
    );
}

#[test]
fn a_freeze_is_in_the_way_unless_somebody_says_why_not() {
    // The facts are of the first moment of 1970, a Thursday.
    let config = config(
        "hosts = [\"d@a\"]\nfreeze = [\"Wed 20:00 - Thu 06:00 UTC\", \"Mon 00:00 - Mon 01:00 UTC\"]\n",
    );
    let blockers = deploy(&config, None).unwrap_err().to_string();
    assert!(
        blockers.contains("frozen until Thu 1970-01-01 06:00 UTC (`Wed 20:00 - Thu 06:00 UTC`)"),
        "{blockers}"
    );
    assert!(blockers.contains("--despite-freeze WHY"), "{blockers}");
    let plan = deploy(&config, Some("the shop is down")).unwrap();
    assert_eq!(plan.despite_freeze.as_deref(), Some("the shop is down"));
    assert!(
        plan.notes.iter().any(|n| n.contains("the shop is down")),
        "{:?}",
        plan.notes
    );
}

/// Going back is never frozen, and hosts that ran different releases go back to
/// their own.
#[test]
fn a_rollback_brings_each_host_its_own_pair() {
    let config =
        config("hosts = [\"d@a\", \"d@b\", \"d@c\"]\nfreeze = [\"Mon 00:00 - Sun 23:59 UTC\"]\n");
    let hosts = crate::survey::hosts_of(config.app.as_ref().unwrap(), &config.deploy["production"]);
    let release = |version: &str| Release {
        version: version.parse().unwrap(),
        commit: "c".repeat(40),
    };
    let previous = |backend: &str| PastDeploy {
        at: Timestamp::UNIX_EPOCH,
        backend: Some(release(backend)),
        frontend: Some(release("1.0.0")),
        frontend_listens: false,
    };
    let surveys = hosts.unwrap().into_iter().zip(["1.1.0", "1.0.0", "1.1.0"]);
    let facts = Facts {
        hosts: surveys
            .map(|((target, _), version)| HostSurvey {
                found: Ok(a_good_host(&target.to_string())),
                target,
                previous: Some(previous(version)),
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
        let Action::Service { place, .. } = &step(&made, &format!("backend.start@{host}")).action
        else {
            panic!("a backend's step");
        };
        assert_eq!(place.version.to_string(), version, "{host}");
        assert!(!place.built);
    }
    let after = &step(&made, "backend.upload@c").after;
    assert_eq!(after[..], ["backend.confirm@a"]);
    // The bundles, which are the same, before any backend, and one release after the other.
    let groups: Vec<usize> = made.groups().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [6, 12, 6, 1]);
    let begins = made.groups().into_iter().map(|group| group[0].id.clone());
    let begins: Vec<String> = begins.collect();
    let expected = [
        "frontend.upload@a",
        "backend.upload@a",
        "backend.upload@b",
        "verify",
    ];
    assert_eq!(begins, expected);
    // Each is looked at for what it went back to.
    let Action::Outcome { hosts, .. } = &step(&made, "verify").action else {
        panic!("a look");
    };
    let seen: Vec<_> = hosts
        .iter()
        .map(|place| place.version.to_string())
        .collect();
    assert_eq!(seen, ["1.1.0", "1.0.0", "1.1.0"]);
    assert!(
        made.way_back.is_empty(),
        "what goes back does not go back again"
    );
}

/// What the release that is left has migrated goes back last of all.
#[test]
fn a_rollback_takes_the_data_back_where_that_is_declared() {
    let check = |undo: &str, ids: &[&str], notes: usize| {
        let config = migrating(undo, "hosts = [\"d@a\"]\n");
        let (app, there) = (config.app.as_ref().unwrap(), &config.deploy["production"]);
        let (target, _) = crate::survey::hosts_of(app, there).unwrap().remove(0);
        let mut found = a_good_host("d@a:22");
        found.running = Some(stagegate_deploy::Switch {
            slot: stagegate_deploy::Slot::Blue,
            by_what: stagegate_deploy::By::Nft,
            release: "2.0.0-dddddddddddd".to_owned(),
            version: "2.0.0".to_owned(),
            commit: "d".repeat(40),
            owner: "a run".to_owned(),
            by: "somebody".to_owned(),
            at: 0,
        });
        let backend = Release {
            version: "1.0.0".parse().unwrap(),
            commit: "c".repeat(40),
        };
        let previous = PastDeploy {
            at: Timestamp::UNIX_EPOCH,
            backend: Some(backend),
            frontend: None,
            frontend_listens: false,
        };
        let host = HostSurvey {
            target,
            found: Ok(found),
            previous: Some(previous),
        };
        let facts = Facts {
            hosts: vec![host],
            ..facts()
        };
        let request = RollbackRequest {
            part: Part::Backend,
            environment: "production".to_owned(),
        };
        let facts = grouped(&facts, &config);
        let made = plan(&facts, &config, &Request::Rollback(request)).unwrap();
        let data: Vec<_> = made
            .steps
            .iter()
            .skip_while(|step| step.id != "backend.confirm@a")
            .skip(1)
            .map(|step| step.id.as_str())
            .collect();
        assert_eq!(data, ids);
        assert_eq!(made.notes.len(), notes, "{:?}", made.notes);
        if let Some(step) = made.steps.iter().find(|step| step.id == "data@a") {
            let Action::Migrate { place, direction } = &step.action else {
                panic!("a migration");
            };
            assert_eq!(place.version.to_string(), "2.0.0");
            assert_eq!(*direction, stagegate_deploy::Direction::Back);
        }
    };
    check(", undo = [\"tool\", \"back\"]", &["data@a", "verify"], 0);
    check("", &["verify"], 1);
}

pub(crate) fn a_good_host(target: &str) -> HostFacts {
    HostFacts {
        target: target.to_owned(),
        systemd: Some("systemd 252".to_owned()),
        nft: Some("nftables v1.0.6".to_owned()),
        missing_tools: Vec::new(),
        sudo: Sudo::NotNeeded,
        service_users: vec![("book".to_owned(), true)],
        directories: Vec::new(),
        env_files: Vec::new(),
        disk_free_bytes: u64::MAX,
        clock_skew_seconds: 0,
        lease: None,
        running: None,
        armed: None,
        running_frontend: None,
        armed_frontend: None,
        former_bundle: None,
        foreign_ports: Vec::new(),
        proxy_problems: Vec::new(),
        build_problems: None,
        pending: Vec::new(),
    }
}

#[test]
fn hosts_whose_files_change_alike_are_told_together() {
    let config = config("hosts = [\"d@a\", \"d@b\", \"d@c\"]\n");
    let hosts = crate::survey::hosts_of(config.app.as_ref().unwrap(), &config.deploy["production"]);
    let pending = |there: Option<&str>| PendingFile {
        part: HostPart::Backend,
        path: "/etc/unit".into(),
        there: there.map(str::to_owned),
        wanted: "TasksMax=2\n".to_owned(),
    };
    let found = [Some("TasksMax=1\n"), None, Some("TasksMax=1\n")];
    let hosts = hosts.unwrap().into_iter().zip(found);
    let facts = Facts {
        hosts: hosts
            .map(|((target, _), there)| {
                let mut found = a_good_host(&target.to_string());
                found.pending = vec![pending(there)];
                HostSurvey {
                    found: Ok(found),
                    target,
                    previous: None,
                }
            })
            .collect(),
        ..facts()
    };
    let told = |part| {
        let request = DeployRequest {
            part,
            ..request(None)
        };
        let made = plan(
            &grouped(&facts, &config),
            &config,
            &Request::Deploy(request),
        );
        let files = made.unwrap().host_files.into_iter();
        let told: Vec<_> = files.map(|file| (file.hosts, file.diff)).collect();
        told
    };
    let host = |name: &str| format!("d@{name}:22");
    let diff = "@@ -1 +1 @@\n-TasksMax=1\n+TasksMax=2\n".to_owned();
    let both = vec![host("a"), host("c")];
    assert_eq!(
        told(Part::Both),
        [(both, Some(diff)), (vec![host("b")], None)]
    );
    // A frontend is a bundle and nothing else.
    assert_eq!(told(Part::Frontend), []);
}
