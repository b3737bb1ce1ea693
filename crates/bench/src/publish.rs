//! A workspace from its packages to the registry: package, verify, publish.
//!
//! Each tool gets the same workspace in a directory of its own, an empty cargo
//! home, an empty target directory and an empty registry, one after the other.
//! The registry stands on this machine and shows a version in its index a while
//! after the upload, as crates.io does.

use std::time::Duration;

use anyhow::{Context, bail};
use camino::Utf8PathBuf;
use stagegate_config::stage::Stage;
use stagegate_fakes::registry::{FakeRegistry, RegistryOptions};
use stagegate_plan::model::Event;

use super::measure::{Taken, measure as run};
use super::scratch::Scratch;
use super::table::Table;
use super::tool::{TOKEN, Tool};
use super::workspace;
use super::workspace::Shape;

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many crates
    #[arg(long, default_value_t = 30)]
    crates: usize,
    /// In how many layers
    #[arg(long, default_value_t = 6)]
    levels: usize,
    /// Functions in each crate: what there is to build
    #[arg(long, default_value_t = 400)]
    functions: usize,
    /// Seconds from an upload until the index shows it
    #[arg(long, default_value_t = 1.4)]
    lag: f64,
    /// Only these tools (may be given more than once)
    #[arg(long = "tool", value_enum)]
    tools: Vec<Tool>,
    /// How often; the middle one counts
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Keep what was made below this directory
    #[arg(long)]
    keep: Option<Utf8PathBuf>,
}

