//! What is refused: hosts that cannot be trusted or reached, a lease that is held, hostile
//! words, and whatever the fake does not understand.

use stagegate_deploy::{
    Command, ConnectError, DeployError, Host, Method, Part, RunError, ServiceStep, perform_service,
    survey,
};
use stagegate_fakes::host::HostFault;

use super::bench::{Bench, FIRST, SECOND};
use super::faults::UNTIL_SWITCH;

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "host_keys_are_checked_strictly",
        host_keys_are_checked_strictly,
    ),
    (
        "a_host_that_is_gone_is_unreachable",
        a_host_that_is_gone_is_unreachable,
    ),
    (
        "a_foreign_key_is_not_admitted",
        a_foreign_key_is_not_admitted,
    ),
    ("a_held_lease_is_respected", a_held_lease_is_respected),
    (
        "hostile_words_reach_the_program_unchanged",
        hostile_words_reach_the_program_unchanged,
    ),
    (
        "a_killed_command_is_no_success",
        a_killed_command_is_no_success,
    ),
    (
        "a_command_is_silent_for_as_long_as_that_is_borne",
        a_command_is_silent_for_as_long_as_that_is_borne,
    ),
];

/// A real host understands more.
pub(crate) const OF_THE_STAND_IN: &[super::Scenario] = &[
    (
        "what_is_not_understood_is_an_error",
        what_is_not_understood_is_an_error,
    ),
    (
        "a_listener_is_refused_and_nothing_is_switched",
        a_listener_is_refused_and_nothing_is_switched,
    ),
];

fn refused(bench: &Bench) -> ConnectError {
    Host::connect(&bench.target()).unwrap_err()
}

fn host_keys_are_checked_strictly() {
    let mut bench = Bench::new(vec![HostFault::UnknownHostKey]);
    match refused(&bench) {
        ConnectError::UnknownHostKey {
            host,
            key_type,
            fingerprint,
            known_hosts,
        } => {
            assert_eq!(host, bench.host.listed_name());
            assert_eq!(key_type, "ssh-ed25519");
            assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
            assert_eq!(known_hosts, bench.host.known_hosts());
        }
        other => panic!("{other}"),
    }
    bench.host.inject(HostFault::ChangedHostKey).unwrap();
    assert!(matches!(
        refused(&bench),
        ConnectError::ChangedHostKey { .. }
    ));
    bench.host.inject(HostFault::RevokedHostKey).unwrap();
    assert!(matches!(
        refused(&bench),
        ConnectError::RevokedHostKey { .. }
    ));
    bench.host.heal().unwrap();
    bench.connect();
}

fn a_host_that_is_gone_is_unreachable() {
    let mut bench = Bench::new(vec![HostFault::Unreachable]);
    let error = refused(&bench);
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    bench.host.heal().unwrap();
    let host = bench.connect();
    bench.host.inject(HostFault::Unreachable).unwrap();
    let error = host.run(&Command::new("true")).unwrap_err();
    assert!(matches!(error, RunError::Lost { .. }), "{error}");
}

