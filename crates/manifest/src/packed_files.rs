//! Which files of a package's directory cargo packs, as `include` and `exclude` say.

use camino::Utf8Path;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use toml_edit::{Document, Item};

/// The choice that a manifest makes.
#[derive(Clone, Debug)]
pub struct PackedFiles {
    chosen: Choice,
    /// Files that are packed whatever is chosen: the readme and the license.
    always: Vec<String>,
}

#[derive(Clone, Debug)]
enum Choice {
    All,
    Include(Gitignore),
    Exclude(Gitignore),
}

impl PackedFiles {
    /// Reads the choice of a package's manifest; `workspace` is the manifest that it may
    /// inherit from. What cannot be read chooses everything: cargo says what is wrong.
    pub fn of(manifest: &str, workspace: &str) -> PackedFiles {
        let (Ok(manifest), Ok(workspace)) = (Document::parse(manifest), Document::parse(workspace))
        else {
            return PackedFiles {
                chosen: Choice::All,
                always: Vec::new(),
            };
        };
        let stated = |key: &str| {
            let own = manifest.get("package")?.get(key)?;
            match own.get("workspace").and_then(Item::as_bool) {
                Some(true) => workspace.get("workspace")?.get("package")?.get(key),
                _ => Some(own),
            }
        };
        let patterns = |key: &str| -> Vec<String> {
            let array = stated(key).and_then(Item::as_array);
            let texts = array.into_iter().flatten().filter_map(|v| v.as_str());
            texts.map(str::to_owned).collect()
        };
        let (include, exclude) = (patterns("include"), patterns("exclude"));
        // Where both are stated, cargo heeds `include` alone.
        let chosen = match (include.is_empty(), exclude.is_empty()) {
            (false, _) => Choice::Include(matcher(&include)),
            (true, false) => Choice::Exclude(matcher(&exclude)),
            (true, true) => Choice::All,
        };
        let always = ["readme", "license-file"].into_iter();
        let always = always.filter_map(|key| Some(stated(key)?.as_str()?.to_owned()));
        PackedFiles {
            chosen,
            always: always.collect(),
        }
    }

    /// Returns whether the manifest names what is packed, so that git is not asked.
    pub fn names_files(&self) -> bool {
        matches!(self.chosen, Choice::Include(_))
    }

    /// Returns whether a file is packed; its path is relative to the package.
    pub fn holds(&self, path: &Utf8Path) -> bool {
        if path == "Cargo.toml" || self.always.iter().any(|file| path == file.as_str()) {
            return true;
        }
        match &self.chosen {
            Choice::All => true,
            Choice::Include(named) => named.matched_path_or_any_parents(path, false).is_ignore(),
            Choice::Exclude(named) => !named.matched_path_or_any_parents(path, false).is_ignore(),
        }
    }
}

/// Patterns are those of `.gitignore`, as in cargo itself; one that cannot be read is
/// cargo's to complain of.
fn matcher(patterns: &[String]) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        let _ = builder.add_line(None, pattern);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_as_by_cargo() {
        let check = |manifest: &str, path: &str, want: bool| {
            let workspace = "[workspace.package]\nexclude = [\"ci\"]\n";
            let files = PackedFiles::of(&format!("[package]\n{manifest}"), workspace);
            assert_eq!(files.holds(Utf8Path::new(path)), want, "{manifest}: {path}");
        };
        check("", "anything/at/all", true);
        let exclude = "exclude = [\"/docs\", \"*.snap\", \"!keep.snap\"]";
        check(exclude, "docs/a.md", false);
        check(exclude, "src/docs/a.md", true);
        check(exclude, "tests/x.snap", false);
        check(exclude, "tests/keep.snap", true);
        let include = "include = [\"src/**\", \"/data/*.bin\"]\nreadme = \"doc/READ.md\"";
        check(include, "src/lib.rs", true);
        check(include, "data/a.bin", true);
        check(include, "tests/a.rs", false);
        check(include, "Cargo.toml", true);
        check(include, "doc/READ.md", true);
        check("exclude.workspace = true", "ci/run.sh", false);
        check("exclude.workspace = true", "src/ci.rs", true);
    }
}
