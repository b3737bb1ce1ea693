//! The command line without an xtask around it: what the tests of this crate
//! start as a process.

fn main() -> std::process::ExitCode {
    stagegate::main()
}
