//! Fewer bytes than the payload's: compressed, or as a delta against what the host has.
//!
//! Both are frames that the `zstd` of a host restores, `--patch-from` for a patch; a
//! checksum within lets it notice that it was given something else to patch. A patch that finds
//! nothing in common is what compressing gives, so the two are not compared.

use std::io::{self, Write as _};

use camino::Utf8Path;
use tempfile::NamedTempFile;

use super::cache;
use super::payload::Payload;
use crate::model::digest::sha256_hex;

/// Compression level of the whole: fast enough that a fast network does not wait.
const LEVEL: i32 = 3;
/// Compression level of a delta, which is small: slower, and a third smaller.
const DELTA_LEVEL: i32 = 9;
/// Largest window that a host has to hold in memory, as a power of two: 256 MiB.
const MAX_WINDOW_LOG: u32 = 28;

/// A zstd frame that is sent instead of the payload, in a file.
pub(crate) struct ZstdFrame {
    pub(crate) file: NamedTempFile,
    /// Of these bytes, not of what they stand for.
    pub(crate) sha256: String,
    pub(crate) length: u64,
    /// The host must allow a window of this size, as a power of two.
    pub(crate) window_log: u32,
}

/// Compresses all of it.
pub(crate) fn compress(payload: &Payload) -> io::Result<ZstdFrame> {
    encode(&std::fs::read(payload.path())?, &[], LEVEL)
}

/// Makes a delta against the artifact of that SHA-256; `None` where it is not in `cache`, or
/// where one of the two is too large.
pub(crate) fn against(
    cache: &Utf8Path,
    base: &str,
    payload: &Payload,
) -> io::Result<Option<ZstdFrame>> {
    let Some(old) = cache::delta_base(cache, base) else {
        return Ok(None);
    };
    let new = std::fs::read(payload.path())?;
    if window_log(&old, &new) > MAX_WINDOW_LOG {
        return Ok(None);
    }
    encode(&new, &old, DELTA_LEVEL).map(Some)
}

/// Returns the window that reaches from any byte of one to the same place of the other, as a
/// power of two.
fn window_log(old: &[u8], new: &[u8]) -> u32 {
    let larger = old.len().max(new.len()).max(1);
    (larger.ilog2() + 1).max(10)
}

fn encode(new: &[u8], old: &[u8], level: i32) -> io::Result<ZstdFrame> {
    let mut file = NamedTempFile::new()?;
    let mut bytes = Vec::new();
    let mut encoder = zstd::Encoder::with_ref_prefix(&mut bytes, level, old)?;
    let window_log = window_log(old, new);
    if !old.is_empty() {
        encoder.window_log(window_log)?;
        encoder.long_distance_matching(true)?;
    }
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(new.len() as u64))?;
    encoder.write_all(new)?;
    encoder.finish()?;
    file.write_all(&bytes)?;
    file.flush()?;
    Ok(ZstdFrame {
        file,
        sha256: sha256_hex(&bytes),
        length: bytes.len() as u64,
        window_log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::measure::Artifact;
    use camino::Utf8PathBuf;
    use std::process::Command;

    /// Bytes that do not compress.
    fn noise(length: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    struct Scratch {
        _keep: tempfile::TempDir,
        root: Utf8PathBuf,
    }

    impl Scratch {
        fn new() -> Scratch {
            let keep = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(keep.path().to_owned()).unwrap();
            Scratch { _keep: keep, root }
        }

        fn program(&self, name: &str, bytes: &[u8]) -> Artifact {
            std::fs::write(self.root.join(name), bytes).unwrap();
            Artifact::of_file(self.root.join(name)).unwrap()
        }
    }

    /// What the machine's own zstd makes of it; none where there is no zstd.
    fn restored(packed: &ZstdFrame, words: &[String]) -> Option<std::process::Output> {
        Command::new("zstd").arg("--version").output().ok()?;
        let mut zstd = Command::new("zstd");
        zstd.args(["-d", "-q", "-c"])
            .args(words)
            .arg(packed.file.path());
        Some(zstd.output().unwrap())
    }

    #[test]
    fn a_patch_is_small_and_zstd_restores_it() {
        let scratch = Scratch::new();
        let directory = scratch.root.join("deployed");
        // Far larger than what zstd looks back over by itself.
        let before = noise(20_000_000, 0x1234_5678_9abc_def1);
        let mut after = before.clone();
        after[9_999_999] ^= 1;
        after.splice(5_000_000..5_000_000, *b"some more");
        let (old, new) = (
            scratch.program("old", &before),
            scratch.program("new", &after),
        );
        let new = Payload::of_program(&new).unwrap();
        assert!(against(&directory, &old.sha256, &new).unwrap().is_none());
        cache::store(&directory, &old, &Payload::of_program(&old).unwrap()).unwrap();
        let made = against(&directory, &old.sha256, &new).unwrap().unwrap();
        assert!(made.length < 20_000, "{}", made.length);
        assert_eq!(
            made.length,
            made.file.as_file().metadata().unwrap().len(),
            "the file is not what it says"
        );
        let words = |old: &Artifact| {
            [
                format!("--long={}", made.window_log),
                format!("--patch-from={}", old.path),
            ]
        };
        let Some(output) = restored(&made, &words(&old)) else {
            return;
        };
        assert!(output.stdout == after, "{output:?}");
        // Against another program it says that it failed.
        let mut spoiled = before;
        spoiled[5_000_100] ^= 1;
        let other = scratch.program("other", &spoiled);
        let output = restored(&made, &words(&other)).unwrap();
        assert!(!output.status.success(), "{:?}", output.status);
    }

    #[test]
    fn a_compressed_program_is_restored_too() {
        let scratch = Scratch::new();
        let program = scratch.program("program", &b"again and ".repeat(100_000));
        let made = compress(&Payload::of_program(&program).unwrap()).unwrap();
        assert!(made.length < 1000, "{}", made.length);
        let empty = Payload::of_program(&scratch.program("empty", b"")).unwrap();
        let empty = compress(&empty).unwrap();
        for (packed, whole) in [(made, 1_000_000), (empty, 0)] {
            if let Some(output) = restored(&packed, &[]) {
                assert!(output.status.success(), "{output:?}");
                assert_eq!(output.stdout.len(), whole);
            }
        }
    }

    #[test]
    fn a_window_reaches_over_the_larger_program() {
        let window = |old: usize, new: usize| window_log(&vec![0; old], &vec![0; new]);
        assert_eq!((window(0, 0), window(1000, 10)), (10, 10));
        assert_eq!((window(1023, 1024), window(5_600_000, 10)), (11, 23));
    }
}
