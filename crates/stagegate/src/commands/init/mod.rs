//! `init`: makes stagegate part of a workspace: the `xtask` member, the alias,
//! `stagegate.toml` and the workflows.
//!
//! It shows what it would do, asks, and does that and nothing else. What is there is
//! never overwritten: it is as it should be, or it is named and left alone.

mod alias;
mod member;
mod text;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_engine::context::{Context, workspace_around};

use super::ci;
use crate::cli::Session;
use crate::exit_code::Exit;
use crate::output::{Palette, line};
use crate::prompt::agreed;
use crate::workflows::{DIRECTORY, Outline, workflows};

/// What becomes of one file.
#[derive(Debug, PartialEq)]
enum Change {
    /// It is as it should be.
    Same,
    /// It is made, or has this text afterwards.
    Write(String),
    /// It stays as it is; this is why, and what to do.
    Refused(String),
}

/// One file, relative to the workspace's root, and what is said of it.
struct Planned {
    path: Utf8PathBuf,
    what: &'static str,
    change: Change,
}

/// `init`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workspace; absent: the one around
    #[arg(long, value_name = "PATH")]
    pub(crate) workspace: Option<Utf8PathBuf>,
    /// Take the crate `stagegate` from this directory instead of crates.io
    #[arg(long, value_name = "PATH")]
    pub(crate) from: Option<Utf8PathBuf>,
    /// Show what would be written and stop
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Sets a workspace up.
pub(crate) fn run(args: &Args, session: &Session) -> anyhow::Result<Exit> {
    let Session {
        here,
        interrupt,
        format,
        ..
    } = session;
    let format = *format;
    let start = args.workspace.as_deref().unwrap_or(here);
    let root = workspace_around(&here.join(start))?.root;
    let context = Context::open(&root, None, interrupt.clone())?;
    let plan = plan(&context, args)?;
    let flows: Vec<Utf8PathBuf> = workflows(&Outline::of(&context)?)
        .iter()
        .map(|flow| Utf8Path::new(DIRECTORY).join(flow.file))
        .collect();
    drop(context);
    let palette = Palette::for_stdout();
    line(&palette.strong(&format!("stagegate in {root}")));
    let mut refused = false;
    let mut writes = false;
    for Planned { path, what, change } in &plan {
        let (mark, said) = match change {
            Change::Same => (palette.good("="), "is as it should be".to_owned()),
            Change::Write(_) => (palette.good("+"), (*what).to_owned()),
            Change::Refused(why) => (palette.bad("✗"), why.clone()),
        };
        refused |= matches!(change, Change::Refused(_));
        writes |= matches!(change, Change::Write(_));
        line(&format!("{mark} {path}: {said}"));
    }
    for flow in &flows {
        line(&format!(
            "{} {flow}: from stagegate.toml",
            palette.good("+")
        ));
    }
    line("  Cargo.lock: cargo adds what xtask depends on");
    if refused {
        line("nothing was changed; fix the files that are marked above and try again");
        return Ok(Exit::Blocked);
    }
    if args.dry_run {
        return Ok(Exit::Success);
    }
    if writes && !args.yes && !agreed()? {
        return Ok(Exit::Declined);
    }
    for Planned { path, change, .. } in &plan {
        if let Change::Write(text) = change {
            write(&root.join(path), text)?;
        }
    }
    // Read again: cargo and the configuration are to see what was written.
    let context = Context::open(&root, None, interrupt.clone())
        .context("what was written cannot be read; `git status` shows it")?;
    lock(&context)?;
    let exit = ci::write(&context, false, format)?;
    line("next: commit it, then `cargo xtask doctor` and `cargo xtask rehearse`");
    Ok(exit)
}

fn plan(context: &Context, args: &Args) -> anyhow::Result<Vec<Planned>> {
    let root = &context.root;
    let read = |path: &str| match std::fs::read_to_string(root.join(path)) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading {}", root.join(path))),
    };
    let source = match &args.from {
        Some(path) => Some(path.canonicalize_utf8().with_context(|| {
            format!("--from names the directory of the crate `stagegate`: following {path}")
        })?),
        None => None,
    };
    let manifest = read("Cargo.toml")?.unwrap_or_default();
    let settings = read(alias::FILE)?;
    let fresh = |path: &str, text: String, found: Option<String>| match found {
        None => Change::Write(text),
        Some(found) if found == text => Change::Same,
        Some(_) => Change::Refused(format!(
            "is there already and not written by this; move {path} away, or add stagegate to it \
             by hand, as the book says under \"Adopt stagegate\""
        )),
    };
    let one = |path: &str, what, text| -> anyhow::Result<Planned> {
        Ok(Planned {
            change: fresh(path, text, read(path)?),
            path: path.into(),
            what,
        })
    };
    let written = read("stagegate.toml")?.is_some();
    Ok(vec![
        Planned {
            path: "Cargo.toml".into(),
            what: "`xtask` becomes a member",
            change: member::add(&manifest),
        },
        one(
            "xtask/Cargo.toml",
            "a package with one dependency",
            text::manifest(source.as_deref()),
        )?,
        one(
            "xtask/src/main.rs",
            "one line of `main`",
            text::MAIN.to_owned(),
        )?,
        Planned {
            path: alias::FILE.into(),
            what: "the alias that makes `cargo xtask`",
            change: alias::add(settings.as_deref()),
        },
        Planned {
            path: "stagegate.toml".into(),
            what: "how this workspace is released; everything in it has a default",
            change: if written {
                // It is the team's own from its first line on.
                Change::Same
            } else {
                Change::Write(text::settings(context.config.release.branch()))
            },
        },
    ])
}

/// Returns where the line of a byte ends, before its line ending.
fn end_of_line(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    let end = rest.find('\n').unwrap_or(rest.len());
    from + rest[..end].trim_end_matches('\r').len()
}

fn write(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(|| format!("making {directory}"))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {path}"))
}

/// Updates `Cargo.lock` by cargo itself; without it the first command with `--locked`
/// fails.
fn lock(context: &Context) -> anyhow::Result<()> {
    let output = std::process::Command::new(&context.cargo)
        .args([
            "metadata",
            "--quiet",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(context.root.join("Cargo.toml"))
        .output()
        .context("starting cargo")?;
    if !output.status.success() {
        bail!(
            "everything is written, and cargo cannot resolve it yet; fix what it says, then `cargo xtask ci write`:\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
