//! What a release has left behind, read from the files and from git: not
//! through the code that wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use camino::Utf8Path;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixture::{CRATES, EMAIL, NAME};
use crate::process::git;
use crate::world::Place;

/// SHA-256, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A file's text.
pub(crate) fn read(path: &Utf8Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The names in a directory, in order; none where there is no such directory.
pub(crate) fn names(directory: &Utf8Path) -> Vec<String> {
    let Ok(entries) = directory.read_dir_utf8() else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

/// The lines of a crate's index file.
pub(crate) fn index_lines(place: &Place, name: &str) -> Vec<Value> {
    let file = place
        .registry
        .join("index")
        .join(&name[..2])
        .join(&name[2..4])
        .join(name);
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Each crate has one line of the version in the index, and its package is what
/// the line says, made from the tagged commit.
pub(crate) fn crates_are_published(place: &Place, version: &str, commit: &str) {
    for name in CRATES {
        let lines = index_lines(place, name);
        let of_version: Vec<&Value> = lines
            .iter()
            .filter(|line| line["vers"] == version)
            .collect();
        assert_eq!(of_version.len(), 1, "{name} {version}: {lines:?}");
        let file = format!("{name}-{version}.crate");
        let bytes = std::fs::read(place.registry.join("crates").join(name).join(file)).unwrap();
        assert_eq!(of_version[0]["cksum"], sha256(&bytes).as_str(), "{name}");
        package_is_of(&bytes, name, version, commit);
    }
}

/// A package holds that version, made from that commit.
pub(crate) fn package_is_of(bytes: &[u8], name: &str, version: &str, commit: &str) {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(path, content);
    }
    let text = |file: &str| {
        let path = format!("{name}-{version}/{file}");
        let found = files.get(&path);
        let bytes = found.unwrap_or_else(|| panic!("{path} is not in {:?}", files.keys()));
        String::from_utf8(bytes.clone()).unwrap()
    };
    let manifest: toml_edit::DocumentMut = text("Cargo.toml").parse().unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some(name));
    assert_eq!(manifest["package"]["version"].as_str(), Some(version));
    let made_from: Value = serde_json::from_str(&text(".cargo_vcs_info.json")).unwrap();
    assert_eq!(made_from["git"]["sha1"], commit, "{name}");
    assert_ne!(
        made_from["git"]["dirty"], true,
        "{name} was made from a changed tree"
    );
    assert!(text("src/lib.rs").starts_with("//! "));
}

/// The remote has branch and annotated tag, on one commit; answers with it.
pub(crate) fn tag_is_pushed(place: &Place, version: &str) -> String {
    let listing = git(&place.root, &["ls-remote", place.remote.as_str()]);
    let references: BTreeMap<&str, &str> = listing
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(object, name)| (name, object))
        .collect();
    let tag = format!("refs/tags/v{version}");
    let commit = references[format!("{tag}^{{}}").as_str()];
    assert_eq!(references["refs/heads/main"], commit, "{listing}");
    let object = references[tag.as_str()];
    assert_ne!(object, commit, "an annotated tag is an object of its own");
    // Read at the remote, which has nothing but what was pushed.
    assert_eq!(git(&place.remote, &["cat-file", "-t", object]), "tag");
    commit.to_owned()
}

/// What stands in the fixture's changelog under `[Unreleased]`.
const NOTES: &str = "### Added\n\n- Words can be tidied.\n\n### Fixed\n\n\
                     - A `#` at the start of a line stays:\n\n```sh\n# like this one\n```";

