//! Requests and answers, against what GitHub publishes of its API: method, path,
//! parameters and body.

use std::sync::LazyLock;

use serde_json::{Value, json};
use stagegate_fakes::github::GitHubRequest;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let mut value = serde_json::from_str(include_str!("description.json")).unwrap();
    into_json_schema(&mut value);
    value
});

/// OpenAPI 3.0 says `nullable` where JSON Schema names the type null.
fn into_json_schema(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(into_json_schema);
            if fields.remove("nullable") == Some(Value::Bool(true)) {
                let schema = Value::Object(std::mem::take(fields));
                *value = json!({ "anyOf": [schema, { "type": "null" }] });
            }
        }
        Value::Array(items) => items.iter_mut().for_each(into_json_schema),
        _ => {}
    }
}

/// What a `$ref` names, or the value itself.
fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(to) => DESCRIPTION.pointer(&to[1..]).unwrap(),
        None => value,
    }
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let whole = json!({ "allOf": [schema], "components": DESCRIPTION["components"] });
    let validator = jsonschema::draft4::options()
        .should_validate_formats(true)
        .build(&whole)
        .map_err(|e| format!("the schema itself: {e}"))?;
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{}: {e}", e.instance_path()))
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    }
}

/// The described path that a path follows, with the values of its parameters. A path
/// without parameters goes before one with.
fn described(path: &str) -> Option<(&'static Value, Vec<(&'static str, String)>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut found: Vec<_> = DESCRIPTION["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(pattern, methods)| {
            let names: Vec<&str> = pattern.split('/').collect();
            let mut values = Vec::new();
            let same = names.len() == parts.len();
            let fits = names.iter().zip(&parts).all(|(name, part)| {
                match name.strip_prefix('{').and_then(|n| n.strip_suffix('}')) {
                    Some(name) => {
                        values.push((name, (*part).to_owned()));
                        !part.is_empty()
                    }
                    None => name == part,
                }
            });
            (same && fits).then_some((methods, values))
        })
        .collect();
    found.sort_by_key(|(_, values)| values.len());
    (!found.is_empty()).then(|| found.remove(0))
}

/// A parameter's text, as the type that is described.
fn typed(text: &str, schema: &Value) -> Value {
    let number = text.parse::<i64>().ok();
    match (schema["type"].as_str(), number) {
        (Some("integer"), Some(number)) => json!(number),
        _ => json!(text),
    }
}

fn parameters(
    operation: &'static Value,
    given: &[(&str, String)],
    place: &str,
) -> Result<(), String> {
    let all = operation["parameters"].as_array();
    let here: Vec<&Value> = all
        .into_iter()
        .flatten()
        .map(resolved)
        .filter(|parameter| parameter["in"] == place)
        .collect();
    for (name, text) in given {
        let parameter = here
            .iter()
            .find(|parameter| parameter["name"] == *name)
            .ok_or_else(|| format!("the {place} parameter {name} is not described"))?;
        let schema = &parameter["schema"];
        fits(schema, &typed(text, schema)).map_err(|e| format!("{name}: {e}"))?;
    }
    let missing = here.iter().find(|parameter| {
        parameter["required"] == true && !given.iter().any(|(name, _)| parameter["name"] == *name)
    });
    missing.map_or(Ok(()), |parameter| {
        Err(format!(
            "the {place} parameter {} is missing",
            parameter["name"]
        ))
    })
}

fn body(operation: &'static Value, request: &GitHubRequest) -> Result<(), String> {
    let wanted = &operation["requestBody"];
    let kind = request.content_type.split(';').next().unwrap_or_default();
    if kind.is_empty() {
        let required = wanted["required"] == true;
        return match required {
            true => Err("a body is required".to_owned()),
            false => Ok(()),
        };
    }
    // Files are described as octets, and are taken as whatever they are said to be.
    let Some(sent) = &request.body else {
        let octets = &wanted["content"]["application/octet-stream"];
        return match octets.is_object() {
            true => Ok(()),
            false => Err(format!("a body of {kind} is not described")),
        };
    };
    let schema = &wanted["content"]["application/json"]["schema"];
    if !schema.is_object() {
        return Err("a JSON body is not described".to_owned());
    }
    // GitHub passes over what it does not know; a client has no business sending it.
    // Some bodies are one of several shapes.
    let shapes = schema["oneOf"].as_array();
    let shapes: Vec<&Value> = shapes.map_or(vec![schema], |shapes| shapes.iter().collect());
    let known = |name: &str| {
        shapes
            .iter()
            .any(|one| one["properties"].get(name).is_some())
    };
    let mut fields = sent.as_object().into_iter().flatten();
    let unknown = fields.find(|(name, _)| !known(name));
    if let Some((name, _)) = unknown {
        return Err(format!("the field {name} is not described"));
    }
    fits(schema, sent)
}

