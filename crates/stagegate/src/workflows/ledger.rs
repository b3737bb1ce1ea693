//! What lies in `.github/workflows`, against what is to lie there.
//!
//! A file of the team's own is never touched, a file of ours that was changed by
//! hand is refused by name, and what the team wrote into its parts is kept.

use std::collections::BTreeMap;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use similar::TextDiff;

pub(crate) use super::parts::is_ours;
use super::{DIRECTORY, FILES, Workflow, parts};

/// How a file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileStatus {
    /// As it is to be.
    UpToDate,
    /// It is not there yet.
    Absent,
    /// It is ours and was not changed by hand: it may be written again.
    Outdated,
    /// It is to be written no more.
    Orphaned,
    /// It may not be written; this is why.
    Foreign(String),
}

/// One file, as it is and as it is to be.
pub(crate) struct Entry {
    /// Relative to the checkout's root.
    pub(crate) path: Utf8PathBuf,
    pub(crate) status: FileStatus,
    /// What is there.
    before: String,
    /// What is to be there; empty: nothing.
    after: String,
}

impl Entry {
    /// Returns what differs, as a patch that makes of it what is to be.
    pub(crate) fn diff(&self) -> String {
        let (old, new) = (format!("a/{}", self.path), format!("b/{}", self.path));
        TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .header(&old, &new)
            .to_string()
    }

    /// Writes it as it is to be, below the checkout's root.
    ///
    /// # Errors
    /// If the file cannot be written or removed.
    pub(crate) fn write(&self, top: &Utf8Path) -> anyhow::Result<()> {
        let path = top.join(&self.path);
        if self.after.is_empty() {
            return std::fs::remove_file(&path).with_context(|| format!("removing {path}"));
        }
        let directory = path.parent().unwrap_or(top);
        std::fs::create_dir_all(directory).with_context(|| format!("creating {directory}"))?;
        let beside = path.with_extension("yml.new");
        std::fs::write(&beside, &self.after)
            .and_then(|()| std::fs::rename(&beside, &path))
            .with_context(|| format!("writing {path}"))
    }
}

/// Compares a checkout with the workflows that it is to have.
///
/// # Errors
/// If a workflow is there and cannot be read.
pub(crate) fn compare(top: &Utf8Path, workflows: &[Workflow]) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in FILES {
        let path = Utf8Path::new(DIRECTORY).join(file);
        let found = match std::fs::read_to_string(top.join(&path)) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(e).with_context(|| format!("reading {path}")),
        };
        let wanted = workflows.iter().find(|workflow| workflow.file == file);
        entries.extend(entry(path, found, wanted.map(|w| w.text.as_str())));
    }
    Ok(entries)
}

fn entry(path: Utf8PathBuf, found: Option<String>, wanted: Option<&str>) -> Option<Entry> {
    let theirs = found.as_deref().map(parts::contents).unwrap_or_default();
    let ours = found.as_deref().is_some_and(parts::is_ours);
    let Some(wanted) = wanted else {
        // Somebody else's file of that name is none of our business.
        let before = found.filter(|_| ours)?;
        let status = match parts::is_untouched(&before) && theirs.is_empty() {
            true => FileStatus::Orphaned,
            false => FileStatus::Foreign(
                "stagegate.toml has no more use for it, and it holds work of yours: remove it by hand"
                    .to_owned(),
            ),
        };
        let after = String::new();
        return Some(Entry {
            path,
            status,
            before,
            after,
        });
    };
    let (after, homeless) = parts::fill(&parts::with_head(wanted), &theirs);
    let status = status(found.as_deref(), ours, &after, &theirs, &homeless);
    Some(Entry {
        path,
        status,
        before: found.unwrap_or_default(),
        after,
    })
}

fn status(
    found: Option<&str>,
    ours: bool,
    after: &str,
    theirs: &BTreeMap<String, String>,
    homeless: &[String],
) -> FileStatus {
    let Some(found) = found else {
        return FileStatus::Absent;
    };
    if found == after || parts::differs_in_newer_pins_only(found, after) {
        return FileStatus::UpToDate;
    }
    if !ours {
        return FileStatus::Foreign(
            "it was not written by `ci write`: rename it to keep it, or overwrite it with --force"
                .to_owned(),
        );
    }
    if !parts::is_untouched(found) {
        return FileStatus::Foreign(
            "it was changed by hand outside of its parts: put the change into stagegate.toml or between the marks, or overwrite it with --force"
                .to_owned(),
        );
    }
    if !homeless.is_empty() {
        let lines: usize = homeless
            .iter()
            .map(|name| theirs[name].lines().count())
            .sum();
        return FileStatus::Foreign(format!(
            "{lines} lines of yours in the part {} have no place any more: move them, or drop them with --force",
            homeless.join(", ")
        ));
    }
    FileStatus::Outdated
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "jobs:\n  # stagegate: yours begin jobs\n  # stagegate: yours end jobs\n";

    fn stands(found: Option<&str>, wanted: Option<&str>) -> Option<(FileStatus, String)> {
        let entry = entry("w.yml".into(), found.map(str::to_owned), wanted)?;
        Some((entry.status, entry.after))
    }

    #[test]
    fn nothing_of_anybody_is_lost() {
        let ours = parts::with_head(BODY);
        let newer = BODY.replace("jobs:", "on: push\njobs:");
        let (status, after) = stands(None, Some(BODY)).unwrap();
        assert_eq!((status, &after), (FileStatus::Absent, &ours));
        assert_eq!(
            stands(Some(&ours), Some(BODY)).unwrap().0,
            FileStatus::UpToDate
        );
        assert_eq!(
            stands(Some(&ours), Some(&newer)).unwrap().0,
            FileStatus::Outdated
        );

        let theirs = ours.replace("begin jobs\n", "begin jobs\n  mine:\n");
        let (status, after) = stands(Some(&theirs), Some(&newer)).unwrap();
        assert_eq!(status, FileStatus::Outdated);
        assert!(
            after.contains("  mine:\n") && after.contains("on: push"),
            "{after}"
        );
        assert_eq!(
            stands(Some(&theirs), Some(BODY)).unwrap().0,
            FileStatus::UpToDate
        );

        let check =
            |found: &str, wanted: Option<&str>, want: &str| match stands(Some(found), wanted) {
                Some((FileStatus::Foreign(why), _)) => assert!(why.contains(want), "{why}"),
                other => panic!("{found}\nstands {other:?}"),
            };
        check("jobs:\n", Some(BODY), "not written by");
        check(
            &ours.replace("jobs:\n", "jobs: # mine\n"),
            Some(BODY),
            "by hand",
        );
        check(
            &theirs,
            Some("jobs:\n"),
            "1 lines of yours in the part jobs",
        );
        check(&theirs, None, "no more use");
        assert_eq!(stands(Some(&ours), None).unwrap().0, FileStatus::Orphaned);
        assert_eq!(stands(Some("jobs:\n"), None), None);
    }

    #[test]
    fn a_difference_is_shown_as_a_patch() {
        let ours = parts::with_head(BODY);
        let entry = entry("w.yml".into(), Some(ours), Some("jobs: x\n")).unwrap();
        let diff = entry.diff();
        assert!(
            diff.contains("--- a/w.yml") && diff.contains("+jobs: x"),
            "{diff}"
        );
    }
}
