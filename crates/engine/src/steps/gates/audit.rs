//! The audit gate: every locked package against a RustSec database.
//!
//! The `rustsec` crate reads the database, as cargo-audit does: nothing needs
//! to be installed, and no network is needed where a database is given.

use anyhow::{Context, bail};
use camino::Utf8Path;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustsec::advisory::Id;
use rustsec::report::Settings;
use rustsec::{Database, Lockfile, Report};
use stagegate_plan::model::{AuditDependencies, Finding, count};

use crate::executor::step::{Perform, StepContext};
use crate::tools::advisory_db::{DatabaseAge, default_database};

impl Perform for AuditDependencies {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let database = self.database.as_deref();
        let ignore: &[String] = &self.ignore;

        let root = ctx.context.root.clone();
        let lockfile = root.join("Cargo.lock");
        if !lockfile.is_file() {
            bail!(
                "there is no {lockfile} to audit; run `cargo generate-lockfile`, or set `gates.audit = \"off\"`"
            );
        }
        let place = match database {
            Some(path) => root.join(path),
            None => fetch(ctx)?,
        };
        let database = Database::open(place.as_std_path())
            .map_err(|e| anyhow::anyhow!("the advisory database {place} cannot be read: {e}"))?;
        let advisories = database.iter().count();
        if advisories == 0 {
            bail!("the advisory database {place} is empty");
        }
        let locked = Lockfile::load(lockfile.as_std_path())
            .with_context(|| format!("reading {lockfile}"))?;
        let ignore: Result<Vec<Id>, _> = ignore.iter().map(|id| id.parse()).collect();
        let ignore = ignore.map_err(|e| anyhow::anyhow!("`gates.audit.ignore`: {e}"))?;
        let settings = Settings {
            ignore,
            ..Settings::default()
        };
        let report = Report::generate(&database, &locked, &settings);
        if report.vulnerabilities.found {
            ctx.found(findings(ctx, &lockfile, &report)?);
            let found: Vec<String> = report
                .vulnerabilities
                .list
                .iter()
                .map(|v| {
                    format!(
                        "    {} {}: {} ({})",
                        v.package.name, v.package.version, v.advisory.title, v.advisory.id
                    )
                })
                .collect();
            bail!(
                "{} in Cargo.lock:\n{}\n  update the packages, or name the advisory in `gates.audit.ignore`",
                count(found.len(), "known vulnerability"),
                found.join("\n")
            );
        }
        // A snapshot is as good as it is young; that is for people to judge.
        let newest = database
            .iter()
            .map(|advisory| advisory.metadata.date.as_str())
            .max();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let age = DatabaseAge::of(&place, newest, today);
        ctx.notes
            .extend(age.as_ref().and_then(DatabaseAge::warning));
        Ok(format!(
            "{}, none in {} of {place} ({})",
            count(locked.packages.len(), "package"),
            count(advisories, "advisory"),
            age.map_or("of unknown age".to_owned(), |age| age.to_string())
        ))
    }
}

/// Where the lockfile names what is vulnerable.
fn findings(
    ctx: &StepContext<'_>,
    lockfile: &Utf8Path,
    report: &Report,
) -> anyhow::Result<Vec<Finding>> {
    let text = std::fs::read_to_string(lockfile).with_context(|| format!("reading {lockfile}"))?;
    let lines: Vec<&str> = text.lines().collect();
    let finding = |name: &str, version: &str, title: &str, id: &str| {
        let head = [
            format!("name = \"{name}\""),
            format!("version = \"{version}\""),
        ];
        let at = lines.windows(2).position(|pair| pair == head);
        Finding {
            file: ctx.context.subdirectory.join("Cargo.lock"),
            line: at.map_or(1, |at| at as u64 + 1),
            column: None,
            title: id.to_owned(),
            message: format!("{name} {version}: {title}"),
        }
    };
    let found = report.vulnerabilities.list.iter().map(|v| {
        let (package, advisory) = (&v.package, &v.advisory);
        finding(
            package.name.as_str(),
            &package.version.to_string(),
            &advisory.title,
            advisory.id.as_str(),
        )
    });
    Ok(found.collect())
}

/// RustSec's own database, cloned or brought up to date with git.
fn fetch(ctx: &mut StepContext<'_>) -> anyhow::Result<camino::Utf8PathBuf> {
    let place = default_database();
    let git = crate::tools::git::Git::at(place.parent().unwrap_or(&place));
    let tool = if place.join(".git").exists() {
        crate::tools::git::Git::at(&place).tool(["pull", "--quiet", "--ff-only"])
    } else {
        git.tool(["clone", "--quiet", "--depth=1", ADDRESS, place.as_str()])
    };
    ctx.run(tool).context(
        "the advisory database cannot be fetched; a gate that cannot run fails: give one with `gates.audit = { database = \"…\" }`, set `gates.audit = \"warn\"`, or leave the gate out with `--skip audit`",
    )?;
    Ok(place)
}

/// Where RustSec publishes its database.
const ADDRESS: &str = "https://github.com/RustSec/advisory-db.git";
