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

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use anyhow::{Context as _, bail};
use camino::{Utf8Path, Utf8PathBuf};
use stagegate_plan::model::{
    Action, Blockers, CreateCommitObject, CreateTag, MoveBranch, Phase, Plan, RunId, RunState, Step,
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

/// What becomes of runs that cannot be taken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Set aside what is in progress here and does not arrive, or arrives with another plan: on
    /// a runner that is kept, it is of an earlier job.
    pub set_aside_others: bool,
    /// Leave out a release whose branch has gone on at the remote, as long as nothing of it is
    /// there: it can only begin again.
    pub leave_outdated: bool,
}

/// What became of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Those that can now go on.
    pub runs: Vec<RunId>,
    /// Those that were here, each with the file that its journal is now in.
    pub set_aside: Vec<(RunId, Utf8PathBuf)>,
    /// Those that arrived and have to begin again.
    pub outdated: Vec<RunId>,
}

/// Takes up what [`export`] wrote: every file below `directory`, in the order of
/// their paths. Where several plans of one run arrive, the one that was made last counts: it
/// was made because the others had to be given up.
///
/// # Errors
/// For a journal of another plan, a branch with commits of its own, changed files
/// in the checkout, or a file that is not what [`export`] writes.
pub fn import(
    context: &Context,
    directory: &Utf8Path,
    options: ImportOptions,
) -> anyhow::Result<Imported> {
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    let mut imported = Imported::default();
    if files.is_empty() && !options.set_aside_others {
        return Ok(imported);
    }
    files.sort();
    let _lock = Lock::take(&context.state)?;
    let place = tempfile::Builder::new()
        .prefix("arriving-")
        .tempdir_in(&context.state)
        .context("making a directory beside the journals")?;
    let place = Utf8Path::from_path(place.path()).context("the checkout's path is not UTF-8")?;
    let mut arrivals = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let into = place.join(number.to_string());
        let packed = File::open(file).with_context(|| format!("opening {file}"))?;
        tar::Archive::new(packed)
            .unpack(&into)
            .with_context(|| format!("unpacking {file}"))?;
        if !into.join("state").is_dir() {
            bail!("{file} is not what `ci export` writes; remove it");
        }
        arrivals.push((file.clone(), into));
    }
    let newest = newest_plans(&arrivals)?;
    if options.set_aside_others {
        for id in Journal::open_runs(&context.state) {
            // What cannot be read is of no plan that arrives.
            let here = Journal::plan_of(&context.state, &id).ok().flatten();
            let here = here.map(|plan| plan.digest());
            let arrives = newest.get(&id).map(|newest| newest.plan.digest());
            if here.is_none() || here != arrives {
                let kept = Journal::set_aside_file(&Journal::path_of(&context.state, &id))?;
                imported.set_aside.push((id, kept));
            }
        }
    }
    if options.set_aside_others {
        for (id, newest) in &newest {
            // Completed once, and done again by another plan.
            let done = context.state.join(format!("{id}.done"));
            let here = Journal::look_at(&done).ok().flatten();
            if done.is_file() && here.is_none_or(|(p, _)| p.digest() != newest.plan.digest()) {
                imported
                    .set_aside
                    .push((id.clone(), Journal::set_aside_file(&done)?));
            }
        }
    }
    let mut unwanted = BTreeSet::new();
    if options.leave_outdated {
        for (id, newest) in &newest {
            if is_outdated(&context.git(), &newest.plan, &newest.state)? {
                unwanted.insert(id.clone());
                imported.outdated.push(id.clone());
            }
        }
    }
    let mut branches = BTreeMap::new();
    for (file, into) in &arrivals {
        let state = into.join("state");
        for id in left_out(&state, &newest, &unwanted)? {
            remove(into, &id).with_context(|| format!("leaving {id} out of {file}"))?;
        }
        take_references(&context.git(), &into.join("refs"), &mut branches)
            .with_context(|| format!("taking up the commits of {file}"))?;
        take_files(&state, &context.state).with_context(|| format!("taking up {file}"))?;
    }
    imported.runs = Journal::open_runs(&context.state);
    for target in &imported.runs {
        if let Some(plan) = Journal::plan_of(&context.state, target)? {
            name_what_stands(&context.git(), &plan)?;
            stand_at_its_branch(context, &plan, &branches)?;
        }
    }
    Ok(imported)
}

/// The last plan of a run among those that arrive, and how far it is.
struct Newest {
    plan: Plan,
    state: RunState,
}

