//! Workflows that release today, and would do so a second time.
//!
//! They are read by their lines: which tool a step runs, and what starts the workflow, is
//! written in few ways, and a workflow that is missed is one that its team knows. The
//! actions and commands are those that the tools' own documents show; for release-plz
//! <https://release-plz.dev/docs/github/input>, for triggers
//! <https://docs.github.com/en/actions/writing-workflows/workflow-syntax-for-github-actions>.

use super::{Sources, Translation};
use crate::workflows::{DIRECTORY, ledger::is_ours};

/// What starts a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Triggers {
    /// Tags, as its filter has them.
    tags: Vec<String>,
    /// Pushes to branches.
    pushes: bool,
    /// A GitHub release.
    release: bool,
    /// People, or other workflows.
    calls: bool,
}

impl Triggers {
    fn read(text: &str) -> Triggers {
        let mut found = Triggers::default();
        let mut lines = lines(text).skip_while(|(indent, line)| *indent > 0 || !is_on(line));
        let Some((_, on)) = lines.next() else {
            return found;
        };
        let inline = on.split_once(':').map_or("", |(_, rest)| rest);
        for event in words(inline) {
            found.event(&event);
        }
        let block: Vec<(usize, &str)> = lines.take_while(|(indent, _)| *indent > 0).collect();
        let events = block.first().map_or(0, |(indent, _)| *indent);
        let mut event = String::new();
        let mut filter = String::new();
        let (mut has_branches, mut has_tags, mut is_push) = (false, false, false);
        for (indent, line) in block {
            let key = line
                .split_once(':')
                .map(|(key, rest)| (key.trim_matches(['"', '\'']), rest));
            if indent == events {
                let name = key.map_or(line, |(key, _)| key);
                event = name.trim_start_matches("- ").to_owned();
                filter.clear();
                is_push |= event == "push";
                if event != "push" {
                    found.event(&event);
                }
                continue;
            }
            if event != "push" {
                continue;
            }
            if let Some((key, rest)) = key.filter(|_| !line.starts_with('-')) {
                filter = key.to_owned();
                has_branches |= key.starts_with("branches");
                has_tags |= key.starts_with("tags");
                if key == "tags" {
                    found.tags.extend(words(rest));
                }
                if key == "tags-ignore" {
                    found.tags.push("*".to_owned());
                }
            } else if filter == "tags" {
                found.tags.extend(words(line.trim_start_matches('-')));
            }
        }
        if is_push {
            // A filter of one kind leaves the other kind out; none takes both.
            found.pushes |= has_branches || !has_tags;
            if !has_branches && !has_tags {
                found.tags.push("*".to_owned());
            }
        }
        // A tag that moves, such as `nightly`, is no release of a version.
        found
            .tags
            .retain(|tag| tag.contains(['*', '[', '?', '+']) && !tag.starts_with('!'));
        found
    }

    fn event(&mut self, name: &str) {
        match name {
            "push" => {
                self.pushes = true;
                self.tags.push("*".to_owned());
            }
            "release" => self.release = true,
            "workflow_dispatch" | "workflow_call" | "repository_dispatch" => self.calls = true,
            _ => {}
        }
    }

    /// Says when a workflow starts that a release of stagegate would start too; none: never.
    fn by_release(&self) -> Option<String> {
        match (&self.tags[..], self.release, self.pushes) {
            ([_, ..], ..) => Some(format!("on tags ({})", self.tags.join(", "))),
            (_, true, _) => Some("on GitHub releases".to_owned()),
            (_, _, true) => Some("on pushes".to_owned()),
            _ => None,
        }
    }
}

fn is_on(line: &str) -> bool {
    ["on:", "\"on\":", "'on':"]
        .iter()
        .any(|key| line.starts_with(key))
}

/// Returns the lines that say something, each with its indent; comments are left out.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().filter_map(|line| {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        let said = line.trim_start();
        (!said.is_empty() && !said.starts_with('#')).then_some((line.len() - said.len(), said))
    })
}

