//! `{version}`, `{previous}`, `{name}`, `{tag}`, `{date}` and `{notes}` in the team's texts.

use stagegate_config::schema::PLACEHOLDERS;

use crate::release::replacements::Part;
use crate::version::VersionBump;

/// What the names in braces stand for.
pub(crate) struct Placeholders {
    values: [String; 6],
}

impl Placeholders {
    /// Returns what they stand for in the release of one group; its notes are empty.
    pub(crate) fn of(one: &VersionBump<'_>, date: &str, package: Option<&str>) -> Placeholders {
        Placeholders {
            values: [
                one.to.to_string(),
                one.group.version.to_string(),
                package.unwrap_or(&one.group.name).to_owned(),
                one.tag(),
                date.to_owned(),
                String::new(),
            ],
        }
    }

    /// Adds the notes.
    pub(crate) fn with_notes(mut self, notes: &str) -> Placeholders {
        self.values[5] = notes.to_owned();
        self
    }

    /// Puts other words in the place of the version: of several, all.
    pub(crate) fn with_version(mut self, version: &str) -> Placeholders {
        self.values[0] = version.to_owned();
        self
    }

    /// Returns the value of a name.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let at = PLACEHOLDERS.iter().position(|known| *known == name)?;
        Some(self.values[at].clone())
    }

    /// Returns a text with the values in their places. What a value says is not filled
    /// again.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        self.parts(text, &mut |text, _| filled.push_str(text));
        filled
    }

    /// Returns a replacement of a regular expression: the values are literal.
    pub(crate) fn fill_replacement(&self, text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        self.parts(text, &mut |text, is_value| {
            parts.push(match is_value {
                true => Part::Literal(text.to_owned()),
                false => Part::Expanded(text.to_owned()),
            });
        });
        parts
    }

    fn parts(&self, text: &str, take: &mut dyn FnMut(&str, bool)) {
        let mut rest = text;
        let mut begun = 0;
        while let Some(open) = rest[begun..].find('{').map(|at| begun + at) {
            let named = rest[open + 1..].split_once('}');
            // `${name}` is a group's.
            let is_group = rest[..open].ends_with('$');
            let value = named
                .filter(|_| !is_group)
                .and_then(|(name, _)| self.value(name));
            match (value, named) {
                (Some(value), Some((_, after))) => {
                    take(&rest[..open], false);
                    take(&value, true);
                    rest = after;
                    begun = 0;
                }
                _ => begun = open + 1,
            }
        }
        take(rest, false);
    }
}
