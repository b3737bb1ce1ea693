//! The manifest in the archive: what the registry believes of a package, whatever the
//! metadata of the upload says (crates.io crates/crates_io_tarball/src/manifest.rs and
//! src/controllers/krate/publish.rs, 2026-08-21).

use std::collections::BTreeMap;

use semver::VersionReq;
use serde_json::{Value, json};
use toml_edit::{Document, Item, TableLike};

use super::refusal::Refusal;

/// What a manifest says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<String>,
    pub(crate) homepage: Option<String>,
    pub(crate) documentation: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) rust_version: Option<String>,
    pub(crate) links: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency in a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) renamed: Option<String>,
    pub(crate) requirement: String,
    pub(crate) features: Vec<String>,
    pub(crate) registry: Option<String>,
    optional: bool,
    default_features: bool,
    target: Option<String>,
    kind: Kind,
}

/// In the order in which the index has dependencies of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Normal,
    Build,
    Dev,
}

const TABLES: [(&str, Kind); 3] = [
    ("dependencies", Kind::Normal),
    ("dev-dependencies", Kind::Dev),
    ("build-dependencies", Kind::Build),
];

/// What cargo must have resolved before it packs.
const INHERITABLE: [&str; 13] = [
    "version",
    "edition",
    "rust-version",
    "authors",
    "description",
    "homepage",
    "documentation",
    "readme",
    "keywords",
    "categories",
    "license",
    "license-file",
    "repository",
];

pub(crate) fn unreadable(error: impl std::fmt::Display) -> Refusal {
    Refusal::bad_request(format!(
        "failed to parse `Cargo.toml` manifest file\n\n{error}"
    ))
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Manifest, Refusal> {
        let document = Document::parse(text).map_err(unreadable)?;
        let package = document
            .get("package")
            .and_then(Item::as_table_like)
            .ok_or_else(|| unreadable("missing field `package`"))?;
        let patch = document.get("patch").and_then(Item::as_table_like);
        if patch.is_some_and(|patch| !patch.is_empty()) {
            return Err(unreadable(
                "crates cannot be published with `[patch]` tables",
            ));
        }
        let version = package.get("version");
        let version = version.ok_or_else(|| unreadable("missing field `version`"))?;
        let inherited = INHERITABLE
            .iter()
            .any(|key| package.get(key).is_some_and(is_inherited));
        let root = document.as_table();
        let inherited_dependency = TABLES.iter().any(|(table, _)| {
            let table = root.get(table).and_then(Item::as_table_like);
            table.is_some_and(|table| table.iter().any(|(_, item)| is_inherited(item)))
        });
        if inherited || inherited_dependency {
            return Err(unreadable("value from workspace hasn't been set"));
        }
        let text = |key: &str| package.get(key).and_then(Item::as_str).map(str::to_owned);
        let name = text("name").ok_or_else(|| unreadable("missing field `name`"))?;
        let version = version.as_str();
        let version = version.ok_or_else(|| unreadable("`version` is no text"))?;
        Ok(Manifest {
            name,
            version: version.to_owned(),
            description: text("description"),
            license: text("license"),
            license_file: text("license-file"),
            homepage: text("homepage"),
            documentation: text("documentation"),
            repository: text("repository"),
            rust_version: text("rust-version"),
            links: text("links"),
            keywords: texts(package.get("keywords")),
            categories: texts(package.get("categories")),
            features: features(root),
            dependencies: dependencies(root),
        })
    }

    /// Returns the line that the index gets (crates.io crates/crates_io_index/src/data.rs;
    /// `pubtime` is optional there, and left out here).
    pub(crate) fn index_line(&self, name: &str, version: &str, checksum: &str) -> Value {
        // Older cargos cannot read these, and look into `features` only.
        let is_new = |enables: &[String]| {
            enables
                .iter()
                .any(|enabled| enabled.starts_with("dep:") || enabled.contains("?/"))
        };
        let (new, old): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .features
            .iter()
            .partition(|(_, enables)| is_new(enables));
        let mut sorted: Vec<&Dependency> = self.dependencies.iter().collect();
        sorted.sort_by_key(|one| (one.key().to_owned(), one.kind));
        let dependencies: Vec<Value> = sorted.into_iter().map(Dependency::index).collect();
        let mut line = json!({
            "name": name,
            "vers": version,
            "deps": dependencies,
            "cksum": checksum,
            "features": old,
            "yanked": false,
        });
        if !new.is_empty() {
            line["features2"] = json!(new);
            line["v"] = json!(2);
        }
        if let Some(links) = &self.links {
            line["links"] = json!(links);
        }
        if let Some(rust_version) = &self.rust_version {
            line["rust_version"] = json!(rust_version);
        }
        line
    }
}

