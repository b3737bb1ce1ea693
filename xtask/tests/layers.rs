//! The layers only look down: crates by an ordered list, folders of a crate by the line
//! "Layers, lowest first" in its own documentation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The crates, lowest first. Those of one row know none of their own row.
const CRATES: [&[&str]; 7] = [
    &["changelog", "manifest", "registry", "github", "deploy"],
    &["config"],
    &["plan"],
    &["engine"],
    &["fakes", "demo", "hosts"],
    &["stagegate", "bench"],
    &["xtask"],
];

/// The crates whose folders have an order.
const ORDERED: [&str; 4] = ["config", "plan", "engine", "deploy"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The names that follow `prefix` in a line of code; comments have no say.
fn named<'l>(line: &'l str, prefix: &str) -> Vec<&'l str> {
    let code = line.split("//").next().unwrap_or_default();
    let word = |text: &'l str| {
        let end = text
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(text.len());
        &text[..end]
    };
    code.match_indices(prefix)
        .map(|(at, _)| word(&code[at + prefix.len()..]))
        .collect()
}

/// What comes before the unit tests of a file: those may look where they like.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// The folders of a crate in the order that its documentation gives.
fn order_of(library: &str) -> Vec<String> {
    let text = library
        .lines()
        .skip_while(|line| !line.contains("Layers, lowest first:"))
        .take_while(|line| line.starts_with("//! ") && line.len() > 4)
        .map(|line| line.trim_start_matches("//! "))
        .collect::<Vec<_>>()
        .join(" ");
    let (_, list) = text.split_once("lowest first:").expect("a list of layers");
    list.split('<')
        .map(|name| name.trim().trim_matches(['`', '.', ' ']).to_owned())
        .collect()
}

/// Every `use` upwards, with its place.
fn upward(order: &[String], files: &[(String, String)]) -> Vec<String> {
    let rank = |name: &str| order.iter().position(|known| known == name);
    let mut wrong = Vec::new();
    for (path, text) in files {
        let top = path.split('/').next().unwrap().trim_end_matches(".rs");
        if ["lib", "tests"].contains(&top) {
            continue;
        }
        let Some(own) = rank(top) else {
            wrong.push(format!("{path}: `{top}` is in no layer"));
            continue;
        };
        for (number, line) in without_tests(text).lines().enumerate() {
            for name in named(line, "crate::") {
                if rank(name).is_some_and(|other| other > own) {
                    wrong.push(format!("{path}:{}: {top} looks up to {name}", number + 1));
                }
            }
        }
    }
    wrong
}

#[test]
fn folders_look_down_only() {
    for name in ORDERED {
        let source = root().join("crates").join(name).join("src");
        let order = order_of(&std::fs::read_to_string(source.join("lib.rs")).unwrap());
        assert!(order.len() > 4, "{name}: {order:?}");
        let files: Vec<(String, String)> = sources(&source)
            .into_iter()
            .map(|file| {
                let relative = file.strip_prefix(&source).unwrap().to_str().unwrap();
                (relative.to_owned(), std::fs::read_to_string(&file).unwrap())
            })
            .collect();
        let wrong = upward(&order, &files);
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}

#[test]
fn crates_look_down_only() {
    let listed: BTreeSet<&str> = CRATES.iter().flat_map(|row| row.iter().copied()).collect();
    let members = std::fs::read_dir(root().join("crates")).unwrap();
    for member in members {
        let name = member.unwrap().file_name().into_string().unwrap();
        assert!(listed.contains(name.as_str()), "{name} is in no layer");
    }
    let rank = |name: &str| CRATES.iter().position(|row| row.contains(&name)).unwrap();
    for name in listed {
        let directory = match name {
            "xtask" => root().join("xtask"),
            other => root().join("crates").join(other),
        };
        for file in sources(&directory.join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in without_tests(&text).lines().enumerate() {
                for other in named(line, "stagegate_") {
                    let is_crate = CRATES.iter().any(|row| row.contains(&other));
                    assert!(
                        !is_crate || other == name || rank(other) < rank(name),
                        "{}:{}: {name} looks up to {other}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

/// A planner that reads a file, asks the time or starts a program is not pure.
#[test]
fn the_planner_is_pure() {
    let source = root().join("crates/plan/src");
    for file in sources(&source) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for impure in [
                "std::fs",
                "std::process",
                "std::env",
                "std::net",
                "SystemTime",
                "Instant",
                "Timestamp::now",
            ] {
                assert!(
                    !code.contains(impure),
                    "{}:{}: {impure}",
                    file.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn a_use_upwards_is_found_with_its_place() {
    let order = ["low".to_owned(), "high".to_owned()];
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let check = |path: &str, text: &str, want: &[&str]| {
        assert_eq!(upward(&order, &[file(path, text)]), want, "{text}");
    };
    check("high/a.rs", "use crate::low::A;\n", &[]);
    check(
        "low/a.rs",
        "// crate::high is above\nuse crate::low::A;\n",
        &[],
    );
    check(
        "low/a.rs",
        "//! A.\n\nuse crate::high::A;\n",
        &["low/a.rs:3: low looks up to high"],
    );
    check("other.rs", "", &["other.rs: `other` is in no layer"]);
    check(
        "low/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::high::A;\n}\n",
        &[],
    );
}
