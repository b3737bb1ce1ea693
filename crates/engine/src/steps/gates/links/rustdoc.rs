//! What rustdoc adds to Markdown: documents that a crate includes into its documentation may
//! link to items, to its pages, and to the anchors on them. Whether those are there is the
//! doc gate's to say.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use super::within;
use crate::steps::gates::tracked::Tracked;

/// `#![doc = include_str!("…")]`, also in `cfg_attr` and from the package's directory.
static INCLUDED: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
    let text = r#"\bdoc\s*=\s*include_str!\s*\(\s*(concat!\s*\(\s*env!\s*\(\s*"CARGO_MANIFEST_DIR"\s*\)\s*,\s*)?r?#*"([^"\n]+)""#;
    regex::bytes::Regex::new(text).expect("a constant expression")
});

/// A path to an item, as rustdoc reads it: with what tells kinds apart, and generics.
static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = "struct|enum|trait|union|mod|module|const|constant|static|fn|function|method|derive|type|\
                 value|macro|prim|primitive|field|variant|tyalias|typealias|attr|attribute";
    let segment = r"<?&?\w+(?:<[\w\s,:<>&']*>)?>?";
    let text = format!(
        r"^(?:(?:{kinds})@)?(?:::)?{segment}(?:::{segment})*(?:!?\(\)|!|!\[\]|!\{{\}})?(?:#.*)?$"
    );
    Regex::new(&text).expect("a constant expression")
});

/// A page that rustdoc writes.
static PAGE: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?:^|/)(?:(?:struct|enum|trait|union|fn|macro|type|constant|static|derive|attr|primitive|keyword|traitalias)\.\w+|index|all)\.html(?:[?#].*)?$";
    Regex::new(text).expect("a constant expression")
});

/// An anchor that rustdoc gives to what it lists.
static ANCHOR: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"^(?:(?:method|tymethod|structfield|variant|field|associatedconstant|associatedtype|impl)[.-].+|(?:reexports|modules|macros|structs|enums|constants|statics|traits|functions|types|derives|attributes|unions|primitives|implementations|trait-implementations|required-methods|provided-methods))$";
    Regex::new(text).expect("a constant expression")
});

/// Returns the documents that sources include into their documentation.
pub(super) fn included(tracked: &Tracked) -> anyhow::Result<BTreeSet<Utf8PathBuf>> {
    let mut found = BTreeSet::new();
    for path in &tracked.files {
        if path.extension() != Some("rs") {
            continue;
        }
        let Some(bytes) = tracked.read(path)? else {
            continue;
        };
        for include in INCLUDED.captures_iter(&bytes) {
            let Ok(name) = std::str::from_utf8(&include[2]) else {
                continue;
            };
            let from = match include.get(1) {
                Some(_) => package_of(tracked, path),
                None => path.parent(),
            };
            let from = from.unwrap_or(Utf8Path::new(""));
            found.extend(within(&from.join(name.trim_start_matches('/'))));
        }
    }
    Ok(found)
}

/// Returns the directory of the package that a source belongs to.
fn package_of<'p>(tracked: &Tracked, path: &'p Utf8Path) -> Option<&'p Utf8Path> {
    let mut above = path.ancestors().skip(1);
    above.find(|directory| tracked.files.contains(&directory.join("Cargo.toml")))
}

/// Returns whether a link's target, or a label that is nowhere defined, names an item or a page of
/// rustdoc.
pub(super) fn is_item(target: &str) -> bool {
    let name = target.trim().replace('`', "");
    ITEM.is_match(&name) || PAGE.is_match(&name)
}

/// Returns whether an anchor is one of those that rustdoc gives to what it lists.
pub(super) fn is_item_anchor(anchor: &str) -> bool {
    ANCHOR.is_match(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_items_are_told_from_paths_to_files() {
        for target in [
            "Type",
            "`Type`",
            "crate::model::Plan",
            "Self::method",
            "::std::vec::Vec",
            "struct@Foo",
            "fn@foo::bar",
            "macro@vec",
            "run()",
            "vec!",
            "vec!()",
            "Vec<T>",
            "Vec<T>::push",
            "Result<Vec<u8>, Error>",
            "Type#examples",
            "struct.Foo.html",
            "../other/index.html",
            "one/trait.Read.html#method.read",
        ] {
            assert!(is_item(target), "{target}");
        }
        for target in [
            "docs/a.md",
            "a.md",
            "../Type",
            "./Type",
            "a b",
            "page.html",
            "#anchor",
            "",
            "file-name",
        ] {
            assert!(!is_item(target), "{target}");
        }
        for (anchor, want) in [
            ("method.push", true),
            ("structfield.name", true),
            ("impl-read-for-file", true),
            ("traits", true),
            ("usage", false),
            ("methods", false),
        ] {
            assert_eq!(is_item_anchor(anchor), want, "{anchor}");
        }
    }

    #[test]
    fn documents_are_found_in_every_form_of_the_attribute() {
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        let files = [
            ("crates/a/Cargo.toml", ""),
            (
                "crates/a/src/lib.rs",
                "#![doc = include_str!(\"../README.md\")]\n",
            ),
            (
                "crates/a/src/deep/one.rs",
                "#[cfg_attr(docsrs, doc = include_str!(\n    concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/docs/one.md\")\n))]\n\
                 #[doc=include_str!(r#\"two.md\"#)]\nconst TEXT: &str = include_str!(\"not.md\");\n",
            ),
        ];
        for (path, text) in files {
            std::fs::create_dir_all(top.join(path).parent().unwrap()).unwrap();
            std::fs::write(top.join(path), text).unwrap();
        }
        let tracked = Tracked {
            top: top.to_owned(),
            root: "".into(),
            files: files.map(|(path, _)| path.into()).into(),
        };
        let found: Vec<_> = included(&tracked).unwrap().into_iter().collect();
        let want = [
            "crates/a/README.md",
            "crates/a/docs/one.md",
            "crates/a/src/deep/two.md",
        ];
        assert_eq!(found, want);
    }
}
