//! cargo-release: `release.toml`, `[workspace.metadata.release]` and
//! `[package.metadata.release]`.
//!
//! Keys, layers, defaults and placeholders are those of its reference,
//! <https://github.com/crate-ci/cargo-release/blob/master/docs/reference.md>; that only
//! `replace` has placeholders, and that files lie beside the package's manifest, is from its
//! FAQ in the same directory.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};

use super::conventions::{self, Said, list};
use super::placeholders::translated;
use super::{Member, Sources, Translation};

/// The default of `tag-name`.
const TAG_NAME: &str = "{{prefix}}v{{version}}";

/// Its placeholders, and ours.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("version", "{version}"),
    ("prev_version", "{previous}"),
    ("crate_name", "{name}"),
    ("tag_name", "{tag}"),
    ("date", "{date}"),
];

/// Keys that are translated, below.
const TRANSLATED: [&str; 15] = [
    "allow-branch",
    "dependent-version",
    "pre-release-commit-message",
    "pre-release-hook",
    "pre-release-replacements",
    "publish",
    "push-remote",
    "registry",
    "release",
    "shared-version",
    "sign-commit",
    "sign-tag",
    "tag-message",
    "tag-name",
    "tag-prefix",
];

/// Keys without a counterpart: the default, in JSON, and why or what instead.
const WITHOUT: [(&str, &str, &str); 16] = [
    (
        "consolidate-commits",
        "true",
        "a release has one commit, whatever number of crates is in it",
    ),
    (
        "metadata",
        "\"optional\"",
        "build metadata is written only where the version that you ask for has it",
    ),
    (
        "tag",
        "true",
        "every release is tagged: the next one finds by the tag what was released last",
    ),
    (
        "push",
        "true",
        "branch and tag are pushed together before anything is published; `release --until tag` \
         stops before that, and `--resume` goes on",
    ),
    (
        "push-options",
        "[]",
        "nothing is sent along with a push; `git config push.pushOption` says it for all of yours",
    ),
    (
        "owners",
        "[]",
        "owners stay as the registry has them; `cargo owner --add` adds one, once",
    ),
    (
        "rate-limit",
        "null",
        "uploads wait as long as the registry says, and the plan tells how long that will be",
    ),
    (
        "certs-source",
        "\"webpki\"",
        "the certificates of the operating system are trusted",
    ),
    (
        "verify",
        "true",
        "packages are always built as they are packaged, before anything is published",
    ),
    (
        "enable-features",
        "[]",
        "packages are verified with their default features; a gate tests others: \
         `[gates] test = { args = [\"--workspace\", \"--features\", \"…\"] }`",
    ),
    (
        "enable-all-features",
        "false",
        "packages are verified with their default features; a gate tests all: \
         `[gates] test = { args = [\"--workspace\", \"--all-features\"] }`",
    ),
    (
        "target",
        "null",
        "packages are verified for the machine that releases",
    ),
    (
        "dev-version",
        "false",
        "no development version is written after a release; begin it with a commit of your own",
    ),
    (
        "dev-version-ext",
        "null",
        "no development version is written after a release; begin it with a commit of your own",
    ),
    (
        "post-release-commit-message",
        "null",
        "nothing is committed after a release",
    ),
    (
        "post-release-replacements",
        "[]",
        "nothing is committed after a release; a `[[step]]` with `after` runs a command of yours",
    ),
];

/// One file's table.
struct Layer {
    file: String,
    table: Map<String, Value>,
}

/// Everything that cargo-release would read, first what counts first.
struct Layers<'s> {
    of_workspace: Vec<usize>,
    of_package: Vec<(&'s Member, Vec<usize>)>,
    all: Vec<Layer>,
}

