//! Two hosts: the second follows when the first is confirmed, and where it fails,
//! the first goes back. A run that is gone on with brings both forward.

use camino::Utf8PathBuf;
use stagegate_fakes::host::FakeHost;

use crate::process::Ran;
use crate::world::{ENVIRONMENT, World, front_end};
use crate::{web, within_a_rehearsal};

/// A world with a second host beside its own.
struct TwoHosts {
    second: FakeHost,
    world: World,
}

impl TwoHosts {
    fn start(name: &str) -> TwoHosts {
        let world = World::start(name);
        let place = world.place.host.with_file_name("second-host");
        let handle = world.fakes.handle();
        let second = FakeHost::start(handle, &place, front_end(), None, Vec::new()).unwrap();
        let here = TwoHosts { second, world };
        here.provision(ENVIRONMENT[0]);
        here.configure();
        here
    }

    /// The second host is another environment as well.
    fn configure_staging(&self) {
        let mut overlay = std::fs::read_to_string(self.world.overlay()).unwrap();
        let (_, production) = overlay.split_once("\n[deploy.production]\n").unwrap();
        let (production, _) = production.split_once("\n[").unwrap_or((production, ""));
        let others = production.lines().filter(|line| !line.starts_with("hosts"));
        let others: Vec<&str> = others.collect();
        overlay.push_str(&format!(
            "\n[deploy.staging]\nhosts = [{}]\n{}\n",
            entry(&self.second),
            others.join("\n")
        ));
        std::fs::write(self.world.overlay(), overlay).unwrap();
    }

    /// The environment file of the second host, with this line for the store.
    fn provision(&self, store: &str) {
        let lines = [store, ENVIRONMENT[1]];
        let lines = lines.map(|line| line.replace("{prefix}", self.second.prefix().as_str()));
        self.second.provision("guestbook", &lines).unwrap();
    }

    /// Both hosts in the file over stagegate.toml.
    fn configure(&self) {
        let first = self.world.host();
        let known = first.known_hosts();
        let keys = [known, self.second.known_hosts()].map(|f| std::fs::read_to_string(f).unwrap());
        std::fs::write(known, keys.concat()).unwrap();
        let overlay = std::fs::read_to_string(self.world.overlay()).unwrap();
        let both = format!("{}, {}", address(first), entry(&self.second));
        assert!(overlay.contains(&address(first)), "{overlay}");
        let overlay = overlay.replace(&address(first), &both);
        std::fs::write(self.world.overlay(), overlay).unwrap();
    }

    fn deploy(&self, version: &[&str]) -> Ran {
        let arguments = [&["deploy", "backend", "--yes"], version].concat();
        self.world.run(&arguments)
    }

    /// What users of each host are answered.
    fn versions(&self) -> [String; 2] {
        let second = format!("http://127.0.0.1:{}/version", self.second.public_port());
        [self.world.url("/version"), second].map(|url| web::get(&url).text().trim().to_owned())
    }

    /// How each deploy to a host ended, oldest first.
    fn deploys(&self, host: &FakeHost) -> Vec<String> {
        let log: Utf8PathBuf = host.prefix().join("opt/guestbook/deploys.jsonl");
        let lines = std::fs::read_to_string(log).unwrap();
        let ended = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", record["version"], record["outcome"]).replace('"', "")
        };
        lines.lines().map(ended).collect()
    }

    /// Nothing runs but what users meet, and nobody holds anything.
    fn nothing_is_under_way(&self) {
        for host in [self.world.host(), &self.second] {
            assert_eq!(host.processes().len(), 1, "{:?}", host.processes());
            assert_eq!(host.timers(), [""; 0]);
            assert!(!host.prefix().join("opt/guestbook/lease").exists());
        }
    }
}

/// A host's address, as stagegate.toml has it.
fn address(host: &FakeHost) -> String {
    format!("\"{}@127.0.0.1:{}\"", host.user(), host.port())
}

/// A host with all that is needed to reach it, as stagegate.toml has it.
fn entry(host: &FakeHost) -> String {
    format!(
        "{{ address = {}, port = {}, identity = \"{}\", prefix = \"{}\" }}",
        address(host),
        host.public_port(),
        host.identity(),
        host.prefix(),
    )
}

/// A release that is only committed and tagged, to be deployed by name.
pub(crate) fn commit_a_version(world: &World, version: &str) {
    let root = world.root();
    let manifest = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let (_, behind) = text.split_once("\nversion = \"").expect("a version");
    let (before, _) = behind.split_once('"').unwrap();
    let [from, to] = [before, version].map(|version| format!("version = \"{version}\""));
    std::fs::write(&manifest, text.replace(&from, &to)).unwrap();
    let mut cargo = crate::process::command("cargo", root);
    cargo.args(["update", "--workspace", "--offline", "--quiet"]);
    crate::process::run(cargo).must_end_with(0);
    crate::process::git(
        root,
        &["commit", "--all", "--quiet", "--message", "Another version"],
    );
}

