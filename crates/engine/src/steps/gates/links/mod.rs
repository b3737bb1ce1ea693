//! The links gate: every link between tracked documents leads to a tracked file,
//! and to a heading in it where it names one.
//!
//! Addresses on the web are not asked: whether other people's servers answer is
//! no property of this commit, and must not stop its release. Links to items in
//! rustdoc are the doc gate's, also from documents that a crate includes.

pub mod document;
mod rustdoc;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use percent_encoding::percent_decode_str;
use stagegate_plan::model::{CheckLinks, Finding, count};

use crate::executor::step::{Perform, StepContext};
use crate::steps::gates::links::document::Document;
use crate::steps::gates::tracked::Tracked;

impl Perform for CheckLinks {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let paths = self.paths.as_deref();

        let tracked = Tracked::of(ctx.context)?;
        let wanted = |path: &Utf8Path| match (paths, tracked.below_root(path)) {
            (_, None) => false,
            (None, Some(_)) => is_markdown(path),
            (Some(patterns), Some(below)) => patterns.iter().any(|pattern| pattern.fits(below)),
        };
        let mut library = Library {
            tracked: &tracked,
            included: rustdoc::included(&tracked)?,
            documents: BTreeMap::new(),
        };
        let (mut read, mut followed, mut broken) = (0, 0, Vec::new());
        for path in tracked.files.iter().filter(|path| wanted(path)) {
            let Some((links, findings)) = library.check(path)? else {
                continue;
            };
            read += 1;
            followed += links;
            broken.extend(findings);
        }
        if let (0, Some(patterns)) = (read, paths) {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            bail!(
                "no tracked file fits `gates.links.paths` ({}); a gate that checks nothing proves nothing: correct it, or set `gates.links = \"off\"`",
                patterns.join(", ")
            );
        }
        if !broken.is_empty() {
            let shown: Vec<String> = broken
                .iter()
                .map(crate::steps::gates::findings::shown)
                .collect();
            ctx.found(broken);
            bail!(
                "{} in the documents:\n    {}\n  correct them, commit the files they name, or leave the documents out with `gates.links.paths`",
                count(shown.len(), "broken link"),
                shown.join("\n    ")
            );
        }
        Ok(format!(
            "no broken link among {followed} in {}",
            count(read, "document")
        ))
    }
}

fn is_markdown(path: &Utf8Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("md") || e.eq_ignore_ascii_case("markdown"))
}

/// Documents that were read; another may link into each.
struct Library<'t> {
    tracked: &'t Tracked,
    /// Those that are part of a crate's documentation.
    included: BTreeSet<Utf8PathBuf>,
    documents: BTreeMap<Utf8PathBuf, Document>,
}

impl Library<'_> {
    /// How many links of a document were followed, and the broken ones; none for
    /// what is no document of its own.
    fn check(&mut self, path: &Utf8Path) -> anyhow::Result<Option<(usize, Vec<Finding>)>> {
        let is_included = self.included.contains(path);
        let Some(document) = self.open(path)? else {
            return Ok(None);
        };
        let targets = document.targets.clone();
        let mut broken: Vec<(usize, String)> = document
            .undefined
            .iter()
            .filter(|(_, label)| !is_included || !rustdoc::is_item(label))
            .map(|(line, label)| (*line, format!("the link label `[{label}]` is not defined")))
            .collect();
        let mut followed = 0;
        for (line, target) in targets {
            let Some(place) = Place::of(path, &target) else {
                continue;
            };
            let is_item = is_included && rustdoc::is_item(&target);
            if is_item && !self.tracked.has(&place.path) {
                continue;
            }
            followed += 1;
            if let Some(why) = self.problem(&place)? {
                broken.push((line, format!("`{target}`: {why}")));
            }
        }
        broken.sort();
        let found = broken.into_iter().map(|(line, message)| Finding {
            file: path.to_owned(),
            line: line as u64,
            column: None,
            title: "broken link".to_owned(),
            message,
        });
        Ok(Some((followed, found.collect())))
    }

    fn open(&mut self, path: &Utf8Path) -> anyhow::Result<Option<&Document>> {
        if !self.documents.contains_key(path) {
            let Some(bytes) = self.tracked.read(path)? else {
                return Ok(None);
            };
            let text = String::from_utf8(bytes)
                .with_context(|| format!("reading {path}; save it as UTF-8"))?;
            self.documents
                .insert(path.to_owned(), Document::read(&text));
        }
        Ok(self.documents.get(path))
    }

    /// Why a place cannot be reached.
    fn problem(&mut self, place: &Place) -> anyhow::Result<Option<String>> {
        let Place { path, anchor } = place;
        if !self.tracked.has(path) {
            let there = self.tracked.top.join(path).exists();
            let why = if there {
                "is not tracked by git"
            } else {
                "is not there"
            };
            return Ok(Some(format!("{path} {why}")));
        }
        let is_document = is_markdown(path) && self.tracked.files.contains(path);
        let Some(anchor) = anchor.as_ref().filter(|_| is_document) else {
            return Ok(None);
        };
        let Some(document) = self.open(path)? else {
            return Ok(None);
        };
        let known = anchor == "top"
            || document.anchors.contains(anchor)
            || (self.included.contains(path) && rustdoc::is_item_anchor(anchor));
        Ok((!known).then(|| format!("{path} has no heading with the anchor `#{anchor}`")))
    }
}

/// Where a link leads, within the repository.
#[derive(Debug, PartialEq)]
struct Place {
    /// From the repository's top.
    path: Utf8PathBuf,
    /// In lower case; anchors are found so.
    anchor: Option<String>,
}