impl<'s> Layers<'s> {
    fn read(sources: &'s Sources, into: &mut Translation) -> Layers<'s> {
        let mut all = Vec::new();
        let mut metadata = |file: &str, table: &str, into: &mut Translation| {
            let text = sources.toml(file, into)?;
            let found = text
                .get(table)?
                .get("metadata")?
                .get("release")?
                .as_object()?;
            all.push(Layer {
                file: file.to_owned(),
                table: found.clone(),
            });
            Some(all.len() - 1)
        };
        let of_all = metadata("Cargo.toml", "workspace", into);
        let manifests: Vec<Option<usize>> = sources
            .members
            .iter()
            .map(|member| {
                metadata(
                    member.directory.join("Cargo.toml").as_str(),
                    "package",
                    into,
                )
            })
            .collect();
        let mut file = |file: &str, into: &mut Translation| {
            let table = sources.toml(file, into)?;
            let file = file.to_owned();
            all.push(Layer { file, table });
            Some(all.len() - 1)
        };
        let root = file("release.toml", into);
        let mut of_workspace: Vec<usize> = of_all.into_iter().chain(root).collect();
        let mut of_package = Vec::new();
        for (member, manifest) in sources.members.iter().zip(manifests) {
            // The package at the root shares its file with the workspace.
            let own = match member.directory.as_str() {
                "" => None,
                directory => file(&format!("{directory}/release.toml"), into),
            };
            let layers = manifest.into_iter().chain(own);
            of_package.push((member, layers.chain(of_workspace.iter().copied()).collect()));
        }
        // A package alone is its own workspace.
        if let [(member, layers)] = &of_package[..]
            && member.directory.as_str().is_empty()
        {
            of_workspace.clone_from(layers);
        }
        Layers {
            of_workspace,
            of_package,
            all,
        }
    }

    fn get(&self, layers: &[usize], key: &str) -> Option<(&Value, String)> {
        layers.iter().find_map(|&at| {
            let layer = &self.all[at];
            Some((layer.table.get(key)?, format!("{}: {key}", layer.file)))
        })
    }

    /// Returns what holds for the workspace.
    fn workspace(&self, key: &str) -> Option<(&Value, String)> {
        self.get(&self.of_workspace, key)
    }

    /// Returns what holds for each package, where something is said.
    fn packages(&self, key: &str) -> impl Iterator<Item = (&'s Member, &Value, String)> {
        self.of_package.iter().filter_map(move |(member, layers)| {
            let (value, origin) = self.get(layers, key)?;
            Some((*member, value, origin))
        })
    }

    /// Returns the text that holds for all packages: the workspace's, or where it says nothing,
    /// the one that all have. A note names what differs, and what is no text.
    fn text(&self, key: &str, into: &mut Translation) -> Option<(String, String)> {
        let of_all = self.workspace(key);
        let mut found = of_all
            .into_iter()
            .chain(self.packages(key).map(|(_, value, origin)| (value, origin)));
        let (first, origin) = found.next()?;
        for (_, other) in found.filter(|(value, _)| *value != first) {
            into.note(
                other,
                format!("is of one crate, and stagegate has one for all: what {origin} says"),
            );
        }
        match first.as_str() {
            Some(text) => Some((text.to_owned(), origin)),
            None => {
                into.note(origin, "is not a text, as cargo-release's reference has it");
                None
            }
        }
    }
}

/// Translates what cargo-release's files say.
pub(super) fn translate(sources: &Sources, into: &mut Translation) {
    let layers = Layers::read(sources, into);
    if layers.all.is_empty() {
        return;
    }
    branches(&layers, sources, into);
    signing(&layers, sources, into);
    members(&layers, sources, into);
    let shared = shared_versions(&layers);
    let moves = conventions::groups(sources, &shared, into);
    conventions::tags(&moves, &tags(&layers, into), into);
    requirements(&layers, into);
    if let Some((remote, origin)) = layers.text("push-remote", into)
        && remote != sources.remote
    {
        into.set("release", "remote", remote, &origin);
    }
    if let Some((registry, origin)) = layers.text("registry", into)
        && registry != "crates-io"
    {
        into.set("registry", "name", registry, &origin);
    }
    messages(&layers, into);
    replacements(&layers, sources, into);
    hooks(&layers, sources, into);
    without(&layers, into);
}

/// `allow-branch`: globs, of which `!` takes some away.
fn branches(layers: &Layers<'_>, sources: &Sources, into: &mut Translation) {
    let Some((value, origin)) = layers.workspace("allow-branch") else {
        return;
    };
    let globs: Vec<&str> = match value.as_array() {
        Some(globs) => globs.iter().filter_map(Value::as_str).collect(),
        None => value
            .as_str()
            .map(|globs| globs.split(',').collect())
            .unwrap_or_default(),
    };
    let (without, wanted): (Vec<&str>, Vec<&str>) =
        globs.iter().partition(|glob| glob.starts_with('!'));
    for glob in without.iter().filter(|glob| **glob != "!HEAD") {
        into.note(
            &origin,
            format!("`{glob}` takes branches away, and `branches` only adds some"),
        );
    }
    if wanted.contains(&"*") {
        return;
    }
    // Of a glob's signs there is `*` alone, and it stands for any part.
    let is_odd = |glob: &&&str| glob.contains(['?', '[', '{', '\\']);
    for glob in wanted.iter().filter(is_odd) {
        into.note(
            &origin,
            format!("`{glob}` has more than `*` in it; write it into `[release] branches` in other words"),
        );
    }
    let wanted: Vec<&str> = wanted
        .iter()
        .filter(|glob| !is_odd(glob))
        .copied()
        .collect();
    let fits = |glob: &&&str| stagegate_config::name_pattern::fits(glob, &sources.branch);
    let mut main = sources.branch.as_str();
    if !wanted.iter().any(|glob| fits(&glob)) {
        let Some(first) = wanted.iter().find(|glob| !glob.contains('*')) else {
            into.note(
                &origin,
                format!("does not have `{main}`, from which stagegate releases; write `branch`"),
            );
            return;
        };
        main = first;
        into.set("release", "branch", *first, &origin);
    }
    let others: Vec<&str> = wanted.into_iter().filter(|glob| *glob != main).collect();
    if !others.is_empty() {
        into.set("release", "branches", list(others), &origin);
    }
}

/// `sign-commit` and `sign-tag`: stagegate signs where git does.
fn signing(layers: &Layers<'_>, sources: &Sources, into: &mut Translation) {
    let kinds = [
        ("sign-commit", "commit.gpgsign", sources.signs_commits),
        ("sign-tag", "tag.gpgsign", sources.signs_tags),
    ];
    for (key, setting, is_on) in kinds {
        let workspace = layers
            .workspace(key)
            .map(|(value, origin)| (value.clone(), origin));
        let packages = layers.packages(key);
        let packages = packages.map(|(_, value, origin)| (value.clone(), origin));
        let said: Vec<(Value, String)> = workspace.into_iter().chain(packages).collect();
        for (_, origin) in said
            .iter()
            .filter(|(value, _)| *value == json!(true) && !is_on)
        {
            into.note(
                origin,
                format!("stagegate signs where git does: `git config {setting} true`"),
            );
        }
    }
}

/// `release` and `publish`.
fn members(layers: &Layers<'_>, sources: &Sources, into: &mut Translation) {
    let mut released = BTreeMap::new();
    for (member, value, origin) in layers.packages("release") {
        if let Some(yes) = value.as_bool() {
            released.insert(member.name.clone(), (yes, origin));
        }
    }
    let unpublished: Vec<(&Member, String)> = layers
        .packages("publish")
        .filter(|(_, value, _)| *value == &json!(false))
        .map(|(member, _, origin)| (member, origin))
        .collect();
    let is_all = unpublished.len() == sources.members.len();
    for (member, origin) in unpublished {
        if is_all {
            into.note(
                &origin,
                "stagegate publishes by itself; leave it at that and remove what publishes \
                 today, or write `publish = false` into the manifest of what never is published",
            );
            continue;
        }
        let is_released = released.get(&member.name).is_none_or(|(yes, _)| *yes);
        if is_released {
            into.note(
                &origin,
                format!(
                    "{} is not released: what can be published is released and published, or \
                     neither",
                    member.name
                ),
            );
            released.insert(member.name.clone(), (false, origin));
        }
    }
    let default = layers.workspace("release");
    // What the workspace says is the default; what packages say again is theirs.
    let default = default.and_then(|(value, origin)| Some((value.as_bool()?, origin)));
    conventions::members(sources, &released, default, into);
}

/// `shared-version`, where stagegate does not read it itself: it does in manifests.
fn shared_versions(layers: &Layers<'_>) -> BTreeMap<String, Said> {
    let mut shared = BTreeMap::new();
    for (member, value, origin) in layers.packages("shared-version") {
        let text = match (value.as_bool(), value.as_str()) {
            (Some(true), _) => "default",
            (_, Some(name)) => name,
            _ => continue,
        };
        let text = text.to_owned();
        shared.insert(member.name.clone(), Said { text, origin });
    }
    shared
}

/// `tag-name` and `tag-prefix`, where one of them is written.
fn tags(layers: &Layers<'_>, into: &mut Translation) -> BTreeMap<String, Said> {
    let mut wanted = BTreeMap::new();
    for (member, layers_of) in &layers.of_package {
        let name = layers.get(layers_of, "tag-name");
        let prefix = layers.get(layers_of, "tag-prefix");
        let Some(origin) = name
            .as_ref()
            .or(prefix.as_ref())
            .map(|(_, origin)| origin.clone())
        else {
            continue;
        };
        // Below the root the prefix is the package's name, unless something else is written.
        let usual = match member.directory.as_str() {
            "" => "",
            _ => "{{crate_name}}-",
        };
        let text = |found: &Option<(&Value, String)>, usual: &str| {
            let text = found.as_ref().and_then(|(value, _)| value.as_str());
            text.unwrap_or(usual).to_owned()
        };
        let template = text(&name, TAG_NAME).replace("{{prefix}}", &text(&prefix, usual));
        match translated(&template, &[PLACEHOLDERS[0], PLACEHOLDERS[2]]) {
            Ok(text) => {
                wanted.insert(member.name.clone(), Said { text, origin });
            }
            Err(what) => into.note(
                origin,
                format!("{what} cannot be part of a tag; `{{name}}` and `{{version}}` can"),
            ),
        }
    }
    wanted
}

/// `dependent-version`.
fn requirements(layers: &Layers<'_>, into: &mut Translation) {
    let Some((policy, origin)) = layers.text("dependent-version", into) else {
        return;
    };
    match policy.as_str() {
        "upgrade" => into.set("release", "requirements", "follow", &origin),
        "fix" => into.set("release", "requirements", "as-needed", &origin),
        _ => into.note(
            origin,
            format!(
                "`{policy}` leaves requirements alone; stagegate raises one that would not \
                 accept the new version, since the crate could not be published with it"
            ),
        ),
    }
}

/// `pre-release-commit-message` and `tag-message`.
fn messages(layers: &Layers<'_>, into: &mut Translation) {
    let texts = [
        ("pre-release-commit-message", "release", "message"),
        ("tag-message", "release.templates", "tag_message"),
    ];
    for (key, table, ours) in texts {
        let Some((text, origin)) = layers.text(key, into) else {
            continue;
        };
        if text.trim().is_empty() {
            into.note(
                origin,
                "tags are annotated, and an annotated tag has a message",
            );
            continue;
        }
        match translated(&text, &PLACEHOLDERS) {
            Ok(text) => into.set(table, ours, text, &origin),
            Err(what) => into.note(origin, format!("{what} stands for nothing in `{ours}`")),
        }
    }
}

/// Returns a path from a package's directory as one from the root; none if it leaves it.
fn from_root(directory: &Utf8Path, path: &str) -> Option<Utf8PathBuf> {
    let mut joined = Utf8PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Utf8Component::Normal(name) => joined.push(name),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !joined.pop() {
                    return None;
                }
            }
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return None,
        }
    }
    Some(joined)
}