/// The release commit and its tag are those of the fixture's first release.
pub(crate) fn first_release_is_whole(
    place: &Place,
    version: &str,
    commit: &str,
    who: (&str, &str),
) {
    let show = |format: &str, what: &str| {
        git(
            &place.remote,
            &["show", "--no-patch", &format!("--format={format}"), what],
        )
    };
    let (name, email) = who;
    let people = show("%an <%ae> %cn <%ce>", commit);
    assert_eq!(people, format!("{name} <{email}> {name} <{email}>"));
    assert_eq!(show("%s", commit), format!("Release {version}"));
    let tag = git(&place.remote, &["cat-file", "tag", &format!("v{version}")]);
    let (head, message) = tag.split_once("\n\n").unwrap();
    assert!(
        head.contains(&format!("object {commit}\ntype commit\ntag v{version}\n")),
        "{head}"
    );
    assert!(
        head.contains(&format!("tagger {name} <{email}> ")),
        "{head}"
    );
    assert_eq!(message, format!("Release {version}\n\n{NOTES}"));

    let changed = git(
        &place.remote,
        &["diff", "--name-only", &format!("{commit}^"), commit],
    );
    let expected = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "crates/whole/Cargo.toml",
    ];
    assert_eq!(changed.lines().collect::<Vec<_>>(), expected);
    let before = |file: &str| git(&place.remote, &["show", &format!("{commit}^:{file}")]);
    let after = |file: &str| git(&place.remote, &["show", &format!("{commit}:{file}")]);
    for file in ["Cargo.toml", "Cargo.lock"] {
        assert_eq!(
            after(file),
            before(file)
                .replace("\"0.1.0\"", &format!("\"{version}\""))
                .replace("\"=0.1.0\"", &format!("\"={version}\"")),
            "{file}"
        );
    }
    let date = show("%cs", commit);
    let promoted = format!("## [Unreleased]\n\n## [{version}] - {date}\n");
    let promoted = before("CHANGELOG.md").replace("## [Unreleased]\n", &promoted);
    let text = after("CHANGELOG.md");
    let links = text
        .strip_prefix(&promoted)
        .unwrap_or_else(|| panic!("the changelog reads\n{text}\nand not\n{promoted}"));
    let targets: Vec<&str> = links.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(targets.len(), 2, "{links}");
    assert!(
        targets[0].starts_with("[Unreleased]: ")
            && targets[0].ends_with(&format!("/compare/v{version}...HEAD"))
    );
    assert!(
        targets[1].starts_with(&format!("[{version}]: "))
            && targets[1].ends_with(&format!("/compare/v0.1.0...v{version}"))
    );
}

/// The author of the fixture's commits.
pub(crate) const AUTHOR: (&str, &str) = (NAME, EMAIL);

/// The checkout is where a person would want it: on its branch, clean, without
/// a worktree or an open journal.
pub(crate) fn checkout_is_tidy(place: &Place, commit: &str, done: &str) {
    assert_eq!(git(&place.root, &["rev-parse", "HEAD"]), commit);
    assert_eq!(
        git(&place.root, &["symbolic-ref", "--short", "HEAD"]),
        "main"
    );
    assert_eq!(git(&place.root, &["status", "--porcelain"]), "");
    let worktrees = git(&place.root, &["worktree", "list", "--porcelain"]);
    assert_eq!(worktrees.matches("worktree ").count(), 1, "{worktrees}");
    let journals = names(&place.root.join(".git/stagegate"));
    assert!(
        !journals.iter().any(|name| name.ends_with(".jsonl")),
        "{journals:?}"
    );
    assert!(journals.contains(&format!("{done}.done")), "{journals:?}");
}

/// The names that a release's assets must have.
pub(crate) fn asset_names(version: &str) -> BTreeSet<String> {
    let rustc = crate::process::run({
        let mut rustc = crate::process::command("rustc", Utf8Path::new("/"));
        rustc.arg("-vV");
        rustc
    });
    let host = rustc
        .stdout
        .lines()
        .find_map(|l| l.strip_prefix("host: "))
        .unwrap()
        .to_owned();
    let crates = CRATES.map(|name| format!("{name}-{version}.crate"));
    let others = [
        "SHA256SUMS".to_owned(),
        format!("guestbook-backend-{version}-{host}"),
        format!("stagegate-fixture-{version}.cdx.json"),
    ];
    crates.into_iter().chain(others).collect()
}

/// What `SHA256SUMS` says is what the other files are, all of them and no more.
pub(crate) fn sums_match(sums: &str, files: &[Vec<u8>], version: &str) {
    let mut expected = asset_names(version);
    expected.remove("SHA256SUMS");
    let lines: Vec<(&str, &str)> = sums.lines().filter_map(|l| l.split_once("  ")).collect();
    let named: BTreeSet<String> = lines.iter().map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(named, expected);
    let said: BTreeSet<String> = lines.iter().map(|(sum, _)| (*sum).to_owned()).collect();
    let are: BTreeSet<String> = files
        .iter()
        .filter(|f| **f != sums.as_bytes())
        .map(|f| sha256(f))
        .collect();
    assert_eq!(said, are);
}

