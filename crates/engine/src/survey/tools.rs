//! The programs that gates call.

use stagegate_config::schema::Level;
use stagegate_plan::facts::ToolFacts;
use stagegate_plan::model::Blocker;

use crate::context::Context;
use crate::tools::process::read;

pub(crate) fn look(context: &Context) -> Vec<ToolFacts> {
    let gates = &context.config.gates;
    let cargo = |args: &[&str], remedy: &str| {
        let tool = context.cargo_in(&context.root).args(args);
        let shown = tool.shown().to_owned();
        match read(tool) {
            Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
            Err(_) => Err(Blocker::new(format!("`{shown}` cannot be run"), remedy)),
        }
    };
    let mut found = vec![
        ToolFacts {
            name: "cargo",
            version: cargo(&["--version"], "install Rust, for instance with rustup"),
        },
        ToolFacts {
            name: "git",
            version: context
                .git()
                .read(["--version"])
                .map_err(|_| Blocker::new("`git --version` cannot be run", "install git")),
        },
    ];
    if gates.fmt.level != Level::Off {
        let remedy =
            "run `rustup component add rustfmt`, or set `gates.fmt = \"off\"` in stagegate.toml";
        found.push(ToolFacts {
            name: "rustfmt",
            version: cargo(&["fmt", "--version"], remedy),
        });
    }
    if gates.clippy.level != Level::Off {
        let remedy =
            "run `rustup component add clippy`, or set `gates.clippy = \"off\"` in stagegate.toml";
        found.push(ToolFacts {
            name: "clippy",
            version: cargo(&["clippy", "--version"], remedy),
        });
    }
    if gates.semver.level != Level::Off {
        let remedy = "run `cargo install cargo-semver-checks --locked`, or set `gates.semver = \"off\"` in stagegate.toml";
        found.push(ToolFacts {
            name: "semver-checks",
            version: cargo(&["semver-checks", "--version"], remedy),
        });
    }
    found
}
