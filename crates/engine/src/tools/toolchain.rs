//! The Rust toolchain: which cargo, where its home is, which targets it can build for.

use std::path::PathBuf;

use camino::Utf8Path;
use stagegate_plan::facts::SurveyResult;
use stagegate_plan::model::{Blocker, TimeCategory};

use crate::tools::process::{Tool, read};

/// Returns the cargo that called us, or the one on the path.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Returns where cargo keeps what belongs to the user.
pub fn cargo_home() -> PathBuf {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo"),
    }
}

/// Returns whether the standard library of a target is there.
pub(crate) fn standard_library(root: &Utf8Path, target: &str) -> SurveyResult<()> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let args = ["--print", "target-libdir", "--target", target];
    let Ok(place) = read(Tool::new(&rustc, root, TimeCategory::Cargo).args(args)) else {
        return Err(Blocker::new(
            format!("rustc knows no target {target}"),
            "correct `targets` under [release] in stagegate.toml; `rustc --print target-list` has all of them",
        ));
    };
    match Utf8Path::new(place.trim()).is_dir() {
        true => Ok(()),
        false => Err(Blocker::new(
            format!("the standard library for {target} is not installed"),
            format!(
                "run `rustup target add {target}`, or take it out of `targets` under [release] in stagegate.toml"
            ),
        )),
    }
}
