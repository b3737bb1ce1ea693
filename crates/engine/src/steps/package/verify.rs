//! One build of all packages, as a user's cargo would see them.
//!
//! The packages are unpacked side by side into a workspace whose dependencies
//! on each other are patched to these very directories. `cargo package`'s own
//! verification builds each package apart and its siblings again with it:
//! 1.6 to 2.9 times the work. Here one build serves all, and each package is then
//! built alone on top of it: only what has other features without its siblings is
//! compiled again, so a feature that one package needs and only another one turns
//! on is missed before anything is public.

use anyhow::Context;
use camino::Utf8Path;
use stagegate_plan::model::VerifyPackages;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use crate::executor::release_tree;
use crate::executor::step::{Perform, StepContext};
use crate::steps::package::archive;

impl Perform for VerifyPackages {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let crates: &[String] = &self.crates;

        // Below the workspace, so that cargo finds the configuration and the toolchain that
        // the workspace is built with, wherever it lies in the repository.
        let directory = ctx
            .context
            .output()
            .join(ctx.plan.run_id.to_string())
            .join("proof");
        if directory.exists() {
            std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
        }
        std::fs::create_dir_all(&directory).with_context(|| format!("creating {directory}"))?;
        let directories: Vec<(String, String)> = crates
            .iter()
            .map(|name| {
                (
                    name.clone(),
                    format!("{name}-{}", ctx.plan.version_of(name)),
                )
            })
            .collect();
        for name in crates {
            unpack(&archive::file(ctx, name), &directory)?;
        }
        let root = release_tree::root(ctx.context, ctx.plan);
        let original = root.join("Cargo.toml");
        let text =
            std::fs::read_to_string(&original).with_context(|| format!("reading {original}"))?;
        let original: DocumentMut = text
            .parse()
            .with_context(|| format!("reading {original}"))?;
        let manifest = manifest(
            &original,
            &directories,
            &ctx.context.config.registry.names(),
        );
        release_tree::write_whole(
            &directory.join("Cargo.toml"),
            manifest.to_string().as_bytes(),
        )?;
        // The versions of everything else stay those that the tests ran with.
        let lock = root.join("Cargo.lock");
        if lock.is_file() {
            std::fs::copy(&lock, directory.join("Cargo.lock"))
                .with_context(|| format!("copying {lock}"))?;
        }
        let target = ctx.context.target_directory.clone();
        // All at once builds most of it in parallel; each alone builds what is left, with
        // the features that a user of this package alone gets.
        let alone = crates.iter().filter(|_| crates.len() > 1);
        let builds = std::iter::once(None).chain(alone.map(Some));
        for package in builds {
            let mut args = vec!["build", "--target-dir", target.as_str()];
            match package {
                None => args.push("--workspace"),
                Some(name) => args.extend(["--package", name]),
            }
            let tool = ctx
                .context
                .cargo_in(&directory)
                .args(args)
                // Nobody builds it a second time, so nothing is kept for that.
                .env("CARGO_INCREMENTAL", "0");
            ctx.run(tool)
                .with_context(|| match package {
                    None => "the packages do not build together".to_owned(),
                    Some(name) => format!(
                        "{name} does not build alone, as its users build it: a feature that it needs of a dependency is turned on by another package only; name it in {name}'s own manifest, commit, and begin again"
                    ),
                })?;
        }
        std::fs::remove_dir_all(&directory).with_context(|| format!("removing {directory}"))?;
        Ok(format!(
            "{} packages build from their own files",
            crates.len()
        ))
    }
}

/// Returns the workspace of the packages. It takes over what decides how everything
/// *else* is built, so that third-party crates are not built again; the
/// original's `[patch]` is left out, for users do not have it.
fn manifest(
    original: &DocumentMut,
    packages: &[(String, String)],
    registries: &[&str],
) -> DocumentMut {
    let mut workspace = Table::new();
    workspace["members"] = value(
        packages
            .iter()
            .map(|(_, directory)| directory.as_str())
            .collect::<Array>(),
    );
    let resolver = original.get("workspace").and_then(|w| w.get("resolver"));
    workspace["resolver"] = resolver.cloned().unwrap_or_else(|| value("2"));
    let mut patched = Table::new();
    for (name, directory) in packages {
        let mut path = InlineTable::new();
        path.insert("path", directory.as_str().into());
        patched[name] = value(path);
    }
    let mut patch = Table::new();
    patch.set_implicit(true);
    // A sibling comes from the registry that its dependent names.
    for registry in registries {
        patch[*registry] = Item::Table(patched.clone());
    }
    let mut document = DocumentMut::new();
    document["workspace"] = Item::Table(workspace);
    document["patch"] = Item::Table(patch);
    if let Some(profiles) = original.get("profile") {
        document["profile"] = profiles.clone();
    }
    without_debug_information(&mut document, packages);
    document
}

/// The packages themselves are built to be thrown away: debug information would
/// prove nothing, and takes a quarter of the time. Everything else keeps it, for
/// it is shared with the builds before.
fn without_debug_information(document: &mut DocumentMut, packages: &[(String, String)]) {
    let implicit = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    let mut at = document.as_item_mut();
    for key in ["profile", "dev", "package"] {
        let Some(table) = at.as_table_like_mut() else {
            return;
        };
        at = table.entry(key).or_insert_with(implicit);
    }
    for (name, _) in packages {
        if let Some(overrides) = at.as_table_like_mut() {
            let own = overrides.entry(name).or_insert_with(implicit);
            if let Some(own) = own.as_table_like_mut() {
                own.insert("debug", value(false));
            }
        }
    }
}

pub(super) fn unpack(file: &Utf8Path, into: &Utf8Path) -> anyhow::Result<()> {
    let packed = std::fs::File::open(file).with_context(|| format!("opening {file}"))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    // Packages carry one fixed date; with it cargo would take an older build of
    // the same version for this one.
    archive.set_preserve_mtime(false);
    archive
        .unpack(into)
        .with_context(|| format!("unpacking {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_else_is_built_as_in_the_original() {
        let original = "[workspace]\nresolver = \"3\"\n[patch.crates-io]\nx = { path = \"y\" }\n[profile.dev]\ndebug = 1\n";
        let packages = [("a-b".to_owned(), "a-b-1.0.0".to_owned())];
        let made = manifest(&original.parse().unwrap(), &packages, &["crates-io"]).to_string();
        let want = "[workspace]\nmembers = [\"a-b-1.0.0\"]\nresolver = \"3\"\n\n[patch.crates-io]\na-b = { path = \"a-b-1.0.0\" }\n[profile.dev]\ndebug = 1\n[profile.dev.package.a-b]\ndebug = false\n";
        let plain = |text: &str| {
            text.parse::<DocumentMut>()
                .unwrap()
                .to_string()
                .replace('\n', "")
        };
        assert_eq!(plain(&made), plain(want));
    }
}
