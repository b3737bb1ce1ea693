//! One build of all packages, as a user's cargo would see them.
//!
//! The packages are unpacked side by side into a workspace whose dependencies
//! on each other are patched to these very directories. `cargo package`'s own
//! verification builds each package apart and its siblings again with it:
//! 1.6 to 2.9 times the work. What is not seen this way: a feature that one
//! package needs and only another one turns on.

use anyhow::Context;
use camino::Utf8Path;

use super::{Effect, package, tree};

pub(super) fn perform(effect: &mut Effect<'_>, crates: &[String]) -> anyhow::Result<String> {
    let directory = effect.kept().join("proof");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("creating {directory}"))?;
    let version = effect.plan.version.clone();
    let mut members = String::new();
    let mut patches = String::new();
    for name in crates {
        unpack(&package::file(effect, name), &directory)?;
        members.push_str(&format!("    \"{name}-{version}\",\n"));
        patches.push_str(&format!("{name} = {{ path = \"{name}-{version}\" }}\n"));
    }
    let registry = &effect.world.config.registry.name;
    let manifest =
        format!("[workspace]\nresolver = \"2\"\nmembers = [\n{members}]\n\n[patch.{registry}]\n{patches}");
    tree::write_whole(&directory.join("Cargo.toml"), manifest.as_bytes())?;
    // The versions of everything else stay those that the tests ran with.
    let lock = tree::root(effect.world, effect.plan).join("Cargo.lock");
    if lock.is_file() {
        std::fs::copy(&lock, directory.join("Cargo.lock")).with_context(|| format!("copying {lock}"))?;
    }
    let target = effect.world.target_directory.clone();
    let tool = effect.world.cargo_in(&directory).args(["build", "--workspace", "--target-dir", target.as_str()]);
    effect.run(tool)?;
    std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
    Ok(format!("{} packages build from their own files", crates.len()))
}

fn unpack(file: &Utf8Path, into: &Utf8Path) -> anyhow::Result<()> {
    let packed = std::fs::File::open(file).with_context(|| format!("opening {file}"))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    archive.unpack(into).with_context(|| format!("unpacking {file}"))
}
