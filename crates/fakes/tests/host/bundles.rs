//! How a bundle travels: as a program does, with an archive and the contents of its files in
//! the places of the program.

use stagegate_deploy::{Artifact, Deploy, DeployJob, Part};

use super::bench::{Bench, FIRST, SECOND};
use super::transfers::{break_off, check_nothing_is_left, has_zstd, noise, spoil, upload_part};

pub(crate) const SCENARIOS: &[super::Scenario] = &[
    (
        "a_bundle_with_a_small_change_travels_as_a_patch",
        a_bundle_with_a_small_change_travels_as_a_patch,
    ),
    (
        "a_bundle_whose_patch_does_not_restore_travels_whole",
        a_bundle_whose_patch_does_not_restore_travels_whole,
    ),
    (
        "a_bundle_that_broke_off_goes_on",
        a_bundle_that_broke_off_goes_on,
    ),
];

/// Files of a bundle, with contents.
type Files = Vec<(&'static str, Vec<u8>)>;

/// One that is as large as those of real pages, and compresses badly.
fn files() -> Files {
    let noise = noise(3_000_000);
    vec![
        ("index.html", b"<script src=assets/app-1.js>".to_vec()),
        ("assets/app-1.js", noise[..1_500_000].to_vec()),
        ("assets/a picture.png", noise[1_500_000..].to_vec()),
        ("assets/-odd.css", b"p {}".to_vec()),
        ("empty.txt", Vec::new()),
    ]
}

/// The same after somebody has worked on it: a page and a script with another name.
fn next(mut files: Files) -> Files {
    files[0].1 = b"<script src=assets/app-2.js>".to_vec();
    files[1].0 = "assets/app-2.js";
    files[1].1.splice(700_000..700_005, *b"changed");
    files
}

fn bundle(bench: &Bench, name: &str, files: &Files) -> DeployJob {
    let root = bench.file(name);
    for (file, bytes) in files {
        let place = root.join(file);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
    }
    let artifact = DeployJob::of_directory(root).unwrap();
    artifact.with_cache(bench.file("deployed"))
}

/// The release has arrived, with these files and no others.
fn check_arrived(bench: &Bench, deploy: &Deploy, files: &Files) {
    let place = format!("opt/guestbook/releases/{}/frontend", deploy.release.id());
    let place = bench.on_host(&place);
    for (file, bytes) in files {
        assert!(std::fs::read(place.join(file)).unwrap() == *bytes, "{file}");
    }
    let listed = Artifact::of_directory(camino::Utf8Path::from_path(&place).unwrap()).unwrap();
    let kept = std::fs::read_to_string(place.with_extension("sha256")).unwrap();
    assert_eq!(kept.trim(), listed.sha256);
    check_nothing_is_left(bench);
}

fn a_bundle_with_a_small_change_travels_as_a_patch() {
    let bench = Bench::new(Vec::new());
    let (first, second) = (bench.deploy(FIRST), bench.deploy(SECOND));
    let before = files();
    let old = bundle(&bench, "old", &before);
    let (said, whole) = upload_part(&bench, &first, Part::Frontend, &old).unwrap();
    bench.deploy_frontend(&first, Some(&old));
    check_arrived(&bench, &first, &before);
    let after = next(before);
    let new = bundle(&bench, "new", &after);
    let (told, sent) = upload_part(&bench, &second, Part::Frontend, &new).unwrap();
    if has_zstd(&bench) {
        assert!(said.contains(" KiB compressed ("), "{said}");
        let against = format!(" KiB as a patch against {} (", first.release.id());
        assert!(told.contains(&against), "{told}");
        assert!(sent * 100 <= whole, "{sent} of {whole}");
    }
    check_arrived(&bench, &second, &after);
    bench.deploy_frontend(&second, Some(&new));
    let page = std::fs::read(bench.on_host("opt/guestbook/frontend/current/index.html"));
    assert_eq!(page.unwrap(), after[0].1);
}

fn a_bundle_whose_patch_does_not_restore_travels_whole() {
    let bench = Bench::new(Vec::new());
    let (first, second) = (bench.deploy(FIRST), bench.deploy(SECOND));
    let before = files();
    bench.deploy_frontend(&first, Some(&bundle(&bench, "old", &before)));
    // Somebody has worked on the host.
    let id = first.release.id();
    let there = format!("opt/guestbook/releases/{id}/frontend/assets/app-1.js");
    std::fs::write(bench.on_host(&there), noise(1_000)).unwrap();
    let after = next(before);
    let new = bundle(&bench, "new", &after);
    let (said, _) = upload_part(&bench, &second, Part::Frontend, &new).unwrap();
    if has_zstd(&bench) {
        let why = format!(", after a patch against {id} did not restore it, SHA-256");
        assert!(said.contains(&why), "{said}");
    }
    check_arrived(&bench, &second, &after);
}

fn a_bundle_that_broke_off_goes_on() {
    let bench = Bench::new(Vec::new());
    let files: Files = vec![
        ("index.html", b"<img src=large.png>".to_vec()),
        ("large.png", noise(16_000_000)),
    ];
    let artifact = bundle(&bench, "bundle", &files);
    for (commit, spoiled) in [(FIRST, false), (SECOND, true)] {
        let deploy = bench.deploy_by(commit, "one-run");
        let begun = break_off(&bench, &deploy, Part::Frontend, &artifact);
        if spoiled {
            spoil(&begun);
        }
        let (said, _) = upload_part(&bench, &deploy, Part::Frontend, &artifact).unwrap();
        assert_eq!(said.contains("going on after"), !spoiled, "{said}");
        check_arrived(&bench, &deploy, &files);
    }
}
