//! Lines of `stagegate.toml`, each with where it comes from.

use std::collections::BTreeSet;

use camino::Utf8Path;
use stagegate_config::schema::Config;
use toml_edit::{Key, Value};

/// Settings in the order in which they were found.
#[derive(Debug, Default)]
pub(in super::super) struct Settings(Vec<Setting>);

#[derive(Debug)]
struct Setting {
    /// The table, as it stands in its head.
    table: String,
    kind: Kind,
    pairs: Vec<(String, Value)>,
    origin: String,
}

/// How a setting stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A key among others of its table.
    Key,
    /// A whole table, which is valid only as a whole.
    Table,
    /// An entry of an array of tables.
    Entry,
}

impl Setting {
    fn head(&self) -> String {
        match self.kind {
            Kind::Key | Kind::Table => format!("[{}]", self.table),
            Kind::Entry => format!("[[{}]]", self.table),
        }
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        for (at, (key, value)) in self.pairs.iter().enumerate() {
            let origin = match at {
                0 => format!("  # {}", self.origin),
                _ => String::new(),
            };
            lines.push_str(&format!("{key} = {}{origin}\n", value.to_string().trim()));
        }
        lines
    }
}

/// Returns the name of a table below another, quoted where TOML needs it.
pub(super) fn below(table: &str, name: &str) -> String {
    format!("{table}.{}", Key::new(name))
}

impl Settings {
    /// Sets a key, unless another file has set it, or it would not be valid.
    pub(super) fn set(
        &mut self,
        table: &str,
        key: &str,
        value: Value,
        origin: &str,
    ) -> Result<(), String> {
        let same_key =
            |one: &&Setting| one.table == table && one.pairs.iter().any(|(k, _)| k == key);
        if let Some(there) = self.0.iter().find(same_key) {
            let has = |(k, v): &(String, Value)| {
                k == key && v.to_string().trim() == value.to_string().trim()
            };
            return match there.pairs.iter().any(has) {
                true => Ok(()),
                false => Err(format!(
                    "`{key}` in [{table}] is what {} says; keep the one that holds",
                    there.origin
                )),
            };
        }
        self.add(Setting {
            table: table.to_owned(),
            kind: Kind::Key,
            pairs: vec![(key.to_owned(), value)],
            origin: origin.to_owned(),
        })
    }

    /// Adds a whole table.
    pub(super) fn table(
        &mut self,
        table: &str,
        pairs: Vec<(&'static str, Value)>,
        origin: &str,
    ) -> Result<(), String> {
        if let Some(there) = self.0.iter().find(|one| one.table == table) {
            return Err(format!("[{table}] is what {} says", there.origin));
        }
        self.add(Setting::whole(table, Kind::Table, pairs, origin))
    }

    /// Adds an entry.
    pub(super) fn entry(
        &mut self,
        table: &str,
        pairs: Vec<(&'static str, Value)>,
        origin: &str,
    ) -> Result<(), String> {
        self.add(Setting::whole(table, Kind::Entry, pairs, origin))
    }

    /// Adds a setting, if `stagegate.toml` can have it.
    fn add(&mut self, setting: Setting) -> Result<(), String> {
        let beside = |one: &&Setting| {
            one.table == setting.table && one.kind != Kind::Entry && setting.kind != Kind::Entry
        };
        let mut text = format!("{}\n", setting.head());
        text.extend(self.0.iter().filter(beside).map(Setting::lines));
        text.push_str(&setting.lines());
        if let Err(error) = Config::parse(Utf8Path::new("stagegate.toml"), &text) {
            let table = &setting.table;
            return Err(format!(
                "cannot be written as [{table}] has it: {}",
                error.message
            ));
        }
        self.0.push(setting);
        Ok(())
    }

    /// Returns whether a key is set.
    pub(in super::super) fn has(&self, table: &str, key: &str) -> bool {
        let named = |one: &Setting| one.table == table && one.pairs.iter().any(|(k, _)| k == key);
        self.0.iter().any(named)
    }

    /// Returns the lines for `[release]` itself.
    pub(in super::super) fn of_release(&self) -> String {
        let own = self.0.iter().filter(|one| one.table == "release");
        own.map(Setting::lines).collect()
    }

    /// Returns every other table, each with an empty line before it.
    pub(in super::super) fn other_tables(&self) -> String {
        let mut text = String::new();
        let mut done = BTreeSet::from(["release"]);
        for one in &self.0 {
            if one.kind == Kind::Entry {
                text.push_str(&format!("\n{}\n{}", one.head(), one.lines()));
            } else if done.insert(&one.table) {
                text.push_str(&format!("\n{}\n", one.head()));
                let same = |other: &&Setting| other.table == one.table && other.kind != Kind::Entry;
                text.extend(self.0.iter().filter(same).map(Setting::lines));
            }
        }
        text
    }

    /// Returns what is set and where each comes from, a line each, for people.
    pub(in super::super) fn spoken(&self) -> Vec<String> {
        let spoken = |one: &Setting| {
            let pairs: Vec<String> = one
                .pairs
                .iter()
                .map(
                    |(key, value)| match value.as_str().filter(|text| text.contains('\n')) {
                        Some(text) => format!("{key} = {text:?}"),
                        None => format!("{key} = {}", value.to_string().trim()),
                    },
                )
                .collect();
            format!("{}: {} {}", one.origin, one.head(), pairs.join(", "))
        };
        self.0.iter().map(spoken).collect()
    }

    /// Removes what is about versions and tags; returns where it came from.
    pub(super) fn remove_conventions(&mut self) -> BTreeSet<String> {
        let is_convention = |one: &Setting| {
            let keys = ["tag", "versioning", "crates"];
            one.table.starts_with("release")
                && one.pairs.iter().any(|(k, _)| keys.contains(&k.as_str()))
        };
        let (out, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(is_convention);
        self.0 = kept;
        let out: Vec<Setting> = out;
        out.into_iter().map(|one| one.origin).collect()
    }
}

impl Setting {
    fn whole(table: &str, kind: Kind, pairs: Vec<(&'static str, Value)>, origin: &str) -> Setting {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Setting {
            table: table.to_owned(),
            kind,
            pairs: pairs.collect(),
            origin: origin.to_owned(),
        }
    }
}
