//! release-plz: `release-plz.toml`.
//!
//! Keys, defaults and placeholders are those of its configuration reference,
//! <https://release-plz.dev/docs/config>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::conventions::{self, Said, list};
use super::placeholders::translated;
use super::settings::below;
use super::{CLIFF, Sources, Translation, first};

/// Where release-plz looks, in its order.
pub(super) const FILES: [&str; 3] = [
    "release-plz.toml",
    ".release-plz.toml",
    ".config/release-plz.toml",
];

/// Its placeholders, and ours.
const PLACEHOLDERS: [(&str, &str); 2] = [("version", "{version}"), ("package", "{name}")];

/// Keys that are translated, below.
const TRANSLATED: [&str; 14] = [
    "changelog_config",
    "changelog_path",
    "git_release_body",
    "git_release_enable",
    "git_release_name",
    "git_tag_name",
    "name",
    "pr_labels",
    "pr_name",
    "publish",
    "publish_timeout",
    "release",
    "semver_check",
    "version_group",
];

/// Keys without a counterpart: the default, in JSON, and why or what instead.
const WITHOUT: [(&str, &str, &str); 24] = [
    (
        "allow_dirty",
        "false",
        "a release begins with a clean checkout",
    ),
    (
        "changelog_include",
        "[]",
        "a crate's notes are of the commits in its own directory, and of its group's",
    ),
    (
        "changelog_update",
        "true",
        "what is written under `[Unreleased]` is taken as it is, and a section is generated only \
         where nothing is; `changelog_mode = \"promote\"` never generates one",
    ),
    (
        "custom_major_increment_regex",
        "null",
        "`release auto` reads conventional commits; otherwise say the version yourself",
    ),
    (
        "custom_minor_increment_regex",
        "null",
        "`release auto` reads conventional commits; otherwise say the version yourself",
    ),
    (
        "dependencies_update",
        "false",
        "the lockfile that is released is the one that the gates have passed; run \
         `cargo update` in a commit of its own",
    ),
    (
        "features_always_increment_minor",
        "false",
        "below 1.0.0 a feature is a patch for `release auto`, as cargo reads such versions; \
         `release minor` says otherwise",
    ),
    (
        "git_only",
        "false",
        "a package that is in no registry says `publish = false` in its manifest; it is versioned \
         and tagged with its group",
    ),
    (
        "git_release_draft",
        "false",
        "the GitHub release is a draft until the crates are published, and then public",
    ),
    (
        "git_release_generate_notes",
        "false",
        "the notes are those of the changelog; GitHub generates none",
    ),
    (
        "git_release_latest",
        "true",
        "whether a release is the latest follows from its version; a pre-release never is",
    ),
    (
        "git_release_type",
        "\"prod\"",
        "a version with a pre-release label makes a pre-release, and no other does",
    ),
    (
        "git_tag_enable",
        "true",
        "every release is tagged: the next one finds by the tag what was released last",
    ),
    (
        "max_analyze_commits",
        "1000",
        "every commit since the last release is read",
    ),
    (
        "pr_body",
        "null",
        "`[release.templates] pull_request_body` has `{version}`, `{name}` and `{notes}`, and no \
         Tera",
    ),
    (
        "pr_branch_prefix",
        "\"release-plz-\"",
        "the branch of the release pull request has a name of stagegate's own",
    ),
    (
        "pr_draft",
        "false",
        "the release pull request is never a draft",
    ),
    (
        "publish_all_features",
        "false",
        "packages are verified with their default features",
    ),
    (
        "publish_allow_dirty",
        "false",
        "packages are made from the release commit",
    ),
    (
        "publish_features",
        "[]",
        "packages are verified with their default features",
    ),
    (
        "publish_no_verify",
        "false",
        "packages are always built as they are packaged, before anything is published",
    ),
    (
        // What stagegate does is release-plz's `false`.
        "release_always",
        "false",
        "a release is made when its pull request is merged, or by command, never by any push",
    ),
    (
        "release_commits",
        "null",
        "every commit counts; whoever reads the release pull request decides when to merge it",
    ),
    (
        "repo_url",
        "null",
        "the repository is that of the remote; `[github] repository` says otherwise",
    ),
];

/// Translates `release-plz.toml`.
pub(super) fn translate(sources: &Sources, into: &mut Translation) {
    let Some(file) = first(sources, &FILES) else {
        return;
    };
    let Some(all) = sources.toml(file, into) else {
        return;
    };
    let empty = Map::new();
    let workspace = all
        .get("workspace")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let packages = all.get("package").and_then(Value::as_array);
    let packages: BTreeMap<&str, &Map<String, Value>> = packages
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .filter_map(|table| Some((table.get("name")?.as_str()?, table)))
        .collect();
    let plz = ReleasePlz {
        file,
        workspace,
        packages,
        sources,
    };
    plz.members(into);
    plz.conventions(into);
    plz.changelogs(&all, into);
    plz.releases(into);
    plz.pull_requests(into);
    plz.registry(into);
    plz.without(into);
}

