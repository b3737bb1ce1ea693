//! What cargo-release's tables in a manifest say of versions.

use toml_edit::{Document, Item};

/// Whose versions move together, as cargo-release's `shared-version` has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SharedVersion {
    /// `true`, or a group's name; all with the same name share one version.
    With(String),
    /// `false`: nobody's.
    Own,
}

/// Returns what `[package.metadata.release]` of a manifest says, or, with `of_workspace`, its
/// `[workspace.metadata.release]`. A text that is no manifest says nothing.
pub fn shared_version(text: &str, of_workspace: bool) -> Option<SharedVersion> {
    let manifest = Document::parse(text).ok()?;
    let table = match of_workspace {
        true => "workspace",
        false => "package",
    };
    let item = ["metadata", "release", "shared-version"]
        .iter()
        .try_fold(manifest.get(table)?, |item: &Item, key| item.get(key))?;
    match (item.as_bool(), item.as_str()) {
        (Some(true), _) => Some(SharedVersion::With("default".to_owned())),
        (Some(false), _) => Some(SharedVersion::Own),
        (None, Some(name)) => Some(SharedVersion::With(name.to_owned())),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_cargo_release_are_read() {
        let check = |text: &str, of_workspace: bool, want: Option<SharedVersion>| {
            assert_eq!(shared_version(text, of_workspace), want, "{text}");
        };
        let with = |name: &str| Some(SharedVersion::With(name.to_owned()));
        let table = "[package.metadata.release]\nshared-version = ";
        check(&format!("{table}true\n"), false, with("default"));
        check(&format!("{table}\"core\"\n"), false, with("core"));
        check(&format!("{table}false\n"), false, Some(SharedVersion::Own));
        check(&format!("{table}true\n"), true, None);
        let of_all = "[workspace.metadata.release]\nshared-version = true\n";
        check(of_all, true, with("default"));
        check("[package]\n", false, None);
        check("no manifest", false, None);
    }
}