/// Returns the words of a list within a line, or its one word.
fn words(text: &str) -> Vec<String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let words = text
        .split(',')
        .map(|word| word.trim().trim_matches(['"', '\'']));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a workflow does of a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Deeds {
    release_plz: bool,
    release_plz_pr: bool,
    cargo_release: bool,
    dist: bool,
    publishes: bool,
    github_release: bool,
}

impl Deeds {
    fn read(text: &str) -> Deeds {
        let mut found = Deeds::default();
        let (mut has_action, mut commands) = (false, Vec::new());
        for (_, line) in lines(text) {
            let line = line.trim_start_matches("- ");
            if line.starts_with("name:") {
                continue;
            }
            let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
            let rehearses = has(&["--dry-run", "publish -n"]);
            has_action |= has(&["release-plz/action@", "MarcoIeni/release-plz-action@"]);
            if let Some(command) = line.strip_prefix("command:") {
                commands.push(command.trim().trim_matches(['"', '\'']));
            }
            if has(&["release-plz release-pr"]) {
                found.release_plz_pr = true;
            } else {
                found.release_plz |= has(&["release-plz release"]);
            }
            found.cargo_release |= has(&["cargo release ", "cargo-release release"]);
            found.dist |= has(&["dist host "]);
            found.publishes |= !rehearses
                && has(&[
                    "cargo publish",
                    "cargo workspaces publish",
                    "cargo ws publish",
                    "katyo/publish-crates@",
                    // A script that publishes needs one of these.
                    "CARGO_REGISTRY_TOKEN",
                    "rust-lang/crates-io-auth-action@",
                ]);
            found.github_release |= has(&[
                "gh release create",
                "softprops/action-gh-release@",
                "ncipollo/release-action@",
                "taiki-e/create-gh-release-action@",
                "actions/create-release@",
            ]);
        }
        if has_action {
            // Without a command the action does both.
            found.release_plz |= commands.is_empty() || commands.contains(&"release");
            found.release_plz_pr |= commands.is_empty() || commands.contains(&"release-pr");
        }
        found
    }
}

/// Says which workflow would now run twice, and what of it a setting takes over.
pub(super) fn translate(sources: &Sources, has_dist: bool, into: &mut Translation) {
    let own = sources
        .files
        .iter()
        .filter(|(path, _)| path.starts_with(DIRECTORY));
    let mut theirs = Vec::new();
    for (path, text) in own {
        match text {
            Ok(text) if is_ours(text) => {}
            Ok(text) => theirs.push((path.as_str(), text.as_str())),
            Err(why) => into.note(
                path.as_str(),
                format!("cannot be read; if it releases, it would do so a second time: {why}"),
            ),
        }
    }
    for (path, text) in &theirs {
        let calls = |text: &&str| lines(text).any(|(_, line)| line.ends_with(&format!("./{path}")));
        let own = Triggers::read(text).by_release();
        // A workflow that others call starts when they do.
        let callers = theirs.iter().map(|(_, text)| *text).filter(calls);
        let starts = own.or_else(|| {
            callers
                .into_iter()
                .find_map(|text| Triggers::read(text).by_release())
        });
        one(path, text, starts, has_dist, into);
    }
}

