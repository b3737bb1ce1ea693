//! What a host offers, asked before anything is changed: every precondition of a deploy.
//!
//! Only questions. Of the environment file, the mode and the *names* that have a value
//! leave the host; its values never do.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::facts::{DirectoryFacts, EnvFileFacts, HostFacts, LeaseFacts, Sudo};
use crate::model::app::{App, Service};
use crate::model::error::DeployError;
use crate::model::layout::{Layout, ServiceLayout};
use crate::model::part::Part;
use crate::model::part_kind::AppService;
use crate::model::problem::Problem;
use crate::model::slot::Slot;
use crate::model::switch_method::{DrainProbe, Method, SwitchKind};
use crate::remote::state::State;
use crate::service::build_script;
use crate::ssh::command::Command;
use crate::ssh::host::Host;

/// Programs that the steps call.
const TOOLS: &str = "systemctl systemd-run journalctl ss flock tar sha256sum mktemp xargs cmp";

/// `$1` app directory, `$2` service user, `$3` env file, `$4` tools, `$5` ports,
/// `$6` a proxy's file, `$7` its unit, `$8` what the service user is asked of a build.
const QUERY_SH: &str = r#"
PATH=$PATH:/usr/sbin:/sbin
printf 'now=%s\n' "$(date +%s)"
for tool in $4; do command -v "$tool" >/dev/null || printf 'missing_tool=%s\n' "$tool"; done
printf 'systemd=%s\n' "$(systemctl --version 2>/dev/null | head -n 1)"
printf 'nft=%s\n' "$(nft --version 2>/dev/null | head -n 1)"
if [ -n "$2" ] && id -u "$2" >/dev/null 2>&1; then printf 'service_user=%s\n' "$2"; fi
for directory in "$1" "$1/releases" "$1/slots" "$1/switch" "$1/frontend"; do
  if [ -d "$directory" ]; then printf 'directory=%s %s\n' "$(stat -c '%U %a' "$directory")" "$directory"; fi
done
place=$1
while [ ! -d "$place" ]; do place=$(dirname "$place"); done
printf 'disk_free_kib=%s\n' "$(df --output=avail -k "$place" | tail -n 1 | tr -d ' ')"
if [ -n "$3" ] && [ -f "$3" ]; then
  printf 'env_file=%s\n' "$(stat -c '%U %a' "$3")"
  sed -n "s/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\)=[\"']\{0,1\}[^\"'[:space:]].*/env_name=\1/p" "$3"
fi
for port in $5; do
  if [ -n "$(ss -H -t -l -n "( sport = :$port )")" ]; then printf 'listening=%s\n' "$port"; fi
done
if [ -n "$6" ] && [ ! -d "$(dirname "$6")" ]; then printf 'proxy_lacks=directory\n'; fi
if [ -n "$7" ] && ! systemctl is-active --quiet "$7"; then printf 'proxy_lacks=unit\n'; fi
if [ -n "$8" ]; then
  me=$(id -u)
  if [ "$(id -un)" = "$2" ]; then sh -c "$8" | sed 's/^/build_lacks=/'
  elif [ "$me" = 0 ] && id -u "$2" >/dev/null 2>&1; then runuser -u "$2" -- sh -c "$8" | sed 's/^/build_lacks=/'; fi
fi
"#;

/// Asks a host for everything that a deploy of the app needs.
///
/// # Errors
/// When the host cannot be asked, or the app's names are refused. What is missing on the
/// host is a fact, not an error.
pub fn survey(host: &Host, app: &App) -> Result<HostFacts, DeployError> {
    app.check()?;
    let layout = Layout::new(host.target(), app);
    let sudo = sudo(host)?;
    let mut services = app.services();
    // The first question is about the host as well, so it is asked in any case.
    let mut facts = query_service(host, &layout, services.next().as_ref(), sudo)?;
    for service in services {
        facts.merge_service(query_service(host, &layout, Some(&service), sudo)?);
    }
    if app.bundle(Part::Frontend).is_ok() && facts.can_be_queried() {
        // A service that the frontend was before may still run.
        let state = State::query(host, &layout.service(Part::Frontend))?;
        (facts.running_frontend, facts.armed_frontend) = (state.confirmed, state.armed);
    }
    Ok(facts)
}