#[test]
fn a_host_that_fails_takes_the_others_back_and_the_next_run_brings_all_forward() {
    if within_a_rehearsal() {
        return;
    }
    let two = TwoHosts::start("waves");
    let plan = two
        .world
        .run(&["deploy", "backend", "--dry-run"])
        .must_end_with(0);
    assert!(plan.stdout.contains("confirm, disarm"), "{}", plan.stdout);
    two.deploy(&[]).must_end_with(0);
    assert_eq!(two.versions(), ["0.1.0"; 2]);
    two.nothing_is_under_way();

    commit_a_version(&two.world, "0.1.1");
    two.provision("DATABASE_URL=nonsense");
    let failed = two.deploy(&[]);
    let words = failed.words();
    assert_eq!(failed.code, Some(7), "{words}");
    assert!(
        words.contains("0.1.0") && words.contains("runs again"),
        "{words}"
    );
    assert!(
        words.contains("traffic is back on the previous release"),
        "{words}"
    );
    // The environment file is read at the start: the second host runs on as it was.
    assert_eq!(two.versions(), ["0.1.0"; 2]);
    let first = two.deploys(two.world.host());
    assert_eq!(
        first,
        ["0.1.0 confirmed", "0.1.1 confirmed", "0.1.0 confirmed"]
    );
    let second = two.deploys(&two.second);
    assert_eq!(second, ["0.1.0 confirmed", "0.1.1 unhealthy"]);
    two.nothing_is_under_way();

    two.provision(ENVIRONMENT[0]);
    // That run is over: it cannot be gone on with, and is in nobody's way.
    let over = two.deploy(&["--resume"]).must_end_with(8);
    let words = over.words();
    assert!(words.contains("there is nothing to resume"), "{words}");
    two.deploy(&[]).must_end_with(0);
    assert_eq!(two.versions(), ["0.1.1"; 2]);
    two.nothing_is_under_way();

    // Back again, both of them: to what was known to be good before.
    two.world
        .run(&["rollback", "backend", "--yes"])
        .must_end_with(0);
    assert_eq!(two.versions(), ["0.1.0"; 2]);
    two.nothing_is_under_way();
}

#[test]
fn a_run_that_is_given_up_leaves_nothing_behind_and_no_other_environment_waits_for_it() {
    if within_a_rehearsal() {
        return;
    }
    let two = TwoHosts::start("given-up");
    two.configure_staging();
    two.deploy(&[]).must_end_with(0);
    commit_a_version(&two.world, "0.1.1");
    // Lost where the slot is started, and no user was led to it.
    let mut lost = two.world.command(&["deploy", "backend", "--yes"]);
    lost.env("STAGEGATE_REHEARSAL_KILL", "after:8");
    assert_eq!(crate::process::run(lost).signal, Some(9));
    let state = two.world.root().join(".git/stagegate");
    let journal = state.join("deploy-production.jsonl");
    let records = std::fs::read_to_string(&journal).unwrap();
    let last = records.lines().last().unwrap();
    assert!(
        last.contains("started") && last.contains("health"),
        "{last}"
    );

    // What goes on in one environment is no other's business.
    let staging = ["deploy", "backend", "--env", "staging", "--yes"];
    two.world.run(&staging).must_end_with(0);
    assert_eq!(two.versions(), ["0.1.0", "0.1.1"]);

    let refused = two.deploy(&[]).must_end_with(8);
    let words = refused.words();
    assert!(words.contains("give it up with --abandon"), "{words}");
    let given_up = two
        .world
        .run(&["deploy", "backend", "--abandon"])
        .must_end_with(0);
    let words = given_up.words();
    assert!(
        words.contains("deploy-production is given up after 3 of"),
        "{words}"
    );
    assert!(!journal.exists());
    assert!(state.join("deploy-production.set-aside").exists());
    // The host sees it, and stops what it had started for nobody.
    let began = std::time::Instant::now();
    while two.world.host().processes().len() > 1 && began.elapsed().as_secs() < 30 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    two.nothing_is_under_way();
    let first = two.deploys(two.world.host());
    assert_eq!(first, ["0.1.0 confirmed", "0.1.1 reverted"]);
    let nothing = two.world.run(&["deploy", "backend", "--abandon"]);
    assert_eq!(nothing.code, Some(8), "{}", nothing.words());

    two.deploy(&[]).must_end_with(0);
    assert_eq!(two.versions(), ["0.1.1"; 2]);
    two.nothing_is_under_way();
}

#[test]
fn a_deploy_that_no_user_met_does_not_stand_in_the_way_of_its_fix() {
    if within_a_rehearsal() {
        return;
    }
    let world = World::start("unmet");
    world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    commit_a_version(&world, "0.1.1");
    let file = world.host().prefix().join("etc/guestbook/.env");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        good.replace("DATABASE_URL=", "DATABASE_URL=nonsense:"),
    )
    .unwrap();
    let failed = world.run(&["deploy", "backend", "--yes"]);
    let words = failed.words();
    assert_eq!(failed.code, Some(6), "{words}");
    // Another commit, with the fix: nothing has to be given up or removed first.
    std::fs::write(&file, good).unwrap();
    commit_a_version(&world, "0.1.2");
    world.run(&["deploy", "backend", "--yes"]).must_end_with(0);
    assert_eq!(web::get(&world.url("/version")).text().trim(), "0.1.2");
}
