//! Deploys the guestbook to a host, and checks what users met and what the host says
//! afterwards. The host is the fake, or a real one of those that `STAGEGATE_HOSTS`
//! lists: the scenarios are the contract of both.
//!
//! The test program stands behind the host's tools too, so it has a `main` of its own: it
//! runs scenarios side by side, and takes words of their names as a filter.

mod bench;
mod builds;
mod bundles;
mod client;
mod deploys;
mod drift;
mod faults;
mod forms;
mod frontends;
mod intrusions;
mod jump;
mod loss;
mod lost;
mod machine;
mod migrations;
mod programs;
mod proxies;
mod real;
mod refusals;
mod switches;
mod tally;
mod traffic;
mod transfers;
mod ways_back;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

/// A scenario panics when it fails.
type Scenario = (&'static str, fn());

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments
        .next()
        .and_then(|word| word.into_string().ok())
        .as_deref()
    {
        Some(machine::FRONT_END) => {
            return stagegate_fakes::host::front_end(arguments.collect());
        }
        Some(traffic::TRAFFIC) => {
            return traffic::main(&std::env::args().nth(2).unwrap());
        }
        Some(client::CLIENT) => {
            return client::main(&std::env::args().nth(2).unwrap());
        }
        _ => {}
    }
    if std::env::var_os("STAGEGATE_REHEARSAL").is_some() {
        println!("skipped: within a rehearsal no other host is deployed to");
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut all: Vec<Scenario> = Vec::new();
    all.extend(deploys::SCENARIOS);
    all.extend(faults::SCENARIOS);
    all.extend(ways_back::SCENARIOS);
    all.extend(frontends::SCENARIOS);
    all.extend(forms::SCENARIOS);
    all.extend(switches::SCENARIOS);
    all.extend(migrations::SCENARIOS);
    all.extend(drift::SCENARIOS);
    all.extend(jump::SCENARIOS);
    all.extend(refusals::SCENARIOS);
    all.extend(intrusions::SCENARIOS);
    all.extend(programs::SCENARIOS);
    all.extend(transfers::SCENARIOS);
    all.extend(bundles::SCENARIOS);
    all.extend(builds::SCENARIOS);
    if real::count() == 0 {
        all.extend(refusals::OF_THE_STAND_IN);
    } else {
        // The longest first, so that it does not run alone at the end.
        all.extend(switches::OF_REAL_HOSTS);
        all.extend(switches::WAYS_BACK.iter().copied().flatten());
        all.extend(lost::SCENARIOS);
        all.extend(lost::BY_A_LISTENER);
        all.extend(lost::OF_A_FRONTEND);
        all.extend(intrusions::OF_REAL_HOSTS);
        all.extend(programs::OF_REAL_HOSTS);
        all.extend(builds::OF_REAL_HOSTS);
        all.splice(0..0, loss::SCENARIOS.iter().copied());
    }
    if std::env::args().any(|word| word == "--list") {
        for (name, _) in &all {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    all.retain(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word)));
    println!("\nrunning {} scenarios", all.len());
    let failed = run(all);
    for table in [tally::table(), loss::table()].into_iter().flatten() {
        println!("{table}");
    }
    if failed.is_empty() {
        println!("\nall scenarios passed\n");
        return ExitCode::SUCCESS;
    }
    println!("\nfailed: {}\n", failed.join(", "));
    ExitCode::FAILURE
}

/// Runs the scenarios, four at a time: they mostly wait; on real hosts, as many as there
/// are. Returns the failed ones.
fn run(scenarios: Vec<Scenario>) -> Vec<&'static str> {
    bench::demo();
    let queue = Mutex::new(scenarios.into_iter());
    let failed = Mutex::new(Vec::new());
    let side_by_side = match real::count() {
        0 => 4,
        hosts => hosts,
    };
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((name, scenario)) = next else { return };
                    let began = Instant::now();
                    tally::begins(name);
                    let outcome = std::panic::catch_unwind(scenario);
                    let seconds = began.elapsed().as_secs_f64();
                    let word = if outcome.is_ok() { "ok" } else { "FAILED" };
                    println!("test {name} ... {word} ({seconds:.1} s)");
                    if outcome.is_err() {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}