fn a_foreign_key_is_not_admitted() {
    let (bench, other) = Bench::two();
    let mut target = bench.target();
    target.identity = Some(other.host.identity().to_owned());
    let error = Host::connect(&target).unwrap_err();
    assert!(
        matches!(error, ConnectError::AuthenticationFailed { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("client_key"), "{error}");
}

fn a_held_lease_is_respected() {
    let bench = Bench::new(Vec::new());
    let (mine, other) = (
        bench.deploy_by(FIRST, "mine"),
        bench.deploy_by(SECOND, "other"),
    );
    let program = bench.program();
    bench
        .run_backend(&mine, Some(&program), &[ServiceStep::Upload])
        .unwrap();
    let host = bench.connect();
    let upload = ServiceStep::Upload;
    let error = perform_service(
        Part::Backend,
        upload,
        &host,
        &other,
        Some(&program),
        &mut |_| {},
    )
    .unwrap_err();
    match error {
        DeployError::LeaseHeld {
            holder,
            since,
            until,
            ..
        } => {
            assert_eq!(holder, "mine");
            assert!(since < until);
        }
        other => panic!("{other}"),
    }
    let facts = survey(&host, &bench.app).unwrap();
    assert!(
        facts.problems("other")[0]
            .what
            .contains("mine deploys to it"),
        "{facts:?}"
    );
    assert_eq!(facts.problems("mine"), []);
    // Its holder goes on, and gives it back at the end.
    bench
        .run_backend(&mine, Some(&program), &ServiceStep::ALL)
        .unwrap();
    bench
        .run_backend(&other, Some(&program), &ServiceStep::ALL)
        .unwrap();
    assert_eq!(bench.outcomes(), ["1 confirmed", "2 confirmed"]);
}

fn hostile_words_reach_the_program_unchanged() {
    let bench = Bench::new(Vec::new());
    let host = bench.connect();
    let words = [
        "a b",
        "it's",
        "\"",
        "$(touch x)",
        "`id`",
        "-n",
        "new\nline",
        "\\",
        "*",
        "",
        "ü",
    ];
    for privileged in [false, true] {
        let mut command = Command::script("printf '%s\\0' \"$@\"").args(words);
        if privileged {
            command = command.privileged();
        }
        let output = host.check(&command).unwrap();
        let text = output.text();
        assert_eq!(text.split_terminator('\0').collect::<Vec<_>>(), words);
        // The form that an account without root gets.
        let line = command.line(true);
        assert_eq!(line.starts_with("sudo -n -- sh -c "), privileged, "{line}");
        let output = host
            .check(&Command::script("eval \"$1\"").arg(&line))
            .unwrap();
        assert_eq!(output.text(), text);
    }
    let error = host.run(&Command::new("echo").arg("a\0b")).unwrap_err();
    assert!(matches!(error, RunError::Unsendable { .. }), "{error}");
}

fn a_killed_command_is_no_success() {
    let bench = Bench::new(Vec::new());
    let host = bench.connect();
    // Also the shell that waits for its end.
    let all = "kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat) $PPID $$";
    let error = host.run(&Command::script(all)).unwrap_err();
    assert!(matches!(error, RunError::Lost { .. }), "{error}");
    let output = host.run(&Command::script("kill -9 $$")).unwrap();
    assert_eq!(output.status, 137);
    let patience = std::time::Duration::from_millis(300);
    let slow = Command::script("exec sleep 20").silence_timeout(patience);
    assert!(matches!(
        host.run(&slow).unwrap_err(),
        RunError::Lost { .. }
    ));
}

/// Longer than a connection is quiet without being looked after.
fn a_command_is_silent_for_as_long_as_that_is_borne() {
    let bench = Bench::new(Vec::new());
    let host = bench.connect();
    let patience = std::time::Duration::from_secs(60);
    let slow = Command::script("cat; sleep 17; echo done").silence_timeout(patience);
    assert_eq!(host.check(&slow).unwrap().text(), "done\n");
    // What is no line for a shell has a channel of its own.
    let slow = slow.input(vec![0xff]);
    assert_eq!(host.check(&slow).unwrap().stdout, b"\xffdone\n");
}

fn what_is_not_understood_is_an_error() {
    let bench = Bench::new(Vec::new());
    let host = bench.connect();
    let check = |line: &str, part: &str| {
        let output = host.run(&Command::script("eval \"$1\"").arg(line)).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status != 0 && said.contains(part),
            "{line}: {} {said}",
            output.status
        );
    };
    check("systemctl mask guestbook", "does not understand");
    check("systemctl start absent.service", "not found");
    check("systemctl --force stop x", "option --force");
    check("systemctl show -p Id guestbook-backend@blue", "property Id");
    check("systemd-run --unit=x --uid=0 -- /bin/true", "--uid=0");
    check("nft flush ruleset", "does not understand");
    check("echo 'table ip nat { }' | nft -f -", "does not understand");
    check("journalctl -f -u guestbook", "does not understand");
    check("ss -tulpn", "does not understand");
    check("sudo true", "password");
    check("sudo -n -u postgres true", "does not understand -u");
    let unit = bench.on_host("etc/systemd/system/odd.service");
    std::fs::write(
        unit,
        "[Service]\nExecStart=/bin/true\nExecStratPre=/bin/false\n",
    )
    .unwrap();
    check("systemctl start odd", "ExecStratPre");
    let unit = bench.on_host("etc/systemd/system/foreign.service");
    std::fs::write(unit, "[Service]\nUser=somebody-else\nExecStart=/bin/true\n").unwrap();
    check("systemctl start foreign", "User=somebody-else");
    let drop_in = bench.on_host("etc/systemd/system/plain.service.d");
    std::fs::create_dir(drop_in).unwrap();
    check("systemctl start plain", "drop-ins are not understood");
}

fn a_listener_is_refused_and_nothing_is_switched() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().switch = Method::Socket;
    let program = bench.program();
    let error = bench
        .run_backend(&bench.deploy(SECOND), Some(&program), UNTIL_SWITCH)
        .unwrap_err()
        .to_string();
    for part in ["hands no listener on", "nothing was switched"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(bench.serving().as_deref(), Some("1"));
    assert_eq!(bench.host.timers(), Vec::<String>::new());
}
