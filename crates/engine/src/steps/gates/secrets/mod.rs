//! The secrets gate: no tracked file holds what looks like a credential.
//!
//! It knows the shapes that issuers have given their tokens so that they can be
//! found, web tokens, passwords in addresses and committed `.env` files, and no
//! others: guessing by randomness would cry wolf. What it finds it does not
//! repeat: a message names file, line and kind.
//!
//! What lies below tests, examples and fixtures is noted and stops nothing:
//! that is where keys are that open no door.

mod address;
mod env_file;

use std::sync::LazyLock;

use anyhow::bail;
use camino::Utf8Path;
use regex::bytes::Regex;
use stagegate_config::pattern::PathPattern;
use stagegate_plan::model::{FindSecrets, Finding, count};

use crate::executor::step::{Perform, StepContext};
use crate::steps::gates::findings::shown;
use crate::steps::gates::tracked::Tracked;

/// Kinds of credentials and their shapes, as their issuers document them.
const SHAPES: [(&str, &str); 13] = [
    ("GitHub token", r"\bgh[oprsu]_[A-Za-z0-9]{36,255}\b"),
    (
        "GitHub fine-grained token",
        r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b",
    ),
    ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("crates.io token", r"\bcio[A-Za-z0-9]{32}\b"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    // `AgEIcHlwaS5vcmc` is how a token of pypi.org begins, whatever it allows.
    ("PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("Slack token", r"\bxox[abeoprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
    (
        "Slack webhook",
        r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,}",
    ),
    ("Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{24,}"),
    // With something of the key behind it: the line alone is in every program
    // that reads keys.
    (
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]|[A-Za-z-]+: [^\n]*\n)*[A-Za-z0-9+/]{40}",
    ),
    // `eyJ` is how an object of JSON begins in base64: head, claims, and a signature.
    (
        "web token",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    ),
];

static EXPRESSIONS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    SHAPES
        .iter()
        .map(|(kind, shape)| (*kind, Regex::new(shape).expect("a constant expression")))
        .collect()
});

/// Shapes, passwords in addresses, `.env` files.
const KINDS: usize = SHAPES.len() + 2;

/// The claims of the web token that every document about them shows.
const WELL_KNOWN_CLAIMS: &[u8] = b".eyJzdWIiOiIxMjM0NTY3ODkwIi";

/// Directories whose keys open no door.
const NOT_IN_USE: [&str; 10] = [
    "benches",
    "examples",
    "fixtures",
    "test",
    "test-data",
    "test-vectors",
    "test_data",
    "test_vectors",
    "testdata",
    "tests",
];

/// How many notes are told in a line.
const TOLD: usize = 3;

/// As git tells them: a file with a zero byte near its beginning is binary.
const NEAR: usize = 8000;

impl Perform for FindSecrets {
    fn perform(&self, ctx: &mut StepContext<'_>) -> anyhow::Result<String> {
        let allow: &[PathPattern] = &self.allow;

        let tracked = Tracked::of(ctx.context)?;
        let allowed = |path: &Utf8Path| {
            let below = tracked.below_root(path);
            below.is_some_and(|path| allow.iter().any(|pattern| pattern.fits(path)))
        };
        let (mut read, mut binary, mut left) = (0, 0, 0);
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for path in &tracked.files {
            if allowed(path) {
                left += 1;
                continue;
            }
            let Some(bytes) = tracked.read(path)? else {
                continue;
            };
            if bytes[..bytes.len().min(NEAR)].contains(&0) {
                binary += 1;
                continue;
            }
            read += 1;
            for hit in look_into(path, &bytes) {
                let list = if hit.is_note { &mut notes } else { &mut found };
                list.push(Finding {
                    file: path.clone(),
                    line: hit.line as u64,
                    column: None,
                    title: "credential".to_owned(),
                    message: hit.what,
                });
            }
        }
        ctx.notes.extend(told(&notes));
        ctx.noted(notes);
        if !found.is_empty() {
            let shown: Vec<String> = found.iter().map(shown).collect();
            ctx.found(found);
            bail!(
                "{} in tracked files:\n    {}\n  revoke each where it was issued, because the history keeps it, and remove it; a file that only looks so is named in `gates.secrets.allow`",
                count(shown.len(), "credential"),
                shown.join("\n    ")
            );
        }
        Ok(format!(
            "no credential of {KINDS} kinds in {}; {} and {left} allowed were not read",
            count(read, "file"),
            count(binary, "binary file")
        ))
    }
}

