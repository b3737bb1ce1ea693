//! This repository's own tasks; embeds the stagegate command line.

mod docs;

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bench") => stagegate_bench::main(),
        Some("docs") => docs::main(),
        Some("hosts") => stagegate_hosts::main(),
        Some("test") => stagegate_hosts::test(),
        _ => stagegate::main(),
    }
}
