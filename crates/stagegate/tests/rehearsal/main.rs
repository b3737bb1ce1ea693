//! Whole releases of a small workspace, from outside: the program is started as
//! a user starts it, and the world is looked at by the tests' own means.
//!
//! The fixture is four crates and the demo app, copied for every test; registry,
//! GitHub, remote and host are the fakes of a rehearsal. Nothing here runs
//! within a rehearsal: the test gate of a rehearsal must not rehearse again.

mod adopt;
mod aftermath;
mod bad_input;
mod bad_world;
mod builds;
mod cancel;
mod changelogs;
mod checkouts;
mod conventions;
mod documents;
mod dry_run;
mod evidence;
mod fixture;
mod foreign;
mod gates;
mod half_done;
mod history;
mod hosts;
mod hotfix;
mod kill;
mod notify;
mod owners;
mod pairs;
mod prepare;
mod process;
mod promotion;
mod publish;
mod refusal;
mod registries;
mod repositories;
mod runner;
mod spoil;
mod targets;
mod unpublished;
mod versions;
mod waves;
mod workflows;

mod web;
mod whole;
mod world;

/// Whether this runs within a rehearsal; the caller then returns.
fn within_a_rehearsal() -> bool {
    let within = std::env::var_os("STAGEGATE_REHEARSAL").is_some();
    if within {
        println!("skipped: a rehearsal does not rehearse again");
    }
    within
}
