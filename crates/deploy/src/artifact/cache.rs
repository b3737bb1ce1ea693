//! What was deployed from this machine, by its SHA-256: what a patch is made against when a
//! host has it. A program is kept as it is, a bundle as its archive.
//!
//! A few are kept, the last that were of use. Without them nothing fails; more bytes
//! travel. A file whose content is not what its name says is not used.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use camino::Utf8Path;

use super::measure::Artifact;
use super::payload::{self, Payload};

/// Artifacts kept of a part: the release before, the one that runs, and the one that comes.
const MAX_ARTIFACTS: usize = 3;

/// Returns what a delta is made against for the artifact of that SHA-256, if that is here; it
/// is kept for longer then.
pub(crate) fn delta_base(directory: &Utf8Path, sha256: &str) -> Option<Vec<u8>> {
    let path = directory.join(sha256);
    let bytes = std::fs::read(&path).ok()?;
    let base = payload::delta_base_of(bytes, sha256)?;
    // Whoever may not write here may still read; the file is then gone sooner.
    drop(touch(&path));
    Some(base)
}

/// Keeps what was sent of an artifact, and removes what was not used for longest.
pub(crate) fn store(
    directory: &Utf8Path,
    artifact: &Artifact,
    payload: &Payload,
) -> io::Result<()> {
    let place = directory.join(&artifact.sha256);
    std::fs::create_dir_all(directory)?;
    // A copy: cargo, or whoever builds, may write to the original again. Whole or not at
    // all, for the hosts of one wave are served side by side.
    let mut copy = tempfile::NamedTempFile::new_in(directory)?;
    io::copy(&mut File::open(payload.path())?, copy.as_file_mut())?;
    copy.persist(&place).map_err(|error| error.error)?;
    let mut programs = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        // Another thread may have removed it since it was listed.
        if let Ok(about) = entry.metadata() {
            programs.push((about.modified()?, entry.into_path()));
        }
    }
    programs.sort();
    for (_, path) in programs.iter().rev().skip(MAX_ARTIFACTS) {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn touch(path: &Utf8Path) -> io::Result<()> {
    File::options()
        .append(true)
        .open(path)?
        .set_modified(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;
    use std::time::Duration;

    fn aged(directory: &Utf8Path, artifact: &Artifact, minutes: u64) {
        let then = SystemTime::now() - Duration::from_secs(60 * minutes);
        let file = File::options()
            .append(true)
            .open(directory.join(&artifact.sha256));
        file.unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn the_last_used_artifacts_are_kept_and_used_only_unchanged() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).unwrap();
        let directory = root.join("deployed");
        let program = |name: &str| {
            std::fs::write(root.join(name), name).unwrap();
            Artifact::of_file(root.join(name)).unwrap()
        };
        let kept = |each: &Artifact| {
            let payload = Payload::of_program(each).unwrap();
            store(&directory, each, &payload).unwrap();
        };
        let all = ["a", "b", "c", "d"].map(program);
        assert_eq!(delta_base(&directory, &all[0].sha256), None);
        for (index, each) in all[..3].iter().enumerate() {
            kept(each);
            aged(&directory, each, 10 - index as u64);
        }
        // The oldest is of use once more.
        assert_eq!(
            delta_base(&directory, &all[0].sha256).as_deref(),
            Some(&b"a"[..])
        );
        kept(&all[3]);
        let here = |each: &Artifact| delta_base(&directory, &each.sha256).is_some();
        assert_eq!(all.each_ref().map(here), [true, false, true, true]);
        assert_eq!(directory.read_dir_utf8().unwrap().count(), MAX_ARTIFACTS);
        std::fs::write(directory.join(&all[0].sha256), "spoiled").unwrap();
        assert!(!here(&all[0]));
        // Kept again, it is whole again.
        kept(&all[0]);
        assert!(here(&all[0]));
    }
}