/// The bill of materials names every crate, what the app is built with, and the
/// checksum under which cargo locked it; nothing that only tests need.
pub(crate) fn bill_lists_what_is_shipped(bill: &str, version: &str) {
    let bill: Value = serde_json::from_str(bill).unwrap();
    assert_eq!(
        (&bill["bomFormat"], &bill["specVersion"]),
        (&"CycloneDX".into(), &"1.5".into())
    );
    assert_eq!(bill["metadata"]["component"]["version"], version);
    let components = bill["components"].as_array().unwrap();
    let find = |name: &str| {
        let mut named = components.iter().filter(|c| c["name"] == name);
        named
            .next()
            .unwrap_or_else(|| panic!("{name} is not listed"))
    };
    for name in CRATES {
        assert_eq!(find(name)["purl"], format!("pkg:cargo/{name}@{version}"));
    }
    let locked = find("httparse");
    let sum = locked["hashes"][0]["content"].as_str().unwrap();
    assert_eq!(
        (&locked["hashes"][0]["alg"], sum.len()),
        (&"SHA-256".into(), 64)
    );
    let needs = bill["dependencies"].as_array().unwrap();
    let app = needs
        .iter()
        .find(|d| d["ref"].as_str().unwrap().contains("stagegate-demo@"))
        .unwrap();
    let needed: Vec<&str> = app["dependsOn"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        needed.iter().any(|n| n.contains("/httparse@")),
        "{needed:?}"
    );
}

/// One line of the host's own record.
pub(crate) fn deploys(place: &Place) -> Vec<Value> {
    let file = place.host.join("opt/guestbook/deploys.jsonl");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Part, version and outcome of each deploy in the host's own record.
pub(crate) fn ended_deploys(place: &Place) -> Vec<String> {
    deploys(place)
        .iter()
        .map(|d| format!("{} {} {}", d["part"], d["version"], d["outcome"]).replace('"', ""))
        .collect()
}

/// The host's files are those of a confirmed release, and nothing that belongs
/// to a deploy under way is left.
pub(crate) fn host_runs(place: &Place, version: &str, commit: &str) {
    let app = place.host.join("opt/guestbook");
    let release = format!("{version}-{}", &commit[..12]);
    assert!(names(&app.join("releases")).contains(&release));
    let confirmed = read(&app.join("switch/confirmed"));
    assert!(
        confirmed.contains(&format!("# release {release}\n")),
        "{confirmed}"
    );
    let slot = ["blue", "green"]
        .into_iter()
        .find(|s| confirmed.contains(&format!("# slot {s}\n")))
        .unwrap();
    let aim = |link: &str| {
        app.join(link)
            .read_link_utf8()
            .unwrap()
            .file_name()
            .unwrap()
            .to_owned()
    };
    assert_eq!(aim(&format!("slots/{slot}")), release);
    assert_eq!(aim("frontend/current"), release);
    let page = read(&app.join("frontend/current/index.html"));
    assert!(page.contains(version), "{page}");
    nothing_is_under_way(place);
    let ended: Vec<String> = deploys(place)
        .iter()
        .rev()
        .take(2)
        .map(|d| format!("{} {} {}", d["part"], d["release"], d["outcome"]))
        .collect();
    let expected =
        ["frontend", "backend"].map(|part| format!("\"{part}\" \"{release}\" \"confirmed\""));
    assert_eq!(ended, expected);
}

/// No lease, no unconfirmed switch, and nothing that waits to happen.
pub(crate) fn nothing_is_under_way(place: &Place) {
    let app = place.host.join("opt/guestbook");
    assert_eq!(
        names(&app),
        [
            ".lock",
            "deploys.jsonl",
            "frontend",
            "releases",
            "slots",
            "switch"
        ]
    );
    assert_eq!(names(&app.join("switch")), ["confirmed", "switchctl"]);
    assert_eq!(names(&place.host.join("run/stagegate-guestbook")), [""; 0]);
}
