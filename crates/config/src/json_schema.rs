//! The JSON Schema of `stagegate.toml`, made from the types that read it.
//!
//! Draft 7, because that is what editors and SchemaStore understand. TOML has no null, so
//! an optional key is one that may be absent and nothing else.

use jiff::SignedDuration;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::schema::Config;

/// Where the schema is published: editors fetch it from there.
const ID: &str =
    "https://raw.githubusercontent.com/stagegate/stagegate/main/docs/stagegate.schema.json";

/// Returns the JSON Schema of `stagegate.toml`.
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>().to_value();
    tidy(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".to_owned(), ID.into());
        root.insert("title".to_owned(), "stagegate.toml".into());
    }
    schema
}

/// Removes what TOML cannot say, and writes durations as people do.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            tidy_object(map);
            map.values_mut().for_each(tidy);
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn tidy_object(map: &mut Map<String, Value>) {
    let null = |value: &Value| value.get("type").is_some_and(|it| it == "null");
    if let Some(types) = map.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|it| it != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(choices) = map.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| !null(choice));
        if choices.len() == 1 {
            // A reference has no neighbors in draft 7.
            let only = map.remove("anyOf").expect("it was just there");
            map.insert("allOf".to_owned(), only);
        }
    }
    match map.get_mut("default") {
        Some(Value::Null) => {
            map.remove("default");
        }
        Some(default) => readable(default),
        None => {}
    }
}

/// Drops the absent keys of a default, and writes its durations as people do.
fn readable(default: &mut Value) {
    match default {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(readable);
        }
        Value::String(text) if text.starts_with("PT") => {
            if let Ok(duration) = text.parse::<SignedDuration>() {
                *text = format!("{duration:#}");
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object schema, with the path to it.
    fn objects<'a>(schema: &'a Value, path: &str, into: &mut Vec<(String, &'a Value)>) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties") && map.get("type").is_some() {
                    into.push((path.to_owned(), schema));
                }
                for (key, value) in map {
                    objects(value, &format!("{path}/{key}"), into);
                }
            }
            Value::Array(list) => {
                for (at, value) in list.iter().enumerate() {
                    objects(value, &format!("{path}/{at}"), into);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described_and_no_other_is_accepted() {
        let schema = json_schema();
        let mut tables = Vec::new();
        objects(&schema, "", &mut tables);
        assert!(tables.len() > 20, "{} tables", tables.len());
        for (path, table) in tables {
            assert_eq!(table["additionalProperties"], false, "{path}");
            for (key, value) in table["properties"].as_object().unwrap() {
                let described = value.get("description").and_then(Value::as_str);
                assert!(described.is_some(), "{path}/{key} has no description");
            }
        }
    }

    #[test]
    fn nothing_in_it_is_null() {
        let text = json_schema().to_string();
        assert!(!text.contains("null"), "{text}");
        assert!(!text.contains("\"PT"), "{text}");
    }
}
