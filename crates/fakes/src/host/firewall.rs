//! nft rules, as far as a switch of one port needs them, applied as one transaction.
//!
//! Understood are: adding, flushing and deleting an `inet` table, a rule that accepts what is
//! established, and a table with exactly the chains `prerouting` and `output`, each
//! redirecting what begins at one local port to the same other.
//! Everything else is refused, and then nothing of the file is applied.

use std::collections::BTreeMap;

/// From the public port to the slot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) from: u16,
    pub(super) to: u16,
}

/// What matches the packet that begins a connection, word by word as `nft` takes it.
const FIRST: &str = "tcp flags & (fin | syn | rst | ack) == syn";

/// The tables, each with its redirect or still empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ruleset {
    pub(super) tables: BTreeMap<String, Option<Redirect>>,
}

impl Ruleset {
    /// Returns the rules after a file; the error names what is not understood.
    pub(super) fn after(&self, text: &str) -> Result<Ruleset, String> {
        let tokens = tokens(text);
        let mut rest: &[&str] = &tokens;
        let mut next = self.clone();
        loop {
            match rest {
                [] => return Ok(next),
                ["\n" | ";", tail @ ..] => rest = tail,
                ["add", "table", "inet", name, tail @ ..] => {
                    next.tables.entry(named(name)?).or_default();
                    rest = tail;
                }
                ["delete", "table", "inet", name, tail @ ..] => {
                    if next.tables.remove(*name).is_none() {
                        return Err(format!(
                            "Could not process rule: there is no table inet {name}"
                        ));
                    }
                    rest = tail;
                }
                ["flush", "table", "inet", name, tail @ ..] => {
                    let Some(table) = next.tables.get_mut(*name) else {
                        return Err(format!(
                            "Could not process rule: there is no table inet {name}"
                        ));
                    };
                    *table = None;
                    rest = tail;
                }
                [
                    "add",
                    "rule",
                    "inet",
                    name,
                    "prerouting" | "output",
                    "ct",
                    "state",
                    "established",
                    "accept",
                    tail @ ..,
                ] => {
                    if !next.tables.contains_key(*name) {
                        return Err(format!(
                            "Could not process rule: there is no table inet {name}"
                        ));
                    }
                    rest = tail;
                }
                ["table", "inet", name, "{", tail @ ..] => {
                    let (redirect, tail) = table(tail)?;
                    let table = next.tables.entry(named(name)?).or_default();
                    if table.replace(redirect).is_some() {
                        return Err(format!("table inet {name} gets a second redirect"));
                    }
                    rest = tail;
                }
                other => return Err(format!("`{}`", other[..other.len().min(6)].join(" "))),
            }
        }
    }

    /// Returns the rules as `nft list` shows them.
    pub(super) fn show(&self, only: Option<&str>) -> String {
        let shown = self
            .tables
            .iter()
            .filter(|(name, _)| only.is_none_or(|only| only == *name));
        shown
            .map(|(name, redirect)| {
                let chains = redirect.map_or_else(String::new, |Redirect { from, to }| {
                    ["prerouting", "output"]
                        .map(|hook| {
                            format!(
                                "\tchain {hook} {{\n\t\ttype nat hook {hook} priority -100; policy accept;\n\
                                 \t\tfib daddr type local {FIRST} tcp dport {from} redirect to :{to}\n\t}}\n"
                            )
                        })
                        .concat()
                });
                format!("table inet {name} {{\n{chains}}}\n")
            })
            .collect()
    }
}

fn named(name: &str) -> Result<String, String> {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    if plain && name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(name.to_owned());
    }
    Err(format!("the table name `{name}`"))
}

/// Words, braces, semicolons and line ends; comments left out.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        for word in line.split_ascii_whitespace() {
            let mut word = word;
            while let Some(at) = word.find([';', '{', '}']) {
                if at > 0 {
                    tokens.push(&word[..at]);
                }
                tokens.push(&word[at..=at]);
                word = &word[at + 1..];
            }
            if !word.is_empty() {
                tokens.push(word);
            }
        }
        tokens.push("\n");
    }
    tokens
}

