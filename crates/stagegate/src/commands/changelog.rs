//! `changelog check` and `changelog show`: what is written down, without a release.

use anyhow::bail;
use camino::Utf8PathBuf;
use clap::Subcommand;
use semver::Version;
use stagegate_changelog::Changelog;
use stagegate_engine::survey::changelogs::every_changelog;
use stagegate_plan::facts::ChangelogFacts;

use crate::cli::{Format, Session};
use crate::exit_code::Exit;
use crate::output::{Palette, line};

/// What to ask of the changelogs.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Read every changelog of the workspace, and name what should be fixed
    Check,
    /// Print what is written of a version
    Show {
        /// A version such as 1.4.0, or `unreleased`
        version: Section,
    },
}

/// A section of a changelog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// What no release contains yet.
    Unreleased,
    /// A version's.
    Of(Version),
}

impl std::str::FromStr for Section {
    type Err = String;

    fn from_str(text: &str) -> Result<Section, String> {
        if text.eq_ignore_ascii_case("unreleased") {
            return Ok(Section::Unreleased);
        }
        let wrong = |e| format!("{e}; write a version such as 1.4.0, or `unreleased`");
        Version::parse(text).map(Section::Of).map_err(wrong)
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Section::Unreleased => f.write_str("[Unreleased]"),
            Section::Of(version) => version.fmt(f),
        }
    }
}

/// Checks changelogs, or prints a section.
pub(crate) fn run(question: &Task, session: &Session) -> anyhow::Result<Exit> {
    let (context, format) = (&session.open()?, session.format);
    let found = every_changelog(context);
    if found.is_empty() {
        bail!(
            "there is no CHANGELOG.md at {} or beside a member's manifest; write one (https://keepachangelog.com), or name it in `release.changelog` of stagegate.toml",
            context.root
        );
    }
    match question {
        Task::Check => Ok(check(&found, format)),
        Task::Show { version } => show(&found, version, format),
    }
}

/// Something to fix in a file.
struct Finding {
    file: Utf8PathBuf,
    /// None for what concerns the file as a whole.
    line: Option<usize>,
    what: String,
}

/// Returns every changelog that can be read, and what is wrong with the others.
fn read(found: &[ChangelogFacts]) -> (Vec<(&Utf8PathBuf, Changelog)>, Vec<Finding>) {
    let (mut readable, mut findings) = (Vec::new(), Vec::new());
    for ChangelogFacts { file, text } in found {
        let parsed = match text {
            Ok(text) => Changelog::parse(text).map_err(|e| (e.line(), e.to_string())),
            Err(blocker) => Err((None, format!("{}; {}", blocker.what, blocker.remedy))),
        };
        match parsed {
            Ok(changelog) => readable.push((file, changelog)),
            Err((line, what)) => findings.push(Finding {
                file: file.clone(),
                line,
                what,
            }),
        }
    }
    (readable, findings)
}

fn check(found: &[ChangelogFacts], format: Format) -> Exit {
    let (readable, mut findings) = read(found);
    for (file, changelog) in &readable {
        let problems = changelog.problems().into_iter();
        findings.extend(problems.map(|problem| Finding {
            file: (*file).clone(),
            line: Some(problem.line()),
            what: problem.to_string(),
        }));
    }
    if format == Format::Json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({ "file": f.file, "line": f.line, "what": f.what }))
            .collect();
        let files: Vec<_> = found.iter().map(|f| &f.file).collect();
        line(
            &serde_json::json!({ "event": "changelogs", "files": files, "findings": list })
                .to_string(),
        );
    } else {
        tell(&readable, &findings);
    }
    match findings.is_empty() {
        true => Exit::Success,
        false => Exit::Blocked,
    }
}

fn tell(readable: &[(&Utf8PathBuf, Changelog)], findings: &[Finding]) {
    let palette = Palette::for_stdout();
    for Finding {
        file,
        line: at,
        what,
    } in findings
    {
        let place = at.map_or_else(|| file.to_string(), |at| format!("{file}:{at}"));
        line(&format!("{} {place}: {what}", palette.bad("✗")));
    }
    let sound = |file: &Utf8PathBuf| !findings.iter().any(|f| f.file == *file);
    for (file, changelog) in readable.iter().filter(|(file, _)| sound(file)) {
        let sections = match changelog.sections().len() {
            1 => "1 section".to_owned(),
            count => format!("{count} sections"),
        };
        line(&format!("{} {file}: {sections}", palette.good("✓")));
    }
}

fn show(found: &[ChangelogFacts], wanted: &Section, format: Format) -> anyhow::Result<Exit> {
    let (readable, findings) = read(found);
    if let Some(Finding { file, line, what }) = findings.first() {
        let place = line.map_or_else(|| file.to_string(), |line| format!("{file}:{line}"));
        bail!("{place}: {what}");
    }
    let sections: Vec<_> = readable
        .iter()
        .filter_map(|(file, changelog)| {
            let section = match wanted {
                Section::Unreleased => changelog.unreleased(),
                Section::Of(version) => changelog.section(version),
            };
            Some((file, section?, changelog.notes(section?)))
        })
        .collect();
    if sections.is_empty() {
        let files: Vec<_> = readable.iter().map(|(file, _)| file.as_str()).collect();
        bail!(
            "{wanted} has no section in {}; check the version, or add its heading",
            files.join(", ")
        );
    }
    if format == Format::Json {
        let list: Vec<_> = sections
            .iter()
            .map(|(file, section, notes)| {
                serde_json::json!({
                    "file": file, "line": section.line, "date": section.date,
                    "yanked": section.yanked, "notes": notes,
                })
            })
            .collect();
        let version = wanted.to_string();
        line(
            &serde_json::json!({ "event": "changelog", "version": version, "sections": list })
                .to_string(),
        );
        return Ok(Exit::Success);
    }
    // One section is printed as it is written, so that it can be passed on.
    for (at, (file, _, notes)) in sections.iter().enumerate() {
        if sections.len() > 1 {
            let gap = if at == 0 { "" } else { "\n" };
            line(&format!("{gap}### {file}\n"));
        }
        line(notes);
    }
    Ok(Exit::Success)
}