/// Asks for what the host offers to one service.
fn query_service(
    host: &Host,
    layout: &Layout,
    service: Option<&AppService<'_>>,
    sudo: Sudo,
) -> Result<HostFacts, DeployError> {
    let settings = service.map(|service| service.settings);
    let part = service.map_or(Part::Backend, |service| service.part);
    let of_service = layout.service(part);
    let env_path = settings
        .and_then(|it| it.env_file.as_ref())
        .map(|file| layout.host_path(file));
    let ports = settings.map_or_else(String::new, |it| {
        let own = Slot::ALL.map(|slot| slot.port(it.port).to_string());
        format!("{} {}", own.join(" "), it.port)
    });
    let tools = settings.map_or_else(|| TOOLS.to_owned(), tools);
    let proxy = settings.and_then(|it| it.switch.proxy());
    let proxy_file = proxy.map(|proxy| layout.host_path(&proxy.file));
    let proxy_unit = proxy.and_then(|proxy| proxy.unit.as_deref());
    let build = settings.and_then(|it| it.build.as_ref());
    let mut command = Command::script(QUERY_SH)
        .arg(layout.base())
        .arg(settings.map_or("", |it| &it.service_user))
        .arg(env_path.as_ref().map_or("", |path| path.as_str()))
        .args([&tools, &ports])
        .arg(proxy_file.as_ref().map_or("", |path| path.as_str()))
        .arg(proxy_unit.unwrap_or_default())
        .arg(build.map_or_else(String::new, |build| {
            build_script::prerequisites_script(build, &of_service)
        }));
    if sudo == Sudo::Works {
        command = command.privileged();
    }
    let mut commands = vec![command, State::query_command(&of_service)];
    commands
        .extend(service.map(|service| super::file_change::query_command(host.target(), service)));
    if sudo == Sudo::Refused {
        // The rest is root's to see.
        commands.truncate(1);
    }
    let before = Timestamp::now().as_second();
    let mut outputs = host.run_all(&commands)?.into_iter();
    let command = &commands[0];
    let answer = KeyValues::read(&host.expect_output(command, outputs.next())?.text());
    let now = (before + Timestamp::now().as_second()) / 2;
    let number = |name: &str| {
        let value = answer.one(name).and_then(|value| value.parse::<i64>().ok());
        value.ok_or_else(|| host.unreadable(command, format!("there is no number `{name}`")))
    };
    let (mut state, mut pending) = (State::default(), Vec::new());
    if let Some(question) = commands.get(1)
        && answer.one("systemd").is_some()
    {
        state = State::from_output(
            host,
            question,
            &host.expect_output(question, outputs.next())?,
        )?;
        if let Some((service, question)) = service.zip(commands.get(2)) {
            let output = host.expect_output(question, outputs.next())?;
            let current = state.confirmed.as_ref();
            pending = super::file_change::file_changes(host.target(), service, current, &output);
        }
    }
    let free = u64::try_from(number("disk_free_kib")?).unwrap_or(0) * 1024;
    let account = |it: &Service| {
        let there = answer.one("service_user").is_some();
        (it.service_user.clone(), there)
    };
    let env_file = env_path.zip(settings);
    let mut facts = HostFacts {
        target: host.target().to_string(),
        systemd: answer.one("systemd"),
        nft: answer.one("nft"),
        missing_tools: answer.all("missing_tool"),
        sudo,
        service_users: settings.map(account).into_iter().collect(),
        directories: answer.directories(),
        env_files: env_file
            .map(|(path, it)| answer.env_file(path, &it.require_env))
            .into_iter()
            .collect(),
        disk_free_bytes: free,
        clock_skew_seconds: number("now")? - now,
        lease: lease(&state),
        foreign_ports: settings.map_or_else(Vec::new, |it| foreign_ports(&answer, &state, it)),
        proxy_problems: settings.map_or_else(Vec::new, |it| proxy_problems(&answer, layout, it)),
        build_problems: service
            .and_then(|service| build_problems(&answer, service, &of_service, free)),
        pending,
        running: None,
        armed: None,
        running_frontend: None,
        armed_frontend: None,
        previous_bundle: None,
    };
    match part {
        Part::Backend => (facts.running, facts.armed) = (state.confirmed, state.armed),
        Part::Frontend => {
            (facts.running_frontend, facts.armed_frontend) = (state.confirmed, state.armed);
            facts.previous_bundle = state.frontend.map(|_| layout.frontend());
        }
    }
    Ok(facts)
}

