//! A refusal: it says what is wrong and what to do about it, ends with the
//! documented code, and leaves every file and every service as it was.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::evidence::sha256;
use crate::process::{Ran, run};
use crate::world::World;

/// Every file below a directory, by its content.
pub(crate) fn content(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(next) = directories.pop() {
        for entry in next.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().to_owned();
            let kind = entry.file_type().unwrap();
            let held = if kind.is_dir() {
                directories.push(path.clone());
                "directory".to_owned()
            } else if kind.is_symlink() {
                path.read_link_utf8().unwrap().to_string()
            } else if kind.is_file() {
                sha256(&std::fs::read(&path).unwrap())
            } else {
                "special".to_owned()
            };
            files.insert(path, held);
        }
    }
    files
}

/// Runs and sees that nothing in the world of the command has changed.
pub(crate) fn unchanged_by(world: &World, command: Command, about: &str) -> Ran {
    let place = world.place.root.parent().unwrap();
    let before = content(place);
    let asked = world.fakes.registry.requests().len();
    let called = world.fakes.github.requests().len();
    let ran = run(command);
    let after = content(place);
    let paths = before.keys().chain(after.keys());
    let changed: Vec<&Utf8PathBuf> = paths
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(changed.is_empty(), "{about}: {changed:?}\n{}", ran.words());
    let requests = world.fakes.registry.requests();
    let reads = requests[asked..].iter().all(|r| r.method == "GET");
    assert!(reads, "{about}: {requests:?}");
    let requests = world.fakes.github.requests();
    let reads = requests[called..].iter().all(|r| r.method == "GET");
    assert!(reads, "{about}: {requests:?}");
    ran
}

/// The exit code, and every part of `says`: they are written with ` … ` between.
pub(crate) fn ended(ran: &Ran, exit: i32, says: &str) {
    assert_eq!(ran.code, Some(exit), "{says}: {}", ran.words());
    for part in says.split(" … ") {
        assert!(ran.stderr.contains(part), "no {part:?} in\n{}", ran.words());
    }
}

/// Runs a command line of the program, which must be refused.
pub(crate) fn refused(world: &World, line: &str, exit: i32, says: &str) {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let ran = unchanged_by(world, world.command(&arguments), line);
    ended(&ran, exit, says);
}