/// Returns whether a file is a changelog that stagegate itself brings up to date.
fn is_changelog(file: &Utf8Path) -> bool {
    let name = file.file_stem().unwrap_or_default().to_lowercase();
    file.extension() == Some("md") && ["changelog", "changes", "history"].contains(&name.as_str())
}

/// `pre-release-replacements`.
fn replacements(layers: &Layers<'_>, sources: &Sources, into: &mut Translation) {
    let mut done: Vec<(Utf8PathBuf, &Value)> = Vec::new();
    for (member, value, origin) in layers.packages("pre-release-replacements") {
        for one in value.as_array().into_iter().flatten() {
            let text = |key: &str| one.get(key).and_then(Value::as_str);
            let (Some(file), Some(search), Some(replace)) =
                (text("file"), text("search"), text("replace"))
            else {
                into.note(
                    &origin,
                    "has an entry without `file`, `search` or `replace`",
                );
                continue;
            };
            let Some(path) = from_root(&member.directory, file) else {
                into.note(&origin, format!("{file} is outside of the workspace"));
                continue;
            };
            if is_changelog(&path) {
                into.note(
                    &origin,
                    format!(
                        "{path}: heading, date and links of a changelog are stagegate's own work; \
                         the replacements for it are not needed"
                    ),
                );
                continue;
            }
            // Several packages may name one file for the same reason.
            if done
                .iter()
                .any(|(other, value)| *other == path && *value == one)
            {
                continue;
            }
            done.push((path.clone(), one));
            let replace = match translated(replace, &PLACEHOLDERS) {
                Ok(replace) => replace,
                Err(what) => {
                    into.note(
                        &origin,
                        format!("{what} stands for nothing in a replacement ({path})"),
                    );
                    continue;
                }
            };
            let mut pairs = vec![
                ("file", path.as_str().into()),
                ("search", search.into()),
                ("replace", replace.into()),
            ];
            for key in ["min", "max", "exactly"] {
                let number = one.get(key).and_then(Value::as_i64);
                pairs.extend(number.map(|number| (key, number.into())));
            }
            if one.get("prerelease") == Some(&json!(true)) {
                pairs.push(("prerelease", true.into()));
            }
            if sources.members.len() > 1 {
                pairs.push(("package", member.name.as_str().into()));
            }
            into.entry("release.replace", pairs, &origin);
        }
    }
}

