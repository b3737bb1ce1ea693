//! `init`: makes stagegate part of a workspace: the `xtask` member, the alias,
//! `stagegate.toml` and the workflows.
//!
//! It shows what it would do, asks, and does that and nothing else. What is there is
//! never overwritten: it is as it should be, or it is named and left alone.

mod alias;
mod member;
mod text;
mod translate;

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_config::schema::Config;
use stagegate_engine::context::{Context, workspace_around};
use stagegate_engine::survey::groups_of_checkout;
use stagegate_manifest::relative_to;

use self::translate::{Member, Moves, Sources, Translation};
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
    let translation = match root.join("stagegate.toml").exists() {
        // It is the team's own, and whatever it says it says already.
        true => Translation::default(),
        false => translation(&context),
    };
    let plan = plan(&context, args, &translation)?;
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
    tell(&translation, palette);
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

/// Says what stagegate.toml takes over from other tools, and what it does not.
fn tell(translation: &Translation, palette: Palette) {
    let said = translation.settings.spoken();
    if !said.is_empty() {
        line(&palette.strong("translated into stagegate.toml"));
    }
    for setting in said {
        line(&format!("{} {setting}", palette.good("+")));
    }
    if !translation.notes.is_empty() {
        line(&palette.strong("not translated, or to look at"));
    }
    for note in &translation.notes {
        line(&format!("{} {note}", palette.bad("!")));
    }
}

/// Reads how releases are made today.
fn translation(context: &Context) -> Translation {
    let registry = &context.config.registry.name;
    let members: Vec<Member> = context
        .workspace
        .packages
        .iter()
        .filter(|package| package.may_go_to(registry))
        .map(|package| Member {
            name: package.name.clone(),
            directory: relative_to(&context.root, &package.directory()),
        })
        .collect();
    let mut files = BTreeMap::new();
    for place in translate::places(&members) {
        read_foreign(&context.root.join(&place), place, &mut files);
    }
    let workflows = context.top().join(DIRECTORY);
    let entries = workflows.read_dir_utf8().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| matches!(entry.path().extension(), Some("yml" | "yaml"))) {
        let place = Utf8Path::new(DIRECTORY).join(entry.file_name());
        read_foreign(entry.path(), place, &mut files);
    }
    let is_member = |name: &String| members.iter().any(|member| member.name == *name);
    let moves: Vec<Moves> = match groups_of_checkout(context) {
        Ok(groups) => groups
            .into_iter()
            .map(|group| Moves {
                members: group.members.into_iter().filter(is_member).collect(),
                tags: std::iter::once(group.tag).chain(group.more_tags).collect(),
                name: group.name,
            })
            .collect(),
        // Nothing can be learned, so whatever another tool says is different.
        Err(_) => members
            .iter()
            .map(|member| Moves {
                name: member.name.clone(),
                members: vec![member.name.clone()],
                tags: Vec::new(),
            })
            .collect(),
    };
    let signs = context.git().switched_on("^(commit|tag)\\.gpgsign$");
    let signs = signs.unwrap_or_default();
    let sources = Sources {
        files,
        moves: moves
            .into_iter()
            .filter(|one| !one.members.is_empty())
            .collect(),
        members,
        branch: context.config.release.branch().to_owned(),
        remote: context.config.release.remote().to_owned(),
        signs_commits: signs.contains("commit.gpgsign"),
        signs_tags: signs.contains("tag.gpgsign"),
    };
    let mut translation = translate::translate(&sources);
    let text = text::settings(&sources.branch, &translation.settings);
    let mut trial = context.clone();
    trial.config = match Config::parse(Utf8Path::new("stagegate.toml"), &text) {
        Ok(config) => config,
        Err(error) => {
            translation.without_settings(&error.message);
            return translation;
        }
    };
    if let Err(error) = groups_of_checkout(&trial) {
        translation.without_conventions(&format!("{error:#}").replace('\n', " "));
    }
    translation
}

/// Reads another tool's file, if it is there; one that cannot be read is named later.
fn read_foreign(
    path: &Utf8Path,
    place: Utf8PathBuf,
    files: &mut BTreeMap<Utf8PathBuf, Result<String, String>>,
) {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            files.insert(place, Ok(text));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            files.insert(place, Err(error.to_string()));
        }
    }
}

fn plan(context: &Context, args: &Args, translation: &Translation) -> anyhow::Result<Vec<Planned>> {
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
                Change::Write(text::settings(
                    context.config.release.branch(),
                    &translation.settings,
                ))
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
