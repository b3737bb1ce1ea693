//! What cargo would pack here, and a release made from the commit would not.

use std::collections::BTreeMap;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use stagegate_manifest::{Package, PackedFiles, Workspace, relative_to};
use stagegate_plan::facts::PackingFacts;

use crate::context::Context;

/// How a file begins of which LFS has the content.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A package that may be published.
struct Packed {
    name: String,
    /// Its directory within the checkout.
    directory: Utf8PathBuf,
    files: PackedFiles,
}

/// Packages by name; those are left out of which there is nothing to say.
pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
    manifests: &BTreeMap<Utf8PathBuf, Vec<u8>>,
) -> anyhow::Result<BTreeMap<String, PackingFacts>> {
    let packages = packages(context, workspace, manifests);
    let mut found: BTreeMap<String, PackingFacts> = BTreeMap::new();
    let git = context.git();
    let list = |args: &[&str]| -> anyhow::Result<Vec<String>> {
        let text = git.read(["ls-files", "-z", "--full-name"].iter().chain(args))?;
        let paths = text.split('\0').filter(|path| !path.is_empty());
        Ok(paths.map(str::to_owned).collect())
    };
    for package in packages
        .iter()
        .filter(|package| package.files.names_files())
    {
        let place = format!(":/{}", package.directory);
        let ignored = ["--others", "--ignored", "--exclude-standard", "--", &place];
        for path in list(&ignored)? {
            if holder(&path, &packages) == Some(package) && !is_apart(context, package, &path) {
                let facts = found.entry(package.name.clone()).or_default();
                facts.ignored.push(path);
            }
        }
    }
    for (path, _) in git.submodules("HEAD")? {
        if !context.top().join(&path).join(".git").exists()
            && let Some(package) = holder(path.as_str(), &packages)
        {
            let facts = found.entry(package.name.clone()).or_default();
            facts.submodules.push(path.into_string());
        }
    }
    for path in git.lfs_files()? {
        if let Some(package) = holder(&path, &packages)
            && is_pointer(&context.top().join(&path))
        {
            let facts = found.entry(package.name.clone()).or_default();
            facts.pointers.push(path);
        }
    }
    Ok(found)
}

fn packages(
    context: &Context,
    workspace: &Workspace,
    manifests: &BTreeMap<Utf8PathBuf, Vec<u8>>,
) -> Vec<Packed> {
    let text = |path: &Utf8Path| {
        let bytes = manifests.get(path).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    };
    let root = text(Utf8Path::new("Cargo.toml"));
    let packed = |package: &Package| {
        let relative = relative_to(&workspace.root, &package.directory());
        Some(Packed {
            name: package.name.clone(),
            directory: context.within_checkout(&relative)?,
            files: PackedFiles::of(&text(&relative.join("Cargo.toml")), &root),
        })
    };
    let registries = context.config.registry.names();
    let published = workspace
        .packages
        .iter()
        .filter(|p| p.publishable_to_any(&registries));
    published.filter_map(packed).collect()
}

impl PartialEq for Packed {
    fn eq(&self, other: &Packed) -> bool {
        self.name == other.name
    }
}

/// Returns the innermost package around a file, if it packs it.
fn holder<'p>(path: &str, packages: &'p [Packed]) -> Option<&'p Packed> {
    let path = Utf8Path::new(path);
    let around = packages.iter().filter(|p| path.starts_with(&p.directory));
    let innermost = around.max_by_key(|p| p.directory.as_str().len())?;
    let within = path.strip_prefix(&innermost.directory).ok()?;
    innermost.files.holds(within).then_some(innermost)
}

/// Returns whether cargo does not look there: build output, and packages of their own.
fn is_apart(context: &Context, package: &Packed, path: &str) -> bool {
    let directory = context.top().join(&package.directory);
    let file = context.top().join(path);
    let mut between = file.ancestors().skip(1);
    let mut between = between.by_ref().take_while(|place| *place != directory);
    file.starts_with(directory.join("target")) || between.any(|p| p.join("Cargo.toml").exists())
}

fn is_pointer(path: &Utf8Path) -> bool {
    let mut start = [0; POINTER.len()];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok_and(|()| start == POINTER)
}
