//! Drift: where a host differs, by content, from what was deployed to it.
//!
//! The running program is compared with the bytes that were uploaded, the files that
//! make the host run the app with those that would be written now, the kernel's rules
//! with the slot that users are meant to meet. Only questions; each difference comes
//! with what is there and what should be.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::app::Service;
use crate::command::Command;
use crate::error::DeployError;
use crate::facts::private;
use crate::form::AppService;
use crate::host::Host;
use crate::listener;
use crate::method::By;
use crate::switch::Switch;
use crate::units;

/// `$1` the release's directory, `$2` its program, `$3` unit, `$4` nft table, `$5` env
/// file; then files. Lines of `name=value`.
const ASK: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
hash() { sha256sum | cut -d ' ' -f 1; }
if [ -e "$1.sha256" ]; then printf 'uploaded=%s\n' "$(cat "$1.sha256")"; fi
if [ -e "$2" ]; then printf 'release=%s\n' "$(hash <"$2")"; fi
pid=$(systemctl show -p MainPID "$3")
pid=${pid#MainPID=}
if [ "${pid:-0}" != 0 ]; then printf 'program=%s %s\n' "$(hash <"/proc/$pid/exe")" "$pid"; fi
nft list table inet "$4" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*redirect.*\)/rule=\1/p'
if [ -n "$5" ] && [ -e "$5" ]; then printf 'env=%s\n' "$(stat -c %a "$5")"; fi
shift 5
for file; do
  if [ -e "$file" ]; then printf 'file=%s %s\n' "$(hash <"$file")" "$file"; fi
done
"#;

/// What differs from the release that users are meant to meet.
pub(crate) fn drift(
    host: &Host,
    service: &AppService<'_>,
    current: &Switch,
) -> Result<Vec<String>, DeployError> {
    let layout = service.layout(host.target());
    let settings = service.settings;
    let place = layout.release(&current.release);
    let env_file = settings.env_file.as_ref().map(|f| layout.host_path(f));
    let mut files = units::files(&layout, settings);
    files.extend(current.proxy_file(&layout, settings));
    files.extend(listener::handed_on(&layout, settings, current));
    let command = Command::script(ASK)
        .arg(&place)
        .arg(place.join(&settings.binary))
        .arg(layout.unit(current.slot))
        .arg(layout.table())
        .arg(env_file.as_ref().map_or("", |file| file.as_str()))
        .args(files.iter().map(|file| &file.path))
        .privileged();
    let text = host.check(&command)?.text();
    let wanted: Vec<(String, String)> = files
        .into_iter()
        .map(|file| (file.path, hex(&Sha256::digest(file.text))))
        .collect();
    Ok(differences(&text, settings, current, &wanted))
}

fn differences(
    text: &str,
    service: &Service,
    current: &Switch,
    wanted: &[(String, String)],
) -> Vec<String> {
    let mut answer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        answer.entry(name).or_default().push(value);
    }
    let one = |name: &str| answer.get(name).and_then(|values| values.first()).copied();
    let mut found = Vec::new();
    let release = &current.release;
    match (one("release"), one("uploaded")) {
        (None, _) => found.push(format!("{release} is not on the host any more")),
        (Some(there), Some(uploaded)) if there != uploaded => found.push(format!(
            "the program of {release} was changed since its upload: {} instead of {}",
            short(there),
            short(uploaded)
        )),
        _ => {}
    }
    if let (Some(program), Some(there)) = (one("program"), one("release")) {
        let (hash, pid) = program.split_once(' ').unwrap_or((program, "?"));
        if hash != there {
            found.push(format!(
                "process {pid} runs another program than {release} has: {} instead of {}",
                short(hash),
                short(there)
            ));
        }
    }
    let files: BTreeMap<&str, &str> = answer
        .get("file")
        .into_iter()
        .flatten()
        .filter_map(|value| value.split_once(' '))
        .map(|(hash, path)| (path, hash))
        .collect();
    for (path, hash) in wanted {
        // A deploy of the release that runs starts nothing, and so leaves files alone: a unit
        // under a service that was never started with it would pass for one that was.
        match files.get(path.as_str()) {
            None => found.push(format!(
                "{path} is not there; a deploy of another release writes it"
            )),
            Some(there) if there != hash => found.push(format!(
                "{path} differs from what stagegate.toml makes; a deploy of another release writes it"
            )),
            Some(_) => {}
        }
    }
    let (public, slot) = (service.port, current.slot);
    let lead = format!("dport {public} redirect to :{}", slot.port(public));
    let rules = answer.get("rule").map_or(&[][..], Vec::as_slice);
    let ruled = current.by_what == By::Nft;
    if ruled && (rules.len() != 2 || rules.iter().any(|rule| !rule.contains(&lead))) {
        found.push(format!(
            "the nft rules do not lead port {public} to slot {slot}; `systemctl restart` of the \
             app's switch unit restores them"
        ));
    }
    if let Some(mode) = one("env").filter(|mode| !private(mode)) {
        found.push(format!("the env file has mode {mode}; chmod 0600 it"));
    }
    found
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::samples::backend;
    use crate::layout::Slot;
    use crate::switch::samples::switch;

    const WELL: &str = "uploaded=aa\nrelease=aa\nprogram=aa 12\nenv=600\nfile=bb /etc/unit a\n\
                        rule=fib daddr type local tcp dport 8080 redirect to :8081\n\
                        rule=fib daddr type local tcp dport 8080 redirect to :8081\n";

    #[test]
    fn each_difference_is_told() {
        let check = |from: &str, to: &str, parts: &[&str]| {
            let text = WELL.replace(from, to);
            let current = switch(Slot::Blue, "1.0.0-x", "me");
            let wanted = [("/etc/unit a".to_owned(), "bb".to_owned())];
            let found = differences(&text, &backend(), &current, &wanted);
            assert_eq!(found.len(), parts.len(), "{found:?}");
            for (found, part) in found.iter().zip(parts) {
                assert!(found.contains(part), "{found}");
            }
        };
        check("", "", &[]);
        check("program=aa 12\n", "", &[]);
        check("release=aa\n", "", &["not on the host any more"]);
        check("uploaded=aa", "uploaded=cc", &["was changed since"]);
        check("program=aa", "program=cc", &["process 12 runs another"]);
        check("file=bb", "file=cc", &["/etc/unit a differs"]);
        check("file=bb /etc/unit a\n", "", &["/etc/unit a is not there"]);
        check("env=600", "env=644", &["mode 644"]);
        check(":8081\nrule", ":8082\nrule", &["port 8080 to slot blue"]);
        check("rule=", "other=", &["port 8080 to slot blue"]);
    }
}