fn sudo(host: &Host) -> Result<Sudo, DeployError> {
    if !host.needs_sudo() {
        return Ok(Sudo::NotNeeded);
    }
    let status = host.run(&Command::new("true").privileged())?.status;
    Ok(if status == 0 {
        Sudo::Works
    } else {
        Sudo::Refused
    })
}

fn lease(state: &State) -> Option<LeaseFacts> {
    let (holder, since, until) = state
        .lease
        .as_ref()
        .filter(|(.., until)| *until > state.now)?;
    Some(LeaseFacts {
        holder: holder.clone(),
        since: Timestamp::from_second(*since).ok()?,
        until: Timestamp::from_second(*until).ok()?,
    })
}

/// Returns what the steps, the method of switching and a build call.
fn tools(settings: &Service) -> String {
    let mut more: Vec<&str> = match &settings.switch {
        Method::Nft => vec!["nft"],
        Method::Template(proxy) => [&proxy.check, &proxy.reload]
            .into_iter()
            .filter_map(|command| command.first().map(String::as_str))
            .filter(|program| !program.contains(char::is_whitespace))
            .collect(),
        Method::Socket | Method::Restart => Vec::new(),
    };
    if settings.build.is_some() {
        more.extend(["git", "runuser"]);
    }
    format!("{TOOLS} {}", more.join(" "))
}

fn foreign_ports(answer: &KeyValues, state: &State, settings: &Service) -> Vec<u16> {
    let listening = answer.all("listening");
    let mut ports: Vec<u16> = Slot::ALL
        .into_iter()
        .filter(|slot| !state.slot(*slot).is_running())
        .map(|slot| slot.port(settings.port))
        .collect();
    // A restart needs the public port itself; rules pass by whoever listens there, and a
    // proxy is the one that shall.
    if settings.switch == Method::Restart
        && !Slot::ALL.iter().any(|slot| state.slot(*slot).is_running())
    {
        ports.push(settings.port);
    }
    // So does a listener; only a slot or listener of ours may be there already.
    let ours = [&state.armed, &state.confirmed]
        .into_iter()
        .flatten()
        .any(|switch| matches!(switch.switch_kind, SwitchKind::Socket | SwitchKind::Restart));
    if settings.switch == Method::Socket && !ours {
        ports.push(settings.port);
    }
    ports.retain(|port| listening.contains(&port.to_string()));
    ports
}

