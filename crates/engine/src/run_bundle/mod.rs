//! A half-done run on its way from one machine to another.
//!
//! What a run needs to go on is its journal, the files that it keeps, and the
//! commits and tags that only this checkout has. [`export`] puts them into one
//! file, [`import`] takes them up in another checkout of the same repository.
//! Several machines may have done parts of one plan: their journals are laid
//! together, record by record. A journal of another plan, or a branch with
//! commits of its own, is refused and never overwritten.

#[cfg(test)]
pub mod tests;

use std::collections::BTreeMap;
use std::fs::File;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::{
    Action, Blockers, CreateCommitObject, CreateTag, MoveBranch, Plan, RunId,
};

use crate::context::Context;
use crate::journal::{Journal, Lock};
use crate::tools::git::Git;

/// What begins the names of references while they are looked at.
const ARRIVED: &str = "refs/stagegate-arrived/";

/// The commits, tags and branch of a packed run.
const BUNDLE: &str = "refs.bundle";

/// Writes every begun run of this checkout into one file.
///
/// # Errors
/// While another process writes a journal here, or if a file cannot be read or
/// written.
pub fn export(context: &Context, file: &Utf8Path) -> anyhow::Result<Vec<RunId>> {
    let _lock = Lock::take(&context.state)?;
    let open = Journal::open_runs(&context.state);
    let directory = file.parent().unwrap_or(Utf8Path::new("."));
    std::fs::create_dir_all(directory).with_context(|| format!("creating {directory}"))?;
    let to = File::create(file).with_context(|| format!("creating {file}"))?;
    let mut archive = tar::Builder::new(to);
    archive.follow_symlinks(false);
    let packed = |path: &Utf8Path| format!("packing {path} into {file}");
    // Where nothing is begun this is all there is, and shows whose file it is.
    archive
        .append_dir("state", &context.state)
        .with_context(|| packed(&context.state))?;
    for entry in context.state.read_dir_utf8()? {
        let path = entry?.into_path();
        let name = path.file_name().unwrap_or_default();
        if name == "lock" || name == BUNDLE {
            continue;
        }
        let inside = Utf8Path::new("state").join(name);
        match path.is_dir() {
            true => archive.append_dir_all(&inside, &path),
            false => archive.append_path_with_name(&path, &inside),
        }
        .with_context(|| packed(&path))?;
    }
    let bundle = context.state.join(BUNDLE);
    for target in &open {
        if let Some(plan) = Journal::plan_of(&context.state, target)?
            && bundle_of(&context.git(), &plan, &bundle)?
        {
            let inside = Utf8Path::new("refs").join(format!("{target}.bundle"));
            archive
                .append_path_with_name(&bundle, &inside)
                .with_context(|| packed(&bundle))?;
            std::fs::remove_file(&bundle).with_context(|| format!("removing {bundle}"))?;
        }
    }
    archive
        .into_inner()
        .and_then(|to| to.sync_all())
        .with_context(|| format!("writing {file}"))?;
    Ok(open)
}

/// What a plan makes in git: the commit it begins from, the branch, the tags.
struct Made<'a> {
    base: &'a str,
    branch: Option<&'a str>,
    tags: Vec<&'a str>,
}

fn made(plan: &Plan) -> Option<Made<'_>> {
    let mut made: Option<Made<'_>> = None;
    for step in &plan.steps {
        match (&step.action, &mut made) {
            (Action::CreateCommitObject(CreateCommitObject { parent, .. }), made) => {
                *made = Some(Made {
                    base: parent,
                    branch: None,
                    tags: Vec::new(),
                });
            }
            (Action::MoveBranch(MoveBranch { branch, .. }), Some(made)) => {
                made.branch = Some(branch)
            }
            (Action::CreateTag(CreateTag { name, .. }), Some(made)) => made.tags.push(name),
            _ => {}
        }
    }
    made
}

/// Bundles what the plan has made so far; whether there is anything.
fn bundle_of(git: &Git, plan: &Plan, bundle: &Utf8Path) -> anyhow::Result<bool> {
    let Some(made) = made(plan) else {
        return Ok(false);
    };
    let heads = made.branch.map(|name| format!("refs/heads/{name}"));
    let tags = made.tags.iter().map(|tag| format!("refs/tags/{tag}"));
    let mut args = vec!["bundle", "create", "--quiet", bundle.as_str()];
    let mut names = Vec::new();
    for name in heads.into_iter().chain([plan.reference()]).chain(tags) {
        // What stands at the base is in every checkout already.
        let object = git.ask(["rev-parse", "--verify", "--quiet", &name])?;
        if object.is_some_and(|object| object != made.base) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(false);
    }
    let not = format!("^{}", made.base);
    args.extend(names.iter().map(String::as_str));
    args.push(&not);
    git.read(args)?;
    Ok(true)
}

/// Takes up what [`export`] wrote: every file below `directory`, in the order of
/// their paths. Answers with the runs that can now go on; none where there is no
/// such file.
///
/// # Errors
/// For a journal of another plan, a branch with commits of its own, changed files
/// in the checkout, or a file that is not what [`export`] writes.
pub fn import(context: &Context, directory: &Utf8Path) -> anyhow::Result<Vec<RunId>> {
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    files.sort();
    let _lock = Lock::take(&context.state)?;
    let place = tempfile::Builder::new()
        .prefix("arriving-")
        .tempdir_in(&context.state)
        .context("making a directory beside the journals")?;
    let place = Utf8Path::from_path(place.path()).context("the checkout's path is not UTF-8")?;
    let mut branches = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        let into = place.join(number.to_string());
        let packed = File::open(file).with_context(|| format!("opening {file}"))?;
        tar::Archive::new(packed)
            .unpack(&into)
            .with_context(|| format!("unpacking {file}"))?;
        let state = into.join("state");
        if !state.is_dir() {
            bail!("{file} is not what `ci pack` writes; remove it");
        }
        take_references(&context.git(), &into.join("refs"), &mut branches)
            .with_context(|| format!("taking up the commits of {file}"))?;
        take_files(&state, &context.state).with_context(|| format!("taking up {file}"))?;
    }
    let open = Journal::open_runs(&context.state);
    for target in &open {
        if let Some(plan) = Journal::plan_of(&context.state, target)? {
            name_what_stands(&context.git(), &plan)?;
            stand_at_its_branch(context, &plan, &branches)?;
        }
    }
    Ok(open)
}

