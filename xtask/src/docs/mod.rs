//! `cargo xtask docs`: what of the documents is made by a program.
//!
//! The JSON Schema, the reference of `stagegate.toml` and the reference of the commands are
//! written from the types; `--check` says which of them is not what would be written. A test
//! calls it, so that none of them can drift. `--picture` turns what a terminal has shown into
//! the picture in the README.

mod commands;
mod configuration;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

/// Writes the generated documents.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask docs")]
struct Args {
    /// Write nothing, and fail if a document is not what would be written
    #[arg(long, conflicts_with = "picture")]
    check: bool,
    /// Read what a terminal has shown from stdin, with its colors, and write the picture
    /// `docs/src/images/NAME.svg`
    #[arg(long, value_name = "NAME")]
    picture: Option<String>,
}

/// Runs `cargo xtask docs`.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse_from(std::env::args().skip(1));
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let docs = directory();
    if let Some(name) = &args.picture {
        let mut shown = String::new();
        std::io::stdin()
            .read_to_string(&mut shown)
            .context("reading what the terminal has shown")?;
        return write(
            &docs.join(format!("src/images/{name}.svg")),
            &picture(&shown),
        );
    }
    let mut outdated = Vec::new();
    for (path, text) in documents()? {
        let file = docs.join(path);
        if std::fs::read_to_string(&file).is_ok_and(|there| there == text) {
            continue;
        }
        match args.check {
            true => outdated.push(format!("docs/{path}")),
            false => write(&file, &text)?,
        }
    }
    match outdated.is_empty() {
        true => Ok(()),
        false => bail!(
            "{} outdated; write them with `cargo xtask docs`",
            outdated.join(", ")
        ),
    }
}

/// Returns each generated document: its path below `docs/`, and its text.
fn documents() -> anyhow::Result<Vec<(&'static str, String)>> {
    let schema = stagegate_config::json_schema();
    let json = serde_json::to_string_pretty(&schema)? + "\n";
    Ok(vec![
        ("stagegate.schema.json", json),
        (
            "src/reference/configuration.md",
            configuration::page(&schema),
        ),
        ("src/reference/commands.md", commands::page()),
    ])
}

/// Draws what a terminal has shown.
fn picture(shown: &str) -> String {
    let svg = anstyle_svg::Term::new().min_width_px(760).render_svg(shown);
    // Its grays are too dark to read on black.
    svg.replace("opacity: 0.4", "opacity: 0.7")
        .replace(".fg { fill: #AAAAAA }", ".fg { fill: #DDDDDD }")
        .replace("fill: #00AA00", "fill: #33CC33")
}

fn directory() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("a member has a directory above").join("docs")
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let directory = file.parent().expect("a document is in a directory");
    std::fs::create_dir_all(directory)
        .with_context(|| format!("making {}", directory.display()))?;
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