/// `pre-release-hook`.
fn hooks(layers: &Layers<'_>, sources: &Sources, into: &mut Translation) {
    let found: Vec<(&Member, &Value, String)> = layers.packages("pre-release-hook").collect();
    let Some((member, first, origin)) = found.first() else {
        return;
    };
    let is_of_all =
        found.len() == sources.members.len() && found.iter().all(|(_, value, _)| value == first);
    if !is_of_all {
        for (member, _, origin) in &found {
            into.note(
                origin,
                format!(
                    "is of {} alone; write a `[[step]]` with `before = \"commit\"` and \
                     `each = \"package\"` whose command looks at `STAGEGATE_PACKAGE`",
                    member.name
                ),
            );
        }
        return;
    }
    let words: Vec<&str> = match first.as_array() {
        Some(words) => words.iter().filter_map(Value::as_str).collect(),
        None => first.as_str().into_iter().collect(),
    };
    let Some((program, args)) = words.split_first() else {
        return;
    };
    let is_alone = sources.members.len() == 1;
    // It started beside the package's manifest; a step starts at the workspace's root.
    let program = match program.contains('/') {
        false => (*program).to_owned(),
        true => match from_root(&member.directory, program).filter(|_| is_alone) {
            Some(path) => format!("./{path}"),
            None => {
                into.note(
                    origin,
                    format!(
                        "`{program}` is a path from each package's directory; a `[[step]]` starts \
                         at the workspace's root, so name it from there"
                    ),
                );
                return;
            }
        },
    };
    let run: Result<Vec<String>, String> = std::iter::once(program.as_str())
        .chain(args.iter().copied())
        .map(|word| translated(word, &PLACEHOLDERS[..4]))
        .collect();
    let run = match run {
        Ok(run) => run,
        Err(what) => {
            into.note(
                origin,
                format!("{what} stands for nothing in the command of a `[[step]]`"),
            );
            return;
        }
    };
    let mut pairs = vec![("before", "commit".into()), ("run", list(run))];
    if !is_alone {
        pairs.push(("each", "package".into()));
    }
    into.entry("step", pairs, origin);
    into.note(
        origin,
        "the command starts at the workspace's root, and has STAGEGATE_VERSION, \
         STAGEGATE_PREVIOUS_VERSION and STAGEGATE_PACKAGE instead of NEW_VERSION, PREV_VERSION and \
         CRATE_NAME; it never runs without effect, so there is no DRY_RUN",
    );
}

/// Names what has no counterpart, and what is not known.
fn without(layers: &Layers<'_>, into: &mut Translation) {
    for layer in &layers.all {
        for (key, value) in &layer.table {
            let origin = format!("{}: {key}", layer.file);
            let known = WITHOUT.iter().find(|(name, ..)| name == key);
            match known {
                Some((_, usual, why)) => into.note_unusual(origin, value, usual, why),
                None if TRANSLATED.contains(&key.as_str()) => {}
                None => into.note(
                    origin,
                    "is not in cargo-release's reference and is left out",
                ),
            }
        }
    }
}
