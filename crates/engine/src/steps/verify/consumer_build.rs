//! A project of a user's, outside of the workspace: the new versions resolve
//! from the registry, are the bytes that were sent, and build.
//!
//! The project requires every published version exactly. Cargo resolves it
//! from the registry's own index; where the configuration lays another index
//! over crates.io's, cargo is told to look there, in a home of its own, so that
//! nothing of it stays in the user's. A crate without a library is resolved and
//! compared but not built: cargo can depend on libraries only, and the proof
//! before has built its programs. The state of docs.rs is asked, and waited for
//! by nobody.

use std::time::Duration;

use anyhow::{Context, bail};
use camino::Utf8PathBuf;
use stagegate_plan::model::{ConsumerBuild, PublishedCrate, ResolveDepth};
use stagegate_registry::CRATES_IO_INDEX;
use toml_edit::{DocumentMut, InlineTable, Table, value};
use url::Url;

use crate::executor::release_tree;
use crate::executor::step::{Perform, StepContext};
use crate::steps::package::archive;
use crate::tools::process::Tool;

impl Perform for ConsumerBuild {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let crates: &[PublishedCrate] = &self.crates;
        let depth = self.depth;
        let docs = self.docs.as_ref();

        let directory = ctx
            .context
            .output()
            .join(ctx.plan.run_id.to_string())
            .join("fresh-project");
        let registry = ctx
            .context
            .registry_name(self.registry.as_deref())
            .to_owned();
        let project = Project::lay(ctx, directory, &registry, crates)?;
        let locked = project.cargo(ctx, &["generate-lockfile"])?;
        ctx.run(locked)?;
        let lock = project.directory.join("Cargo.lock");
        let lock = std::fs::read_to_string(&lock).with_context(|| format!("reading {lock}"))?;
        compare(ctx, &lock, crates)?;
        let mut seen = format!(
            "{} crates resolve to our bytes in a fresh project",
            crates.len()
        );
        let libraries = crates.iter().filter(|one| one.library).count();
        match depth {
            ResolveDepth::Lockfile => {}
            ResolveDepth::Build if libraries == 0 => {
                seen.push_str("; there is no library to build")
            }
            ResolveDepth::Build => {
                let target = project.target(ctx);
                let build = ["build", "--locked", "--target-dir", target.as_str()];
                let build = project.cargo(ctx, &build)?;
                ctx.run(build)?;
                seen.push_str(&format!("; {libraries} libraries build there"));
            }
        }
        if let Some(docs) = docs {
            seen.push_str(&format!("; {}", documentation(ctx, docs, crates)));
        }
        project.remove()?;
        Ok(seen)
    }
}

/// The fresh project.
struct Project {
    directory: Utf8PathBuf,
    /// What cargo is told on its command line; with it goes a home apart.
    replaced: Vec<String>,
    /// Whether cargo meets an index in the place of its own crates.io.
    stands_apart: bool,
}

impl Project {
    fn lay(
        ctx: &StepContext<'_>,
        directory: Utf8PathBuf,
        registry: &str,
        crates: &[PublishedCrate],
    ) -> anyhow::Result<Project> {
        let mut replaced = Vec::new();
        if registry != "crates-io" {
            // The name may be known to this configuration only.
            let index = ctx.context.registry_index(registry)?;
            replaced.push(format!("registries.{registry}.index=\"{index}\""));
        }
        // A crate of another registry may take its siblings from crates.io.
        let crates_io = match ctx.context.config.registry.names().contains(&"crates-io") {
            true => ctx.context.registry_index("crates-io")?,
            false => CRATES_IO_INDEX.to_owned(),
        };
        let stands_apart = crates_io != CRATES_IO_INDEX;
        if stands_apart {
            replaced.push("source.crates-io.replace-with=\"released\"".to_owned());
            replaced.push(format!("source.released.registry=\"{crates_io}\""));
        }
        let project = Project {
            directory,
            replaced,
            stands_apart,
        };
        project.clear()?;
        let source = project.directory.join("src");
        std::fs::create_dir_all(&source).with_context(|| format!("creating {source}"))?;
        let manifest = manifest(crates, registry, |name| {
            ctx.plan.version_of(name).to_string()
        });
        release_tree::write_whole(
            &project.directory.join("Cargo.toml"),
            manifest.to_string().as_bytes(),
        )?;
        release_tree::write_whole(&source.join("lib.rs"), b"")?;
        Ok(project)
    }

