//! A host that is reached through another one, by the user's own `ssh`.

use stagegate_deploy::{Command, Host, Part, ServiceStep, Target};

use super::bench::{Bench, FIRST};

pub(crate) const SCENARIOS: &[super::Scenario] = &[(
    "a_host_behind_another_is_reached_and_a_stranger_in_between_is_not_trusted",
    a_host_behind_another,
)];

fn a_host_behind_another() {
    if std::process::Command::new("ssh")
        .arg("-V")
        .output()
        .is_err()
    {
        eprintln!("skipped: there is no ssh");
        return;
    }
    let bench = Bench::new(Vec::new());
    let direct = bench.target();
    let (user, address, port) = (&direct.user, &direct.host, direct.port);
    // The host itself stands in between: the way there and the way on are two.
    let target = Target {
        jump: Some(format!("{user}@{address}:{port}")),
        ..bench.target()
    };
    let host = Host::connect(&target).unwrap();
    let said = host.check(&Command::new("echo").arg("it's here")).unwrap();
    assert_eq!(said.text(), "it's here\n");
    let mut deploy = bench.deploy(FIRST);
    deploy.target = target.clone();
    for step in ServiceStep::ALL {
        let host = Host::connect(&target).unwrap();
        let program = bench.program();
        stagegate_deploy::perform_service(
            Part::Backend,
            step,
            &host,
            &deploy,
            Some(&program),
            &mut |_| {},
        )
        .unwrap();
    }
    assert_eq!(bench.serving().as_deref(), Some("1"));
    let empty = bench.file("knows nobody");
    std::fs::write(&empty, "").unwrap();
    let stranger = Target {
        known_hosts: Some(empty),
        ..target
    };
    let error = Host::connect(&stranger).unwrap_err().to_string();
    assert!(error.contains("through `ssh -J "), "{error}");
    assert!(error.contains("Host key verification failed"), "{error}");
}