/// Returns the journals of a directory, completed ones among them.
fn journals(state: &Utf8Path) -> anyhow::Result<Vec<(RunId, Plan, RunState)>> {
    let mut found = Vec::new();
    for entry in state.read_dir_utf8()? {
        let path = entry?.into_path();
        let is_journal = matches!(path.extension(), Some("jsonl" | "done"));
        let id = path.file_stem().and_then(|stem| stem.parse().ok());
        if let (true, Some(id)) = (is_journal, id)
            && let Some((plan, state)) = Journal::look_at(&path)?
        {
            found.push((id, plan, state));
        }
    }
    Ok(found)
}

fn newest_plans(
    arrivals: &[(Utf8PathBuf, Utf8PathBuf)],
) -> anyhow::Result<BTreeMap<RunId, Newest>> {
    let mut newest: BTreeMap<RunId, Newest> = BTreeMap::new();
    for (_, into) in arrivals {
        for (id, plan, state) in journals(&into.join("state"))? {
            match newest.entry(id) {
                Entry::Vacant(free) => drop(free.insert(Newest { plan, state })),
                Entry::Occupied(mut known) => {
                    let (later, same) = (
                        plan.at > known.get().plan.at,
                        plan.digest() == known.get().plan.digest(),
                    );
                    // Of one plan, the one that is furthest: whether it is pushed counts.
                    let further = same && is_pushed(&plan, &state);
                    if later || further {
                        known.insert(Newest { plan, state });
                    }
                }
            }
        }
    }
    Ok(newest)
}

/// Returns the runs of one arrival that are not taken up: unwanted ones, and those of an earlier
/// plan of which nothing had left its machine. Any other journal of another plan is refused
/// below, as always.
fn left_out(
    state: &Utf8Path,
    newest: &BTreeMap<RunId, Newest>,
    unwanted: &BTreeSet<RunId>,
) -> anyhow::Result<Vec<RunId>> {
    let mut out = Vec::new();
    for (id, plan, state) in journals(state)? {
        let earlier = newest.get(&id).is_some_and(|newest| {
            newest.plan.digest() != plan.digest() && newest.plan.at > plan.at
        });
        if unwanted.contains(&id) || (earlier && !is_pushed(&plan, &state)) {
            out.push(id);
        }
    }
    Ok(out)
}

/// Removes a run from what was unpacked.
fn remove(into: &Utf8Path, id: &RunId) -> anyhow::Result<()> {
    let state = into.join("state");
    let files = [
        state.join(format!("{id}.jsonl")),
        state.join(format!("{id}.done")),
        into.join("refs").join(format!("{id}.bundle")),
    ];
    for file in files.iter().filter(|file| file.is_file()) {
        std::fs::remove_file(file).with_context(|| format!("removing {file}"))?;
    }
    let kept = state.join(id.to_string());
    if kept.is_dir() {
        std::fs::remove_dir_all(&kept).with_context(|| format!("removing {kept}"))?;
    }
    Ok(())
}

/// Returns whether a run has brought anything to the remote, as far as its records say.
fn is_pushed(plan: &Plan, state: &RunState) -> bool {
    let pushes = |step: &&Step| matches!(step.action, Action::Push(_));
    let done = |step: &Step| state.evidence(Phase::Forward, &step.id).is_some();
    plan.steps.iter().filter(pushes).any(done)
}

/// Returns whether a release would put its commit on a branch that has others by now. One that
/// has reached the remote goes on whatever came since, and so does one that writes no commit.
fn is_outdated(git: &Git, plan: &Plan, state: &RunState) -> anyhow::Result<bool> {
    let push = plan.steps.iter().find_map(|step| match &step.action {
        Action::Push(push) => Some(push),
        _ => None,
    });
    let (Some(Made { base, .. }), Some(push)) = (made(plan), push) else {
        return Ok(false);
    };
    if plan.is_as_it_stands() || is_pushed(plan, state) {
        return Ok(false);
    }
    let references = git.remote_refs(&push.remote)?;
    let find = |name: String| references.iter().find(|(known, _)| *known == name);
    // Branch and tags are pushed together, and a kill may have come before the record.
    let mut tags = push.tags.iter().map(|tag| format!("refs/tags/{tag}"));
    if tags.any(|tag| find(tag).is_some()) {
        return Ok(false);
    }
    let there = find(format!("refs/heads/{}", push.branch));
    Ok(there.is_some_and(|(_, there)| there != base && !git.is_ancestor(there, base)))
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
