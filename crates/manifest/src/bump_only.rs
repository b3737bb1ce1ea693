//! Changes of a manifest or a lockfile that are nothing but new versions of members.

use std::collections::BTreeSet;

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Returns whether two states of a `Cargo.toml` or a `Cargo.lock` differ in nothing but the
/// versions of these members: their own, the workspace's, and what siblings require of them.
/// What is neither, or cannot be read, differs in more.
pub fn differs_in_versions_only(
    file_name: &str,
    before: &str,
    after: &str,
    members: &BTreeSet<String>,
) -> bool {
    let read = |text: &str| {
        let mut document: DocumentMut = text.parse().ok()?;
        match file_name {
            "Cargo.toml" => without_versions(document.as_table_mut(), members),
            "Cargo.lock" => without_locked_versions(document.as_table_mut(), members),
            _ => return None,
        }
        Some(document.to_string())
    };
    matches!((read(before), read(after)), (Some(before), Some(after)) if before == after)
}

/// Takes the versions of members out of a manifest's tables.
fn without_versions(table: &mut dyn TableLike, members: &BTreeSet<String>) {
    for (key, item) in table.iter_mut() {
        let key = key.get().to_owned();
        let Some(inner) = item.as_table_like_mut() else {
            continue;
        };
        match key.as_str() {
            "package" => drop(inner.remove("version")),
            "dependencies" | "dev-dependencies" | "build-dependencies" => {
                without_requirements(inner, members);
            }
            _ => without_versions(inner, members),
        }
    }
}

fn without_requirements(dependencies: &mut dyn TableLike, members: &BTreeSet<String>) {
    for (name, item) in dependencies.iter_mut() {
        let name = name.get().to_owned();
        if let Some(table) = item.as_table_like_mut() {
            let renamed = table.get("package").and_then(Item::as_str);
            if members.contains(renamed.unwrap_or(&name)) {
                table.remove("version");
            }
        } else if members.contains(&name) {
            *item = Item::Value(Value::from(""));
        }
    }
}

/// Takes the versions of members out of a lockfile: what has no source is a member, or lies
/// beside them.
fn without_locked_versions(table: &mut dyn TableLike, members: &BTreeSet<String>) {
    let packages = table
        .get_mut("package")
        .and_then(Item::as_array_of_tables_mut);
    for package in packages.into_iter().flat_map(|all| all.iter_mut()) {
        let name = package.get("name").and_then(Item::as_str);
        let is_member = name.is_some_and(|name| members.contains(name));
        if is_member && !package.contains_key("source") {
            package.remove("version");
        }
        let needs = package.get_mut("dependencies").and_then(Item::as_array_mut);
        for need in needs.into_iter().flat_map(|all| all.iter_mut()) {
            let name = need.as_str().and_then(|text| text.split(' ').next());
            if let Some(name) = name.filter(|name| members.contains(*name)) {
                *need = Value::from(name.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, before: &str, after: &str, want: bool) {
        let members = ["shop", "shop-core"].map(str::to_owned).into();
        let got = differs_in_versions_only(file, before, after, &members);
        assert_eq!(got, want, "{before}\n---\n{after}");
    }

    #[test]
    fn a_release_changes_versions_and_nothing_else() {
        let manifest = |version: &str, core: &str, serde: &str| {
            format!(
                "[workspace.package]\nversion = \"{version}\"\n[package]\nname = \"shop\"\nversion = \"{version}\"\n\
                 [dependencies]\nserde = \"{serde}\"\nshop-core = {{ path = \"core\", version = \"{core}\" }}\n\
                 [target.'cfg(unix)'.dependencies]\nc = {{ package = \"shop-core\", version = \"{core}\" }}\n"
            )
        };
        let before = manifest("1.0.0", "1.0.0", "1.0");
        check("Cargo.toml", &before, &before, true);
        check(
            "Cargo.toml",
            &before,
            &manifest("1.1.0", "1.1.0", "1.0"),
            true,
        );
        check(
            "Cargo.toml",
            &before,
            &manifest("1.1.0", "1.1.0", "1.1"),
            false,
        );
        check(
            "Cargo.toml",
            &before,
            &format!("{before}libc = \"1\"\n"),
            false,
        );
        check("Cargo.toml", &before, "[package", false);
        check("README.md", &before, &before, false);
        // A crate of the registry that a plain requirement names.
        let plain = |version: &str| format!("[dependencies]\nshop-core = \"{version}\"\n");
        check("Cargo.toml", &plain("1.0"), &plain("1.1"), true);

        let lock = |version: &str, serde: &str| {
            format!(
                "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"{serde}\"\nsource = \"registry+x\"\n\n\
                 [[package]]\nname = \"shop\"\nversion = \"{version}\"\ndependencies = [\n \"serde\",\n \"shop-core {version}\",\n]\n"
            )
        };
        check(
            "Cargo.lock",
            &lock("1.0.0", "1.0.1"),
            &lock("1.1.0", "1.0.1"),
            true,
        );
        check(
            "Cargo.lock",
            &lock("1.0.0", "1.0.1"),
            &lock("1.1.0", "1.0.2"),
            false,
        );
    }
}