fn proxy_problems(answer: &KeyValues, layout: &Layout, settings: &Service) -> Vec<Problem> {
    let Some(proxy) = settings.switch.proxy() else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for lacks in answer.all("proxy_lacks") {
        problems.push(match lacks.as_str() {
            "directory" => {
                let file = layout.host_path(&proxy.file);
                let directory = file.parent().unwrap_or(&file);
                Problem::new(
                    format!("there is no directory {directory} for the proxy's file"),
                    "create it, and include the file in the proxy's configuration",
                )
            }
            _ => {
                let unit = proxy.unit.as_deref().unwrap_or_default();
                Problem::new(
                    format!("{unit} does not run, and users come through it"),
                    format!("start it: systemctl start {unit}"),
                )
            }
        });
    }
    if proxy.watch == DrainProbe::Public
        && !answer.all("listening").contains(&settings.port.to_string())
    {
        problems.push(Problem::new(
            format!(
                "nothing listens on port {}, where the proxy shall answer plain HTTP",
                settings.port
            ),
            "let it, or say `watch = \"slot\"` in the app's `switch`",
        ));
    }
    problems
}

fn build_problems(
    answer: &KeyValues,
    service: &AppService<'_>,
    layout: &ServiceLayout,
    free: u64,
) -> Option<Vec<Problem>> {
    let build = service.settings.build.as_ref()?;
    let user = &service.settings.service_user;
    let tool = build.run.first().map_or("", String::as_str);
    let directory = layout.build();
    let lacks = answer.all("build_lacks");
    let lacks = lacks.iter().filter_map(|word| match word.as_str() {
        // Where it is missing altogether, it is a missing tool.
        "git" if answer.all("missing_tool").iter().any(|tool| tool == "git") => None,
        "git" => Some(Problem::new(
            format!("{user} does not find git, which the build fetches with"),
            "put it on that account's path",
        )),
        "tool" => Some(Problem::new(
            format!("{user} does not find {tool}, which builds the app"),
            "install it for that account, or give the build a PATH in `env`",
        )),
        _ => Some(Problem::new(
            format!("{user} cannot write to {directory}, where the app is built"),
            format!("chown {user} {directory}"),
        )),
    });
    let mut problems: Vec<Problem> = lacks.collect();
    let (free, need) = (free / 1024 / 1024, build.disk_mib);
    if free < need {
        problems.push(Problem::new(
            format!("{free} MiB free where the app is built"),
            format!("make room for {need} MiB, or correct `disk_mib` of the build"),
        ));
    }
    Some(problems)
}

/// The lines `name=value` that the host printed.
struct KeyValues(BTreeMap<String, Vec<String>>);

impl KeyValues {
    fn read(text: &str) -> KeyValues {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            fields
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        KeyValues(fields)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn one(&self, name: &str) -> Option<String> {
        self.0
            .get(name)?
            .first()
            .filter(|value| !value.is_empty())
            .cloned()
    }

    fn directories(&self) -> Vec<DirectoryFacts> {
        self.all("directory")
            .iter()
            .filter_map(|line| {
                let mut words = line.splitn(3, ' ');
                Some(DirectoryFacts {
                    owner: words.next()?.to_owned(),
                    mode: words.next()?.to_owned(),
                    path: words.next()?.into(),
                })
            })
            .collect()
    }

    fn env_file(&self, path: Utf8PathBuf, required: &[String]) -> EnvFileFacts {
        let facts = self.one("env_file");
        let (owner, mode) = facts
            .as_deref()
            .and_then(|facts| facts.split_once(' '))
            .unwrap_or_default();
        let names = self.all("env_name");
        EnvFileFacts {
            path,
            exists: facts.is_some(),
            owner: owner.to_owned(),
            mode: mode.to_owned(),
            missing: required
                .iter()
                .filter(|name| !names.contains(name))
                .cloned()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_leave_the_env_file() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join(".env");
        let text = "A=secret1\nB=\nC=\"\"\n# D=secret2\n E='secret3'\nF=\"secret4 x\"\nbroken\n";
        std::fs::write(&file, text).unwrap();
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                QUERY_SH,
                "stagegate",
                scratch.path().to_str().unwrap(),
                "",
            ])
            .args([file.to_str().unwrap(), "", "", "", "", ""])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(KeyValues::read(&text).all("env_name"), ["A", "E", "F"]);
    }
}