impl Dependency {
    fn parse(key: &str, item: &Item, kind: Kind, target: Option<&str>) -> Dependency {
        let table = item.as_table_like();
        let text = |key: &str| table.and_then(|table| table.get(key)?.as_str());
        let flag = |key: &str| table.and_then(|table| table.get(key)?.as_bool());
        let requirement = item.as_str().or_else(|| text("version")).unwrap_or("*");
        let package = text("package");
        Dependency {
            name: package.unwrap_or(key).to_owned(),
            renamed: package.map(|_| key.to_owned()),
            requirement: VersionReq::parse(requirement)
                .map_or_else(|_| requirement.to_owned(), |parsed| parsed.to_string()),
            features: texts(table.and_then(|table| table.get("features"))),
            registry: text("registry").map(str::to_owned),
            optional: flag("optional").unwrap_or(false),
            default_features: flag("default-features")
                .or_else(|| flag("default_features"))
                .unwrap_or(true),
            target: target.map(str::to_owned),
            kind,
        }
    }

    fn key(&self) -> &str {
        self.renamed.as_deref().unwrap_or(&self.name)
    }

    fn index(&self) -> Value {
        let mut dependency = json!({
            "name": self.key(),
            "req": self.requirement,
            "features": self.features,
            "optional": self.optional,
            "default_features": self.default_features,
            "target": self.target,
            "kind": match self.kind {
                Kind::Normal => "normal",
                Kind::Build => "build",
                Kind::Dev => "dev",
            },
        });
        if self.renamed.is_some() {
            dependency["package"] = json!(self.name);
        }
        dependency
    }
}

fn is_inherited(item: &Item) -> bool {
    let workspace = item
        .as_table_like()
        .and_then(|table| table.get("workspace"));
    workspace.and_then(Item::as_bool) == Some(true)
}

fn texts(item: Option<&Item>) -> Vec<String> {
    let array = item.and_then(Item::as_array);
    let texts = array.into_iter().flatten().filter_map(|one| one.as_str());
    texts.map(str::to_owned).collect()
}

fn features(root: &dyn TableLike) -> BTreeMap<String, Vec<String>> {
    let table = root.get("features").and_then(Item::as_table_like);
    let all = table.into_iter().flat_map(|table| table.iter());
    all.map(|(name, enables)| (name.to_owned(), texts(Some(enables))))
        .collect()
}

fn dependencies(root: &dyn TableLike) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut add = |root: &dyn TableLike, target: Option<&str>| {
        for (table, kind) in TABLES {
            let table = root.get(table).and_then(Item::as_table_like);
            for (key, item) in table.into_iter().flat_map(|table| table.iter()) {
                found.push(Dependency::parse(key, item, kind, target));
            }
        }
    };
    add(root, None);
    let targets = root.get("target").and_then(Item::as_table_like);
    for (target, tables) in targets.into_iter().flat_map(|table| table.iter()) {
        if let Some(tables) = tables.as_table_like() {
            add(tables, Some(target));
        }
    }
    found
}