fn answer(operation: &'static Value, request: &GitHubRequest) -> Result<(), String> {
    let described = resolved(&operation["responses"][request.status.to_string()]);
    let schema = &described["content"]["application/json"]["schema"];
    let good = request.status < 300;
    match (&request.answer, schema.is_object()) {
        (Some(answer), true) => fits(schema, answer).map_err(|e| format!("the answer: {e}")),
        (None, true) => Err("the answer has no JSON".to_owned()),
        (None, false) if described.is_object() => Ok(()),
        // Errors that any request may meet are not described with each.
        _ if good => Err(format!("the status {} is not described", request.status)),
        _ => Ok(()),
    }
}

/// Whether a request and its answer are as GitHub describes them.
pub(crate) fn check(request: &GitHubRequest) -> Result<(), String> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let (methods, values) = described(path).ok_or("the path is not described")?;
    let operation = &methods[request.method.to_lowercase()];
    if !operation.is_object() {
        return Err("the method is not described".to_owned());
    }
    let query: Vec<(&str, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, value.replace("%3A", ":").replace("%2F", "/")))
        .collect();
    parameters(operation, &values, "path")?;
    parameters(operation, &query, "query")?;
    // What was refused may have been wrong on purpose; what was taken may not.
    if request.status < 300 {
        body(operation, request)?;
    }
    answer(operation, request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, body: Value, answer: Value) -> GitHubRequest {
        GitHubRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            content_type: match body.is_null() {
                true => String::new(),
                false => "application/json".to_owned(),
            },
            body: (!body.is_null()).then_some(body),
            status: if method == "POST" { 201 } else { 200 },
            answer: (!answer.is_null()).then_some(answer),
        }
    }

    /// A check that is content with everything would prove nothing.
    #[test]
    fn what_github_does_not_describe_is_found() {
        let refused = |method: &str, path: &str, body: Value, answer: Value, why: &str| {
            let got = check(&request(method, path, body, answer)).unwrap_err();
            assert!(got.contains(why), "{method} {path}: {got}");
        };
        let none = || Value::Null;
        refused("GET", "/repos/o/r/elsewhere", none(), none(), "path");
        refused("PUT", "/repos/o/r/releases", none(), none(), "method");
        refused(
            "GET",
            "/repos/o/r/releases?sort=x",
            none(),
            json!([]),
            "sort",
        );
        refused(
            "GET",
            "/repos/o/r/releases?page=x",
            none(),
            json!([]),
            "page",
        );
        refused(
            "GET",
            "/repos/o/r/pulls?state=ill",
            none(),
            json!([]),
            "state",
        );
        refused(
            "PATCH",
            "/repos/o/r/releases/x",
            json!({}),
            json!({}),
            "release_id",
        );
        refused(
            "POST",
            "/repos/o/r/releases/1/assets",
            none(),
            none(),
            "name",
        );
        refused("POST", "/repos/o/r/releases", none(), none(), "required");
        refused("POST", "/repos/o/r/releases", json!({}), none(), "tag_name");
        let wrong = json!({ "tag_name": "v1", "make_latest": true });
        refused("POST", "/repos/o/r/releases", wrong, none(), "make_latest");
        let wrong = json!({ "tag_name": "v1", "notes": "" });
        refused("POST", "/repos/o/r/releases", wrong, none(), "notes");
        let lacking = json!([{ "id": 1 }]);
        refused("GET", "/repos/o/r/releases", none(), lacking, "required");
        let wrong = json!({ "bundle": { "mediaType": 1 } });
        refused(
            "POST",
            "/repos/o/r/attestations",
            wrong,
            none(),
            "mediaType",
        );
        let right = request("GET", "/repos/o/r/releases?per_page=100", none(), json!([]));
        assert_eq!(check(&right), Ok(()));
    }
}
