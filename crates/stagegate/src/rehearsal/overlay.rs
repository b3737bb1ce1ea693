//! The file that tells the client where the fakes are.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use camino::Utf8Path;
use stagegate_config::schema::{
    Config, FreshProject, Level, PlainSwitch, ServiceConfig, SwitchConfig,
};
use stagegate_config::stage::Stage;
use stagegate_fakes::environment::FakeEnvironment;

/// Writes the file that lies over stagegate.toml.
pub(super) fn write(
    path: &Utf8Path,
    config: &Config,
    fakes: &FakeEnvironment,
    stabilize: u64,
) -> anyhow::Result<()> {
    let mut value = serde_json::json!({
        "registry": {
            "index": fakes.registry.index(),
            "docs": fakes.registry.docs(),
            // From the fake's address every third-party crate has another
            // path, and would be built again: minutes that show nothing new.
            "fresh_project": match config.registry.fresh_project {
                FreshProject::Build | FreshProject::Resolve => FreshProject::Resolve,
                FreshProject::Off => FreshProject::Off,
            },
        },
        "github": {
            "repository": fakes.repository(),
            "api": fakes.github.api(),
            "uploads": fakes.github.uploads(),
        },
    });
    // Nothing real can happen, so that one failed gate need not hide what comes after it; the
    // report says what would have stopped.
    for gate in stopping_gates(config) {
        value["gates"][gate.name()] = serde_json::json!({ "level": Level::Warn });
    }
    // Nobody is to be told of a release that is not one.
    value["notify"] = serde_json::json!({ "on": [] });
    if let Some(host) = &fakes.host {
        let mut production = serde_json::json!({
            "hosts": [format!("{}@127.0.0.1:{}", host.user(), host.port())],
            "identity": host.identity(),
            "known_hosts": host.known_hosts(),
            "jump": "none",
            "ssh_config": "none",
            "prefix": host.prefix(),
            "port": host.public_port(),
            "service_user": host.user(),
            "stabilize": format!("{stabilize}s"),
        });
        if config
            .app
            .as_ref()
            .is_some_and(|app| app.frontend.is_some())
        {
            production["url"] = format!("http://127.0.0.1:{}/", host.public_port()).into();
        }
        if let Some(service) = frontend_service(config) {
            let port = host.frontend_port();
            production["frontend_port"] = port.into();
            production["url"] = format!("http://127.0.0.1:{port}{}", service.health).into();
            if led_by(service).is_some() {
                value["app"]["frontend"]["service"]["switch"] = serde_json::json!(PlainSwitch::Nft);
            }
        }
        if backend(config).is_some_and(|backend| led_by(backend).is_some()) {
            value["app"]["backend"]["switch"] = serde_json::json!(PlainSwitch::Nft);
        }
        if builds_on_hosts(config) {
            value["app"]["backend"]["build"] = build_of(fakes);
        }
        value["deploy"] = serde_json::json!({ "production": production });
    }
    let text = toml_edit::ser::to_string_pretty(&value).context("writing down the fakes")?;
    std::fs::write(path, text).with_context(|| format!("writing {path}"))
}

/// Returns the gates that would stop a real release.
pub(super) fn stopping_gates(config: &Config) -> Vec<Stage> {
    let levels = config.gates.levels().into_iter();
    let stops = levels.filter(|(_, level)| *level == Level::Deny);
    stops.map(|(gate, _)| gate).collect()
}

fn builds_on_hosts(config: &Config) -> bool {
    backend(config).is_some_and(ServiceConfig::is_built_on_hosts)
}

fn backend(config: &Config) -> Option<&ServiceConfig> {
    config.app.as_ref()?.backend.as_ref()
}

fn frontend_service(config: &Config) -> Option<&ServiceConfig> {
    config.app.as_ref()?.frontend_service()
}

/// Describes a build on the host of a rehearsal, which is this machine: it fetches from the
/// rehearsal's own remote, and its toolchain is where ours is.
fn build_of(fakes: &FakeEnvironment) -> serde_json::Value {
    let places = ["CARGO_HOME", "RUSTUP_HOME"];
    let known = places.map(|name| Some((name, std::env::var(name).ok()?)));
    let env: BTreeMap<_, _> = known.into_iter().flatten().collect();
    serde_json::json!({ "git": fakes.remote(), "env": env })
}

/// Returns how users come to any of the services, where the fake host cannot do it: it has
/// no proxy, and hands no listener on. There its firewall leads them, and the report says
/// so.
pub(super) fn not_by_the_firewall(config: &Config) -> BTreeSet<&'static str> {
    let services = [backend(config), frontend_service(config)];
    services.into_iter().flatten().filter_map(led_by).collect()
}

fn led_by(service: &ServiceConfig) -> Option<&'static str> {
    match service.switch {
        SwitchConfig::Proxy(_) => Some("a proxy"),
        SwitchConfig::Plain(PlainSwitch::Socket) => Some("a listener"),
        SwitchConfig::Plain(PlainSwitch::Nft | PlainSwitch::Restart) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_that_stop_a_release_are_those_at_deny() {
        let check = |text: &str, want: &[Stage]| {
            let config = Config::parse(Utf8Path::new("stagegate.toml"), text).unwrap();
            assert_eq!(stopping_gates(&config), want, "{text}");
        };
        let usual = [Stage::Fmt, Stage::Audit, Stage::Clippy, Stage::Test];
        check("", &usual);
        let text = "[gates]\nfmt = \"off\"\naudit = \"warn\"\ntest = \"warn\"\nlinks = {}\nsemver = \"deny\"";
        check(text, &[Stage::Links, Stage::Clippy, Stage::Semver]);
    }
}
