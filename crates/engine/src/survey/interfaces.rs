//! How the public interfaces changed since the last release, as
//! cargo-semver-checks sees it (<https://github.com/obi1kenobi/cargo-semver-checks>).

use std::collections::BTreeMap;

use stagegate_manifest::Workspace;
use stagegate_plan::facts::{History, SurveyResult};
use stagegate_plan::model::Blocker;
use stagegate_plan::version::{ApiChange, Group};

use crate::context::Context;
use crate::interrupt::Interrupt;
use crate::tools::process::{Tool, read};

/// Asks cargo-semver-checks what kind of version each group's libraries need:
/// by what it lets pass, not by what it prints.
pub(crate) fn look(
    context: &Context,
    workspace: &Workspace,
    groups: &[Group],
    history: &BTreeMap<String, History>,
) -> BTreeMap<String, SurveyResult<ApiChange>> {
    let mut found = BTreeMap::new();
    for group in groups {
        let Some(tag) = history.get(&group.name).and_then(|h| h.since.as_ref()) else {
            continue;
        };
        let libraries: Vec<&str> = workspace
            .packages
            .iter()
            .filter(|p| {
                group.has(&p.name) && p.publishable_to_any(&context.config.registry.names())
            })
            .filter(|p| {
                p.metadata
                    .targets
                    .iter()
                    .any(|t| t.is_lib() || t.is_proc_macro())
            })
            .map(|p| p.name.as_str())
            .collect();
        found.insert(group.name.clone(), interface(context, tag, &libraries));
    }
    found
}

fn interface(context: &Context, tag: &str, libraries: &[&str]) -> SurveyResult<ApiChange> {
    if libraries.is_empty() {
        return Ok(ApiChange::Absent);
    }
    let cannot = |why: anyhow::Error| {
        Blocker::new(
            format!("the public interfaces cannot be compared with {tag}: {why:#}"),
            "install the tool (`cargo install cargo-semver-checks --locked`), or name the version",
        )
    };
    // Without it cargo itself says no, as to an interface that has changed.
    let there = ["semver-checks", "--version"];
    read(context.cargo_in(&context.root).args(there)).map_err(cannot)?;
    let passes = |kind: &str| -> SurveyResult<bool> {
        let mut args = vec![
            "semver-checks",
            "--baseline-rev",
            tag,
            "--release-type",
            kind,
        ];
        for library in libraries {
            args.extend(["--package", library]);
        }
        let target = context.target_directory.join("semver-checks");
        let tool = context
            .cargo_in(&context.root)
            .args(args)
            .env("CARGO_TARGET_DIR", target.as_str());
        passed(tool).map_err(cannot)
    };
    Ok(if passes("patch")? {
        ApiChange::Same
    } else if passes("minor")? {
        ApiChange::Additive
    } else if passes("major")? {
        ApiChange::Broken
    } else {
        return Err(Blocker::new(
            format!(
                "cargo-semver-checks could not compare {} with {tag}",
                libraries.join(", ")
            ),
            format!(
                "run `cargo semver-checks --baseline-rev {tag}` and fix what it reports, or name the version"
            ),
        ));
    })
}

fn passed(tool: Tool) -> anyhow::Result<bool> {
    let outcome = tool.run(None, &Interrupt::default(), &mut |_| {})?;
    Ok(outcome.status.success())
}
