//! What a deploy of another release would write on a host in addition to it: files of ours that are
//! not there, or are otherwise.
//!
//! Only questions. What is there was perhaps changed by hand, so of a line that we would
//! not write ourselves no value is kept: a unit may hold `Environment=`, a slot's file
//! any variable. The app's own environment file is never read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::app::Service;
use crate::model::layout::ServiceLayout;
use crate::model::limits::Limits;
use crate::model::part::Part;
use crate::model::part_kind::AppService;
use crate::model::slot::Slot;
use crate::model::switch::Switch;
use crate::model::switch_method::{Method, SwitchKind};
use crate::model::target::Target;
use crate::service::host_files;
use crate::ssh::command::{Command, Output};
use crate::systemd::host_file::HostFile;
use crate::systemd::units;
use crate::traffic::nftables;
use crate::traffic::switch_file;

/// `$1…` files; of each that is there, its contents and its path.
const QUERY_SH: &str = r#"
for file; do
  if [ -e "$file" ]; then printf '%s %s\n' "$(head -c 262144 "$file" | base64 -w 0)" "$file"; fi
done
"#;

/// Stands for a value that is left out.
const REDACTED: &str = "…";

/// A file that a deploy would write on a host.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct FileChange {
    /// The part that it is written for.
    #[serde(default = "backend")]
    pub part: Part,
    /// Its path on the host.
    pub path: Utf8PathBuf,
    /// What is in it now, without the values of what is not ours; absent: it is new.
    pub there: Option<String>,
    /// What would be in it.
    pub wanted: String,
}

fn backend() -> Part {
    Part::Backend
}

/// Returns the question for them; [`file_changes`] reads the answer.
pub(crate) fn query_command(target: &Target, service: &AppService<'_>) -> Command {
    let layout = service.layout(target);
    let mut files = host_files::all_files(&layout, service.settings);
    files.extend(transient_units(&layout, service.settings));
    Command::script(QUERY_SH)
        .args(files.iter().map(|file| &file.path))
        .arg(layout.confirmed())
        .privileged()
}

/// Compares what the host has answered with what a deploy would write. `current` is the switch
/// that users are meant to follow.
pub(crate) fn file_changes(
    target: &Target,
    service: &AppService<'_>,
    current: Option<&Switch>,
    answer: &Output,
) -> Vec<FileChange> {
    let layout = service.layout(target);
    let settings = service.settings;
    // What the users' slot has now is compared with what it would have, and is not what is
    // written: that is the other slot's.
    let slot = current.map_or(Slot::Blue, |current| current.slot);
    let mut wanted = host_files::files(&layout, settings, slot);
    wanted.extend(transient_units(&layout, settings));
    // What is in place for the slot of now is compared: another slot is no change.
    let rules = current.and_then(|current| rules(&layout, settings, current));
    wanted.extend(rules);
    let text = answer.text();
    let there: Vec<(&str, String)> = text.lines().filter_map(read).collect();
    let found = wanted.into_iter().filter_map(|file| {
        let there = there.iter().find(|(path, _)| *path == file.path);
        compare(file, there.map(|(_, text)| text.as_str()), &layout)
    });
    let written = |change: FileChange| match current {
        None => change,
        Some(_) => of_other_slot(change, &layout, settings, slot),
    };
    found.map(written).collect()
}

/// Returns a change of a slot's file as the one that a deploy makes: in the other slot.
fn of_other_slot(
    change: FileChange,
    layout: &ServiceLayout,
    settings: &Service,
    slot: Slot,
) -> FileChange {
    let files = |slot| host_files::slot_files(layout, settings, slot);
    let mut pairs = files(slot).into_iter().zip(files(slot.other()));
    match pairs.find(|(file, _)| change.path == file.path) {
        None => change,
        Some((_, other)) => FileChange {
            path: other.path.into(),
            wanted: other.text,
            ..change
        },
    }
}

/// Returns the units that run while a release is brought: of a migration, and of a build.
fn transient_units(layout: &ServiceLayout, settings: &Service) -> impl Iterator<Item = HostFile> {
    let migrates = settings.migrate.as_ref();
    let migration = migrates.map(|migration| HostFile {
        path: layout.units().join(layout.migrate_unit()).into_string(),
        mode: "0644",
        text: units::migrate_unit(layout, settings, "", migration.limit_seconds),
    });
    let builds = settings.build.as_ref();
    let build = builds.map(|build| HostFile {
        path: layout.units().join(layout.build_unit()).into_string(),
        mode: "0644",
        text: units::build_unit(layout, settings, "", build),
    });
    migration.into_iter().chain(build)
}

/// Returns the kernel's rules as the switch in place would hold them.
fn rules(layout: &ServiceLayout, service: &Service, current: &Switch) -> Option<HostFile> {
    let ruled = current.switch_kind == SwitchKind::Nft && service.switch == Method::Nft;
    let port = current.slot.port(service.port);
    ruled.then(|| HostFile {
        path: layout.confirmed().into_string(),
        mode: "0644",
        text: nftables::ruleset(&layout.table(), service.port, port),
    })
}