    fn cargo(&self, ctx: &StepContext<'_>, args: &[&str]) -> anyhow::Result<Tool> {
        let mut tool = ctx.context.cargo_in(&self.directory).args(args);
        for setting in &self.replaced {
            tool = tool.args(["--config", setting]);
        }
        if self.stands_apart {
            let home = self.directory.join("home");
            std::fs::create_dir_all(&home).with_context(|| format!("creating {home}"))?;
            // How to reach the network is said in the user's home.
            let settings = crate::tools::toolchain::cargo_home().join("config.toml");
            if settings.is_file() {
                std::fs::copy(&settings, home.join("config.toml"))
                    .with_context(|| format!("copying {}", settings.display()))?;
            }
            tool = tool.env("CARGO_HOME", home.as_str());
        }
        Ok(tool)
    }

    /// Returns the workspace's own, where third-party crates are built already; an index in the
    /// place of crates.io gives them other paths, which would be built beside them for nothing.
    fn target(&self, ctx: &StepContext<'_>) -> Utf8PathBuf {
        if self.stands_apart {
            self.directory.join("target")
        } else {
            ctx.context.target_directory.clone()
        }
    }

    fn clear(&self) -> anyhow::Result<()> {
        if self.directory.exists() {
            std::fs::remove_dir_all(&self.directory)
                .with_context(|| format!("removing {}", self.directory))?;
        }
        Ok(())
    }

    fn remove(&self) -> anyhow::Result<()> {
        self.clear()
    }
}

/// Returns the project's manifest: a workspace of its own, whatever lies around it.
fn manifest(
    crates: &[PublishedCrate],
    registry: &str,
    version: impl Fn(&str) -> String,
) -> DocumentMut {
    let mut document = DocumentMut::new();
    let mut package = Table::new();
    package["name"] = value("fresh-project");
    package["version"] = value("0.0.0");
    package["edition"] = value("2021");
    package["publish"] = value(false);
    document["package"] = toml_edit::Item::Table(package);
    let mut dependencies = Table::new();
    for one in crates {
        let mut wanted = InlineTable::new();
        wanted.insert("version", format!("={}", version(&one.name)).into());
        if registry != "crates-io" {
            wanted.insert("registry", registry.into());
        }
        dependencies[&one.name] = value(wanted);
    }
    document["dependencies"] = toml_edit::Item::Table(dependencies);
    document["workspace"] = toml_edit::Item::Table(Table::new());
    document
}

/// Checks that the lockfile's checksums are those of the packages that were proven.
fn compare(ctx: &StepContext<'_>, lock: &str, crates: &[PublishedCrate]) -> anyhow::Result<()> {
    let lock: DocumentMut = lock.parse().context("reading cargo's lockfile")?;
    for one in crates {
        let version = ctx.plan.version_of(&one.name).to_string();
        let Some(found) = checksum(&lock, &one.name, &version) else {
            bail!("a fresh project does not resolve {} to {version}", one.name);
        };
        let file = archive::file(ctx, &one.name);
        let ours = std::fs::read(&file).with_context(|| format!("reading {file}"))?;
        let ours = stagegate_manifest::sha256_hex(&ours);
        if found != ours {
            bail!(
                "a fresh project gets {} {version} with checksum {found}, and we sent {ours}; yank it and release the next version",
                one.name
            );
        }
    }
    Ok(())
}

