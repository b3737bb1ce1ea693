//! The reference of `stagegate.toml`, from its JSON Schema.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// Returns the page.
pub(super) fn page(schema: &Value) -> String {
    let mut page = Page {
        schema,
        text: String::from(
            "# stagegate.toml\n\n<!-- Written by `cargo xtask docs` from the schema; change the doc comments in crates/config. -->\n\n\
             Every key has a default unless it is marked as required, and without the file all\n\
             defaults hold. An unknown key or a wrong type is an error with its line and column.\n\
             Durations are written as `\"90s\"`, `\"5m\"` or `\"1h 30m\"`, paths are relative to the\n\
             workspace's root unless they are on a host. The same as a JSON Schema, for editors:\n\
             `cargo xtask schema`.\n",
        ),
        shown: BTreeMap::new(),
    };
    let mut tables = Vec::new();
    for (key, value) in properties(schema) {
        page.collect(key, value, &mut tables);
    }
    for (name, table) in tables {
        page.table(&name, table);
    }
    page.text
}

struct Page<'a> {
    schema: &'a Value,
    text: String,
    shown: BTreeMap<String, String>,
}

fn properties(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table["properties"].as_object().into_iter().flatten()
}

impl<'a> Page<'a> {
    /// Follows a reference, and the `allOf` around one.
    fn resolve(&self, value: &'a Value) -> &'a Value {
        if let Some(only) = value["allOf"].as_array().and_then(|all| all.first()) {
            return self.resolve(only);
        }
        match value["$ref"].as_str() {
            Some(path) => &self.schema["definitions"][path.rsplit('/').next().unwrap_or_default()],
            None => value,
        }
    }

    /// Lists the tables that a key leads to, each with its name in the file.
    fn collect(&self, name: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
        let value = self.resolve(value);
        if value["properties"].is_object() {
            let known = into.iter().any(|(_, table)| std::ptr::eq(*table, value));
            into.push((format!("[{name}]"), value));
            if known {
                return;
            }
            for (key, value) in properties(value) {
                self.collect(&format!("{name}.{key}"), value, into);
            }
            return;
        }
        let below = &value["additionalProperties"];
        if below.is_object() && self.resolve(below)["properties"].is_object() {
            self.collect(&format!("{name}.NAME"), below, into);
        }
        if value["items"].is_object() {
            let item = self.resolve(&value["items"]);
            if item["properties"].is_object() {
                into.push((format!("[[{name}]]"), item));
            }
            for choice in item["anyOf"].as_array().into_iter().flatten() {
                let table = self.resolve(choice);
                if table["properties"].is_object() {
                    into.push((format!("{name}[]"), table));
                }
            }
        }
        for choice in value["anyOf"].as_array().into_iter().flatten() {
            let table = self.resolve(choice);
            if table["properties"].is_object() {
                into.push((format!("[{name}]"), table));
            }
        }
    }

    fn table(&mut self, name: &str, table: &'a Value) {
        let heading = match name.strip_suffix("[]") {
            Some(list) => format!("A table in `{list}`"),
            None => format!("`{name}`"),
        };
        let _ = write!(self.text, "\n## {heading}\n\n");
        // The same table in another place is the same.
        let same = serde_json::to_string(table).unwrap_or_default();
        if let Some(first) = self.shown.get(&same) {
            let _ = writeln!(
                self.text,
                "The keys are those of [`{first}`](#{}).",
                anchor(first)
            );
            return;
        }
        self.shown.insert(same, name.to_owned());
        let about = about(&table["description"]);
        if !about.is_empty() {
            let _ = write!(self.text, "{about}\n\n");
        }
        self.text
            .push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let required: Vec<&str> = table["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (key, value) in properties(table) {
            let default = match required.contains(&key.as_str()) {
                true => "required".to_owned(),
                false => default_of(&value["default"]),
            };
            let mut meaning = sentence(&value["description"]);
            let choices = self.choices(value);
            if !choices.is_empty() {
                let _ = write!(meaning, "<br>{}", choices.join("<br>"));
            }
            let _ = writeln!(
                self.text,
                "| `{key}` | {} | {default} | {meaning} |",
                self.kind(value)
            );
        }
    }

    /// Names the type of a key.
    fn kind(&self, value: &'a Value) -> String {
        let value = self.resolve(value);
        if let Some(choices) = value["anyOf"].as_array() {
            let kinds: Vec<String> = choices.iter().map(|choice| self.kind(choice)).collect();
            return kinds.join(" or ");
        }
        if value["oneOf"].is_array() || value["enum"].is_array() {
            return "word".to_owned();
        }
        match value["type"].as_str() {
            Some("array") => {
                let item = self.kind(&value["items"]);
                match item.as_str() {
                    "table" => "tables".to_owned(),
                    item => format!("list of {}", plural(item)),
                }
            }
            Some("object") if value["properties"].is_object() => "table".to_owned(),
            Some("object") => {
                let item = self.kind(&value["additionalProperties"]);
                format!("table of {}", plural(&item))
            }
            Some("string") if value["examples"].is_array() => "duration".to_owned(),
            Some("string") if value["format"] == "uri" => "URL".to_owned(),
            Some(other) => other.to_owned(),
            None => "value".to_owned(),
        }
    }

    /// Returns the words that a key may have, each with its meaning.
    fn choices(&self, value: &'a Value) -> Vec<String> {
        if value["$ref"] == "#/definitions/Level" {
            return vec!["`\"deny\"`, `\"warn\"` or `\"off\"`.".to_owned()];
        }
        let value = self.resolve(value);
        let mut said = Vec::new();
        for choice in value["oneOf"].as_array().into_iter().flatten() {
            if let Some(word) = choice["const"].as_str() {
                said.push(format!(
                    "`\"{word}\"`: {}",
                    sentence(&choice["description"])
                ));
            }
        }
        for choice in value["anyOf"].as_array().into_iter().flatten() {
            said.extend(self.choices(choice));
        }
        if value["items"].is_object() {
            let items = self.choices(&value["items"]);
            // The stages are many, and have a page of their own.
            if items.len() <= 8 {
                said.extend(items);
            }
        }
        if said.len() > 8 {
            return vec!["One of the [stages](../tasks/release.md#the-stages).".to_owned()];
        }
        said
    }
}

/// Returns what a table is for, without its own name, which is the heading.
fn about(description: &Value) -> String {
    let text = sentence(description);
    let Some((name, rest)) = text.strip_prefix('`').and_then(|text| text.split_once('`')) else {
        return text;
    };
    if !name.starts_with('[') {
        return text;
    }
    let rest = rest.trim_start_matches([':', '.', ' ']);
    let mut letters = rest.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Returns the anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || *c == '-' || *c == '_';
    heading.to_lowercase().chars().filter(kept).collect()
}

fn plural(kind: &str) -> String {
    match kind {
        kind if kind.contains(" or ") => kind.to_owned(),
        kind => format!("{kind}s"),
    }
}

/// Returns a description in one line of a table.
fn sentence(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|")
}

fn default_of(default: &Value) -> String {
    match default {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => String::new(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Object(map) => match map.get("level").and_then(Value::as_str) {
            Some(level) => format!("`\"{level}\"`"),
            None if map
                .values()
                .all(|value| !value.is_object() && !value.is_array()) =>
            {
                let pairs: Vec<String> = map
                    .iter()
                    .map(|(key, it)| format!("{key} = {it}"))
                    .collect();
                format!("`{{ {} }}`", pairs.join(", "))
            }
            None => String::new(),
        },
        other => format!("`{other}`"),
    }
}
