//! Places in files that cargo's tools name when they object.
//!
//! What is read here only points at lines, for those who show a failure; that
//! the gate failed is told by the exit code and by nothing else. What is not
//! understood is left out: the whole output is in the log.

use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;
use stagegate_plan::model::Finding;

/// Nobody reads more, and a flood of them would only hide the first.
const MOST: usize = 50;

/// How rustc and rustdoc begin an objection, and where it points.
static OBJECTION: LazyLock<Regex> = LazyLock::new(|| compiled(r"^error(?:\[(\w+)\])?: (.+)$"));

static ARROW: LazyLock<Regex> = LazyLock::new(|| compiled(r"^\s*--> (.+?):(\d+):(\d+)$"));

/// rustfmt's differences; older ones have ` at line 3`.
static DIFFERENCE: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"^Diff in (.+?)(?::| at line )(\d+):$"));

/// A panic, whose message is the line after; newer ones have the thread's number.
static PANIC: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"^thread '(.+)' (?:\(\d+\) )?panicked at (.+?):(\d+):(\d+):$"));

fn compiled(text: &str) -> Regex {
    Regex::new(text).expect("a constant expression")
}

/// Reads a tool's output line by line.
pub(crate) struct Reader<'w> {
    root: &'w Utf8Path,
    /// The root within the checkout.
    subdirectory: &'w Utf8Path,
    /// An objection that has not said yet where.
    objection: Option<(String, String)>,
    /// A panic that has not said yet what.
    panic: Option<Finding>,
    /// A difference whose first lines are only there to find it by.
    difference: Option<Place>,
    found: Vec<Finding>,
}

impl<'w> Reader<'w> {
    pub(crate) fn new(root: &'w Utf8Path, subdirectory: &'w Utf8Path) -> Reader<'w> {
        Reader {
            root,
            subdirectory,
            objection: None,
            panic: None,
            difference: None,
            found: Vec::new(),
        }
    }

    /// Takes in a line.
    pub(crate) fn line(&mut self, line: &str) {
        if let Some(place) = self.difference.take() {
            if line.starts_with(' ') {
                let line = place.line + 1;
                self.difference = Some(Place { line, ..place });
                return;
            }
            let message = "not as rustfmt has it; run `cargo fmt`".to_owned();
            self.add_at(Some(place), "format".to_owned(), message);
        }
        if let Some(mut panic) = self.panic.take() {
            panic.message = line.trim().to_owned();
            self.add(panic);
        } else if let Some(is) = OBJECTION.captures(line) {
            let title = is.get(1).map_or("error", |code| code.as_str());
            self.objection = Some((title.to_owned(), is[2].to_owned()));
        } else if line.starts_with("warning") {
            self.objection = None;
        } else if let Some(is) = ARROW.captures(line) {
            if let Some((title, message)) = self.objection.take() {
                let place = self.place(&is[1], &is[2], is.get(3).map(|m| m.as_str()));
                self.add_at(place, title, message);
            }
        } else if let Some(is) = DIFFERENCE.captures(line) {
            self.difference = self.place(&is[1], &is[2], None);
        } else if let Some(is) = PANIC.captures(line) {
            let place = self.place(&is[2], &is[3], is.get(4).map(|m| m.as_str()));
            self.panic = place.map(|place| place.finding(format!("{} panicked", &is[1])));
        }
    }

    /// A place in the workspace; none for what lies elsewhere, such as a
    /// dependency's code.
    fn place(&self, file: &str, line: &str, column: Option<&str>) -> Option<Place> {
        let file = Utf8Path::new(file);
        let below = match file.is_absolute() {
            true => file.strip_prefix(self.root).ok()?,
            false => file,
        };
        let there =
            below.as_str().split('/').all(|part| part != "..") && self.root.join(below).is_file();
        there.then_some(Place {
            file: self.subdirectory.join(below),
            line: line.parse().ok()?,
            column: column.and_then(|column| column.parse().ok()),
        })
    }

    fn add_at(&mut self, place: Option<Place>, title: String, message: String) {
        if let Some(place) = place {
            let finding = place.finding(title);
            self.add(Finding { message, ..finding });
        }
    }

    fn add(&mut self, finding: Finding) {
        // A library and its unit tests are compiled each, and object alike.
        if self.found.len() < MOST && !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// What was found.
    pub(crate) fn findings(self) -> Vec<Finding> {
        self.found
    }
}

struct Place {
    file: Utf8PathBuf,
    line: u64,
    column: Option<u64>,
}

impl Place {
    fn finding(self, title: String) -> Finding {
        Finding {
            file: self.file,
            line: self.line,
            column: self.column,
            title,
            message: String::new(),
        }
    }
}

/// In the shape that editors and terminals know.
pub(crate) fn shown(finding: &Finding) -> String {
    let Finding {
        file,
        line,
        message,
        ..
    } = finding;
    format!("{file}:{line}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, want: &[(u64, Option<u64>, &str, &str)]) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::create_dir(root.join("src")).unwrap();
        std::fs::write(root.join("src/lib.rs"), "").unwrap();
        let mut reader = Reader::new(root, Utf8Path::new("rust"));
        for line in output.replace("ROOT", root.as_str()).lines() {
            reader.line(line);
        }
        let found = reader.findings();
        let seen: Vec<_> = found
            .iter()
            .map(|f| (f.line, f.column, f.title.as_str(), f.message.as_str()))
            .collect();
        assert_eq!(seen, want, "{output}");
        assert!(found.iter().all(|f| f.file == "rust/src/lib.rs"));
    }

    #[test]
    fn rustc_points_with_an_arrow() {
        check(
            "   Compiling one v0.1.0\n\
             warning: unused variable: `x`\n --> src/lib.rs:1:9\n\
             error[E0308]: mismatched types\n  --> src/lib.rs:3:5\n   |\n\
             note: expected here\n  --> src/lib.rs:9:1\n\
             error: unused import: `a`\n --> src/lib.rs:4:5\n\
             error: unused import: `a`\n --> src/lib.rs:4:5\n\
             error[E0433]: elsewhere\n --> /somewhere/else.rs:4:5\n\
             error[E0433]: above\n --> ../src/lib.rs:4:5\n\
             error: could not compile `one`\n",
            &[
                (3, Some(5), "E0308", "mismatched types"),
                (4, Some(5), "error", "unused import: `a`"),
            ],
        );
    }

    #[test]
    fn rustfmt_and_panics_name_their_lines() {
        check(
            "Diff in ROOT/src/lib.rs:7:\n-a\n+b\nDiff in ROOT/src/lib.rs at line 7:\n a\n b\n-c\n",
            &[
                (7, None, "format", "not as rustfmt has it; run `cargo fmt`"),
                (9, None, "format", "not as rustfmt has it; run `cargo fmt`"),
            ],
        );
        check(
            "---- tests::adds stdout ----\n\
             thread 'tests::adds' (4711) panicked at src/lib.rs:12:9:\n\
             assertion `left == right` failed\n  left: 1\n\
             thread 'old' panicked at src/lib.rs:2:1:\ngone\n",
            &[
                (
                    12,
                    Some(9),
                    "tests::adds panicked",
                    "assertion `left == right` failed",
                ),
                (2, Some(1), "old panicked", "gone"),
            ],
        );
    }
}
