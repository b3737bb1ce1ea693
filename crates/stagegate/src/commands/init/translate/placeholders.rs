//! `{{ … }}` of other tools in the form that `stagegate.toml` has.

/// Returns a text with each `{{ name }}` replaced as `known` says.
///
/// # Errors
/// What in double braces, or which Tera block, has no counterpart.
pub(super) fn translated(text: &str, known: &[(&str, &str)]) -> Result<String, String> {
    for block in ["{%", "{#"] {
        if text.contains(block) {
            return Err(format!("`{block}`"));
        }
    }
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else {
            break;
        };
        let found = known.iter().find(|(theirs, _)| *theirs == name.trim());
        let Some((_, ours)) = found else {
            return Err(format!("`{{{{{name}}}}}`"));
        };
        done.push_str(before);
        done.push_str(ours);
        rest = behind;
    }
    done.push_str(rest);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn names_in_double_braces_are_translated_or_named() {
        let known = [("version", "{version}"), ("crate_name", "{name}")];
        let check = |text: &str, want: Result<&str, &str>| {
            let found = translated(text, &known);
            assert_eq!(found.as_deref().map_err(String::as_str), want, "{text}");
        };
        check("{{crate_name}} {{ version }}!", Ok("{name} {version}!"));
        check("$1{{version}}", Ok("$1{version}"));
        check("no braces {at} all }}", Ok("no braces {at} all }}"));
        check("an open {{ one", Ok("an open {{ one"));
        check("{{metadata}}", Err("`{{metadata}}`"));
        check("{{ version | upper }}", Err("`{{ version | upper }}`"));
        check("{% if version %}x{% endif %}", Err("`{%`"));
    }
}
