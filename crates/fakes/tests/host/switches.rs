//! The ways of switching beside the kernel's: a restart, and proxies. Every way back that
//! holds for one holds for all; what a proxy refuses changes nothing.

use stagegate_deploy::{DrainProbe, Method, Preset, ServiceStep, SwitchKind, status, survey};
use stagegate_fakes::load::{Load, Sample};

use super::bench::{Bench, FIRST, SECOND, eventually, sentences};
use super::faults::{UNTIL_SWITCH, check_settled, rolled_back};
use super::ways_back;

/// On every host.
pub(crate) const SCENARIOS: &[super::Scenario] = &[
    ("by_restart_a_lost_client_is_reverted", || {
        ways_back::lost_client(&mut restart());
    }),
    ("by_restart_a_lost_first_deploy_leaves_nothing", || {
        ways_back::lost_first_deploy(&mut restart());
    }),
    ("by_restart_a_revert_is_at_once", || {
        ways_back::revert_now(&mut restart());
    }),
    ("by_restart_a_reboot_keeps_the_new", || {
        ways_back::reboot_after(&mut restart());
    }),
];

macro_rules! every_way_back {
    ($name:literal, $bench:expr) => {
        &[
            (concat!($name, "_a_crash_rolls_back"), || {
                ways_back::crash(&mut $bench);
            }),
            (concat!($name, "_a_lost_client_is_reverted"), || {
                ways_back::lost_client(&mut $bench);
            }),
            (
                concat!($name, "_a_lost_first_deploy_leaves_nothing"),
                || {
                    ways_back::lost_first_deploy(&mut $bench);
                },
            ),
            (concat!($name, "_a_revert_is_at_once"), || {
                ways_back::revert_now(&mut $bench);
            }),
            (concat!($name, "_a_reboot_keeps_the_new"), || {
                ways_back::reboot_after(&mut $bench);
            }),
            (concat!($name, "_a_power_cut_restores_the_old"), || {
                ways_back::reboot_before(&mut $bench);
            }),
        ]
    };
}

/// Each way of switching that only real hosts know, and every way back.
pub(crate) const WAYS_BACK: &[&[super::Scenario]] = &[
    every_way_back!("by_socket", socket()),
    every_way_back!("behind_nginx", behind(Preset::Nginx)),
    every_way_back!("behind_caddy", behind(Preset::Caddy)),
];

/// On real hosts, which have proxies, lose their power, and redirect a port that a program
/// listens on.
pub(crate) const OF_REAL_HOSTS: &[super::Scenario] = &[
    (
        "a_change_of_method_goes_both_ways",
        a_change_of_method_goes_both_ways,
    ),
    ("by_restart_a_crash_rolls_back", || {
        ways_back::crash(&mut restart());
    }),
    ("by_restart_a_power_cut_restores_the_old", || {
        ways_back::reboot_before(&mut restart());
    }),
    (
        "a_change_to_a_listener_goes_both_ways",
        a_change_to_a_listener_goes_both_ways,
    ),
    (
        "a_listener_is_announced_and_then_watched",
        a_listener_is_announced_and_then_watched,
    ),
    (
        "who_does_not_take_its_listener_replaces_nobody",
        who_does_not_take_its_listener_replaces_nobody,
    ),
    ("what_nginx_refuses_is_not_switched", || {
        what_it_refuses_is_not_switched(Preset::Nginx, "nonsense;\n", "nginx");
    }),
    ("what_caddy_refuses_is_not_switched", || {
        what_it_refuses_is_not_switched(Preset::Caddy, "a {\n\tnonsense\n}\n", "caddy");
    }),
    ("haproxy_follows_its_preset", haproxy_follows_its_preset),
    (
        "a_proxy_that_is_not_there_is_named",
        a_proxy_that_is_not_there_is_named,
    ),
];

fn restart() -> Bench {
    let mut bench = Bench::new(Vec::new());
    bench.backend().switch = Method::Restart;
    bench
}

fn socket() -> Bench {
    let mut bench = Bench::new(Vec::new());
    bench.backend().switch = Method::Socket;
    bench
}

