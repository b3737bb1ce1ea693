//! `guestbook-frontend DIST [SOURCE]`: builds the static bundle.

use std::path::PathBuf;
use std::process::ExitCode;

use stagegate_demo::{VERSION, bundle};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(dist) = arguments.next() else {
        eprintln!("usage: guestbook-frontend DIST [SOURCE]");
        return ExitCode::from(2);
    };
    let source = arguments
        .next()
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend/src"));
    match bundle::build(&source, &dist, VERSION) {
        Ok(files) => {
            println!(
                "built {} files of version {VERSION} in {}",
                files.len(),
                dist.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!(
                "guestbook-frontend: cannot build {}: {error}",
                dist.display()
            );
            ExitCode::FAILURE
        }
    }
}
