//! Runs on their way from one checkout to another, with git and without a network.

use stagegate_config::stage::Stage;
use stagegate_manifest::FileEdit;
use stagegate_plan::model::{
    CommitIdentity, CreateCommitObject, CreateTag, MoveBranch, Push, Step,
};
use tempfile::TempDir;

use crate::interrupt::Interrupt;
use crate::journal::Record;
use crate::run_bundle::*;

fn git(directory: &Utf8Path, args: &[&str]) -> String {
    let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    Git::at(directory).read(who.iter().chain(args)).unwrap()
}

struct Checkouts {
    _place: TempDir,
    first: Context,
    second: Context,
    packed: Utf8PathBuf,
}

/// Makes a checkout, and a clone of it on another machine.
fn checkouts() -> Checkouts {
    let place = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(place.path()).unwrap();
    let (one, two) = (top.join("one"), top.join("two"));
    std::fs::create_dir_all(one.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"one\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(one.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(one.join("src/lib.rs"), "").unwrap();
    std::fs::write(one.join(".gitignore"), "Cargo.lock\ntarget\n").unwrap();
    git(&one, &["init", "--quiet", "--initial-branch=main"]);
    git(&one, &["add", "--all"]);
    git(&one, &["commit", "--quiet", "--message", "First"]);
    git(top, &["clone", "--quiet", "one", "two"]);
    let open = |path: &Utf8Path| Context::open(path, None, Interrupt::default()).unwrap();
    Checkouts {
        first: open(&one),
        second: open(&two),
        packed: top.join("packed/state.tar"),
        _place: place,
    }
}

/// Returns a release of what stands there already.
fn plan(context: &Context) -> Plan {
    let identity = CommitIdentity {
        name: "T".to_owned(),
        email: "t@example.org".to_owned(),
    };
    let reference = "refs/stagegate/release-1.0.0".to_owned();
    let head = git(&context.root, &["rev-parse", "HEAD"]);
    let object = Action::CreateCommitObject(CreateCommitObject {
        parent: head.clone(),
        message: "Release 1.0.0".to_owned(),
        identity: identity.clone(),
        sign: false,
        reference: reference.clone(),
        files: None,
    });
    let commit = Action::MoveBranch(MoveBranch {
        branch: "main".to_owned(),
        parent: head,
        reference: reference.clone(),
    });
    let tag = Action::CreateTag(CreateTag {
        name: "v1.0.0".to_owned(),
        message: "Release 1.0.0".to_owned(),
        reference,
        identity,
        sign: false,
    });
    Plan {
        cli_args: "1.0.0".to_owned(),
        title: "release 1.0.0".to_owned(),
        steps: vec![
            Step::new("commit-object", Stage::Package, "commit-object", object),
            Step::new("commit", Stage::Commit, "commit", commit),
            Step::new("tag", Stage::Tag, "tag", tag),
        ],
        ..Plan::new(
            RunId::new(stagegate_plan::model::Verb::Release, "1.0.0"),
            "1.0.0".parse().unwrap(),
            "2026-01-02T03:04:05Z".parse().unwrap(),
        )
    }
}

fn directory(checkouts: &Checkouts) -> &Utf8Path {
    checkouts.packed.parent().unwrap()
}

#[test]
fn where_nothing_is_begun_nothing_arrives() {
    let there = checkouts();
    let nowhere = import(&there.second, directory(&there), ImportOptions::default()).unwrap();
    assert_eq!(nowhere, Imported::default());
    assert_eq!(
        export(&there.first, &there.packed).unwrap(),
        Vec::<RunId>::new()
    );
    let arrived = import(&there.second, directory(&there), ImportOptions::default()).unwrap();
    assert_eq!(arrived, Imported::default());
}

#[test]
fn a_commit_that_stands_already_and_its_tag_arrive_by_their_names() {
    let there = checkouts();
    let plan = plan(&there.first);
    let mut journal = Journal::begin(&there.first.state, &plan, None).unwrap();
    journal
        .append(&Record::Started {
            at: plan.at,
            step: "commit-object".to_owned(),
        })
        .unwrap();
    drop(journal);
    let root = &there.first.root;
    git(root, &["update-ref", &plan.reference(), "HEAD"]);
    git(
        root,
        &["tag", "--annotate", "--message", "Release", "v1.0.0"],
    );
    let kept = there.first.state.join("release-1.0.0/packages");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("one-1.0.0.crate"), "bytes").unwrap();

    assert_eq!(
        export(&there.first, &there.packed).unwrap(),
        ["release-1.0.0".parse().unwrap()]
    );
    for _ in 0..2 {
        let arrived = import(&there.second, directory(&there), ImportOptions::default()).unwrap();
        assert_eq!(
            arrived.runs,
            ["release-1.0.0".parse().unwrap()],
            "twice is as good as once"
        );
    }
    let other = &there.second.root;
    for name in [&plan.reference(), "refs/tags/v1.0.0", "refs/heads/main"] {
        let (here, there) = (
            git(root, &["rev-parse", name]),
            git(other, &["rev-parse", name]),
        );
        assert_eq!(here, there, "{name}");
    }
    let file = there
        .second
        .state
        .join("release-1.0.0/packages/one-1.0.0.crate");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "bytes");
    let read = Journal::plan_of(&there.second.state, &"release-1.0.0".parse().unwrap()).unwrap();
    assert_eq!(read, Some(plan));
}

