//! A section that nobody has written: put where the file's next version goes, in the
//! file's own style.

use semver::Version;

use crate::changelog::{Changelog, Section};
use crate::error::ChangelogError;
use crate::generate::Generated;
use crate::links::{self, CompareLinks};
use crate::markdown::{Line, LineKind};
use crate::promote::{Style, apply, is_date, moved_heading};
use crate::title::{self, Title};

impl Changelog {
    /// Returns the text with a section for `version` that says what was generated.
    ///
    /// An empty `[Unreleased]` stays as it is, with the new section below it; without one,
    /// the section goes above the newest version that is older. The heading is written as
    /// that of the newest version is (level, underline, brackets, link, separator), unless
    /// the generator's template wrote one. The gaps between headings and text follow the
    /// newest section too. Compare links move on as in [`Changelog::promote`].
    ///
    /// # Errors
    ///
    /// [`ChangelogError::BadDate`], [`ChangelogError::VersionExists`],
    /// [`ChangelogError::NoUnreleased`] where the headings of the file say no version, and
    /// [`ChangelogError::Unclosed`] where the section or a link would be swallowed.
    pub fn insert(
        &self,
        version: &Version,
        date: &str,
        generated: &Generated,
        links: Option<&CompareLinks>,
    ) -> Result<String, ChangelogError> {
        if !is_date(date) {
            return Err(ChangelogError::BadDate {
                date: date.to_owned(),
            });
        }
        let is_heading = |line: &&Line| matches!(line.kind, LineKind::Heading(_));
        // Below a title alone there is room; among headings that say no version there is none
        // that anybody could tell.
        if self.sections().is_empty() && self.lines.iter().filter(is_heading).count() > 1 {
            return Err(ChangelogError::NoUnreleased);
        }
        let form = Form::of(self);
        let style = Style::of(self, self.unreleased());
        let body = form.adapted(generated);
        let named = self.section(version);
        if let Some(named) = named.filter(|named| !(named.is_undated() && self.is_empty(named))) {
            return Err(ChangelogError::VersionExists {
                version: version.clone(),
                line: named.line,
            });
        }
        let newline = form.newline;
        if let (Some(named), Some(parts)) = (named, named.and_then(|named| named.parts.as_ref())) {
            // It has its heading and waits for its date and its text.
            let at = named.heading.end;
            let text = format!("{newline}{body}{newline}");
            let dated = Style::of(self, Some(named)).date(self, named, parts, date);
            return Ok(apply(&self.text, vec![dated, (at..at, text)]));
        }
        let at = self.place_of(version);
        if at == self.text.len()
            && let Some(line) = self.open
        {
            return Err(ChangelogError::Unclosed { line });
        }
        let title = match &generated.title {
            Some(title) => title.clone(),
            None => style.title(self, version, date, links),
        };
        let mut edits = Vec::new();
        let parts = title::parse(&title);
        if let Some(parts) = parts.filter(|parts| parts.bracketed && parts.inline_link.is_none()) {
            let open = title.find('[').map_or(0, |open| open + 1);
            let label = &title[open..parts.name.end];
            edits.extend(links::edits(self, (version, label), links, newline)?);
        }
        edits.extend(self.unreleased().and_then(|section| {
            let moved = moved_heading(self, section, version);
            let same = moved == self.text[section.heading.clone()];
            (!same).then(|| (section.heading.clone(), moved))
        }));
        let heading = match &generated.heading {
            Some(heading) => format!("{}{newline}", heading.replace('\n', newline)),
            None => form.heading(&title),
        };
        let gap = newline.repeat(form.after_heading);
        let mut section = format!("{heading}{gap}{body}{newline}");
        let before = &self.text[..at];
        if !before.is_empty() && !before.ends_with('\n') {
            section.insert_str(0, newline);
        }
        let blank = before.is_empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
        if form.between > 0 && !blank {
            section.insert_str(0, newline);
        }
        if at < self.text.len() {
            section.push_str(&newline.repeat(form.between));
        }
        // A link just above the next heading stays above it, and what ends the file stays
        // below: the order decides.
        if at == self.tail {
            let below = edits.iter_mut().find(|(range, _)| range.start == at);
            if let Some((_, link)) = below.filter(|(_, link)| link.starts_with('[')) {
                link.insert_str(
                    0,
                    if section.ends_with("\n\n") {
                        ""
                    } else {
                        newline
                    },
                );
            }
            edits.insert(0, (at..at, section));
        } else {
            edits.push((at..at, section));
        }
        Ok(apply(&self.text, edits))
    }

    /// Returns where the section of a new version begins.
    fn place_of(&self, version: &Version) -> usize {
        let is_older =
            |section: &&Section| matches!(&section.title, Title::Version(other) if other < version);
        match self.unreleased() {
            Some(unreleased) => unreleased.body.end,
            None => {
                let older = self.sections().iter().find(is_older);
                older.map_or(self.tail, |older| older.heading.start)
            }
        }
    }
}