fn behind(preset: Preset) -> Bench {
    let mut bench = Bench::new(Vec::new());
    bench.behind(preset);
    bench
}

fn a_change_of_method_goes_both_ways() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().switch = Method::Restart;
    // A way back leads over the method of before.
    bench.reverts_soon();
    bench
        .run_backend(&bench.deploy(SECOND), Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
    eventually("the host reverts", || {
        bench.outcomes() == ["1 confirmed", "2 reverted"]
    });
    check_settled(&bench, FIRST, &["1 confirmed", "2 reverted"]);
    std::fs::remove_file(bench.on_host("opt/guestbook/lease")).unwrap();
    bench.backend().revert_after_seconds = 120;
    bench.deploy_backend(SECOND);
    bench.backend().switch = Method::Nft;
    bench.deploy_backend(FIRST);
    let outcomes = ["1 confirmed", "2 reverted", "2 confirmed", "1 confirmed"];
    check_settled(&bench, FIRST, &outcomes);
    bench.host.reboot().unwrap();
    eventually("it answers again", || bench.get("/health").is_some());
    check_settled(&bench, FIRST, &outcomes);
}

fn nothing_failed(load: Load) {
    let failed = load.stop().into_iter().filter(Sample::failed);
    let failed: Vec<Sample> = failed.collect();
    assert!(failed.is_empty(), "{failed:?}");
}

/// From rules to a listener, back, and again; then to a program that listens by itself.
fn a_change_to_a_listener_goes_both_ways() {
    let mut bench = Bench::new(Vec::new());
    bench.deploy_backend(FIRST);
    bench.backend().switch = Method::Socket;
    bench.reverts_soon();
    bench
        .run_backend(&bench.deploy(SECOND), Some(&bench.program()), UNTIL_SWITCH)
        .unwrap();
    assert_eq!(bench.serving().as_deref(), Some("2"));
    let outcomes = ["1 confirmed", "2 reverted"];
    eventually("the host reverts", || bench.outcomes() == outcomes);
    check_settled(&bench, FIRST, &outcomes);
    std::fs::remove_file(bench.on_host("opt/guestbook/lease")).unwrap();
    bench.backend().revert_after_seconds = 120;
    bench.deploy_backend(SECOND);
    bench.backend().switch = Method::Nft;
    bench.deploy_backend(FIRST);
    let outcomes = ["1 confirmed", "2 reverted", "2 confirmed", "1 confirmed"];
    check_settled(&bench, FIRST, &outcomes);
    // The listener was closed with the last slot that had it, so the port is free.
    bench.backend().switch = Method::Socket;
    bench.deploy_backend(SECOND);
    bench.backend().switch = Method::Restart;
    bench.deploy_backend(FIRST);
    bench.host.reboot().unwrap();
    eventually("it answers again", || bench.get("/health").is_some());
    let outcomes = [&outcomes[..], &["2 confirmed", "1 confirmed"]].concat();
    check_settled(&bench, FIRST, &outcomes);
}

fn a_listener_is_announced_and_then_watched() {
    let bench = socket();
    let unit = "/etc/systemd/system/guestbook-listener.socket";
    let pending = survey(&bench.connect(), &bench.app).unwrap().pending;
    let announced = pending.iter().find(|file| file.path == unit).unwrap();
    assert_eq!(announced.there, None);
    assert!(
        announced.wanted.contains("ListenStream=8080"),
        "{announced:?}"
    );
    bench.deploy_backend(FIRST);
    let told = || status(&bench.connect(), &bench.app).unwrap();
    assert_eq!(told().switch_kind, Some(SwitchKind::Socket));
    assert_eq!(told().drift, []);
    assert_eq!(survey(&bench.connect(), &bench.app).unwrap().pending, []);
    let drop_in = "etc/systemd/system/guestbook-backend@blue.service.d/listener.conf";
    std::fs::remove_file(bench.on_host(drop_in)).unwrap();
    let drift = told().drift;
    assert!(
        drift.len() == 1 && drift[0].to_string().contains(drop_in),
        "{drift:?}"
    );
}