/// Reads the inside of a table, up to and with its closing brace.
fn table<'a, 'b>(mut rest: &'a [&'b str]) -> Result<(Redirect, &'a [&'b str]), String> {
    let mut chains: Vec<(&str, Redirect)> = Vec::new();
    loop {
        match rest {
            ["\n" | ";", tail @ ..] => rest = tail,
            ["chain", name, "{", tail @ ..] => {
                let (redirect, tail) = chain(name, tail)?;
                chains.push((name, redirect));
                rest = tail;
            }
            ["}", tail @ ..] => {
                return match chains.as_slice() {
                    [("prerouting", one), ("output", two)] if one == two => Ok((*one, tail)),
                    _ => Err("a table without the same redirect in prerouting and output".into()),
                };
            }
            other => {
                return Err(format!(
                    "`{}` in a table",
                    other[..other.len().min(6)].join(" ")
                ));
            }
        }
    }
}

/// Reads the inside of a chain, up to and with its closing brace.
fn chain<'a, 'b>(name: &str, rest: &'a [&'b str]) -> Result<(Redirect, &'a [&'b str]), String> {
    let end = rest
        .iter()
        .position(|token| *token == "}")
        .ok_or("a chain that is not closed")?;
    let words: Vec<&str> = rest[..end]
        .iter()
        .copied()
        .filter(|token| *token != "\n")
        .collect();
    let [
        "type",
        "nat",
        "hook",
        hook,
        "priority",
        "-100" | "dstnat",
        ";",
        "policy",
        "accept",
        ";",
        "fib",
        "daddr",
        "type",
        "local",
        first @ ..,
        "tcp",
        "dport",
        from,
        "redirect",
        "to",
        to,
    ] = words.as_slice()
    else {
        return Err(format!("the chain `{}`", words.join(" ")));
    };
    if first.join(" ") != FIRST {
        return Err(format!("what the chain matches: `{}`", first.join(" ")));
    }
    let port = |text: &str| match text.parse::<u16>() {
        Ok(0) | Err(_) => Err(format!("the port `{text}`")),
        Ok(port) => Ok(port),
    };
    if *hook != name {
        return Err(format!("the chain {name} at the hook {hook}"));
    }
    let to = to
        .strip_prefix(':')
        .ok_or_else(|| format!("the redirect to `{to}`"))?;
    Ok((
        Redirect {
            from: port(from)?,
            to: port(to)?,
        },
        &rest[end + 1..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(from: u16, to: u16) -> String {
        let rules = Ruleset {
            tables: [("t".to_owned(), Some(Redirect { from, to }))].into(),
        };
        format!(
            "# a comment {{\nadd table inet t\ndelete table inet t\n{}",
            rules.show(None)
        )
    }

    #[test]
    fn a_file_replaces_the_redirect_as_a_whole() {
        let first = Ruleset::default().after(&redirect(8080, 8081)).unwrap();
        assert_eq!(
            first.tables["t"],
            Some(Redirect {
                from: 8080,
                to: 8081
            })
        );
        let second = first.after(&redirect(8080, 8082)).unwrap();
        assert_eq!(
            second.tables["t"],
            Some(Redirect {
                from: 8080,
                to: 8082
            })
        );
        let left = "flush table inet t\nadd rule inet t output ct state established accept\n";
        let flushed = second.after(left).unwrap();
        assert_eq!(flushed.tables["t"], None);
        let none = second
            .after("add table inet t\ndelete table inet t\n")
            .unwrap();
        assert_eq!(none, Ruleset::default());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let check = |text: &str, part: &str| {
            let error = Ruleset::default().after(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("flush ruleset", "`flush ruleset");
        check("delete table inet t", "there is no table");
        check("add table ip t", "add table ip");
        check("add table inet a;b", "`b");
        check("flush table inet t", "there is no table");
        let rule = "add rule inet t output ct state established accept";
        check(rule, "there is no table");
        check(&rule.replace("accept", "drop"), "`add rule");
        check(&redirect(8080, 8081).replace("== syn", "== ack"), "matches");
        check(&redirect(8080, 8081).replace(FIRST, ""), "matches");
        check(
            &redirect(8080, 8081).replace("accept", "drop"),
            "policy drop",
        );
        check(
            &redirect(8080, 8081).replacen("8080", "8079", 1),
            "same redirect",
        );
        check(
            &redirect(8080, 8081).replace("hook output", "hook input"),
            "hook input",
        );
        check(
            &redirect(8080, 8081).replace(":8081", ":http"),
            "port `http`",
        );
        check(
            &redirect(8080, 8081).replace("fib daddr type local ", ""),
            "the chain",
        );
        let twice = format!("{}table inet t {{\n", redirect(8080, 8081));
        check(&twice, "in a table");
    }
}
