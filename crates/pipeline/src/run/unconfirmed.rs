//! Hosts whose users were led to the new release, which nobody has confirmed yet: they go
//! back by themselves, and whoever stops in between has to know it.

use std::collections::BTreeMap;

use stagegate_deploy::BackendStep;

use crate::Plan;
use crate::plan::{Action, Place, Step};

/// What becomes of them, to follow a sentence; empty where there are none.
pub(super) fn word(plan: &Plan, done: &BTreeMap<String, String>) -> String {
    let over = |wanted: BackendStep| {
        let steps = plan.steps.iter().filter(|step| done.contains_key(&step.id));
        steps.filter_map(move |step| place(step, wanted))
    };
    let left: Vec<&Place> = over(BackendStep::Switch)
        .filter(|place| !over(BackendStep::Confirm).any(|sure| sure.target == place.target))
        .collect();
    let longest = left.iter().filter_map(|place| {
        let backend = place.app.backend.as_ref()?;
        Some(backend.revert_after_seconds)
    });
    let Some(longest) = longest.max() else {
        return String::new();
    };
    let hosts: Vec<String> = left.iter().map(|place| place.target.to_string()).collect();
    let hosts = hosts.join(", ");
    let back = match left.len() {
        1 => format!("{hosts} goes back to the release before by itself"),
        _ => format!("{hosts} go back to the release before by themselves"),
    };
    format!("; unless you do within {longest} s of the switch, {back}")
}

fn place(step: &Step, wanted: BackendStep) -> Option<&Place> {
    match &step.action {
        Action::Backend { step, place } if *step == wanted => Some(place),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::waves::backends;

    #[test]
    fn only_a_switch_that_nobody_confirmed_is_told() {
        let plan = backends(&["d@a", "d@b"]);
        let done = |ids: &[&str]| {
            let done = ids.iter().map(|id| ((*id).to_owned(), String::new()));
            word(&plan, &done.collect())
        };
        assert_eq!(done(&["backend.start@a"]), "");
        let one = done(&["backend.switch@a", "backend.switch@b", "backend.confirm@b"]);
        let says = "s of the switch, d@a:22 goes back to the release before by itself";
        assert!(one.ends_with(says), "{one}");
        let both = done(&["backend.switch@a", "backend.switch@b"]);
        assert!(both.contains(", d@a:22, d@b:22 go back"), "{both}");
        let neither = ["backend.switch@a", "backend.confirm@a"];
        assert_eq!(done(&neither), "");
    }
}