/// Returns what a lockfile says of one package.
fn checksum(lock: &DocumentMut, name: &str, version: &str) -> Option<String> {
    let packages = lock.get("package")?.as_array_of_tables()?;
    let text = |table: &Table, key: &str| table.get(key)?.as_str().map(str::to_owned);
    packages
        .iter()
        .find(|table| {
            text(table, "name").as_deref() == Some(name)
                && text(table, "version").as_deref() == Some(version)
        })
        .and_then(|table| text(table, "checksum"))
}

/// Returns how far docs.rs is, in words. It builds when it comes to it: whatever it says is no
/// failure of the release.
fn documentation(ctx: &StepContext<'_>, docs: &Url, crates: &[PublishedCrate]) -> String {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build();
    let agent: ureq::Agent = config.into();
    let (mut built, mut open) = (0, Vec::new());
    for one in crates.iter().filter(|one| one.library) {
        let version = ctx.plan.version_of(&one.name);
        ctx.progress(format!("asking docs.rs for {}", one.name), None, None);
        match is_documented(&agent, docs, &one.name, &version.to_string()) {
            Ok(true) => built += 1,
            Ok(false) => open.push(one.name.as_str()),
            Err(error) => return format!("docs.rs does not tell: {error:#}"),
        }
    }
    match (built, open.is_empty()) {
        (0, true) => "nothing for docs.rs to build".to_owned(),
        (_, true) => format!("docs.rs has built all {built}"),
        _ => format!("docs.rs has built {built}, and not yet {}", open.join(", ")),
    }
}

/// `GET /crate/NAME/VERSION/status.json` of docs.rs; a version that it has not
/// come to yet is unknown to it.
fn is_documented(
    agent: &ureq::Agent,
    docs: &Url,
    name: &str,
    version: &str,
) -> anyhow::Result<bool> {
    let base = docs.as_str().trim_end_matches('/');
    let url = format!("{base}/crate/{name}/{version}/status.json");
    let mut answer = agent.get(&url).call().with_context(|| url.clone())?;
    let status = answer.status().as_u16();
    if status == 404 {
        return Ok(false);
    }
    if status != 200 {
        bail!("{url} answers {status}");
    }
    let text = answer.body_mut().read_to_string()?;
    let document: serde_json::Value = serde_json::from_str(&text).with_context(|| url.clone())?;
    document
        .get("doc_status")
        .and_then(serde_json::Value::as_bool)
        .with_context(|| format!("{url} has no `doc_status`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates() -> [PublishedCrate; 2] {
        ["a-b", "tool"].map(|name| PublishedCrate {
            name: name.to_owned(),
            library: name != "tool",
        })
    }

    #[test]
    fn every_version_is_required_exactly() {
        let check = |registry: &str, want: &str| {
            let text = manifest(&crates(), registry, |_| "1.1.0-rc.1".to_owned()).to_string();
            assert!(text.contains(want), "{text}");
            assert!(text.contains("\n[workspace]\n"), "{text}");
        };
        check("crates-io", "a-b = { version = \"=1.1.0-rc.1\" }");
        check(
            "other",
            "tool = { version = \"=1.1.0-rc.1\", registry = \"other\" }",
        );
    }

    #[test]
    fn a_lockfile_tells_the_checksum_of_one_version() {
        let lock = "version = 4\n\n[[package]]\nname = \"fresh-project\"\nversion = \"0.0.0\"\n\n\
            [[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\nchecksum = \"old\"\n\n\
            [[package]]\nname = \"a-b\"\nversion = \"1.1.0\"\nchecksum = \"new\"\n";
        let lock: DocumentMut = lock.parse().unwrap();
        let check = |name: &str, version: &str, want: Option<&str>| {
            assert_eq!(checksum(&lock, name, version).as_deref(), want);
        };
        check("a-b", "1.1.0", Some("new"));
        check("a-b", "2.0.0", None);
        check("fresh-project", "0.0.0", None);
    }
}