impl Place {
    /// None for what is not in the repository: other addresses, and paths above
    /// the top (on GitHub those are pages such as issues).
    fn of(from: &Utf8Path, target: &str) -> Option<Place> {
        let is_address = |text: &str| {
            let scheme = text.split_once(':').map(|(scheme, _)| scheme);
            text.starts_with("//")
                || scheme.is_some_and(|s| {
                    s.starts_with(|c: char| c.is_ascii_alphabetic())
                        && s.chars()
                            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                })
        };
        if is_address(target) {
            return None;
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (path, anchor) = match target.split_once('#') {
            Some((path, anchor)) => (path, Some(decoded(anchor).to_lowercase())),
            None => (target, None),
        };
        let path = decoded(path.split('?').next().unwrap_or_default());
        let whole = match path.strip_prefix('/') {
            Some(from_top) => Utf8PathBuf::from(from_top),
            None if path.is_empty() => from.to_owned(),
            None => from.parent().unwrap_or(Utf8Path::new("")).join(&path),
        };
        Some(Place {
            path: within(&whole)?,
            anchor: anchor.filter(|anchor| !anchor.is_empty()),
        })
    }
}

/// The path without `.` and `..`; none where it leads above the top.
fn within(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut result = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => result.pop().then_some(())?,
            other => result.push(other),
        }
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_link_leads() {
        let check = |target: &str, want: Option<(&str, Option<&str>)>| {
            let got = Place::of(Utf8Path::new("docs/a.md"), target);
            let want = want.map(|(path, anchor)| Place {
                path: path.into(),
                anchor: anchor.map(str::to_owned),
            });
            assert_eq!(got, want, "{target}");
        };
        check("https://example.org/a.md", None);
        check("mailto:a@example.org", None);
        check("//example.org/a", None);
        check("../../issues/1", None);
        check("b.md", Some(("docs/b.md", None)));
        check(
            "./sub/../b%20c.md?raw=true#Head",
            Some(("docs/b c.md", Some("head"))),
        );
        check("../README.md#", Some(("README.md", None)));
        check("/README.md", Some(("README.md", None)));
        check("#here", Some(("docs/a.md", Some("here"))));
        check("..", Some(("", None)));
    }

    #[test]
    fn broken_links_are_named_with_their_lines() {
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        let files = [
            (
                "README.md",
                "# Top\n[a](docs) [b](docs/a.md#one-two) [c](docs/a.md#gone)\n[d](lost.md)\n",
            ),
            (
                "docs/a.md",
                "# One two\n[e][x] [f](../README.md#top) [g](#One-Two) [h](new.md)\n",
            ),
            ("docs/new.md", ""),
        ];
        std::fs::create_dir(top.join("docs")).unwrap();
        for (path, text) in files {
            std::fs::write(top.join(path), text).unwrap();
        }
        let tracked = Tracked {
            top: top.to_owned(),
            root: "".into(),
            files: ["README.md", "docs/a.md"].map(Utf8PathBuf::from).into(),
        };
        let mut library = Library {
            tracked: &tracked,
            included: BTreeSet::new(),
            documents: BTreeMap::new(),
        };
        let shown = |found: Vec<Finding>| -> Vec<String> {
            found.iter().map(super::super::findings::shown).collect()
        };
        let (followed, broken) = library.check("README.md".into()).unwrap().unwrap();
        let broken = shown(broken);
        assert_eq!(followed, 4);
        assert_eq!(
            broken,
            [
                "README.md:2: `docs/a.md#gone`: docs/a.md has no heading with the anchor `#gone`",
                "README.md:3: `lost.md`: lost.md is not there",
            ]
        );
        let (followed, broken) = library.check("docs/a.md".into()).unwrap().unwrap();
        let broken = shown(broken);
        assert_eq!(followed, 3);
        assert_eq!(
            broken,
            [
                "docs/a.md:2: `new.md`: docs/new.md is not tracked by git",
                "docs/a.md:2: the link label `[x]` is not defined",
            ]
        );
    }

    #[test]
    fn what_a_crate_includes_may_link_to_its_items() {
        let text = "# One\n[a](crate::one) [b](Type) [`c`](struct@Type) [d][`Type`] [e][] [f](lost.md)\n\
                    [g](#method.new) [h](#one) [i](struct.Type.html) [j](LICENSE)\n";
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        for (path, text) in [("README.md", text), ("LICENSE", "")] {
            std::fs::write(top.join(path), text).unwrap();
        }
        let tracked = Tracked {
            top: top.to_owned(),
            root: "".into(),
            files: ["README.md", "LICENSE"].map(Utf8PathBuf::from).into(),
        };
        let check = |included: &[&str], followed: usize, want: &[&str]| {
            let mut library = Library {
                tracked: &tracked,
                included: included.iter().map(Utf8PathBuf::from).collect(),
                documents: BTreeMap::new(),
            };
            let (count, broken) = library.check("README.md".into()).unwrap().unwrap();
            let broken: Vec<_> = broken
                .iter()
                .map(|f| f.message.split(':').next().unwrap())
                .collect();
            assert_eq!((count, &broken[..]), (followed, want));
        };
        check(&["README.md"], 4, &["`lost.md`"]);
        let want = [
            "`Type`",
            "`lost.md`",
            "`struct@Type`",
            "the link label `[`Type`]` is not defined",
            "the link label `[e]` is not defined",
            "`#method.new`",
            "`struct.Type.html`",
        ];
        check(&[], 7, &want);
    }
}
