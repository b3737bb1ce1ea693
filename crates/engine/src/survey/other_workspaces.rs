//! Other workspaces of the repository whose committed lockfiles hold members of this one:
//! `fuzz/`, `examples/`. Their own checks run with `--locked`.

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::{Workspace, normalized, path_dependencies};
use stagegate_plan::facts::{OtherDependency, OtherWorkspace};

use crate::context::Context;

/// What a workspace's manifest, and what its lockfile is called.
const MANIFEST: &str = "Cargo.toml";
const LOCKFILE: &str = "Cargo.lock";

pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
) -> anyhow::Result<Vec<OtherWorkspace>> {
    let patterns = [LOCKFILE, MANIFEST].map(|name| format!(":(top,glob)**/{name}"));
    let args = ["ls-files", "-z", "--full-name", "--"].iter().copied();
    let text = context
        .git()
        .read(args.chain(patterns.iter().map(String::as_str)))?;
    let own = context.subdirectory.join(LOCKFILE);
    let paths = text.split('\0').map(Utf8Path::new);
    let (lockfiles, manifests): (Vec<_>, Vec<_>) = paths
        .filter(|path| !path.as_str().is_empty() && **path != own)
        .partition(|path| path.file_name() == Some(LOCKFILE));
    let mut found = Vec::new();
    for lockfile in lockfiles {
        let directory = lockfile.parent().unwrap_or(Utf8Path::new(""));
        // A package below belongs to the nearest workspace that may hold it.
        let within = manifests.iter().filter(|path| path.starts_with(directory));
        let needs: Vec<_> = within
            .flat_map(|manifest| needs(context, workspace, manifest))
            .collect();
        let Ok(text) = std::fs::read_to_string(context.top().join(lockfile)) else {
            continue;
        };
        if !needs.is_empty() {
            found.push(OtherWorkspace {
                lockfile: context.relative_to_root(lockfile.as_str()),
                text,
                needs,
            });
        }
    }
    Ok(found)
}

/// Returns the dependencies of a manifest that is no member's on members.
fn needs(context: &Context, workspace: &Workspace, manifest: &Utf8Path) -> Vec<OtherDependency> {
    let path = normalized(&context.top().join(manifest));
    let is_member = |p: &stagegate_manifest::Package| p.manifest_path == path;
    if path == workspace.manifest_path() || workspace.packages.iter().any(is_member) {
        return Vec::new();
    }
    let directory: Utf8PathBuf = path.parent().unwrap_or(&path).to_owned();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let dependencies = path_dependencies(&text).into_iter();
    let needs = dependencies.filter_map(|(to, requirement)| {
        let to = normalized(&directory.join(to));
        let member = workspace.packages.iter().find(|p| p.directory() == to)?;
        Some(OtherDependency {
            manifest: context.relative_to_root(manifest.as_str()),
            name: member.name.clone(),
            requirement,
        })
    });
    needs.collect()
}
