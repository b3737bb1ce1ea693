//! Where the RustSec advisory database is kept, and how old it is.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Unit;
use jiff::civil::Date;
use stagegate_plan::model::count;

use crate::tools::git::Git;

/// Returns where the RustSec database is kept when it is fetched: cargo's own place for it, shared
/// with cargo-audit.
pub(crate) fn default_database() -> Utf8PathBuf {
    let home = std::env::var("CARGO_HOME").map_or_else(
        |_| Utf8PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(".cargo"),
        Utf8PathBuf::from,
    );
    home.join("advisory-db")
}

/// Days after which a database is worth a warning: several advisories a week are usual.
const OLD: i32 = 30;

/// How old a database is.
#[derive(Debug, PartialEq)]
pub(crate) struct DatabaseAge {
    date: Date,
    /// What has that date.
    of: &'static str,
    days: i32,
}

impl DatabaseAge {
    /// Returns the age of the database in a directory: of its checkout's commit, where it is
    /// a checkout of its own, or of its newest advisory. Dates of files say when they
    /// were copied, and no more.
    pub(crate) fn of(place: &Utf8Path, newest: Option<&str>, today: Date) -> Option<DatabaseAge> {
        let commit = || {
            let has_own = place.join(".git").exists();
            let read = || Git::at(place).read(["log", "-1", "--format=%cs"]).ok();
            Some((has_own.then(read)??, "last commit"))
        };
        let (date, of) = commit().or_else(|| Some((newest?.to_owned(), "newest advisory")))?;
        let date: Date = date.trim().parse().ok()?;
        let days = date.until((Unit::Day, today)).ok()?.get_days().max(0);
        Some(DatabaseAge { date, of, days })
    }

    /// Returns what is to be said of a database that is too old to say much.
    pub(crate) fn warning(&self) -> Option<String> {
        (self.days > OLD).then(|| {
            format!(
                "what is known since {} was not looked for: bring the database up to date with RustSec's own",
                self.date
            )
        })
    }
}

impl std::fmt::Display for DatabaseAge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days = usize::try_from(self.days).unwrap_or_default();
        write!(f, "{} old, {} {}", count(days, "day"), self.of, self.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: &Utf8Path, newest: Option<&str>, want: Option<(&str, bool)>) {
        let today = jiff::civil::date(2026, 3, 31);
        let age = DatabaseAge::of(place, newest, today);
        let shown = age.as_ref().map(ToString::to_string);
        let warns = age.map(|age| age.warning().is_some());
        let want = want.map(|(text, warns)| (text.to_owned(), warns));
        assert_eq!(shown.zip(warns), want, "{newest:?}");
    }

    #[test]
    fn a_database_is_as_old_as_its_newest_advisory() {
        let directory = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(directory.path()).unwrap();
        let old = "31 days old, newest advisory 2026-02-28";
        check(place, Some("2026-02-28"), Some((old, true)));
        let fresh = "30 days old, newest advisory 2026-03-01";
        check(place, Some("2026-03-01"), Some((fresh, false)));
        let day = "1 day old, newest advisory 2026-03-30";
        check(place, Some("2026-03-30"), Some((day, false)));
        let ahead = "0 days old, newest advisory 2026-04-02";
        check(place, Some("2026-04-02"), Some((ahead, false)));
        check(place, None, None);
    }

    #[test]
    fn a_checkout_is_as_old_as_its_last_commit() {
        let directory = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(directory.path()).unwrap();
        let git = |words: &[&str]| {
            let ran = std::process::Command::new("git")
                .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
                .args(words)
                .current_dir(place)
                .env("GIT_COMMITTER_DATE", "2026-03-28T10:00:00Z")
                .status()
                .unwrap();
            assert!(ran.success(), "{words:?}");
        };
        git(&["init", "--quiet"]);
        git(&[
            "commit",
            "--quiet",
            "--allow-empty",
            "--no-gpg-sign",
            "--message=One",
        ]);
        let commit = "3 days old, last commit 2026-03-28";
        check(place, Some("2026-01-01"), Some((commit, false)));
    }
}
