//! Release pull requests, and what is released when one was merged.

use std::collections::BTreeMap;

use stagegate_config::schema::Config;
use stagegate_github::{HeadRepository, Pull, PullHead};

use crate::facts::{BranchDivergence, Facts};
use crate::model::{Action, Blocker, Blockers, Plan};
use crate::planner::plan;
use crate::request::Request;
use crate::tests::{facts, grouped, planned, wanted};
use crate::version::ApiChange;

fn open(number: u64, branch: &str) -> Pull {
    Pull {
        number,
        state: "open".to_owned(),
        title: "Release".to_owned(),
        body: None,
        html_url: String::new(),
        labels: Vec::new(),
        head: PullHead {
            branch: branch.to_owned(),
            repo: Some(HeadRepository {
                full_name: "o/r".to_owned(),
            }),
        },
        merged_at: None,
        merge_commit_sha: None,
    }
}

fn prepared(facts: &Facts, text: &str, words: &str) -> Plan {
    let config: Config = toml_edit::de::from_str(text).unwrap();
    let facts = grouped(facts, &config);
    plan(&facts, &config, &Request::Prepare(wanted(words, &[]))).unwrap()
}

fn closed(plan: &Plan) -> Vec<u64> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| match &step.action {
            Action::ClosePullRequest(close) => Some(close.number),
            _ => None,
        })
        .collect()
}

#[test]
fn a_pull_request_takes_the_place_of_earlier_ones_about_the_same() {
    let check = |config: &str, words: &str, branches: &[&str], want: &[u64]| {
        let mut facts = facts();
        let pulls = branches.iter().zip(1..);
        let pulls = pulls.map(|(branch, number)| open(number, branch)).collect();
        facts.github.as_mut().unwrap().as_mut().unwrap().pulls = pulls;
        assert_eq!(closed(&prepared(&facts, config, words)), want, "{words}");
    };
    // An older version, and a branch that is named beside another; itself and work stay.
    let branches = [
        "release/1.0.1",
        "release/1.1.0",
        "release-1.0.2",
        "feature/x",
    ];
    check("", "1.1.0", &branches, &[1, 3]);
    let groups = "[release]\nversioning = \"independent\"\n";
    let branches = [
        "release/core=1.0.1",
        "release/left=1.0.1",
        "release/core=1.0.1,left=1.0.1",
        "release/candidate-of-mine",
    ];
    // Somebody else's group is nobody's business.
    check(groups, "core=1.0.2", &branches, &[1]);
}

#[test]
fn a_pull_request_says_what_the_public_interfaces_ask_for() {
    let body = |found: Option<Result<ApiChange, Blocker>>, words: &str| {
        let mut facts = facts();
        facts.interfaces = found
            .map(|found| ("workspace".to_owned(), found))
            .into_iter()
            .collect::<BTreeMap<_, _>>();
        let plan = prepared(&facts, "", words);
        let steps = plan.steps.iter();
        let mut body = steps.filter_map(|step| match &step.action {
            Action::OpenPullRequest(proposal) => Some(proposal.clone()),
            _ => None,
        });
        let proposal = body.next_back().unwrap();
        assert_eq!(proposal.labels, ["release"]);
        proposal.body
    };
    let check = |found, words: &str, want: &str| {
        let body = body(Some(found), words);
        assert!(body.contains(&format!("- semver: {want}")), "{body}");
    };
    check(
        Ok(ApiChange::Same),
        "1.0.1",
        "cargo-semver-checks finds no change",
    );
    check(
        Ok(ApiChange::Broken),
        "1.1.0",
        "⚠️ cargo-semver-checks finds changes of the public interface that ask for 2.0.0",
    );
    check(
        Ok(ApiChange::Broken),
        "2.0.0",
        "the public interface changed in a way that breaks callers, and the version says so",
    );
    let cannot = Blocker::new("it cannot be compared", "install it");
    check(Err(cannot), "1.0.1", "it cannot be compared");
    assert!(!body(None, "1.0.1").contains("semver"));
}

/// Facts in which the version is written already, and the remote's branch stands somewhere.
fn written(divergence: BranchDivergence) -> Facts {
    let mut facts = facts();
    let git = facts.git.as_mut().unwrap();
    git.tags.clear();
    git.remote.as_mut().unwrap().divergence = divergence;
    facts
}

fn release(facts: &Facts, words: &str) -> Result<Plan, Blockers> {
    let text = "[release]\nchangelog_mode = \"off\"\ntag = \"v{version}\"\n";
    let config: Config = toml_edit::de::from_str(text).unwrap();
    planned(facts, &config, wanted(words, &[]))
}

#[test]
fn what_stands_already_need_not_be_the_head_of_the_branch() {
    let plan = release(&written(BranchDivergence::OnTop), "1.0.0").unwrap();
    assert!(plan.is_as_it_stands());
    let says = |part: &str| plan.notes.iter().any(|note| note.contains(part));
    assert!(
        says("commits on top of this one that are not part of the release"),
        "{:?}",
        plan.notes
    );
    // A commit of its own has to be the next one on the branch.
    let refused = release(&written(BranchDivergence::OnTop), "1.1.0").unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("origin has commits on main that are not here"),
        "{refused}"
    );
    // What went another way at the remote holds nothing of this commit.
    let refused = release(&written(BranchDivergence::Behind), "1.0.0").unwrap_err();
    assert!(
        refused.to_string().contains("that are not here"),
        "{refused}"
    );
    let plan = release(&written(BranchDivergence::Same), "1.0.0").unwrap();
    assert!(
        !plan
            .notes
            .iter()
            .any(|note| note.contains("on top of this one"))
    );
}

#[test]
fn attestations_that_github_does_not_keep_are_refused_before_anything_moves() {
    let draft = |private: bool, of_person: bool, attest: bool, handed_on: bool| {
        let mut facts = facts();
        let github = facts.github.as_mut().unwrap().as_mut().unwrap();
        github.facts.private = private;
        github.facts.belongs_to_person = of_person;
        let text = format!("[ci]\nattest = {attest}\n");
        let config: Config = toml_edit::de::from_str(&text).unwrap();
        let mut request = wanted("1.1.0", &[]);
        request.handed_on = handed_on;
        planned(&facts, &config, request)
    };
    let refused = draft(true, true, true, true).unwrap_err().to_string();
    assert!(refused.contains("`ci.attest = false`"), "{refused}");
    // An organization may have the plan for it, which a workflow's token cannot see.
    let plan = draft(true, false, true, true).unwrap();
    let said = |plan: &Plan| plan.notes.iter().any(|note| note.contains("attestation"));
    assert!(said(&plan), "{:?}", plan.notes);
    assert!(
        !said(&draft(false, true, true, true).unwrap()),
        "a public one"
    );
    assert!(
        !said(&draft(true, true, false, true).unwrap()),
        "without attestations"
    );
    assert!(
        !said(&draft(true, true, true, false).unwrap()),
        "a laptop attests nothing"
    );
}