/// One tool's figures.
struct Figures {
    tool: Tool,
    version: String,
    taken: Taken,
    /// Seconds of our stages, by name.
    stages: Vec<(&'static str, f64)>,
}

/// Measures every tool that is installed and prints the table.
pub(crate) fn measure(options: &Options) -> anyhow::Result<()> {
    let shape = Shape {
        crates: options.crates,
        levels: options.levels,
        functions: options.functions,
    };
    let chosen: Vec<Tool> = match &options.tools[..] {
        [] => Tool::ALL.to_vec(),
        some => some.to_vec(),
    };
    let mut all = Vec::new();
    for tool in chosen {
        let version = match tool.version() {
            Ok(version) => version,
            Err(why) => {
                println!("left out: {why}");
                continue;
            }
        };
        let mut runs = Vec::new();
        for number in 1..=options.runs.max(1) {
            println!("{} {version}, run {number} …", tool.name());
            match one(tool, shape, options) {
                Ok(run) => {
                    println!("  {:.1} s", run.0.wall.as_secs_f64());
                    runs.push(run);
                }
                // A peer that cannot be measured takes nothing from the others.
                Err(error) if tool != Tool::Stagegate => println!("  left out: {error:#}"),
                Err(error) => return Err(error),
            }
        }
        if runs.is_empty() {
            continue;
        }
        runs.sort_by_key(|(taken, _)| taken.wall);
        let (taken, stages) = runs.swap_remove(runs.len() / 2);
        all.push(Figures {
            tool,
            version,
            taken,
            stages,
        });
    }
    show(&all, options);
    Ok(())
}

fn one(
    tool: Tool,
    shape: Shape,
    options: &Options,
) -> anyhow::Result<(Taken, Vec<(&'static str, f64)>)> {
    let scratch = Scratch::make()?;
    let place = match &options.keep {
        Some(kept) => kept.join(format!("{tool:?}").to_lowercase()),
        None => scratch.path().to_owned(),
    };
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| format!("removing {place}"))?;
    }
    std::fs::create_dir_all(place.join("home")).with_context(|| format!("creating {place}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let registry = RegistryOptions {
        index_lag: Duration::from_secs_f64(options.lag),
        ..RegistryOptions::new(TOKEN)
    };
    let registry = FakeRegistry::start(runtime.handle(), &place.join("registry"), registry)?;
    let address = registry.address().to_string();
    let root = workspace::write(&place, shape, &super::tool::configuration(&address))?;
    let mut command = tool.command(&root, &address, &place.join("home"))?;
    if tool == Tool::Stagegate {
        command.arg("--yes");
    }
    let output = place.join("output.txt");
    let taken = run(&mut command, &output)?;
    let said = std::fs::read_to_string(&output).unwrap_or_default();
    if !taken.status.success() {
        let tail: Vec<&str> = said.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!(
            "{} ended with {}:\n{}",
            tool.name(),
            taken.status,
            tail.join("\n")
        );
    }
    let published = (0..shape.crates)
        .filter(|index| {
            let name = workspace::name(*index);
            let file = format!("index/{}/{}/{name}", &name[..2], &name[2..4]);
            registry.directory().join(file).is_file()
        })
        .count();
    if published != shape.crates {
        bail!(
            "{} says it is done, and {published} of {} crates are published",
            tool.name(),
            shape.crates
        );
    }
    Ok((taken, stages(&said)))
}

/// Returns where our own time went, from our own events: package, proof, and publish.
fn stages(said: &str) -> Vec<(&'static str, f64)> {
    let events: Vec<Event> = said
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let span = |fits: &dyn Fn(&str) -> bool| {
        let began = events.iter().filter_map(|event| match event {
            Event::StepStarted { step, at, .. } if fits(step) => Some(*at),
            _ => None,
        });
        let ended = events.iter().filter_map(|event| match event {
            Event::StepDone { step, at, .. } if fits(step) => Some(*at),
            _ => None,
        });
        Some((ended.max()? - began.min()?) as f64 / 1000.0)
    };
    let publish = format!("{}:", Stage::Publish.name());
    let found = [
        ("package", span(&|step| step == "package")),
        ("verify-packages", span(&|step| step == "verify-packages")),
        ("publish", span(&|step| step.starts_with(&publish))),
    ];
    found
        .into_iter()
        .filter_map(|(name, seconds)| Some((name, seconds?)))
        .collect()
}

fn show(all: &[Figures], options: &Options) {
    let peers = all.iter().filter(|figures| figures.tool != Tool::Stagegate);
    let fastest = peers.map(|figures| figures.taken.wall).min();
    let cargo = all.iter().find(|figures| figures.tool == Tool::Cargo);
    println!(
        "\n{} crates in {} levels, the index {} s behind, one empty registry, cargo home and target directory each:\n",
        options.crates, options.levels, options.lag
    );
    let mut table = Table::new(&[
        "tool",
        "version",
        "seconds",
        "of the fastest peer",
        "own memory, MiB",
        "with its tools, MiB",
        "of cargo's",
    ]);
    for figures in all {
        let ratio = |ours: f64, theirs: Option<f64>| {
            theirs.map_or("-".to_owned(), |theirs| format!("{:.2}", ours / theirs))
        };
        let mib = |kib: u64| format!("{:.0}", kib as f64 / 1024.0);
        table.row(&[
            figures.tool.name().to_owned(),
            figures.version.clone(),
            format!("{:.1}", figures.taken.wall.as_secs_f64()),
            ratio(
                figures.taken.wall.as_secs_f64(),
                fastest.map(|wall| wall.as_secs_f64()),
            ),
            mib(figures.taken.peak.own),
            mib(figures.taken.peak.tools),
            ratio(
                figures.taken.peak.tools as f64,
                cargo.map(|cargo| cargo.taken.peak.tools as f64),
            ),
        ]);
    }
    table.print();
    for figures in all.iter().filter(|figures| !figures.stages.is_empty()) {
        let bound = options.levels as f64 * options.lag;
        let parts: Vec<String> = figures
            .stages
            .iter()
            .map(|(name, s)| format!("{name} {s:.1} s"))
            .collect();
        println!("\n{}: {}", figures.tool.name(), parts.join(", "));
        if let Some((_, publish)) = figures.stages.iter().find(|(name, _)| *name == "publish") {
            println!(
                "publish is {:.2} of depth x lag ({} x {} = {bound:.1} s)",
                publish / bound,
                options.levels,
                options.lag
            );
        }
    }
}
