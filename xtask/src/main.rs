//! This repository's own tasks; embeds the stagegate command line.

fn main() -> std::process::ExitCode {
    stagegate::main()
}