#[test]
fn a_branch_with_commits_of_its_own_is_refused() {
    let there = checkouts();
    let plan = plan(&there.first);
    drop(Journal::begin(&there.first.state, &plan, None).unwrap());
    export(&there.first, &there.packed).unwrap();
    let root = &there.second.root;
    git(
        root,
        &["commit", "--quiet", "--allow-empty", "--message", "Mine"],
    );
    let mine = git(root, &["rev-parse", "HEAD"]);
    let error = import(&there.second, directory(&there), ImportOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("check out a commit"),
        "{error:#}"
    );
    assert_eq!(git(root, &["rev-parse", "HEAD"]), mine);
}

/// Returns the same release with a changed file, and the push of its commit.
fn plan_with_a_commit(context: &Context) -> Plan {
    let mut plan = plan(context);
    let tags = vec!["v1.0.0".to_owned()];
    let push = Action::Push(Push {
        remote: "origin".to_owned(),
        branch: "main".to_owned(),
        tags,
        reference: plan.reference(),
    });
    plan.edits.push(FileEdit {
        path: "Cargo.toml".into(),
        before: "a".to_owned(),
        after: "b".to_owned(),
        splices: Vec::new(),
    });
    plan.steps
        .push(Step::new("push", Stage::Push, "push", push));
    plan
}

const CAREFUL: ImportOptions = ImportOptions {
    set_aside_others: true,
    leave_outdated: true,
};

/// Makes a commit on the branch of the remote, which the first checkout is to the second one.
fn others_push(there: &Checkouts) -> String {
    let root = &there.first.root;
    git(
        root,
        &["commit", "--quiet", "--allow-empty", "--message", "Others"],
    );
    git(root, &["rev-parse", "HEAD"])
}

#[test]
fn a_release_whose_branch_has_moved_on_begins_again_unless_it_is_pushed() {
    let there = checkouts();
    let plan = plan_with_a_commit(&there.second);
    let id: RunId = "release-1.0.0".parse().unwrap();
    let file = Journal::path_of(&there.second.state, &id);
    let text = || std::fs::read_to_string(&file).unwrap();
    let mut journal = Journal::begin(&there.second.state, &plan, None).unwrap();
    let begun = text();
    let step = || "push".to_owned();
    let at = plan.at;
    journal
        .append(&Record::Started { at, step: step() })
        .unwrap();
    let evidence = "seen".to_owned();
    journal
        .append(&Record::Done {
            at,
            step: step(),
            evidence,
        })
        .unwrap();
    drop(journal);
    let pushed = text();
    let arrive = |text: &str| {
        let state = directory(&there).join("a/state");
        std::fs::create_dir_all(&state).unwrap();
        std::fs::write(state.join("release-1.0.0.jsonl"), text).unwrap();
        let packed = File::create(&there.packed).unwrap();
        let mut archive = tar::Builder::new(packed);
        archive.append_dir_all("state", &state).unwrap();
        archive.into_inner().unwrap();
        let _ = std::fs::remove_file(&file);
        import(&there.second, directory(&there), CAREFUL).unwrap()
    };
    assert_eq!(arrive(&begun).runs, std::slice::from_ref(&id));

    others_push(&there);
    let left = arrive(&begun);
    assert_eq!(left.outdated, std::slice::from_ref(&id));
    assert_eq!(left.runs, Vec::<RunId>::new());
    // What has reached the remote can only go on.
    assert_eq!(arrive(&pushed).runs, std::slice::from_ref(&id));
}

