//! What people type to call this program: `cargo xtask`, or `cargo stagegate` where it is
//! installed as a subcommand of cargo. Help, errors and advice are in these words.

use std::ffi::OsString;
use std::path::Path;

/// The program that cargo starts for `cargo stagegate`.
const SUBCOMMAND: &str = "cargo-stagegate";

/// What a team's own program is called by.
const XTASK: &str = "cargo xtask";

/// Returns what people type to call this program.
pub(crate) fn command_name() -> &'static str {
    std::env::args_os()
        .next()
        .map_or(XTASK, |program| called(&program))
}

fn called(program: &OsString) -> &'static str {
    match is_subcommand(program) {
        true => "cargo stagegate",
        false => XTASK,
    }
}

fn is_subcommand(program: &OsString) -> bool {
    Path::new(program)
        .file_stem()
        .is_some_and(|stem| stem == SUBCOMMAND)
}

/// Returns a command line without the word that cargo passes to a subcommand: its own name.
pub(crate) fn arguments(all: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = all.into_iter().collect();
    let passed = all.first().is_some_and(is_subcommand)
        && all.get(1).is_some_and(|first| first == "stagegate");
    if passed {
        all.remove(1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_program_that_was_started() {
        for (program, want) in [
            ("/home/me/.cargo/bin/cargo-stagegate", "cargo stagegate"),
            ("cargo-stagegate.exe", "cargo stagegate"),
            ("target/debug/xtask", "cargo xtask"),
            ("target/debug/stagegate", "cargo xtask"),
            ("/opt/cargo-stagegate/xtask", "cargo xtask"),
            ("", "cargo xtask"),
        ] {
            assert_eq!(called(&program.into()), want, "{program}");
        }
    }

    #[test]
    fn the_word_that_cargo_passes_is_left_out_once() {
        let check = |all: &[&str], want: &[&str]| {
            assert_eq!(arguments(all.iter().map(OsString::from)), want);
        };
        let program = "/bin/cargo-stagegate";
        check(
            &[program, "stagegate", "check", "fmt"],
            &[program, "check", "fmt"],
        );
        check(
            &[program, "check", "stagegate"],
            &[program, "check", "stagegate"],
        );
        check(&[program, "stagegate"], &[program]);
        check(&[program], &[program]);
        check(
            &["xtask", "stagegate", "check"],
            &["xtask", "stagegate", "check"],
        );
    }
}
