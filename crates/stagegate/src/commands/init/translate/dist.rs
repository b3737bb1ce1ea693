//! dist: `dist-workspace.toml`, `dist.toml` and `[workspace.metadata.dist]`.
//!
//! dist builds for several targets and makes installers, and stagegate does not: what it does
//! stays with it. Keys and defaults are those of its configuration reference,
//! <https://axodotdev.github.io/cargo-dist/book/reference/config.html>.

use serde_json::{Map, Value, json};

use super::{Sources, Translation, first};

/// Where dist's own files are.
pub(super) const FILES: [&str; 2] = ["dist-workspace.toml", "dist.toml"];

/// Translates dist's configuration. Returns whether dist makes the GitHub release.
pub(super) fn translate(sources: &Sources, into: &mut Translation) -> bool {
    let Some((file, table)) = configuration(sources, into) else {
        return false;
    };
    let words = |key: &str| -> Vec<&str> {
        match table.get(key) {
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(word)) => vec![word],
            _ => Vec::new(),
        }
    };
    let is = |key: &str, value: bool| table.get(key) == Some(&json!(value));
    let mut has_release = false;
    if words("ci").contains(&"github") {
        if is("create-release", false) {
            into.note(
                format!("{file}: create-release"),
                "dist adds its files to a draft that it then publishes, and stagegate publishes \
                 its draft itself; take `create-release` out, so that dist makes the GitHub \
                 release, and write `[github] release = false`",
            );
        } else {
            into.set("github", "release", false, &format!("{file}: ci"));
            has_release = true;
        }
        if is("dispatch-releases", true) {
            into.note(
                format!("{file}: dispatch-releases"),
                "dist makes the tag itself when it is started by hand, and stagegate makes it \
                 when it releases: take this out, so that the tag starts dist",
            );
        }
        if let Some(prefix) = table.get("tag-namespace").and_then(Value::as_str) {
            into.note(
                format!("{file}: tag-namespace"),
                format!("only tags that begin with `{prefix}` start dist; `[release] tag` has to"),
            );
        }
    }
    for (key, what) in [
        ("targets", "the builds for these targets stay with dist"),
        ("installers", "the installers stay with dist"),
        ("hosting", "where dist's files are hosted stays as it is"),
    ] {
        let words = words(key);
        if !words.is_empty() {
            into.note(
                format!("{file}: {key}"),
                format!("{what} ({})", words.join(", ")),
            );
        }
    }
    let jobs = words("publish-jobs");
    let (own, built_in): (Vec<&str>, Vec<&str>) =
        jobs.iter().partition(|job| job.starts_with("./"));
    if !built_in.is_empty() {
        into.note(
            format!("{file}: publish-jobs"),
            format!("publishing there stays with dist ({})", built_in.join(", ")),
        );
    }
    if !own.is_empty() {
        into.note(
            format!("{file}: publish-jobs"),
            format!(
                "if one of these publishes to the registry, take it out: stagegate has done so \
                 before ({})",
                own.join(", ")
            ),
        );
    }
    has_release
}

fn configuration(
    sources: &Sources,
    into: &mut Translation,
) -> Option<(&'static str, Map<String, Value>)> {
    if let Some(file) = first(sources, &FILES) {
        let table = sources.toml(file, into)?;
        return Some((file, table.get("dist")?.as_object()?.clone()));
    }
    let manifest = sources.toml("Cargo.toml", into)?;
    let metadata = manifest.get("workspace")?.get("metadata")?;
    Some(("Cargo.toml", metadata.get("dist")?.as_object()?.clone()))
}