/// It is well on its own port, and listens there still when it is given a listener: the old
/// release goes on, since nobody answers for the new one.
fn who_does_not_take_its_listener_replaces_nobody() {
    let mut bench = socket();
    bench.deploy_backend(FIRST);
    bench.backend().health_deadline_seconds = 2;
    let load = bench.load();
    let program = bench.script(LISTENS_BY_ITSELF);
    let mut deploy = bench.deploy(SECOND);
    deploy.release.version = "9.9.9".parse().unwrap();
    let outcome = bench.run_backend(&deploy, Some(&program), &ServiceStep::ALL);
    rolled_back(outcome, "with the listener");
    nothing_failed(load);
    check_settled(&bench, FIRST, &["1 confirmed", "2 reverted"]);
}

/// Says that it is well, on the port that it is told.
const LISTENS_BY_ITSELF: &str = r#"exec perl -MIO::Socket::INET -e '
my $listener = IO::Socket::INET->new(LocalPort => $ENV{PORT}, Listen => 20, ReuseAddr => 1) or die;
my $said = "{\"version\":\"9.9.9\"}";
while (my $client = $listener->accept) {
  while (my $line = <$client>) { last if $line =~ /^\r?\n/ }
  print $client "HTTP/1.1 200 OK\r\nContent-Length: ", length $said, "\r\nConnection: close\r\n\r\n", $said;
  close $client;
}'"#;

/// What the proxy would say of `nonsense` begins with its name.
fn what_it_refuses_is_not_switched(preset: Preset, nonsense: &str, its_name: &str) {
    let mut bench = behind(preset);
    bench.deploy_backend(FIRST);
    let Method::Template(proxy) = &mut bench.backend().switch else {
        panic!("it is behind a proxy");
    };
    let (well, file) = (proxy.clone(), proxy.file.clone());
    proxy.text.push_str(nonsense);
    let before = std::fs::read_to_string(bench.on_host(&file.as_str()[1..])).unwrap();
    let load = bench.load();
    let deploy = bench.deploy(SECOND);
    let program = bench.program();
    let error = bench
        .run_backend(&deploy, Some(&program), UNTIL_SWITCH)
        .unwrap_err()
        .to_string();
    nothing_failed(load);
    // What the proxy said is told, and what was done about it.
    for part in [its_name, "nonsense", "nothing was switched"] {
        assert!(error.contains(part), "{error}");
    }
    let after = std::fs::read_to_string(bench.on_host(&file.as_str()[1..])).unwrap();
    assert_eq!(before, after);
    assert_eq!(bench.serving().as_deref(), Some("1"));
    assert_eq!(bench.host.timers(), Vec::<String>::new());
    // The same run, once the template is mended.
    bench.backend().switch = Method::Template(well);
    bench
        .run_backend(&bench.deploy(SECOND), Some(&program), &ServiceStep::ALL)
        .unwrap();
    check_settled(&bench, SECOND, &["1 confirmed", "2 confirmed"]);
}

fn haproxy_follows_its_preset() {
    let mut bench = Bench::new(Vec::new());
    bench.behind(Preset::Haproxy);
    ways_back::revert_now(&mut bench);
    assert!(bench.get("/version").is_some());
}

fn a_proxy_that_is_not_there_is_named() {
    let mut bench = behind(Preset::Nginx);
    assert_eq!(
        survey(&bench.connect(), &bench.app).unwrap().problems("me"),
        []
    );
    bench.stop_proxies();
    let problems = |bench: &Bench| {
        let facts = survey(&bench.connect(), &bench.app).unwrap();
        sentences(&facts.problems("me"))
    };
    let said = problems(&bench).join("\n");
    for part in [
        "systemctl start nginx.service",
        "nothing listens on port 8080",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let Method::Template(proxy) = &mut bench.backend().switch else {
        panic!("it is behind nginx");
    };
    proxy.watch = DrainProbe::Slot;
    proxy.unit = None;
    proxy.check = vec!["no-such-program".into()];
    proxy.file = "/etc/nowhere/guestbook.conf".into();
    let said = problems(&bench).join("\n");
    assert!(!said.contains("nothing listens"), "{said}");
    for part in ["no-such-program not found", "no directory /etc/nowhere"] {
        assert!(said.contains(part), "{said}");
    }
}