/// How the file sets its sections.
struct Form {
    /// What precedes the heading's title: `## `.
    before: String,
    /// What follows it in the same line: nothing, or ` ##`.
    after: String,
    /// The character of the line below the title, and whether the line is as long as the
    /// title.
    underline: Option<(char, Option<usize>)>,
    level: usize,
    newline: &'static str,
    /// Blank lines between a heading and its text.
    after_heading: usize,
    /// Whether a blank line follows headings within a section.
    after_subheading: bool,
    /// Blank lines between sections.
    between: usize,
    /// The mark of a list's entries.
    bullet: char,
}

impl Form {
    fn of(changelog: &Changelog) -> Form {
        let text = &changelog.text;
        let newline = match text.contains("\r\n") {
            true => "\r\n",
            false => "\n",
        };
        let mut form = Form {
            before: "## ".to_owned(),
            after: String::new(),
            underline: None,
            level: 2,
            newline,
            after_heading: 1,
            after_subheading: true,
            between: 1,
            bullet: '-',
        };
        let sections = changelog.sections();
        let is_version = |section: &&Section| matches!(section.title, Title::Version(_));
        let told = |section: &&Section| is_version(section) && !changelog.is_empty(section);
        let released = |section: &&Section| told(section) && section.date.is_some();
        let newest = sections.iter().find(released);
        let newest = newest.or_else(|| sections.iter().find(told));
        let newest = newest.or_else(|| sections.iter().find(is_version));
        if let Some(like) = newest.or_else(|| changelog.unreleased()) {
            form.read_heading(changelog, like);
        }
        if let Some(newest) = newest {
            form.read_gaps(changelog, newest);
        }
        form
    }

    fn read_heading(&mut self, changelog: &Changelog, section: &Section) {
        let text = &changelog.text;
        let title = section.title_range.clone();
        self.before = text[section.heading.start..title.start].to_owned();
        let rest = &text[title.end..section.heading.end];
        let mut lines = rest.lines();
        self.after = lines.next().unwrap_or_default().to_owned();
        self.underline = lines.next().and_then(|line| {
            let line = line.trim();
            let length = line.chars().count();
            let fits = length == text[title.clone()].chars().count();
            Some((line.chars().next()?, (!fits).then_some(length)))
        });
        let line = &changelog.lines[section.line - 1];
        if let LineKind::Heading(heading) = &line.kind {
            self.level = heading.level;
        }
    }

    fn read_gaps(&mut self, changelog: &Changelog, newest: &Section) {
        let lines = &changelog.lines;
        let is_blank =
            |at: usize| matches!(lines.get(at), Some(line) if line.kind == LineKind::Blank);
        let first = lines.partition_point(|line| line.content.start < newest.heading.end);
        self.after_heading = (first..).take_while(|&at| is_blank(at)).count().min(2);
        let end = newest.body.end;
        let body = lines[first..]
            .iter()
            .take_while(|line| line.content.start < end);
        let mut subheadings = false;
        for (at, line) in body.enumerate() {
            match &line.kind {
                LineKind::Heading(_) if !subheadings => {
                    subheadings = true;
                    self.after_subheading = is_blank(first + at + 1);
                }
                LineKind::Prose => {
                    let content = changelog.text[line.content.clone()].trim_start();
                    let mark = content.chars().next().filter(|mark| "*-+".contains(*mark));
                    if let (Some(mark), true) = (mark, content[1..].starts_with(' ')) {
                        self.bullet = mark;
                        break;
                    }
                }
                _ => {}
            }
        }
        if !subheadings {
            self.after_subheading = self.after_heading > 0;
        }
        // What stands between it and the next, or else above it.
        let sections = changelog.sections();
        let next = sections.iter().find(|section| section.line > newest.line);
        let heading = next.unwrap_or(newest).line - 1;
        let blank = |back: &usize| heading.checked_sub(back + 1).is_some_and(is_blank);
        // A marker just above a heading belongs to it.
        let marked = heading > 0 && lines[heading - 1].kind == LineKind::Comment;
        if heading > 0 && !marked {
            self.between = (0..).take_while(blank).count().min(3);
        }
    }

    fn heading(&self, title: &str) -> String {
        let Form {
            before,
            after,
            newline,
            ..
        } = self;
        let mut heading = format!("{before}{title}{after}{newline}");
        if let Some((mark, length)) = self.underline {
            let length = length.unwrap_or_else(|| title.chars().count());
            heading.extend(std::iter::repeat_n(mark, length));
            heading.push_str(newline);
        }
        heading
    }

    /// Returns the generated text as this file has such texts. What a template of the team's own
    /// says stays as it is.
    fn adapted(&self, generated: &Generated) -> String {
        let body = generated.body.trim_matches('\n');
        let mut lines: Vec<String> = Vec::new();
        let mut after_heading = false;
        for line in body.lines() {
            if generated.by_template {
                lines.push(line.to_owned());
                continue;
            }
            if line.is_empty() && after_heading && !self.after_subheading {
                after_heading = false;
                continue;
            }
            after_heading = line.starts_with("### ");
            lines.push(match line.split_once(' ') {
                Some(("###", title)) => format!("{} {title}", "#".repeat(self.level + 1)),
                Some(("-", entry)) => format!("{} {entry}", self.bullet),
                _ => line.to_owned(),
            });
        }
        lines.join(self.newline)
    }
}
