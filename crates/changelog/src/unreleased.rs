//! A place for what is not released yet.

use crate::changelog::Changelog;

impl Changelog {
    /// Returns the text with an `[Unreleased]` section: unchanged where there is one, otherwise
    /// with an empty one above the newest version, in brackets if that has them.
    pub fn with_unreleased(&self) -> String {
        if self.unreleased().is_some() {
            return self.text.clone();
        }
        let newline = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let mut text = self.text.clone();
        match self.sections().first() {
            Some(newest) => {
                let bracketed = newest.parts.as_ref().is_none_or(|parts| parts.bracketed);
                let title = if bracketed {
                    "[Unreleased]"
                } else {
                    "Unreleased"
                };
                let heading = format!("## {title}{newline}{newline}");
                text.insert_str(newest.heading.start, &heading);
            }
            None => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push_str(newline);
                }
                text.push_str(&format!("{newline}## [Unreleased]{newline}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::Changelog;

    #[test]
    fn a_place_is_made_where_there_is_none() {
        let check = |text: &str, want: &str| {
            assert_eq!(Changelog::parse(text).unwrap().with_unreleased(), want);
        };
        let there = "# C\n\n## [Unreleased]\n\n## [1.0.0] - 2026-01-01\n";
        check(there, there);
        check(
            "# C\n\n## [1.0.0] - 2026-01-01\n",
            "# C\n\n## [Unreleased]\n\n## [1.0.0] - 2026-01-01\n",
        );
        check(
            "# C\r\n\r\n## 1.0.0\r\n",
            "# C\r\n\r\n## Unreleased\r\n\r\n## 1.0.0\r\n",
        );
        check("# C", "# C\n\n## [Unreleased]\n");
    }
}