/// A release commit that had to be written by nobody is in every checkout; only its
/// private name is not.
fn name_what_stands(git: &Git, plan: &Plan) -> anyhow::Result<()> {
    for step in &plan.steps {
        if let Action::CreateCommitObject(CreateCommitObject {
            parent,
            reference,
            files,
            ..
        }) = &step.action
            && plan.edits.is_empty()
            && files.is_none()
            && git.commit_of(parent)?.is_some()
        {
            git.read(["update-ref", reference, parent])?;
        }
    }
    Ok(())
}

fn collect(directory: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> anyhow::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    for entry in directory.read_dir_utf8()? {
        let path = entry?.into_path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension() == Some("tar") {
            files.push(path);
        }
    }
    Ok(())
}

/// Fetches private references and tags, and notes where the branches stood.
fn take_references(
    git: &Git,
    bundles: &Utf8Path,
    branches: &mut BTreeMap<String, String>,
) -> anyhow::Result<()> {
    if !bundles.is_dir() {
        return Ok(());
    }
    for entry in bundles.read_dir_utf8()? {
        let bundle = entry?.into_path();
        let arrived = format!("+refs/heads/*:{ARRIVED}*");
        git.read([
            "fetch",
            "--quiet",
            "--no-tags",
            bundle.as_str(),
            "+refs/stagegate/*:refs/stagegate/*",
            "refs/tags/*:refs/tags/*",
            &arrived,
        ])?;
        let format = "--format=%(refname)%09%(objectname)";
        let found = git.read(["for-each-ref", format, ARRIVED])?;
        for (name, commit) in found.lines().filter_map(|line| line.split_once('\t')) {
            branches.insert(name.replace(ARRIVED, ""), commit.to_owned());
            git.read(["update-ref", "-d", name])?;
        }
    }
    Ok(())
}

/// Lays what arrived over what is here.
fn take_files(from: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            overlay_dir(path, &to.join(name))?;
        } else if name.ends_with(".jsonl") || name.ends_with(".done") {
            take_journal(path, to)?;
        }
    }
    Ok(())
}

fn overlay_dir(from: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("creating {to}"))?;
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            overlay_dir(entry.path(), &there)?;
        } else {
            std::fs::rename(entry.path(), &there).with_context(|| format!("writing {there}"))?;
        }
    }
    Ok(())
}

/// Adds the records of a journal that the one here does not have.
fn take_journal(path: &Utf8Path, state: &Utf8Path) -> anyhow::Result<()> {
    let arrived = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let stem = path.file_stem().unwrap_or_default();
    let here = ["done", "jsonl"].map(|extension| state.join(format!("{stem}.{extension}")));
    let mut text = String::new();
    let mut done = path.extension() == Some("done");
    for known in here.iter().filter(|known| known.is_file()) {
        text = std::fs::read_to_string(known).with_context(|| format!("reading {known}"))?;
        if text.lines().next() != arrived.lines().next() {
            bail!(
                "{known} is of another plan than the {stem} that arrived; one of them has to be given up (the book says how, under Troubleshooting)"
            );
        }
        done |= known.extension() == Some("done");
        std::fs::remove_file(known).with_context(|| format!("replacing {known}"))?;
    }
    let whole = arrived.rfind('\n').map_or("", |end| &arrived[..=end]);
    let known: std::collections::BTreeSet<String> = text.lines().map(str::to_owned).collect();
    for line in whole.lines().filter(|line| !known.contains(*line)) {
        text.push_str(line);
        text.push('\n');
    }
    let to = &here[usize::from(!done)];
    std::fs::write(to, text).with_context(|| format!("writing {to}"))
}

/// Puts the checkout on the plan's branch, where the run left it.
fn stand_at_its_branch(
    context: &Context,
    plan: &Plan,
    branches: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let git = context.git();
    let Some(Made {
        base,
        branch: Some(branch),
        ..
    }) = made(plan)
    else {
        return Ok(());
    };
    let wanted = branches.get(branch).map_or(base, String::as_str);
    let current = git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    let here = git.commit_of(&format!("refs/heads/{branch}"))?;
    if current.as_deref() == Some(branch) && here.as_deref() == Some(wanted) {
        return Ok(());
    }
    if git.commit_of(wanted)?.is_none() {
        bail!(
            "{} begins from {wanted}, which this checkout does not have; fetch the whole history of {branch}",
            plan.title
        );
    }
    if let Some(here) = &here
        && !git.is_ancestor(here, wanted)
    {
        bail!(
            "{branch} is at {here} here and at {wanted} in the {} that arrived; check out a commit that the release has",
            plan.title
        );
    }
    let changed = git.changed()?;
    if !changed.is_empty() {
        return Err(Blockers(vec![stagegate_plan::preflight::checks::dirty(&changed)]).into());
    }
    git.read(["checkout", "--quiet", "-B", branch, wanted])?;
    Ok(())
}
