//! The secrets gate: no tracked file holds what looks like a credential.
//!
//! It knows the shapes that issuers have given their tokens so that they can be
//! found, and no others: guessing by randomness would cry wolf. What it finds it
//! does not repeat: a message names file, line and kind.

use std::sync::LazyLock;

use anyhow::bail;
use camino::Utf8Path;
use regex::bytes::Regex;
use stagegate_config::pattern::PathPattern;
use stagegate_plan::model::{FindSecrets, Finding, count};

use crate::executor::step::{Perform, StepContext};
use crate::steps::gates::tracked::Tracked;

/// Kinds of credentials and their shapes, as their issuers document them.
const SHAPES: [(&str, &str); 12] = [
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
];

static EXPRESSIONS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    SHAPES
        .iter()
        .map(|(kind, shape)| (*kind, Regex::new(shape).expect("a constant expression")))
        .collect()
});

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
        let mut found = Vec::new();
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
            let here = findings(&bytes).into_iter();
            found.extend(here.map(|(line, what)| Finding {
                file: path.clone(),
                line: line as u64,
                column: None,
                title: "credential".to_owned(),
                message: what,
            }));
        }
        if !found.is_empty() {
            let shown: Vec<String> = found
                .iter()
                .map(crate::steps::gates::findings::shown)
                .collect();
            ctx.found(found);
            bail!(
                "{} in tracked files:\n    {}\n  revoke each where it was issued, because the history keeps it, and remove it; a file that only looks so is named in `gates.secrets.allow`",
                count(shown.len(), "credential"),
                shown.join("\n    ")
            );
        }
        Ok(format!(
            "no credential of {} kinds in {}; {} and {left} allowed were not read",
            SHAPES.len(),
            count(read, "file"),
            count(binary, "binary file")
        ))
    }
}

/// Lines, counted from 1, and what is there: the kind, and the first characters
/// of a token, which say no more than the kind does.
fn findings(bytes: &[u8]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (kind, expression) in EXPRESSIONS.iter() {
        for hit in expression.find_iter(bytes) {
            // AWS's own documents use keys that end so, and no real one does.
            if hit.as_bytes().ends_with(b"EXAMPLE") {
                continue;
            }
            let line = bytes[..hit.start()].iter().filter(|&&b| b == b'\n').count() + 1;
            let start = String::from_utf8_lossy(&hit.as_bytes()[..4]).into_owned();
            found.push((line, format!("a {kind} (`{start}…`)")));
        }
    }
    found.sort();
    found
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
        ]
    }

    #[test]
    fn every_shape_is_found_and_not_repeated() {
        let samples = samples();
        assert_eq!(samples.len(), SHAPES.len());
        for (sample, (kind, _)) in samples.iter().zip(SHAPES) {
            let text = format!("first\nkey = \"{sample}\"\nlast\n");
            let found = findings(text.as_bytes());
            let [(2, what)] = &found[..] else {
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
            assert_eq!(findings(text.as_bytes()), [], "{text}");
        }
    }
}
