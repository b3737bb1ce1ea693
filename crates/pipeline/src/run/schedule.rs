//! Which steps of a group may start now: pure bookkeeping, away from threads,
//! journal and clock.
//!
//! A step starts as soon as the steps that it names in its `needs` are done,
//! whatever else is still under way. After a failure, or the wish to stop,
//! nothing new starts: what runs is let to its end, and whoever looks into it
//! finds as little changed as possible. It refuses to reorder: among those
//! that may start, the plan's order decides.

use std::collections::BTreeSet;

use crate::plan::Step;

/// Steps of one group at a time. A registry is shared with everybody: crates.io
/// asks its crawlers for one request a second, and a client that opens a
/// connection per crate of a large workspace would be taken for one.
pub(super) const AT_ONCE: usize = 16;

/// Where the steps of one group stand.
pub(super) struct Schedule<'a> {
    waiting: Vec<&'a Step>,
    running: BTreeSet<&'a str>,
    done: BTreeSet<&'a str>,
    halted: bool,
}

impl<'a> Schedule<'a> {
    /// A group's steps in the plan's order; `done` are those of them that need
    /// nothing more.
    pub(super) fn new(group: &'a [Step], done: BTreeSet<&'a str>) -> Schedule<'a> {
        Schedule {
            waiting: group
                .iter()
                .filter(|step| !done.contains(step.id.as_str()))
                .collect(),
            running: BTreeSet::new(),
            done,
            halted: false,
        }
    }

    /// The steps that are not done and not under way.
    pub(super) fn waiting(&self) -> &[&'a Step] {
        &self.waiting
    }

    /// Takes the steps that may start now. From here on they are under way.
    pub(super) fn take_ready(&mut self) -> Vec<&'a Step> {
        let mut taken = Vec::new();
        if self.halted {
            return taken;
        }
        let room = AT_ONCE.saturating_sub(self.running.len());
        let done = &self.done;
        self.waiting.retain(|step| {
            let free = step.needs.iter().all(|need| done.contains(need.as_str()));
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
    pub(super) fn done(&mut self, id: &str) {
        if let Some(id) = self.running.take(id) {
            self.done.insert(id);
        }
    }

    /// A step that was under way ended without being done.
    pub(super) fn failed(&mut self, id: &str) {
        self.running.remove(id);
        self.halted = true;
    }

    /// Nothing new is to start.
    pub(super) fn halt(&mut self) {
        self.halted = true;
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stage;
    use crate::plan::Action;

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
            let action = Action::Publish {
                package: (*id).to_owned(),
            };
            let mut step = Step::new(*id, Stage::Publish, *id, action);
            step.needs = needs.iter().map(|need| (*need).to_owned()).collect();
            step
        };
        graph.iter().map(step).collect()
    }

    /// What starts at first and after each event: `+id` is done, `-id` failed,
    /// `!` somebody asked to stop.
    fn check(done_before: &[&str], events: &[&str], want: &[&str]) {
        let steps = steps(&FIVE);
        let known = |id: &&str| steps.iter().find(|s| s.id == **id).unwrap().id.as_str();
        let mut schedule = Schedule::new(&steps, done_before.iter().map(known).collect());
        let mut started = Vec::new();
        let mut note = |schedule: &mut Schedule<'_>| {
            let ids: Vec<_> = schedule.take_ready().iter().map(|s| s.id.clone()).collect();
            started.push(ids.join(" "));
        };
        note(&mut schedule);
        for event in events {
            match event.split_at(1) {
                ("+", id) => schedule.done(id),
                ("-", id) => schedule.failed(id),
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
