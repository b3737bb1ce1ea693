//! `[gates]`: each a level, or a table with a level and more.

use std::fmt;

use camino::Utf8PathBuf;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What a gate's failure means. A gate that could not run has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Stops the release.
    #[default]
    Deny,
    /// Is said, and the release goes on.
    Warn,
    /// The gate is not in the plan.
    Off,
}

/// `[gates]`
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// `cargo fmt --check`
    #[serde(deserialize_with = "level_or_table")]
    pub fmt: CommandGate,
    /// Known vulnerabilities in `Cargo.lock`.
    #[serde(deserialize_with = "level_or_table")]
    pub audit: AuditGate,
    /// `cargo clippy`, warnings denied.
    #[serde(deserialize_with = "level_or_table")]
    pub clippy: CommandGate,
    /// `cargo test`
    #[serde(deserialize_with = "level_or_table")]
    pub test: CommandGate,
    /// `cargo doc`, warnings denied.
    #[serde(deserialize_with = "level_or_table")]
    pub doc: CommandGate,
}

/// A gate that is a cargo command.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandGate {
    /// What its failure means.
    pub level: Level,
    /// In place of the usual arguments after `cargo SUBCOMMAND`.
    pub args: Option<Vec<String>>,
}

/// The audit gate.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditGate {
    /// What its failure means.
    pub level: Level,
    /// A directory in the RustSec layout, relative to the root; absent: the
    /// RustSec database itself, fetched with git into cargo's home.
    pub database: Option<Utf8PathBuf>,
    /// Advisories that do not count, by id.
    pub ignore: Vec<String>,
}

trait AtLevel {
    fn at_level(level: Level) -> Self;
}

impl AtLevel for CommandGate {
    fn at_level(level: Level) -> Self {
        CommandGate {
            level,
            ..CommandGate::default()
        }
    }
}

impl AtLevel for AuditGate {
    fn at_level(level: Level) -> Self {
        AuditGate {
            level,
            ..AuditGate::default()
        }
    }
}

/// An untagged enum would say "did not match any variant" where a key is
/// misspelt; this keeps the precise message and its span.
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
