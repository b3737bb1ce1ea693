//! This repository's own tasks; embeds the stagegate command line.

mod bench;
mod docs;
mod hosts;

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("bench") => bench::main(),
        Some("docs") => docs::main(),
        Some("hosts") => hosts::main(),
        Some("test") => hosts::test(),
        _ => stagegate::main(),
    }
}
