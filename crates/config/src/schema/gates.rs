//! `[gates]`: each a level, or a table with a level and more.

use std::fmt;

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::pattern::PathPattern;
use crate::stage::Stage;

/// What a gate's failure means. A gate that could not run has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Stops the release.
    #[default]
    Deny,
    /// The failure is shown, and the release continues.
    Warn,
    /// The gate is not in the plan.
    Off,
}

/// `[gates]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// `cargo fmt --check` passes.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<CommandGate>")]
    pub fmt: CommandGate,
    /// No package in `Cargo.lock` has a known vulnerability.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<AuditGate>")]
    pub audit: AuditGate,
    /// Direct dependencies accept the newest versions.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<OutdatedGate>")]
    pub outdated: OutdatedGate,
    /// Links between documents lead somewhere.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<LinksGate>")]
    pub links: LinksGate,
    /// No credential is in a tracked file.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<SecretsGate>")]
    pub secrets: SecretsGate,
    /// `cargo clippy` passes, warnings denied.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<CommandGate>")]
    pub clippy: CommandGate,
    /// `cargo test` passes.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<CommandGate>")]
    pub test: CommandGate,
    /// `cargo doc` passes, warnings denied.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<CommandGate>")]
    pub doc: CommandGate,
    /// The stated `rust-version` is enough.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<MsrvGate>")]
    pub msrv: MsrvGate,
    /// `cargo semver-checks` passes, compared with the previous release.
    #[serde(deserialize_with = "level_or_table")]
    #[schemars(with = "LevelOr<SemverGate>")]
    pub semver: SemverGate,
}

impl Gates {
    /// Returns every gate with its level, in the order in which they run.
    pub fn levels(&self) -> [(Stage, Level); 10] {
        [
            (Stage::Fmt, self.fmt.level),
            (Stage::Audit, self.audit.level),
            (Stage::Outdated, self.outdated.level),
            (Stage::Links, self.links.level),
            (Stage::Secrets, self.secrets.level),
            (Stage::Clippy, self.clippy.level),
            (Stage::Test, self.test.level),
            (Stage::Doc, self.doc.level),
            (Stage::Msrv, self.msrv.level),
            (Stage::Semver, self.semver.level),
        ]
    }
}

/// A gate that is a cargo command.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CommandGate {
    /// What its failure means.
    pub level: Level,
    /// Arguments after `cargo SUBCOMMAND`, instead of the usual ones.
    pub args: Option<Vec<String>>,
}

/// The audit gate.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditGate {
    /// What its failure means.
    pub level: Level,
    /// A directory in the RustSec layout, relative to the root. The default is the
    /// RustSec database itself, fetched with git into cargo's home.
    #[schemars(with = "Option<String>")]
    pub database: Option<Utf8PathBuf>,
    /// Advisories to ignore, by id.
    pub ignore: Vec<String>,
}
/// The outdated gate. It is off by default: how old dependencies are is a matter of
/// upkeep, and the check costs a request to the index for each.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutdatedGate {
    /// What its failure means; a table without a level means `deny`.
    #[serde(default)]
    pub level: Level,
    /// Packages to ignore, by name.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// The links gate. It warns by default: a document need not stop a team's first release.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinksGate {
    /// What its failure means; a table without a level means `deny`.
    pub level: Level,
    /// The tracked Markdown files to check, as patterns relative to the root. The default
    /// is all of them.
    pub paths: Option<Vec<PathPattern>>,
}

/// The secrets gate. It warns by default: a document, or a key that only looks like one, need
/// not stop a team's first release.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsGate {
    /// What its failure means; a table without a level means `deny`.
    pub level: Level,
    /// Files that may contain what looks like a credential, as patterns relative to the
    /// root.
    pub allow: Vec<PathPattern>,
}
/// The msrv gate. It warns by default: a machine without the older toolchain can release,
/// and says what was not verified.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MsrvGate {
    /// What its failure means; a table without a level means `deny`.
    #[serde(default)]
    pub level: Level,
}
/// The semver gate. It is off by default, because it needs `cargo-semver-checks`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SemverGate {
    /// What its failure means; a table without a level means `deny`.
    #[serde(default)]
    pub level: Level,
    /// Arguments in addition to those of the gate itself: packages, baseline and kind of
    /// release.
    #[serde(default)]
    pub args: Vec<String>,
}

