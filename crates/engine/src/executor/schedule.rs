//! Which steps of a group may start now: pure bookkeeping, away from threads,
//! journal and clock.
//!
//! A step starts as soon as the steps that it names in its `needs` are done, and
//! those in its `after` have ended, whatever else is still under way. After a
//! failure, or the wish to stop, nothing new starts: what runs is let to its
//! end, and whoever looks into it finds as little changed as possible. Only as
//! many failures as the steps bear hold up no more than what needs the failed
//! ones. It refuses to reorder: among those that may start, the plan's order
//! decides.

use std::collections::BTreeSet;

use stagegate_plan::model::Step;

/// Steps of one group at a time. A registry is shared with everybody: crates.io
/// asks its crawlers for one request a second, and a client that opens a
/// connection per crate of a large workspace would be taken for one.
pub(crate) const AT_ONCE: usize = 32;

/// Where the steps of one group stand.
pub(crate) struct Schedule<'a> {
    waiting: Vec<&'a Step>,
    running: BTreeSet<&'a str>,
    done: BTreeSet<&'a str>,
    /// Failed in a way that is borne, or held up by such a failure.
    lost: BTreeSet<&'a str>,
    failures: usize,
    /// The ids of this group: what is named of other groups is behind us.
    own: BTreeSet<&'a str>,
    halted: bool,
}

