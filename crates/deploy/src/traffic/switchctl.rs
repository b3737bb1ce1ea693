//! The script that makes every change of the switch on a host, `switch/switchctl`.

use crate::model::app::Service;
use crate::model::layout::ServiceLayout;
use crate::model::shell_quote::quote;
use crate::model::slot::Slot;

/// The script's body; its head is made by [`script`].
const BODY: &str = concat!(
    include_str!("route_traffic.sh"),
    "\n",
    include_str!("socket_activation.sh"),
    "\n",
    include_str!("switchctl.sh")
);

/// Returns the script's text for one service.
pub(crate) fn script(layout: &ServiceLayout, service: &Service) -> String {
    let head = [
        ("app", layout.app_layout().app().to_owned()),
        ("service", layout.name()),
        ("unit", layout.unit_prefix()),
        ("base", layout.app_layout().base().into_string()),
        ("here", layout.directory().into_string()),
        (
            "other_switchctl",
            layout.other_service().switch_script().into_string(),
        ),
        ("run", layout.runtime_directory().into_string()),
        ("units", layout.units().into_string()),
        ("table", layout.table()),
        ("blue", Slot::Blue.port(service.port).to_string()),
        ("green", Slot::Green.port(service.port).to_string()),
        ("drain", service.drain_seconds.to_string()),
        ("public", service.port.to_string()),
        ("method", service.switch.kind().name().to_owned()),
    ]
    .map(|(name, value)| format!("{name}={}\n", quote(&value)))
    .concat();
    let proxy = proxy_lines(layout, service);
    format!("#!/bin/sh\n{head}{proxy}\n{BODY}")
}

/// Returns what the script knows of a proxy; of none, so much that it is none.
fn proxy_lines(layout: &ServiceLayout, service: &Service) -> String {
    let Some(proxy) = service.switch.proxy() else {
        return "proxy_file=\n".to_owned();
    };
    let line = |command: &[String]| {
        let words: Vec<String> = command.iter().map(|word| quote(word)).collect();
        quote(&words.join(" "))
    };
    let file = layout.host_path(&proxy.file);
    format!(
        "proxy_file={}\nproxy_unit={}\nproxy_check={}\nproxy_reload={}\n",
        quote(file.as_str()),
        quote(proxy.unit.as_deref().unwrap_or_default()),
        line(&proxy.check),
        line(&proxy.reload)
    )
}
