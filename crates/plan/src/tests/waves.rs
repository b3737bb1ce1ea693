//! Deploys to many hosts: who waits for whom, what is planned for a failure, and
//! when nothing is deployed at all.

use stagegate_deploy::{FileChange, HostFacts, KnownGood, Part as HostPart, Sudo};

use crate::facts::HostSurvey;
use crate::model::DeployService;
use crate::tests::*;

const APP: &str = "[app]\nname = \"book\"\n[app.backend]\npackage = \"tool\"\nport = 8080\n\
                   [app.frontend]\nbuild = [\"make\"]\ndist = \"dist\"\n";

pub(crate) fn config(environment: &str) -> Config {
    let text = format!("{APP}[deploy.production]\n{environment}");
    Config::parse("stagegate.toml".into(), &text).unwrap()
}

fn request(despite: Option<&str>) -> DeployRequest {
    DeployRequest {
        part: Part::Both,
        version: None,
        from: None,
        freeze_override: despite.map(str::to_owned),
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

/// Returns the plan of a deploy to these hosts.
pub(crate) fn backends(hosts: &[&str]) -> Plan {
    deploy(&config(&format!("hosts = {hosts:?}\n")), None).unwrap()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a crate::model::Step {
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
        assert_eq!(step.depends_on, needs, "{id}");
        assert_eq!(step.after_settled, confirm(after), "{id}");
        assert_eq!(step.max_failures, 1, "{id}");
    };
    check("backend.upload@a", &[], &[]);
    check("backend.start@a", &["backend.upload@a"], &[]);
    check("backend.confirm@a", &["backend.stabilize@a"], &[]);
    // Where a name is not enough, the port tells hosts apart.
    check("backend.upload@b:22", &[], &["a"]);
    check("backend.upload@b:2222", &[], &["a"]);
    check("backend.upload@c", &[], &["a", "b:22", "b:2222"]);
    let all = ["a", "b:22", "b:2222", "c"];
    check("frontend.upload@a", &["backend.confirm@a"], &all);
    check("frontend.flip@a", &["frontend.upload@a"], &[]);
    let Action::DeployService(DeployService { placement, .. }) =
        &step(&plan, "backend.start@b:2222").action
    else {
        panic!("a backend's step");
    };
    let there = plan.placement(*placement).unwrap();
    assert_eq!(there.app.backend.as_ref().unwrap().port, 9090);
    // Each host with its app stands in the plan once (and once more as it is verified,
    // where nothing is built for it), however many steps it has.
    assert_eq!(plan.placements.len(), 2 * 4);
    // One run of steps: the build before it, the look after it.
    let groups: Vec<usize> = plan.batches().iter().map(|group| group.len()).collect();
    assert_eq!(groups, [1, 4 * 6 + 4 * 2, 1]);
    let back: Vec<_> = plan.rollback_steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(back, ["back@a", "back@b:22", "back@b:2222", "back@c"]);
}

#[test]
fn hosts_keep_what_they_have_where_that_is_configured() {
    let config = config("hosts = [\"d@a\", \"d@b\"]\non_failure = \"keep\"\n");
    assert!(deploy(&config, None).unwrap().rollback_steps.is_empty());
}

/// Returns the app with a migration, and what takes it back.
pub(crate) fn migrating(undo: &str, environment: &str) -> Config {
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
        .filter(|step| matches!(step.action, Action::MigrateData(_)))
        .collect();
    assert_eq!(migrates.len(), 1);
    assert_eq!(migrates[0].id, "backend.migrate@a");
    assert_eq!(migrates[0].depends_on, ["backend.upload@a"]);
    for host in ["a", "b", "c"] {
        let start = step(&plan, &format!("backend.start@{host}"));
        let own = format!("backend.upload@{host}");
        assert_eq!(start.depends_on, [own.as_str(), "backend.migrate@a"]);
    }
    // The data go back when every host is back.
    let last = plan.rollback_steps.last().unwrap();
    assert_eq!(last.id, "back.data@a");
    assert_eq!(last.depends_on, ["back@a", "back@b", "back@c"]);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn data_that_cannot_go_back_are_told_of() {
    let plan = deploy(&migrating("", "hosts = [\"d@a\"]\n"), None).unwrap();
    assert_eq!(plan.rollback_steps.len(), 1);
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
    assert!(blockers.contains("--override-freeze WHY"), "{blockers}");
    let plan = deploy(&config, Some("the shop is down")).unwrap();
    assert_eq!(plan.freeze_override.as_deref(), Some("the shop is down"));
    assert!(
        plan.notes.iter().any(|n| n.contains("the shop is down")),
        "{:?}",
        plan.notes
    );
}

/// A way back is never frozen, and hosts that ran different releases go back to
/// their own.
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
        previous_bundle: None,
        foreign_ports: Vec::new(),
        proxy_problems: Vec::new(),
        build_problems: None,
        pending: Vec::new(),
    }
}

#[test]
fn hosts_whose_files_change_alike_are_told_together() {
    let config = config("hosts = [\"d@a\", \"d@b\", \"d@c\"]\n");
    let hosts = stagegate_config::resolve::hosts_of(
        config.app.as_ref().unwrap(),
        &config.deploy["production"],
    );
    let pending = |there: Option<&str>| FileChange {
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
                    known: KnownGood::default(),
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

#[test]
fn the_plan_says_what_goes_out_to_each_host_and_from_which_release() {
    let config = config("hosts = [\"d@a\", \"d@b\", \"d@c\", \"d@e\", \"d@f\"]\n");
    let mut facts = grouped(&facts(), &config);
    let head = facts.git.as_ref().unwrap().head.clone();
    let runs = |commit: &str| stagegate_deploy::Switch {
        slot: stagegate_deploy::Slot::Blue,
        switch_kind: stagegate_deploy::SwitchKind::Nft,
        release: format!("0.9.0-{commit}"),
        version: "0.9.0".into(),
        commit: commit.to_owned(),
        owner: "deploy-production@1".into(),
        by: "somebody".into(),
        at: 0,
    };
    let known = "1111111111111111111111111111111111111111";
    let beside = "2222222222222222222222222222222222222222";
    let strange = "3333333333333333333333333333333333333333";
    for (host, commit) in [
        ("d@a", Some(known)),
        ("d@b", Some(known)),
        ("d@c", Some(beside)),
        ("d@e", Some(strange)),
        ("d@f", None),
    ] {
        facts.hosts.push(HostSurvey {
            target: host.parse().unwrap(),
            found: Ok(HostFacts {
                running: commit.map(runs),
                ..a_good_host(host)
            }),
            known: KnownGood::default(),
        });
    }
    let distance = |ahead, behind| crate::facts::CommitDistance { ahead, behind };
    let pair = |from: &str| (from.to_owned(), head.clone());
    facts.distances.insert(pair(known), distance(14, 0));
    facts.distances.insert(pair(beside), distance(1, 2));
    let plan = plan(&facts, &config, &Request::Deploy(request(None))).unwrap();
    let says = |line: &str| assert!(plan.notes.iter().any(|n| n == line), "{:#?}", plan.notes);
    says("d@a:22, d@b:22: 14 commits go out since 0.9.0 (1111111)");
    says("d@c:22: 1 commit goes out since 0.9.0 (2222222); 2 commits that run there are not in it");
    says(
        "d@e:22: runs 0.9.0 (3333333), which this clone does not have: what goes out cannot be counted",
    );
    says("d@f:22: nothing runs there yet");
}