/// Returns what is said of notes.
fn told(notes: &[Finding]) -> Option<String> {
    if notes.is_empty() {
        return None;
    }
    let mut shown: Vec<String> = notes.iter().take(TOLD).map(shown).collect();
    if notes.len() > TOLD {
        shown.push(format!("and {} more", notes.len() - TOLD));
    }
    Some(format!(
        "{}: {}",
        count(notes.len(), "note"),
        shown.join(", ")
    ))
}

/// What was found in a file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    /// Counted from 1.
    line: usize,
    /// The kind, and no more of it than says what it is.
    what: String,
    /// Whether it stops nothing.
    is_note: bool,
}

/// Returns what looks like a credential in a file.
fn look_into(path: &Utf8Path, bytes: &[u8]) -> Vec<Hit> {
    let mut components = path.parent().into_iter().flat_map(Utf8Path::components);
    let is_unused = components.any(|part| NOT_IN_USE.contains(&part.as_str()));
    let line_of = |at: usize| bytes[..at].iter().filter(|&&b| b == b'\n').count() + 1;
    let mut hits = Vec::new();
    for (kind, expression) in EXPRESSIONS.iter() {
        for hit in expression.find_iter(bytes) {
            let text = hit.as_bytes();
            // AWS's own documents use keys that end so, and no real one does.
            let is_known = text.ends_with(b"EXAMPLE")
                || text
                    .windows(WELL_KNOWN_CLAIMS.len())
                    .any(|part| part == WELL_KNOWN_CLAIMS);
            if is_known {
                continue;
            }
            let start = String::from_utf8_lossy(&text[..4]).into_owned();
            hits.push(Hit {
                line: line_of(hit.start()),
                what: format!("a {kind} (`{start}…`)"),
                is_note: is_unused,
            });
        }
    }
    for found in address::find(bytes) {
        let line = line_of(found.at);
        if found.is_local && is_document(path, bytes, line) {
            continue;
        }
        hits.push(Hit {
            line,
            what: format!("a password in an address (`{}`)", found.shown),
            is_note: is_unused || found.is_local,
        });
    }
    if env_file::is_one(path) {
        let text = String::from_utf8_lossy(bytes);
        let assigned = env_file::assigned(&text);
        if let Some((line, name)) = assigned.first() {
            let others = match assigned.len() - 1 {
                0 => String::new(),
                others => format!(" and {}", count(others, "other value")),
            };
            hits.push(Hit {
                line: *line,
                what: format!("a tracked `.env` file that sets `{name}`{others}"),
                is_note: is_unused,
            });
        }
    }
    hits.sort();
    hits
}