impl Default for Gates {
    fn default() -> Self {
        Gates {
            fmt: CommandGate::default(),
            audit: AuditGate::default(),
            outdated: OutdatedGate::default(),
            links: LinksGate::at_level(Level::Warn),
            secrets: SecretsGate::at_level(Level::Warn),
            clippy: CommandGate::default(),
            test: CommandGate::default(),
            doc: CommandGate::at_level(Level::Warn),
            msrv: MsrvGate::default(),
            semver: SemverGate::default(),
        }
    }
}

impl Default for OutdatedGate {
    fn default() -> Self {
        OutdatedGate::at_level(Level::Off)
    }
}

impl Default for MsrvGate {
    fn default() -> Self {
        MsrvGate::at_level(Level::Warn)
    }
}

impl Default for SemverGate {
    fn default() -> Self {
        SemverGate::at_level(Level::Off)
    }
}

/// How the schema describes a gate: a level, or its table.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it is read by the derive only")]
enum LevelOr<T> {
    Level(Level),
    Table(T),
}

/// A gate that can be written as its level alone.
trait AtLevel {
    fn at_level(level: Level) -> Self;
}

macro_rules! at_level {
    ($($gate:ident { $($rest:ident),* })*) => {
        $(impl AtLevel for $gate {
            fn at_level(level: Level) -> Self {
                $gate { level, $($rest: Default::default()),* }
            }
        })*
    };
}

at_level! {
    CommandGate { args }
    AuditGate { database, ignore }
    OutdatedGate { ignore }
    LinksGate { paths }
    SecretsGate { allow }
    MsrvGate {}
    SemverGate { args }
}

/// Reads a level or a table. An untagged enum would say "did not match any variant" where a
/// key is misspelt; this keeps the precise message and its span.
fn level_or_table<'de, D, G>(deserializer: D) -> Result<G, D::Error>
where
    D: Deserializer<'de>,
    G: AtLevel + Deserialize<'de>,
{
    struct LevelOrTable<G>(std::marker::PhantomData<G>);
    impl<'de, G: AtLevel + Deserialize<'de>> Visitor<'de> for LevelOrTable<G> {
        type Value = G;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("\"deny\", \"warn\", \"off\", or a table such as { level = \"warn\" }")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<G, E> {
            match text {
                "deny" => Ok(G::at_level(Level::Deny)),
                "warn" => Ok(G::at_level(Level::Warn)),
                "off" => Ok(G::at_level(Level::Off)),
                _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<G, A::Error> {
            G::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(LevelOrTable(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gate_has_its_own_default() {
        let gates: Gates = toml_edit::de::from_str("").unwrap();
        let on = [
            gates.fmt.level,
            gates.audit.level,
            gates.clippy.level,
            gates.test.level,
        ];
        assert_eq!(on, [Level::Deny; 4]);
        let advice = [
            gates.links.level,
            gates.secrets.level,
            gates.doc.level,
            gates.msrv.level,
        ];
        assert_eq!(advice, [Level::Warn; 4]);
        assert_eq!(gates.outdated.level, Level::Off);
        assert_eq!(gates.semver.level, Level::Off);
        assert_eq!(gates, Gates::default());
    }

    #[test]
    fn a_table_names_a_gate_that_is_wanted() {
        let text = "outdated = { ignore = [\"old\"] }\nsemver = {}\nlinks = {}\ndoc = {}\nmsrv = \"off\"\n\
                    secrets = { level = \"warn\", allow = [\"keys/*\"] }";
        let gates: Gates = toml_edit::de::from_str(text).unwrap();
        assert_eq!(gates.outdated.level, Level::Deny);
        assert_eq!(gates.outdated.ignore, ["old"]);
        assert_eq!(gates.semver.level, Level::Deny);
        assert_eq!(gates.links.level, Level::Deny);
        assert_eq!(gates.doc.level, Level::Deny);
        assert_eq!(gates.msrv.level, Level::Off);
        assert_eq!(gates.secrets.level, Level::Warn);
        assert!(gates.secrets.allow[0].fits("keys/one".into()));
        let wrong = toml_edit::de::from_str::<Gates>("links = { path = [] }");
        let said = wrong.unwrap_err().to_string();
        assert!(said.contains("path") && said.contains("paths"), "{said}");
    }
}