#[test]
fn of_several_plans_of_one_run_the_last_counts() {
    let there = checkouts();
    let first = plan(&there.first);
    let later = Plan {
        at: "2026-01-02T04:00:00Z".parse().unwrap(),
        ..first.clone()
    };
    for (name, plan) in [("1", &later), ("2", &first)] {
        drop(Journal::begin(&there.first.state, plan, None).unwrap());
        let file = directory(&there).join(format!("{name}/state.tar"));
        export(&there.first, &file).unwrap();
        std::fs::remove_file(Journal::path_of(&there.first.state, &plan.run_id)).unwrap();
    }
    let arrived = import(&there.second, directory(&there), ImportOptions::default()).unwrap();
    assert_eq!(arrived.runs, std::slice::from_ref(&later.run_id));
    let taken = Journal::plan_of(&there.second.state, &later.run_id).unwrap();
    assert_eq!(taken, Some(later));
}

#[test]
fn what_an_earlier_job_left_is_set_aside_by_name() {
    let there = checkouts();
    let mut left = plan(&there.second);
    left.run_id = "release-0.9.0".parse().unwrap();
    drop(Journal::begin(&there.second.state, &left, None).unwrap());
    let alone = import(&there.second, directory(&there), ImportOptions::default()).unwrap();
    assert_eq!(alone, Imported::default(), "on a laptop it stays");
    let imported = import(&there.second, directory(&there), CAREFUL).unwrap();
    let kept = there.second.state.join("release-0.9.0.set-aside");
    assert_eq!(imported.set_aside, [(left.run_id.clone(), kept.clone())]);
    assert!(kept.is_file() && Journal::open_runs(&there.second.state).is_empty());

    // The same run by another plan is an earlier one's as well.
    let plan = plan(&there.first);
    drop(Journal::begin(&there.first.state, &plan, None).unwrap());
    export(&there.first, &there.packed).unwrap();
    let other = Plan {
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        ..plan.clone()
    };
    drop(Journal::begin(&there.second.state, &other, None).unwrap());
    let refused = import(&there.second, directory(&there), ImportOptions::default()).unwrap_err();
    assert!(
        refused.to_string().contains("of another plan")
            || format!("{refused:#}").contains("of another plan"),
        "{refused:#}"
    );
    drop(Journal::begin(&there.second.state, &other, None).unwrap());
    let imported = import(&there.second, directory(&there), CAREFUL).unwrap();
    assert_eq!(imported.runs, std::slice::from_ref(&plan.run_id));
    assert_eq!(imported.set_aside.len(), 1, "{imported:?}");
    // What is of this very plan is taken up, and not set aside.
    let again = import(&there.second, directory(&there), CAREFUL).unwrap();
    assert_eq!(again.set_aside, []);
}

#[test]
fn what_is_no_packed_run_is_refused() {
    let there = checkouts();
    std::fs::create_dir_all(directory(&there)).unwrap();
    let file = File::create(&there.packed).unwrap();
    tar::Builder::new(file).into_inner().unwrap();
    let error = import(&there.second, directory(&there), ImportOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("not what `ci export` writes"),
        "{error:#}"
    );
}

#[test]
fn journals_of_one_plan_are_laid_together() {
    let place = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(place.path()).unwrap();
    let (here, from) = (top.join("here"), top.join("from"));
    for directory in [&here, &from] {
        std::fs::create_dir(directory).unwrap();
    }
    let write = |path: Utf8PathBuf, text: &str| std::fs::write(path, text).unwrap();
    let read = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    write(here.join("r.jsonl"), "plan\na\nb\n");
    // The last line broke off: its machine was killed while it wrote.
    write(from.join("r.jsonl"), "plan\nb\nc\nd");
    take_journal(&from.join("r.jsonl"), &here).unwrap();
    assert_eq!(read("r.jsonl"), "plan\na\nb\nc\n");

    write(from.join("r.done"), "plan\ne\n");
    take_journal(&from.join("r.done"), &here).unwrap();
    assert_eq!(read("r.done"), "plan\na\nb\nc\ne\n");
    assert!(
        !here.join("r.jsonl").exists(),
        "a run that is done is not open"
    );

    write(from.join("r.jsonl"), "other\n");
    let error = take_journal(&from.join("r.jsonl"), &here).unwrap_err();
    assert!(error.to_string().contains("of another plan"), "{error:#}");
    assert_eq!(read("r.done"), "plan\na\nb\nc\ne\n");
}
