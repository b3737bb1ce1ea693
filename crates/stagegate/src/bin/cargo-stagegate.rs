//! `cargo stagegate`: the same program, installed as a subcommand of cargo.

fn main() -> std::process::ExitCode {
    stagegate::main()
}