/// Says what one workflow would do again; `starts` says when it would be started.
fn one(path: &str, text: &str, starts: Option<String>, has_dist: bool, into: &mut Translation) {
    let deeds = Deeds::read(text);
    if deeds.release_plz_pr {
        into.set("ci", "release_pull_request", true, path);
        into.note(
            path,
            "opens release pull requests with release-plz, and so will release.yml: there would be \
             two of each; remove it",
        );
    }
    if deeds.release_plz {
        into.note(
            path,
            "releases with release-plz, and so will release.yml: it would run twice; remove it",
        );
        return;
    }
    if deeds.cargo_release {
        into.note(
            path,
            "releases with cargo-release, and release.yml takes its place: remove it",
        );
        return;
    }
    // What only people start does not run by itself.
    let Some(starts) = starts else {
        if (deeds.publishes || deeds.github_release) && Triggers::read(text).calls {
            into.note(
                path,
                "releases when it is started or called; nothing starts it a second time, and \
                 release.yml takes its place",
            );
        }
        return;
    };
    if deeds.publishes {
        into.note(
            path,
            format!(
                "publishes to the registry {starts}, and stagegate has published by then: it would \
                 run twice; remove its publishing, or all of it"
            ),
        );
    }
    match (deeds.dist, deeds.github_release) {
        (true, _) if has_dist => into.note(
            path,
            format!(
                "is dist's own, and stays: it makes the GitHub release {starts}. A tag that a \
                 workflow pushes starts it only with a token of yours (`[ci] token`)"
            ),
        ),
        (_, true) | (true, false) => into.note(
            path,
            format!(
                "makes a GitHub release {starts}, and so does stagegate: it would run twice; remove \
                 that part, or write `[github] release = false`"
            ),
        ),
        (false, false) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triggers(text: &str) -> Triggers {
        Triggers::read(text)
    }

    #[test]
    fn triggers_are_read_in_every_form() {
        let check = |text: &str, tags: &[&str], pushes: bool| {
            let found = triggers(text);
            assert_eq!(
                (&found.tags[..], found.pushes),
                (
                    &tags.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..],
                    pushes
                ),
                "{text}"
            );
        };
        check("name: x\non: push\n", &["*"], true);
        check("on: [push, pull_request]\n", &["*"], true);
        check("on:\n  push:\n  pull_request:\n", &["*"], true);
        check("on:\n  push:\n    branches: [main]\njobs:\n", &[], true);
        check(
            "on:\n  push:\n    tags: ['v*', \"!v*-rc\"]\n",
            &["v*"],
            false,
        );
        check(
            "'on':\n  push:\n    tags:\n      - v* # ours\n      # - old\n      - '[0-9]+'\n",
            &["v*", "[0-9]+"],
            false,
        );
        check(
            "on:\n  push:\n    branches:\n    - main\n    tags:\n    - nightly\n",
            &[],
            true,
        );
        check("on:\n  push:\n    tags-ignore: [nightly]\n", &["*"], false);
        check(
            "on:\n  pull_request:\n    tags: [x*]\n    branches: [main]\n",
            &[],
            false,
        );
        check("jobs:\n  on:\n    push:\n", &[], false);
        let calls = triggers(
            "on:\n  workflow_dispatch:\n    inputs:\n      push:\n  release:\n    types: [published]\n",
        );
        assert!(calls.calls && calls.release && !calls.pushes, "{calls:?}");
    }

    #[test]
    fn steps_are_known_by_their_actions_and_commands() {
        let read = |line: &str| Deeds::read(&format!("jobs:\n  a:\n    steps:\n      - {line}\n"));
        assert!(read("run: cargo publish -p core").publishes);
        assert!(!read("run: cargo publish --dry-run").publishes);
        assert!(!read("name: cargo publish").publishes);
        assert!(!read("run: make # cargo publish").publishes);
        assert!(read("uses: rust-lang/crates-io-auth-action@v1").publishes);
        assert!(read("run: CARGO_REGISTRY_TOKEN=$TOKEN ./publish.sh").publishes);
        assert!(read("uses: softprops/action-gh-release@v2").github_release);
        assert!(read("run: cargo release minor --execute").cargo_release);
        assert!(!read("run: cargo build --release").cargo_release);
        assert!(read("run: dist host --steps=upload").dist);
        assert!(!read("run: dist build --artifacts=local").dist);
        let both = read("uses: release-plz/action@v0.5");
        assert!(both.release_plz && both.release_plz_pr);
        let one =
            read("uses: release-plz/action@v0.5\n        with:\n          command: release-pr");
        assert!(!one.release_plz && one.release_plz_pr);
        let typed = read("run: release-plz release --git-token x");
        assert!(typed.release_plz && !typed.release_plz_pr);
        assert_eq!(read("run: cargo test"), Deeds::default());
    }
}