struct ReleasePlz<'a> {
    file: &'a str,
    workspace: &'a Map<String, Value>,
    packages: BTreeMap<&'a str, &'a Map<String, Value>>,
    sources: &'a Sources,
}

impl ReleasePlz<'_> {
    fn origin(&self, key: &str) -> String {
        format!("{}: {key}", self.file)
    }

    fn origin_of(&self, package: &str, key: &str) -> String {
        format!("{}: {key} of {package}", self.file)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.workspace.get(key)?.as_str()
    }

    /// Returns what packages say for themselves, for members of the workspace.
    fn of_packages(&self, key: &str) -> Vec<(&str, &Value)> {
        let members = self.sources.members.iter();
        let said = members.filter_map(|member| {
            let value = self.packages.get(member.name.as_str())?.get(key)?;
            Some((member.name.as_str(), value))
        });
        said.collect()
    }

    /// `release` and `publish`.
    fn members(&self, into: &mut Translation) {
        let mut released = BTreeMap::new();
        for (name, value) in self.of_packages("release") {
            if let Some(yes) = value.as_bool() {
                released.insert(name.to_owned(), (yes, self.origin_of(name, "release")));
            }
        }
        for (name, value) in self.of_packages("publish") {
            let is_released = released.get(name).is_none_or(|(yes, _)| *yes);
            if value == &json!(false) && is_released {
                let origin = self.origin_of(name, "publish");
                into.note(
                    &origin,
                    format!(
                        "{name} is not released: what can be published is released and published, \
                         or neither"
                    ),
                );
                released.insert(name.to_owned(), (false, origin));
            }
        }
        if self.workspace.get("publish") == Some(&json!(false)) {
            into.note(
                self.origin("publish"),
                "stagegate publishes by itself; leave it at that and remove what publishes today, \
                 or write `publish = false` into the manifest of what never is published",
            );
        }
        let default = self.workspace.get("release").and_then(Value::as_bool);
        let default = default.map(|yes| (yes, self.origin("release")));
        conventions::members(self.sources, &released, default, into);
    }

    /// `version_group` and `git_tag_name`.
    fn conventions(&self, into: &mut Translation) {
        let mut shared = BTreeMap::new();
        for (name, value) in self.of_packages("version_group") {
            if let Some(group) = value.as_str() {
                let said = Said {
                    text: group.to_owned(),
                    origin: self.origin_of(name, "version_group"),
                };
                shared.insert(name.to_owned(), said);
            }
        }
        let moves = conventions::groups(self.sources, &shared, into);
        let of_packages: BTreeMap<&str, &Value> =
            self.of_packages("git_tag_name").into_iter().collect();
        let mut wanted = BTreeMap::new();
        for member in &self.sources.members {
            let name = member.name.as_str();
            let (template, origin) = match (of_packages.get(name), self.text("git_tag_name")) {
                (Some(own), _) => (own.as_str(), self.origin_of(name, "git_tag_name")),
                (None, of_all) => (of_all, self.origin("git_tag_name")),
            };
            let Some(template) = template else { continue };
            match translated(template, &PLACEHOLDERS) {
                Ok(text) => {
                    wanted.insert(name.to_owned(), Said { text, origin });
                }
                Err(what) => into.note(
                    origin,
                    format!("{what} cannot be part of a tag; `{{name}}` and `{{version}}` can"),
                ),
            }
        }
        conventions::tags(&moves, &wanted, into);
    }

    /// `changelog_path`, `changelog_config` and `[changelog]`.
    fn changelogs(&self, all: &Map<String, Value>, into: &mut Translation) {
        for (name, value) in self.of_packages("changelog_path") {
            let Some(path) = value.as_str() else { continue };
            let path = path.trim_start_matches("./");
            let member = self
                .sources
                .members
                .iter()
                .find(|member| member.name == name);
            let usual = member.map(|member| member.directory.join("CHANGELOG.md"));
            if usual.as_ref().is_none_or(|usual| usual != path) {
                let table = below("release.package", name);
                into.set(
                    &table,
                    "changelog",
                    path,
                    &self.origin_of(name, "changelog_path"),
                );
            }
        }
        if let Some(path) = self.text("changelog_config")
            && !CLIFF.contains(&path.trim_start_matches("./"))
        {
            into.note(
                self.origin("changelog_config"),
                format!("stagegate looks for git-cliff's configuration in cliff.toml: `git mv {path} cliff.toml`"),
            );
        }
        if all.contains_key("changelog") {
            into.note(
                format!("{}: [changelog]", self.file),
                "generated sections follow cliff.toml: there `header`, `body`, `trim` and \
                 `postprocessors` stand under [changelog], and the rest under [git]",
            );
        }
    }

    /// What GitHub releases are like.
    fn releases(&self, into: &mut Translation) {
        let of_packages = self.of_packages("git_release_enable");
        let of_all = self.workspace.get("git_release_enable");
        let wanted = |name: &str| {
            let own = of_packages.iter().find(|(of, _)| *of == name);
            own.map(|(_, value)| *value).or(of_all) != Some(&json!(false))
        };
        let members = &self.sources.members;
        let with: Vec<&str> = members
            .iter()
            .map(|member| member.name.as_str())
            .filter(|name| wanted(name))
            .collect();
        if !members.is_empty() && with.is_empty() {
            let origin = self.origin("git_release_enable");
            into.set("github", "release", false, &origin);
        } else if with.len() < members.len() {
            into.note(
                self.origin("git_release_enable"),
                format!(
                    "differs, and GitHub releases are made for all or for none (`[github] \
                     release`); today {} have one",
                    with.join(", ")
                ),
            );
        }
        if let Some(template) = self.text("git_release_name") {
            let usual = ["{{ package }}-v{{ version }}", "v{{ version }}"];
            let origin = self.origin("git_release_name");
            match translated(template, &PLACEHOLDERS) {
                // It is the tag in that case, and a release is called so by itself.
                Ok(_) if usual.contains(&template) && self.text("git_tag_name").is_none() => {}
                Ok(text) => into.set("release.templates", "release_name", text, &origin),
                Err(what) => into.note(
                    origin,
                    format!("{what} stands for nothing in `release_name`"),
                ),
            }
        }
        if let Some(template) = self.text("git_release_body") {
            self.body(template, into);
        }
    }

    /// `git_release_body`: what stands around the changelog.
    fn body(&self, template: &str, into: &mut Translation) {
        let origin = self.origin("git_release_body");
        let known = [PLACEHOLDERS[0], PLACEHOLDERS[1], ("changelog", "{notes}")];
        let text = match translated(template, &known) {
            Ok(text) => text,
            Err(what) => {
                into.note(
                    origin,
                    format!("{what} stands for nothing in `release_header` and `release_footer`"),
                );
                return;
            }
        };
        let Some((header, footer)) = text
            .split_once("{notes}")
            .filter(|(_, rest)| !rest.contains("{notes}"))
        else {
            into.note(
                origin,
                "a GitHub release has the notes of its changelog, once",
            );
            return;
        };
        for (key, text) in [("release_header", header), ("release_footer", footer)] {
            if !text.trim().is_empty() {
                into.set("release.templates", key, text.trim(), &origin);
            }
        }
    }

    /// `pr_name` and `pr_labels`.
    fn pull_requests(&self, into: &mut Translation) {
        if let Some(template) = self.text("pr_name") {
            let origin = self.origin("pr_name");
            match translated(template, &PLACEHOLDERS) {
                Ok(text) => into.set("release.templates", "pull_request_title", text, &origin),
                Err(what) => {
                    into.note(
                        origin,
                        format!("{what} stands for nothing in `pull_request_title`"),
                    );
                }
            }
        }
        let labels = self.workspace.get("pr_labels").and_then(Value::as_array);
        let labels: Vec<&str> = labels
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !labels.is_empty() && labels != ["release"] {
            let origin = self.origin("pr_labels");
            into.set(
                "release.templates",
                "pull_request_labels",
                list(labels),
                &origin,
            );
        }
    }

    /// `publish_timeout` and `semver_check`.
    fn registry(&self, into: &mut Translation) {
        if let Some(timeout) = self.text("publish_timeout") {
            let origin = self.origin("publish_timeout");
            if timeout != "5m" {
                into.set("registry", "visible_within", timeout, &origin);
            }
        }
        let of_packages = self.of_packages("semver_check");
        let is_on = self.workspace.get("semver_check") == Some(&json!(true));
        if is_on {
            into.set("gates", "semver", "warn", &self.origin("semver_check"));
        }
        for (name, value) in of_packages {
            if value.as_bool().is_some_and(|own| own != is_on) {
                into.note(
                    self.origin_of(name, "semver_check"),
                    "the gate `semver` is for all crates; `args = [\"--exclude\", \"NAME\"]` \
                     leaves one out",
                );
            }
        }
    }

    /// Names what has no counterpart, and what is not known.
    fn without(&self, into: &mut Translation) {
        let of_all = self.workspace.iter().map(|(key, value)| (None, key, value));
        let of_each = self.packages.iter().flat_map(|(name, table)| {
            let name = *name;
            table
                .iter()
                .map(move |(key, value)| (Some(name), key, value))
        });
        // Of these, stagegate has one for all crates.
        let shared = ["git_release_name", "git_release_body"];
        for (package, key, value) in of_all.chain(of_each) {
            let origin = match package {
                Some(name) => self.origin_of(name, key),
                None => self.origin(key),
            };
            let known = WITHOUT.iter().find(|(name, ..)| name == key);
            match known {
                Some((_, usual, why)) => into.note_unusual(origin, value, usual, why),
                None if package.is_some() && shared.contains(&key.as_str()) => into.note(
                    origin,
                    "`[release.templates]` has one text for all crates, with `{name}` in it",
                ),
                None if TRANSLATED.contains(&key.as_str()) => {}
                None => into.note(origin, "is not in release-plz's reference and is left out"),
            }
        }
    }
}
