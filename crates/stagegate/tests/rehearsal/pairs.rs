//! An app whose frontend is a service too: deployed at two versions, and rolled back as
//! the pair that it was, the frontend first.

use crate::evidence::{self, ended_deploys};
use crate::process::git;
use crate::waves::commit_a_version;
use crate::world::World;
use crate::{web, within_a_rehearsal};

/// A world whose app has a frontend that listens: the guestbook's program once more.
fn start(name: &str) -> World {
    let world = World::start(name);
    let root = world.root();
    let programs = root.join("crates/demo/src/bin");
    let copied = std::fs::copy(
        programs.join("guestbook-backend.rs"),
        programs.join("guestbook-web.rs"),
    );
    copied.unwrap();
    let file = root.join("stagegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("[app.frontend]").unwrap();
    let (_, after) = rest.split_once("[deploy.production]").unwrap();
    let service = "[app.frontend.service]\npackage = \"stagegate-demo\"\n\
                   binary = \"guestbook-web\"\nport = 8090\nenv_file = \"/etc/guestbook/.env\"\n\
                   require_env = [\"DATABASE_URL\"]\ndrain = \"5s\"\n";
    let text = format!("{before}{service}\n[deploy.production]{after}");
    std::fs::write(&file, text).unwrap();
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let port = world.host().frontend_port();
    let (overlay, _) = overlay.split_once("url =").unwrap();
    let more = format!("frontend_port = {port}\nurl = \"http://127.0.0.1:{port}/version\"\n");
    let overlay = format!("{overlay}{more}");
    std::fs::write(world.overlay(), overlay).unwrap();
    git(root, &["add", "--all"]);
    git(
        root,
        &["commit", "--quiet", "--message", "A frontend that listens"],
    );
    world
}

/// What users of the backend and of the frontend are answered.
fn versions(world: &World) -> [String; 2] {
    let front = format!("http://127.0.0.1:{}/version", world.host().frontend_port());
    [world.url("/version"), front].map(|url| web::get(&url).text().trim().to_owned())
}

/// Each part answers with that version, and nothing else is there.
fn runs(world: &World, version: &str) {
    assert_eq!(versions(world), [version; 2]);
    let mut units: Vec<String> = world
        .host()
        .processes()
        .into_iter()
        .map(|process| process.unit)
        .collect();
    units.sort();
    let parts: Vec<_> = units.iter().filter_map(|u| u.split('@').next()).collect();
    assert_eq!(parts, ["guestbook-backend", "guestbook-frontend"]);
    assert_eq!(world.host().timers(), [""; 0]);
    evidence::nothing_is_under_way(&world.place);
    let frontend = world.place.host.join("opt/guestbook/frontend");
    assert_eq!(evidence::names(&frontend), ["slots", "switch"]);
    let switch = frontend.join("switch");
    assert_eq!(evidence::names(&switch), ["confirmed", "switchctl"]);
}

#[test]
fn a_pair_of_services_is_rolled_back_frontend_first() {
    if within_a_rehearsal() {
        return;
    }
    let world = start("pairs");
    world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    runs(&world, "0.1.0");
    commit_a_version(&world, "0.1.1");
    world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    runs(&world, "0.1.1");

    let plan = world.run(&["rollback", "both", "--dry-run"]);
    let plan = plan.must_end_with(0).stdout;
    let at = |text: &str| {
        let found = plan.find(text);
        found.unwrap_or_else(|| panic!("no {text} in {plan}"))
    };
    let frontend = at("the frontend: confirm, disarm and drain");
    assert!(frontend < at("deploy-backend"), "{plan}");
    assert!(plan.contains("see that 0.1.0 is still on"), "{plan}");
    runs(&world, "0.1.1");

    world.run(&["rollback", "both", "--yes"]).must_end_with(0);
    runs(&world, "0.1.0");
    let ended = ended_deploys(&world.place);
    let expected = [
        "backend 0.1.0 confirmed",
        "frontend 0.1.0 confirmed",
        "backend 0.1.1 confirmed",
        "frontend 0.1.1 confirmed",
        "frontend 0.1.0 confirmed",
        "backend 0.1.0 confirmed",
    ];
    assert_eq!(ended, expected);

    let status = world.run(&["status"]).must_end_with(0).stdout;
    assert!(status.contains("runs 0.1.0-"), "{status}");
    assert!(status.contains(", frontend 0.1.0-"), "{status}");
    assert!(status.contains("healthy too"), "{status}");
    let history = world.run(&["history"]).must_end_with(0).stdout;
    let told: Vec<&str> = history.lines().skip(1).take(2).collect();
    assert!(told[0].contains("backend   0.1.0-"), "{history}");
    assert!(told[1].contains("frontend  0.1.0-"), "{history}");
    what_is_half_back_goes_all_the_way(&world);
    an_older_release_goes_frontend_first(&world);
    a_bundle_replaces_the_service(&world);
}

/// One part is back, as where the run that should have brought back both was lost: whoever
/// goes back then does not meet again what was just left.
fn what_is_half_back_goes_all_the_way(world: &World) {
    world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    runs(world, "0.1.1");
    let one = world.run(&["rollback", "frontend", "--yes"]);
    one.must_end_with(0);
    assert_eq!(versions(world), ["0.1.1", "0.1.0"]);
    world.run(&["rollback", "both", "--yes"]).must_end_with(0);
    runs(world, "0.1.0");
}

/// A deploy of a release by its name, where a newer one runs.
fn an_older_release_goes_frontend_first(world: &World) {
    world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    runs(world, "0.1.1");
    // The tag is of a commit whose frontend did not listen.
    git(world.root(), &["tag", "--force", "v0.1.0", "HEAD~1"]);
    let older = ["deploy", "both", "--version", "0.1.0"];
    let plan = world.run(&[&older[..], &["--dry-run"]].concat());
    let plan = plan.must_end_with(0).stdout;
    let told = "runs 0.1.1, which is newer than 0.1.0: its frontend goes first";
    assert!(plan.contains(told), "{plan}");
    world
        .run(&[&older[..], &["--yes"]].concat())
        .must_end_with(0);
    runs(world, "0.1.0");
    let ended = ended_deploys(&world.place);
    let expected = [
        "backend 0.1.1 confirmed",
        "frontend 0.1.1 confirmed",
        "frontend 0.1.0 confirmed",
        "backend 0.1.0 confirmed",
    ];
    assert_eq!(ended[ended.len() - 4..], expected);
}

/// The configuration says a bundle again: what the plan says, and what is left.
fn a_bundle_replaces_the_service(world: &World) {
    let root = world.root();
    git(
        root,
        &["checkout", "--quiet", "HEAD~2", "--", "stagegate.toml"],
    );
    git(
        root,
        &["commit", "--quiet", "--message", "A frontend of files"],
    );
    let overlay = std::fs::read_to_string(world.overlay()).unwrap();
    let port = world.host().public_port();
    let (overlay, _) = overlay.split_once("frontend_port =").unwrap();
    let overlay = format!("{overlay}url = \"http://127.0.0.1:{port}/\"\n");
    std::fs::write(world.overlay(), overlay).unwrap();

    let status = world.run(&["status"]).must_end_with(1).stdout;
    assert!(status.contains("still runs as one in slot"), "{status}");
    let refused = world.run(&["rollback", "frontend"]).must_end_with(3);
    assert!(
        refused.words().contains("no known-good"),
        "{}",
        refused.words()
    );
    let plan = world.run(&["deploy", "both", "--dry-run"]).must_end_with(0);
    let stops = "stop the frontend's service 0.1.0-";
    assert!(plan.stdout.contains(stops), "{}", plan.stdout);
    let ran = world.run(&["deploy", "both", "--yes"]).must_end_with(0);
    assert!(ran.words().contains("is stopped"), "{}", ran.words());
    let processes = world.host().processes();
    assert_eq!(processes.len(), 1, "{processes:?}");
    evidence::nothing_is_under_way(&world.place);
    let frontend = world.place.host.join("opt/guestbook/frontend");
    assert_eq!(evidence::names(&frontend), ["current", "served"]);
    assert_eq!(web::get(&world.url("/")).status, 200);
    let history = world.run(&["history"]).must_end_with(0).stdout;
    assert!(
        history.contains("stopped for good: the frontend is a bundle now"),
        "{history}"
    );
    world.run(&["status"]).must_end_with(0);
    // What ran before is of the other form, and says where to find it.
    let refused = world.run(&["rollback", "both"]).must_end_with(3);
    let words = refused.words();
    assert!(
        words.contains("the frontend was a service (0.1.0)"),
        "{words}"
    );
}
