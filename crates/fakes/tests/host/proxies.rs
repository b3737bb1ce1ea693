//! Proxies in front of the guestbook on a real host, as their owner has set them up: they
//! own the public port, and include the file that a deploy writes.

use camino::Utf8PathBuf;
use stagegate_deploy::{Method, Preset, Proxy};

use super::bench::Bench;
use super::machine::Machine;

/// All of them.
pub(crate) const ALL: [Preset; 3] = [Preset::Nginx, Preset::Haproxy, Preset::Caddy];

/// Where the deploy writes.
pub(crate) fn file(preset: Preset) -> Utf8PathBuf {
    match preset {
        Preset::Nginx => "/etc/nginx/conf.d/guestbook.conf".into(),
        Preset::Haproxy => "/etc/haproxy/guestbook.cfg".into(),
        Preset::Caddy => "/etc/caddy/guestbook.caddy".into(),
    }
}

/// What the owner does: a site, a first file for it, and the proxy that runs from boot on.
fn set_up(preset: Preset) -> &'static str {
    match preset {
        Preset::Nginx => {
            r#"cat >/etc/nginx/sites-enabled/guestbook <<'SITE'
map $http_upgrade $guestbook_connection { default upgrade; '' ''; }
server {
    listen 8080;
    location / {
        proxy_pass http://guestbook;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $guestbook_connection;
    }
}
SITE
echo 'upstream guestbook { server 127.0.0.1:8081; }' >/etc/nginx/conf.d/guestbook.conf
systemctl enable --quiet --now nginx.service"#
        }
        Preset::Haproxy => {
            r#"cat >/etc/haproxy/haproxy.cfg <<'SITE'
defaults
    mode http
    option idle-close-on-response
    timeout tunnel 60s
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend site
    bind :8080
    default_backend guestbook
SITE
printf 'backend guestbook\n    server blue 127.0.0.1:8081\n' >/etc/haproxy/guestbook.cfg
echo 'EXTRAOPTS="-f /etc/haproxy/guestbook.cfg"' >/etc/default/haproxy
systemctl enable --quiet --now haproxy.service"#
        }
        Preset::Caddy => {
            r#"cat >/etc/caddy/Caddyfile <<'SITE'
import /etc/caddy/guestbook.caddy
:8080 {
	import guestbook
}
SITE
printf '(guestbook) {\n\treverse_proxy 127.0.0.1:8081\n}\n' >/etc/caddy/guestbook.caddy
systemctl enable --quiet --now caddy.service"#
        }
    }
}

/// Takes everything of it back.
pub(crate) const RESET: &str = "systemctl disable --quiet --now nginx.service haproxy.service caddy.service; \
    rm -f /etc/nginx/sites-enabled/guestbook /etc/nginx/conf.d/guestbook.conf /etc/haproxy/guestbook.cfg \
    /etc/caddy/guestbook.caddy\n";

impl Bench {
    /// Puts a proxy in front of the app.
    pub(crate) fn behind(&mut self, preset: Preset) {
        let Machine::Real(host) = &self.host else {
            panic!("a fake host has no proxies");
        };
        host.inside(&format!("set -eu\n{}", set_up(preset)));
        self.backend().switch = Method::Template(Proxy::preset(preset, file(preset)));
    }

    /// Ends every proxy.
    pub(crate) fn stop_proxies(&self) {
        if let Machine::Real(host) = &self.host {
            host.inside("systemctl stop nginx.service haproxy.service caddy.service");
        }
    }
}
