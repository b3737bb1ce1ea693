//! The file of a switch on the host: the head that says whose it is, and a body that is what
//! its [`Method`] needs to lead users to the slot: rules, a proxy's file, or nothing.

use crate::model::app::Service;
use crate::model::layout::ServiceLayout;
use crate::model::switch::Switch;
use crate::model::switch_method::{Method, SwitchKind};
use crate::systemd::host_file::HostFile;
use crate::traffic::nftables;

/// Between the head and the body.
const END: &str = "# end\n";

/// Returns what follows the head of a switch's file.
pub(crate) fn body(text: &str) -> &str {
    text.split_once(END).map_or("", |(_, body)| body)
}

/// Returns the whole file; `record` is the inner text of the JSON record that the host writes
/// when this switch is confirmed or reverted.
pub(crate) fn file(
    switch: &Switch,
    layout: &ServiceLayout,
    service: &Service,
    record: &str,
) -> String {
    let head = [
        ("slot", switch.slot.name()),
        ("method", switch.switch_kind.name()),
        ("release", &switch.release),
        ("version", &switch.version),
        ("commit", &switch.commit),
        ("owner", &switch.owner),
        ("by", &one_line(&switch.by)),
        ("at", &switch.at.to_string()),
        ("record", record),
    ]
    .map(|(key, value)| format!("# {key} {value}\n"))
    .concat();
    let port = switch.slot.port(service.port);
    let body = match &service.switch {
        Method::Nft => nftables::ruleset(&layout.table(), service.port, port),
        Method::Template(proxy) => proxy.render(&layout.name(), switch.slot, port),
        Method::Socket | Method::Restart => String::new(),
    };
    format!("{head}{END}{body}")
}

/// Returns the file by which a proxy is told of the switch.
pub(crate) fn proxy_file(
    switch: &Switch,
    layout: &ServiceLayout,
    service: &Service,
) -> Option<HostFile> {
    let proxy = service.switch.proxy()?;
    let port = switch.slot.port(service.port);
    let text = proxy.render(&layout.name(), switch.slot, port);
    (switch.switch_kind == SwitchKind::Template).then(|| HostFile {
        path: layout.host_path(&proxy.file).into_string(),
        mode: "0644",
        text,
    })
}

/// Returns a value for one line of a head: line breaks would end the comment.
fn one_line(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::samples::{app, backend};
    use crate::model::layout::Layout;
    use crate::model::part::Part;
    use crate::model::slot::Slot;
    use crate::model::switch::samples;
    use crate::model::switch_method::{Preset, Proxy};
    use crate::model::target::Target;

    fn file(switch: &Switch, method: Method) -> String {
        let layout = Layout::new(&Target::parse("root@host").unwrap(), &app());
        let service = Service {
            switch: method,
            ..backend()
        };
        let layout = layout.service(Part::Backend);
        super::file(switch, &layout, &service, "\"app\":\"guestbook\"")
    }

    #[test]
    fn a_switch_leads_to_its_slot_and_is_read_back() {
        let switch = samples::switch(Slot::Green, "1.0.0-0123456789ab", "run-1");
        let text = file(&switch, Method::Nft);
        assert_eq!(
            text.matches("tcp dport 8080 redirect to :8082").count(),
            2,
            "{text}"
        );
        assert!(
            !text
                .lines()
                .any(|line| line.starts_with("add table inet evil")),
            "{text}"
        );
        let read = Switch::parse(&text).unwrap();
        assert_eq!(read.by, "A. Nobody add table inet evil");
        assert_eq!(
            Switch {
                by: switch.by.clone(),
                ..read
            },
            switch
        );
        let by = |switch_kind| Switch {
            switch_kind,
            ..switch.clone()
        };
        let proxy = Proxy::preset(Preset::Nginx, "/etc/nginx/conf.d/guestbook.conf".into());
        let text = file(&by(SwitchKind::Template), Method::Template(proxy));
        let body = text.split_once(END).unwrap().1;
        assert!(
            body.contains("upstream guestbook {") && body.contains("server 127.0.0.1:8082;"),
            "{body}"
        );
        let text = file(&by(SwitchKind::Restart), Method::Restart);
        assert!(text.ends_with(END), "{text}");
        assert_eq!(Switch::parse(&text).unwrap().port(8080), 8080);
        let text = file(&by(SwitchKind::Socket), Method::Socket);
        assert!(text.ends_with(END), "{text}");
        assert_eq!(
            Switch::parse(&text).unwrap(),
            Switch {
                by: "A. Nobody add table inet evil".into(),
                ..by(SwitchKind::Socket)
            }
        );
        assert_eq!(Switch::parse(&text).unwrap().port(8080), 8080);
    }
}
