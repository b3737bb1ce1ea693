//! This repository's own tasks; embeds the stagegate command line.

mod bench;

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bench") => bench::main(),
        _ => stagegate::main(),
    }
}