impl<'a> Schedule<'a> {
    /// A group's steps in the plan's order; `done` are those of them that need
    /// nothing more.
    pub(crate) fn new(group: &'a [Step], done: BTreeSet<&'a str>) -> Schedule<'a> {
        Schedule {
            waiting: group
                .iter()
                .filter(|step| !done.contains(step.id.as_str()))
                .collect(),
            running: BTreeSet::new(),
            done,
            lost: BTreeSet::new(),
            failures: 0,
            own: group.iter().map(|step| step.id.as_str()).collect(),
            halted: false,
        }
    }

    /// The steps that are not done and not under way.
    pub(crate) fn waiting(&self) -> &[&'a Step] {
        &self.waiting
    }

    /// Takes the steps that may start now. From here on they are under way.
    pub(crate) fn take_ready(&mut self) -> Vec<&'a Step> {
        let mut taken = Vec::new();
        if self.halted {
            return taken;
        }
        let room = AT_ONCE.saturating_sub(self.running.len());
        let (done, lost, own) = (&self.done, &self.lost, &self.own);
        let is_done = |id: &str| done.contains(id) || !own.contains(id);
        self.waiting.retain(|step| {
            let free = step.depends_on.iter().all(|need| is_done(need))
                && step
                    .after_settled
                    .iter()
                    .all(|s| is_done(s) || lost.contains(s.as_str()));
            let starts = free && taken.len() < room;
            if starts {
                taken.push(*step);
            }
            !starts
        });
        self.running.extend(taken.iter().map(|s| s.id.as_str()));
        taken
    }

    /// A step that was under way is done.
    pub(crate) fn done(&mut self, id: &str) {
        if let Some(id) = self.running.take(id) {
            self.done.insert(id);
        }
    }

    /// A step that was under way ended without being done.
    pub(crate) fn failed(&mut self, step: &'a Step) {
        self.running.remove(step.id.as_str());
        self.failures += 1;
        if self.failures > step.max_failures {
            self.halted = true;
            return;
        }
        self.lost.insert(step.id.as_str());
        // What needs it is lost with it, and what needs that.
        loop {
            let before = self.waiting.len();
            let lost = &mut self.lost;
            self.waiting.retain(|step| {
                let held_up = step
                    .depends_on
                    .iter()
                    .any(|need| lost.contains(need.as_str()));
                if held_up {
                    lost.insert(step.id.as_str());
                }
                !held_up
            });
            if self.waiting.len() == before {
                return;
            }
        }
    }

    /// Whether something failed, and no more than is borne.
    pub(crate) fn within_failure_budget(&self) -> bool {
        self.failures > 0 && !self.halted
    }

    /// Nothing new is to start.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagegate_config::stage::Stage;
    use stagegate_plan::model::Action;

    /// `core` ← `left`, `right` ← `top`; `alone` needs nobody.
    const FIVE: [(&str, &[&str]); 5] = [
        ("core", &[]),
        ("alone", &[]),
        ("left", &["core"]),
        ("right", &["core"]),
        ("top", &["left", "right"]),
    ];

    fn steps(graph: &[(&str, &[&str])]) -> Vec<Step> {
        let step = |(id, needs): &(&str, &[&str])| {
            let action = Action::Publish(stagegate_plan::model::Publish {
                package: (*id).to_owned(),
                version: "1.0.0".parse().unwrap(),
                registry: None,
            });
            let mut step = Step::new(*id, Stage::Publish, *id, action);
            step.depends_on = needs.iter().map(|need| (*need).to_owned()).collect();
            step
        };
        graph.iter().map(step).collect()
    }

    /// What starts at first and after each event: `+id` is done, `-id` failed,
    /// `!` somebody asked to stop.
    fn check(done_before: &[&str], events: &[&str], want: &[&str]) {
        check_steps(&steps(&FIVE), done_before, events, want);
    }

    fn check_steps(steps: &[Step], done_before: &[&str], events: &[&str], want: &[&str]) {
        let known = |id: &&str| steps.iter().find(|s| s.id == **id).unwrap().id.as_str();
        let mut schedule = Schedule::new(steps, done_before.iter().map(known).collect());
        let mut started = Vec::new();
        let mut note = |schedule: &mut Schedule<'_>| {
            let ids: Vec<_> = schedule.take_ready().iter().map(|s| s.id.clone()).collect();
            started.push(ids.join(" "));
        };
        note(&mut schedule);
        for event in events {
            match event.split_at(1) {
                ("+", id) => schedule.done(id),
                ("-", id) => schedule.failed(steps.iter().find(|s| s.id == id).unwrap()),
                _ => schedule.halt(),
            }
            note(&mut schedule);
        }
        assert_eq!(started, want, "{done_before:?} {events:?}");
    }

    #[test]
    fn a_step_starts_when_its_own_needs_are_done() {
        check(
            &[],
            &["+core", "+right", "+left", "+alone", "+top"],
            &["core alone", "left right", "", "top", "", ""],
        );
        // Nobody waits for `alone`.
        check(
            &[],
            &["+core", "+left", "+right"],
            &["core alone", "left right", "", "top"],
        );
    }

    #[test]
    fn what_an_earlier_run_did_counts() {
        check(&["core"], &["+left"], &["alone left right", ""]);
        check(&["core", "left", "right"], &[], &["alone top"]);
        check(&["core", "alone", "left", "right", "top"], &[], &[""]);
    }

    #[test]
    fn after_a_failure_nothing_new_starts() {
        check(&[], &["-alone", "+core"], &["core alone", "", ""]);
        check(
            &[],
            &["+core", "-left", "+right"],
            &["core alone", "left right", "", ""],
        );
        check(&[], &["!", "+core"], &["core alone", "", ""]);
    }

    /// Two waves of hosts, each with two steps, and a bundle on each after all.
    fn waves(max_failures: usize) -> Vec<Step> {
        let mut all = steps(&[
            ("a1", &[]),
            ("a2", &["a1"]),
            ("b1", &["elsewhere"]),
            ("b2", &["b1"]),
            ("c1", &[]),
            ("c2", &["c1"]),
            ("fa", &["a2"]),
            ("fb", &["b2"]),
        ]);
        for step in &mut all {
            step.max_failures = max_failures;
            step.after_settled = match step.id.as_str() {
                "b1" | "c1" => vec!["a2".to_owned()],
                "fa" | "fb" => ["a2", "b2", "c2"].map(str::to_owned).to_vec(),
                _ => Vec::new(),
            };
        }
        all
    }

    #[test]
    fn a_wave_waits_for_the_one_before() {
        let events = ["+a1", "+a2", "+b1", "+c1", "+b2", "+c2"];
        let want = ["a1", "a2", "b1 c1", "b2", "c2", "", "fa fb"];
        check_steps(&waves(0), &[], &events, &want);
        let events = ["+b1", "-c1", "+b2"];
        check_steps(&waves(0), &["a1", "a2"], &events, &["b1 c1", "b2", "", ""]);
    }

    #[test]
    fn failures_that_are_borne_hold_up_their_own_host_only() {
        let events = ["+a1", "-a2", "+b1", "+c1", "+b2", "+c2", "+fb"];
        let want = ["a1", "a2", "b1 c1", "b2", "c2", "", "fb", ""];
        check_steps(&waves(1), &[], &events, &want);
        // One more than is borne.
        let events = ["+a1", "-a2", "-b1", "+c1"];
        check_steps(&waves(1), &[], &events, &["a1", "a2", "b1 c1", "", ""]);
        let steps = waves(1);
        let mut schedule = Schedule::new(&steps, BTreeSet::new());
        assert!(!schedule.within_failure_budget());
        schedule.take_ready();
        schedule.failed(&steps[0]);
        assert!(schedule.within_failure_budget());
        assert_eq!(schedule.take_ready().len(), 2);
        schedule.failed(&steps[2]);
        assert!(!schedule.within_failure_budget());
    }

    #[test]
    fn a_wide_group_starts_a_few_at_a_time() {
        let names: Vec<String> = (0..AT_ONCE + 4).map(|n| format!("c{n:02}")).collect();
        let graph: Vec<(&str, &[&str])> =
            names.iter().map(|n| (n.as_str(), &[] as &[&str])).collect();
        let steps = steps(&graph);
        let mut schedule = Schedule::new(&steps, BTreeSet::new());
        assert_eq!(schedule.take_ready().len(), AT_ONCE);
        assert!(schedule.take_ready().is_empty());
        schedule.done("c03");
        let next = schedule.take_ready();
        assert_eq!(next.len(), 1);
        assert_eq!(next[0].id, format!("c{AT_ONCE:02}"));
        assert!(!schedule.is_idle());
        assert_eq!(schedule.waiting().len(), 3);
    }
}
