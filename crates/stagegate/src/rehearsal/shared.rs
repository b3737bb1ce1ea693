//! The target directory that a rehearsal shares with the original workspace.
//!
//! Third-party crates are shared, which is the point. Members are not: cargo names
//! a member's artifacts by its path *within* its workspace, so those of the copy
//! lie where the original's did, and may be newer than the original's sources.
//! Taken for the original's they would carry the copy's paths.

use camino::Utf8Path;
use stagegate_manifest::Workspace;

/// Makes cargo forget that the members are built, whoever built them; the next
/// build of the original makes them again.
pub(super) fn forget_members(target: &Utf8Path, workspace: &Workspace) {
    for profile in ["debug", "release"] {
        let directory = target.join(profile).join(".fingerprint");
        let Ok(entries) = directory.read_dir_utf8() else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let package = name.rsplit_once('-').map_or(name, |(package, _)| package);
            if workspace.package(package).is_some() {
                // What stays is at worst built again or mistaken once more.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}
