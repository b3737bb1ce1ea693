//! What staging runs goes to production as it is, and the data follow in each.

use camino::Utf8PathBuf;
use stagegate_fakes::host::FakeHost;

use crate::world::{ENVIRONMENT, World, front_end};
use crate::{evidence, web, within_a_rehearsal};

/// A world whose own host is production, with a second one for staging.
struct Environments {
    staging: FakeHost,
    world: World,
}

impl Environments {
    fn start() -> Environments {
        let world = World::start("promotion");
        let place = world.place.host.with_file_name("staging-host");
        let handle = world.fakes.handle();
        let staging = FakeHost::start(handle, &place, front_end(), None, Vec::new()).unwrap();
        let lines = ENVIRONMENT.map(|line| line.replace("{prefix}", staging.prefix().as_str()));
        staging.provision("guestbook", &lines).unwrap();
        let overlay = std::fs::read_to_string(world.overlay()).unwrap();
        let port = staging.public_port();
        let more = format!(
            "\n[app.backend.migrate]\nrun = [\"sh\", \"-c\", \"echo {{version}} >>$STATE_DIRECTORY/schema\"]\n\
             undo = [\"sh\", \"-c\", \"echo back from {{version}} >>$STATE_DIRECTORY/schema\"]\n\n\
             [deploy.staging]\nhosts = [\"{user}@127.0.0.1:{}\"]\nidentity = \"{}\"\n\
             known_hosts = \"{}\"\nssh_config = \"none\"\nprefix = \"{}\"\nport = {port}\n\
             service_user = \"{user}\"\nstabilize = \"1s\"\nurl = \"http://127.0.0.1:{port}/\"\n",
            staging.port(),
            staging.identity(),
            staging.known_hosts(),
            staging.prefix(),
            user = staging.user(),
        );
        std::fs::write(world.overlay(), overlay + &more).unwrap();
        Environments { staging, world }
    }

    /// The only release on a host, its program's hash, and what its data say.
    fn of(&self, host: &FakeHost) -> (String, String, String) {
        let app: Utf8PathBuf = host.prefix().join("opt/guestbook");
        let releases: Vec<_> = app
            .join("releases")
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        assert_eq!(releases.len(), 1, "{releases:?}");
        let program = app
            .join("releases")
            .join(&releases[0])
            .join("backend/guestbook-backend");
        let schema = host.prefix().join("var/lib/guestbook/schema");
        (
            releases[0].clone(),
            evidence::sha256(&std::fs::read(program).unwrap()),
            std::fs::read_to_string(schema).unwrap(),
        )
    }
}

#[test]
fn staging_is_promoted_and_not_built_again() {
    if within_a_rehearsal() {
        return;
    }
    let here = Environments::start();
    let world = &here.world;
    let ran = world.run(&["deploy", "both", "--from", "staging", "--yes"]);
    let ran = ran.must_end_with(3);
    assert!(ran.words().contains("runs nothing yet"), "{}", ran.words());
    world
        .run(&["deploy", "both", "--env", "staging", "--yes"])
        .must_end_with(0);
    // From here on nothing can be built from the checkout.
    std::fs::write(world.root().join("crates/demo/src/lib.rs"), "no Rust").unwrap();
    let ran = world.run(&["deploy", "both", "--from", "production"]);
    assert!(ran.must_end_with(3).words().contains("promoted to itself"));
    let ran = world.run(&["deploy", "both", "--from", "nowhere"]);
    assert!(
        ran.must_end_with(3)
            .words()
            .contains("no environment `nowhere`")
    );
    let promote = ["deploy", "both", "--from", "staging", "--yes"];
    let ran = world.run(&promote).must_end_with(0);
    assert!(ran.stdout.contains("take what runs on"), "{}", ran.stdout);
    let (release, hash, schema) = here.of(&here.staging);
    assert_eq!(schema, "0.1.0\n");
    assert_eq!(here.of(world.host()), (release, hash, schema));
    assert_eq!(web::get(&world.url("/version")).text().trim(), "0.1.0");
    assert_eq!(web::get(&world.url("/")).status, 200);
    // What was changed on staging by hand is nobody's artifact.
    let (release, ..) = here.of(&here.staging);
    let program = here.staging.prefix().join(format!(
        "opt/guestbook/releases/{release}/backend/guestbook-backend"
    ));
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let ran = world.run(&promote).must_end_with(3);
    assert!(
        ran.words().contains("changed since its upload"),
        "{}",
        ran.words()
    );
}