/// Returns whether a line is there to be read: in a document, or in a comment.
fn is_document(path: &Utf8Path, bytes: &[u8], line: usize) -> bool {
    let documents = ["adoc", "markdown", "md", "rst", "txt"];
    let extension = path.extension().unwrap_or_default().to_lowercase();
    let text = bytes.split(|&b| b == b'\n').nth(line - 1);
    let text = text.unwrap_or_default().trim_ascii_start();
    documents.contains(&extension.as_str())
        || [&b"//"[..], b"#", b"*", b"--"]
            .iter()
            .any(|comment| text.starts_with(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that this file does not hold what it looks for.
    fn samples() -> Vec<String> {
        let x = |count: usize| "aB3dE5gH7j".repeat(count.div_ceil(10))[..count].to_owned();
        vec![
            format!("ghp{}{}", '_', x(36)),
            format!("github{}{}_{}", "_pat_", x(22), x(59)),
            format!("glpat{}{}", '-', x(20)),
            format!("cio{}", x(32)),
            format!("npm{}{}", '_', x(36)),
            format!("pypi{}AgEIcHlwaS5vcmc{}", '-', x(60)),
            format!("AKIA{}", "ABCD2345EFGH6723"),
            format!("AIza{}", x(35)),
            format!("xoxb{}123456789012-{}", '-', x(24)),
            format!(
                "https://hooks.slack{}T12345678/B12345678/{}",
                ".com/services/",
                x(24)
            ),
            format!("sk{}{}", "_live_", x(24)),
            format!("-----BEGIN OPENSSH PRIVATE{}\n{}", " KEY-----", x(70)),
            format!("eyJ{}.eyJ{}.{}", x(20), x(30), x(43)),
        ]
    }

    #[test]
    fn every_shape_is_found_and_not_repeated() {
        let samples = samples();
        assert_eq!(samples.len(), SHAPES.len());
        for (sample, (kind, _)) in samples.iter().zip(SHAPES) {
            let text = format!("first\nkey = \"{sample}\"\nlast\n");
            let found = look_into("src/lib.rs".into(), text.as_bytes());
            let [
                Hit {
                    line: 2,
                    what,
                    is_note: false,
                },
            ] = &found[..]
            else {
                panic!("{kind}: {found:?}")
            };
            assert!(what.contains(kind), "{what} is no {kind}");
            let told: usize = sample.chars().count();
            assert!(!what.contains(&sample[..8.min(told)]), "{what}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        let key = format!("-----BEGIN {}-----", "PRIVATE KEY");
        for text in [
            "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}",
            "ghp_short and cio-token and npm_install_something_with_a_long_name",
            "AKIAIOSFODNN7EXAMPLE",
            "checksum = \"cc0d1b9f0e2a4c6e8a0b2c4d6e8f0a1b3c5d7e9f\"",
            &format!("if text.starts_with(\"{key}\") {{"),
            "sk_test_aB3dE5gH7jaB3dE5gH7jaB3d",
        ] {
            assert_eq!(
                look_into("src/lib.rs".into(), text.as_bytes()),
                [],
                "{text}"
            );
        }
        let claims = String::from_utf8_lossy(WELL_KNOWN_CLAIMS).into_owned();
        let token = format!("eyJhbGciOiJIUzI1NiJ9{claims}wIn0.{}", "aB3d".repeat(11));
        assert_eq!(look_into("src/lib.rs".into(), token.as_bytes()), []);
        let parts = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi and eyJ.eyJ.x";
        assert_eq!(look_into("src/lib.rs".into(), parts.as_bytes()), []);
    }

    #[test]
    fn what_tests_and_examples_hold_is_a_note() {
        let token = format!("ghp{}{}", '_', "aB3d".repeat(9));
        for (path, is_note) in [
            ("tests/registry/answers.rs", true),
            ("crates/one/examples/a/main.rs", true),
            ("crates/one/testdata/key", true),
            ("src/fixtures/key", true),
            ("benches/one.rs", true),
            ("src/test_vectors/v2.json", true),
            ("src/tests.rs", false),
            ("latests/one.rs", false),
            ("one.rs", false),
        ] {
            let hits = look_into(path.into(), token.as_bytes());
            assert_eq!(hits.len(), 1, "{path}");
            assert_eq!(hits[0].is_note, is_note, "{path}");
        }
    }

    #[test]
    fn passwords_and_environments_are_found_where_they_count() {
        let check = |path: &str, text: &str, want: &[(usize, &str, bool)]| {
            let hits = look_into(path.into(), text.as_bytes());
            let hits: Vec<_> = hits
                .iter()
                .map(|hit| (hit.line, hit.what.as_str(), hit.is_note))
                .collect();
            assert_eq!(hits, want, "{path}: {text}");
        };
        let address = |host: &str| format!("\nurl = \"redis:{}me:k9Trq-71x@{host}\"\n", "//");
        let remote = "a password in an address (`redis://…:…@cache.stagegate.dev`)";
        let text = address("cache.stagegate.dev");
        check("config.toml", &text, &[(2, remote, false)]);
        check("README.md", &text, &[(2, remote, false)]);
        check("tests/config.toml", &text, &[(2, remote, true)]);
        let local = "a password in an address (`redis://…:…@localhost`)";
        check("config.toml", &address("localhost"), &[(2, local, true)]);
        check("README.md", &address("localhost"), &[]);
        let comment = address("localhost").replace("url", "// url");
        check("src/lib.rs", &comment, &[]);
        let env = "PORT=8080\nKEY=k9Trq\nOTHER=71x\n";
        let what = "a tracked `.env` file that sets `KEY` and 1 other value";
        check(".env", env, &[(2, what, false)]);
        check("examples/a/.env", env, &[(2, what, true)]);
        check(".env.example", env, &[]);
        check(".env", "PORT=8080\nKEY=\n", &[]);
    }

    #[test]
    fn notes_are_told_in_a_line() {
        let note = |line| Finding {
            file: "tests/a.rs".into(),
            line,
            column: None,
            title: String::new(),
            message: "a key".to_owned(),
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[note(3)]).unwrap(), "1 note: tests/a.rs:3: a key");
        let many: Vec<_> = (1..=5).map(note).collect();
        assert!(
            told(&many)
                .unwrap()
                .ends_with("tests/a.rs:3: a key, and 2 more")
        );
    }
}
