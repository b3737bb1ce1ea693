//! The plan of a large workspace, beside what `cargo metadata` takes for it:
//! everything a plan adds to reading the manifests.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use stagegate_fakes::registry::{FakeRegistry, RegistryOptions};

use super::scratch::Scratch;
use super::table::Table;
use super::tool::{TOKEN, Tool, configuration, surround};
use super::workspace::{self, Shape};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many crates
    #[arg(long, default_value_t = 500)]
    crates: usize,
    /// In how many layers
    #[arg(long, default_value_t = 10)]
    levels: usize,
    /// How often each; the fastest counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// Measures both in turn and prints the table.
pub(crate) fn measure(options: &Options) -> anyhow::Result<()> {
    let scratch = Scratch::make()?;
    let place = scratch.path();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let registry = FakeRegistry::start(
        runtime.handle(),
        &place.join("registry"),
        RegistryOptions::new(TOKEN),
    )?;
    let address = registry.address().to_string();
    let shape = Shape {
        crates: options.crates,
        levels: options.levels,
        functions: 1,
    };
    let root = workspace::write(place, shape, &configuration(&address))?;
    let (mut manifests, mut metadata, mut plan) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..options.runs.max(1) {
        let cargo = |arguments: &[&str]| {
            let mut cargo = Command::new("cargo");
            cargo.args(["metadata", "--format-version", "1"]);
            cargo.args(arguments);
            surround(&mut cargo, &root, &address, &place.join("home"));
            time(cargo)
        };
        manifests = manifests.min(cargo(&["--no-deps"])?);
        metadata = metadata.min(cargo(&[])?);
        let mut ours = Tool::Stagegate.command(&root, &address, &place.join("home"))?;
        ours.args(["--dry-run"]);
        plan = plan.min(time(ours)?);
    }
    println!(
        "\n{} crates in {} levels, the fastest of {} runs:\n",
        options.crates, options.levels, options.runs
    );
    let mut table = Table::new(&["what", "seconds", "of cargo's"]);
    for (what, took) in [
        ("cargo metadata", metadata),
        ("cargo metadata --no-deps", manifests),
        ("stagegate, the whole plan", plan),
    ] {
        let ratio = took.as_secs_f64() / metadata.as_secs_f64();
        table.row(&[
            what.to_owned(),
            format!("{:.3}", took.as_secs_f64()),
            format!("{ratio:.2}"),
        ]);
    }
    table.print();
    Ok(())
}

fn time(mut command: Command) -> anyhow::Result<Duration> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    let took = began.elapsed();
    if !output.status.success() {
        bail!(
            "{command:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(took)
}
