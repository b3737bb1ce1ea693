//! What somebody changes on a host by hand is seen.

use std::os::unix::fs::PermissionsExt as _;

use stagegate_deploy::{Command, Drift, ServiceStep, status, survey};

use super::bench::{Bench, FIRST, SECOND, sentences};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("what_is_changed_by_hand_is_drift", what_is_changed_by_hand),
    (
        "another_release_writes_what_differs",
        another_release_writes_what_differs,
    ),
];

fn another_release_writes_what_differs() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let units = bench.on_host("etc/systemd/system");
    let unit = units.join("guestbook-backend@blue.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    std::fs::write(&unit, format!("{text}# by hand\n")).unwrap();
    std::fs::remove_file(bench.on_host("opt/guestbook/switch/switchctl")).unwrap();
    let drift = || status(&bench.connect(), &bench.app).unwrap().drift;
    // The same release, by another run, starts nothing.
    let again = bench.deploy_by(FIRST, "another-run");
    bench
        .run_backend(&again, Some(&bench.program()), &ServiceStep::ALL)
        .unwrap();
    let found = drift();
    assert_eq!(found.len(), 2, "{found:?}");
    for found in sentences(&found) {
        let remedy = "; a deploy of another release writes it";
        assert!(found.ends_with(remedy), "{found}");
    }
    bench.deploy_backend(SECOND);
    assert_eq!(drift(), []);
    // It is written for the slot that users are led to now; what the other one reads is as
    // it was, whoever changed it.
    let written = std::fs::read_to_string(units.join("guestbook-backend@green.service"));
    assert_eq!(written.unwrap(), text);
    let left = std::fs::read_to_string(&unit).unwrap();
    assert_eq!(left, format!("{text}# by hand\n"));
}

fn what_is_changed_by_hand() {
    let bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    let drift = || status(&bench.connect(), &bench.app).unwrap().drift;
    assert_eq!(drift(), []);
    let pending = || survey(&bench.connect(), &bench.app).unwrap().pending;
    assert_eq!(pending(), []);
    let mut parts = Vec::new();
    let mut expect = |part: &'static str| {
        parts.push(part);
        let found = sentences(&drift());
        assert_eq!(found.len(), parts.len(), "{found:?}");
        for part in &parts {
            assert!(found.iter().any(|found| found.contains(part)), "{found:?}");
        }
    };
    let unit = bench.on_host("etc/systemd/system/guestbook-backend@blue.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    std::fs::write(&unit, format!("{text}# by hand\n")).unwrap();
    expect("guestbook-backend@blue.service differs");
    let [changed] = &pending()[..] else {
        panic!("{:?}", pending());
    };
    assert!(
        changed
            .path
            .as_str()
            .ends_with("/guestbook-backend@green.service")
    );
    // A comment may hold anything, so its words stay where they are.
    assert_eq!(changed.there, Some(format!("{text}…\n")));
    assert_eq!(changed.wanted, text);
    let env = bench.on_host("etc/guestbook/.env");
    std::fs::set_permissions(&env, std::fs::Permissions::from_mode(0o644)).unwrap();
    expect("mode 644");
    // Nobody brings them back while this is looked at.
    let keeper = ["stop", "guestbook-keeper.service"];
    let stop = Command::new("systemctl").args(keeper).privileged();
    bench.connect().check(&stop).unwrap();
    let gone = "add table inet stagegate_guestbook\ndelete table inet stagegate_guestbook\n";
    let command = Command::script("PATH=$PATH:/usr/sbin nft -f -").input(gone);
    bench.connect().check(&command.privileged()).unwrap();
    expect("do not lead port");
    // Another file under the same name: the process still runs the one before.
    let release = bench.deploy(FIRST).release.id();
    let program = bench.on_host(&format!(
        "opt/guestbook/releases/{release}/backend/guestbook-backend"
    ));
    let aside = program.with_extension("aside");
    std::fs::copy(&program, &aside).unwrap();
    let mut bytes = std::fs::read(&aside).unwrap();
    bytes.push(0);
    std::fs::write(&aside, bytes).unwrap();
    std::fs::rename(&aside, &program).unwrap();
    let differences = drift();
    assert!(
        differences
            .iter()
            .any(|it| matches!(it, Drift::ProgramChanged { .. }))
    );
    let found = sentences(&differences);
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found.iter().any(|f| f.contains("runs another program")));
    assert!(
        found
            .iter()
            .any(|f| f.contains("was changed since its upload"))
    );
}
