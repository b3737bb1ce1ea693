//! Hosts whose users were led to the new release, which nobody has confirmed yet: they go
//! back by themselves, and whoever stops in between has to know it.

use std::collections::BTreeSet;

use stagegate_deploy::{Part, ServiceStep};

use crate::model::{Action, DeployService, Placement, Plan, Step};

/// Returns what becomes of them, to follow a sentence; empty where there are none.
pub fn warning(plan: &Plan, is_done: &dyn Fn(&Step) -> bool) -> String {
    let over = |wanted: ServiceStep| {
        let steps = plan.steps.iter().filter(|step| is_done(step));
        steps.filter_map(move |step| placement_of(plan, step, wanted))
    };
    let left: Vec<(&Placement, Part)> = over(ServiceStep::Switch)
        .filter(|(place, part)| {
            let is_it = |(sure, of): (&Placement, Part)| sure.target == place.target && of == *part;
            !over(ServiceStep::Confirm).any(is_it)
        })
        .collect();
    let longest = left.iter().filter_map(|(place, part)| {
        let service = place.app.settings(*part)?;
        Some(service.revert_after_seconds)
    });
    let Some(longest) = longest.max() else {
        return String::new();
    };
    // A host that runs both parts is one host.
    let hosts: BTreeSet<String> = left
        .iter()
        .map(|(place, _)| place.target.to_string())
        .collect();
    let count = hosts.len();
    let hosts = Vec::from_iter(hosts).join(", ");
    let back = match count {
        1 => format!("{hosts} goes back to the release before by itself"),
        _ => format!("{hosts} go back to the release before by themselves"),
    };
    format!("; unless you do within {longest} s of the switch, {back}")
}

fn placement_of<'a>(
    plan: &'a Plan,
    step: &Step,
    wanted: ServiceStep,
) -> Option<(&'a Placement, Part)> {
    match &step.action {
        Action::DeployService(DeployService {
            step,
            placement,
            part,
        }) if *step == wanted => Some((plan.placement(*placement).ok()?, *part)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::waves::backends;

    #[test]
    fn only_a_switch_that_nobody_confirmed_is_told() {
        let plan = backends(&["d@a", "d@b"]);
        let done = |ids: &[&str]| warning(&plan, &|step: &Step| ids.contains(&step.id.as_str()));
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