/// Parses a line of the answer.
fn read(line: &str) -> Option<(&str, String)> {
    let (contents, path) = line.split_once(' ')?;
    let bytes = STANDARD.decode(contents).ok()?;
    Some((path, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns the change, if a deploy would write the file.
fn compare(file: HostFile, there: Option<&str>, layout: &ServiceLayout) -> Option<FileChange> {
    let mut wanted = file.text;
    let there = match there {
        Some(text) if file.path.ends_with("/confirmed") => Some(switch_file::body(text)),
        other => other,
    };
    let of_a_release = [layout.migrate_unit(), layout.build_unit()];
    if of_a_release.iter().any(|unit| file.path.ends_with(unit)) {
        // Written for each release that migrates or is built, under its name: no news by
        // itself.
        let named = there?.lines().find(|line| line.starts_with(DESCRIPTION));
        let ours = wanted.lines().find(|line| line.starts_with(DESCRIPTION));
        wanted = wanted.replacen(ours?, named?, 1);
    }
    if there == Some(wanted.as_str()) {
        return None;
    }
    let path: Utf8PathBuf = file.path.into();
    let there = there.map(|text| redact(&path, text, &wanted));
    Some(FileChange {
        part: layout.part(),
        path,
        there,
        wanted,
    })
}

const DESCRIPTION: &str = "Description=";

/// Redacts the text of a file that is there: values of what is not ours are left out.
fn redact(path: &Utf8PathBuf, text: &str, wanted: &str) -> String {
    let ours: Vec<&str> = wanted.lines().collect();
    let settings: Vec<&str> = ours.iter().filter_map(|line| setting_name(line)).collect();
    let is_known = |name: &str| settings.contains(&name) || Limits::SETTINGS.contains(&name);
    let of_settings = matches!(
        path.extension(),
        Some("service" | "socket" | "conf" | "env")
    );
    let mut out = String::new();
    for line in text.lines() {
        let line = match setting_name(line) {
            _ if !of_settings || ours.contains(&line) || is_heading(line) => line.to_owned(),
            Some(name) if is_known(name) => line.to_owned(),
            Some(name) => format!("{name}={REDACTED}"),
            None => REDACTED.to_owned(),
        };
        out.extend(line.chars().map(|c| match c {
            c if c.is_control() && c != '\t' => '\u{fffd}',
            c => c,
        }));
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    out
}

/// Returns the name that a line sets.
fn setting_name(line: &str) -> Option<&str> {
    let name = line.split_once('=')?.0.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// Tells whether a line is empty or begins a section.
fn is_heading(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || (line.starts_with('[') && line.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, backend};
    use crate::model::layout::Layout;
    use crate::model::switch::samples::switch;
    use crate::model::target::Target;

    fn layout() -> ServiceLayout {
        Layout::new(&Target::parse("root@host").unwrap(), &app()).service(Part::Backend)
    }

    fn file(part: &str) -> HostFile {
        let files = host_files::files(&layout(), &backend(), Slot::Blue);
        let found = files.into_iter().find(|file| file.path.contains(part));
        found.unwrap()
    }

    #[test]
    fn only_a_file_that_differs_is_a_change() {
        let unit = file("backend@");
        assert_eq!(compare(unit.clone(), Some(&unit.text), &layout()), None);
        let new = compare(unit.clone(), None, &layout()).unwrap();
        assert_eq!((new.there, &new.wanted), (None, &unit.text));
        let before = format!("{}MemoryMax=1G\n", unit.text);
        let changed = compare(unit.clone(), Some(&before), &layout()).unwrap();
        assert_eq!(changed.there, Some(before));
    }

    #[test]
    fn values_that_are_not_ours_are_redacted() {
        let unit = file("backend@");
        let by_hand = "[Service]\nEnvironment=\"A=secret1\" \\\n  B=secret2\n# C=secret3\n\
                       SetCredential=d:secret4\nMemoryMax=1G\nUser=root\nesc\u{1b}[31m";
        let found = compare(unit, Some(by_hand), &layout()).unwrap();
        assert_eq!(
            found.there.unwrap(),
            "[Service]\nEnvironment=…\nB=…\n…\nSetCredential=…\nMemoryMax=1G\nUser=root\n…"
        );
        let env = file("blue.env");
        let found = compare(env, Some("PORT=9081\nTOKEN=secret5\n"), &layout()).unwrap();
        assert_eq!(found.there.unwrap(), "PORT=9081\nTOKEN=…\n");
        let script = file("/switchctl");
        let found = compare(script, Some("echo \u{1b}[31m\n"), &layout()).unwrap();
        assert_eq!(found.there.unwrap(), "echo \u{fffd}[31m\n");
    }

    #[test]
    fn rules_are_compared_for_the_current_slot() {
        let layout = layout();
        let current = switch(Slot::Green, "1.0.0-x", "me");
        let wanted = rules(&layout, &backend(), &current).unwrap();
        let there = switch_file::file(&current, &layout, &backend(), "");
        assert_eq!(compare(wanted.clone(), Some(&there), &layout), None);
        let there = there.replace("dport 8080", "dport 80");
        let found = compare(wanted, Some(&there), &layout).unwrap();
        assert!(found.there.unwrap().contains("dport 80 redirect to :8082"));
    }

    #[test]
    fn a_migration_unit_of_another_release_is_no_change() {
        let layout = layout();
        let wanted = |seconds| HostFile {
            path: format!("/etc/systemd/system/{}", layout.migrate_unit()),
            mode: "0644",
            text: units::migrate_unit(&layout, &backend(), "", seconds),
        };
        let there = units::migrate_unit(&layout, &backend(), "1.0.0-x", 60);
        assert_eq!(compare(wanted(60), Some(&there), &layout), None);
        assert_eq!(compare(wanted(60), None, &layout), None);
        let found = compare(wanted(90), Some(&there), &layout).unwrap();
        assert_eq!(found.wanted, there.replace("=60s", "=90s"));
    }
}
