//! `[[release.replace]]`: what else names the version.

use camino::{Utf8Path, Utf8PathBuf};
use regex::{NoExpand, Regex, Replacer};
use stagegate_config::schema::{Config, Replacement, filled_search};
use stagegate_manifest::FileEdit;

use crate::facts::Facts;
use crate::model::{Blocker, count};
use crate::release::edits::Edits;
use crate::release::placeholders::Placeholders;
use crate::version::VersionBump;

/// Adds to `edits` what the configured replacements change. Several may change one file,
/// and one that the bump or a changelog changes too: each sees what those before it left.
pub(crate) fn replace(
    facts: &Facts,
    config: &Config,
    bumps: &[VersionBump<'_>],
    edits: &mut Edits,
    blockers: &mut Vec<Blocker>,
) {
    for wanted in &config.release.replace {
        match group_of(facts, config, wanted, bumps) {
            Err(blocker) => blockers.push(blocker),
            Ok(None) => {}
            Ok(Some(one)) if !one.to.pre.is_empty() && !wanted.prerelease => {}
            Ok(Some(one)) => {
                if let Err(blocker) = replace_one(facts, wanted, one, edits) {
                    blockers.push(blocker);
                }
            }
        }
    }
}

/// Returns the version that a replacement is about, if it is part of this release.
fn group_of<'b>(
    facts: &Facts,
    config: &Config,
    wanted: &Replacement,
    bumps: &'b [VersionBump<'b>],
) -> Result<Option<&'b VersionBump<'b>>, Blocker> {
    let group = facts.group_of(wanted.package.as_deref(), config)?;
    Ok(bumps.iter().find(|one| one.group.name == group.name))
}

fn replace_one(
    facts: &Facts,
    wanted: &Replacement,
    one: &VersionBump<'_>,
    edits: &mut Edits,
) -> Result<(), Blocker> {
    let original = text_of(facts, &wanted.file)?;
    let mut written = edits.bump.iter_mut().chain(&mut edits.changelogs);
    let known = written.find(|edit| edit.path == wanted.file);
    let before = match &known {
        Some(edit) => edit
            .apply(original.as_bytes())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_else(|| original.to_owned()),
        None => original.to_owned(),
    };
    let names = Placeholders::of(one, &facts.date, wanted.package.as_deref());
    let search = filled_search(&wanted.search, |name| names.value(name));
    let search = Regex::new(&search).map_err(|error| {
        Blocker::new(
            format!("`{}` is no regular expression: {error}", wanted.search),
            "correct `search` in [[release.replace]] of stagegate.toml",
        )
    })?;
    let found = search.find_iter(&before).count();
    if !(wanted.least()..=wanted.most()).contains(&found) {
        let allowed = match (wanted.least(), wanted.most()) {
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => format!("exactly {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        return Err(Blocker::new(
            format!(
                "`{}` matches {} in {}, and there must be {allowed}",
                wanted.search,
                count(found, "time"),
                wanted.file
            ),
            "correct the file, or `search`, `min`, `max` or `exactly` in [[release.replace]] of stagegate.toml",
        ));
    }
    let after = search.replace_all(&before, Filled(names.fill_replacement(&wanted.replace)));
    if after == before {
        return Ok(());
    }
    let edit = FileEdit::from_texts(wanted.file.clone(), original.as_bytes(), after.as_bytes());
    match known {
        Some(known) => *known = edit,
        None => edits.bump.push(edit),
    }
    Ok(())
}

/// Returns the text of a file before the release, as the survey read it.
fn text_of<'f>(facts: &'f Facts, file: &Utf8Path) -> Result<&'f str, Blocker> {
    let missing = |what: String| {
        Blocker::new(
            what,
            "correct `file` in [[release.replace]] of stagegate.toml",
        )
    };
    let changelog = facts.changelogs.values().find(|found| found.file == file);
    if let Some(Ok(text)) = changelog.map(|found| &found.text) {
        return Ok(text);
    }
    let bytes = facts
        .files
        .get(file)
        .ok_or_else(|| missing(format!("{file} is not there to be changed by the release")))?;
    std::str::from_utf8(bytes).map_err(|_| missing(format!("{file} is not UTF-8")))
}

/// Returns the files that the replacements of a configuration change.
pub fn files(config: &Config) -> impl Iterator<Item = &Utf8PathBuf> {
    config.release.replace.iter().map(|wanted| &wanted.file)
}

/// A replacement whose placeholders are filled.
struct Filled(Vec<Part>);

/// A part of a replacement.
pub(crate) enum Part {
    /// Taken as it stands.
    Literal(String),
    /// `$1` and the like stand for groups.
    Expanded(String),
}

impl Replacer for Filled {
    fn replace_append(&mut self, found: &regex::Captures<'_>, to: &mut String) {
        for part in &mut self.0 {
            match part {
                Part::Literal(text) => NoExpand(text.as_str()).replace_append(found, to),
                Part::Expanded(text) => found.expand(text, to),
            }
        }
    }
}
