//! Passwords in addresses: `scheme://user:password@host`.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// An address with a name, a password and a host. What the parts may hold is less than a
/// URL allows: brackets and braces are those of templates and expressions.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"\b([A-Za-z][A-Za-z0-9+.-]*)://([A-Za-z0-9._~!$&*+,;=%-]*):([A-Za-z0-9._~!$&*+,;=%-]{5,})@(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)"#;
    Regex::new(text).expect("a constant expression")
});

/// Words that stand where a password would, in documents and templates.
const PLACEHOLDERS: [&str; 24] = [
    "admin",
    "changeit",
    "changeme",
    "change-me",
    "change_me",
    "credentials",
    "dummy",
    "example",
    "guest",
    "hunter2",
    "key",
    "mypassword",
    "pass",
    "passwd",
    "password",
    "password123",
    "postgres",
    "pw",
    "pwd",
    "replaceme",
    "root",
    "secret",
    "token",
    "x-oauth-basic",
];

/// An address with a password that was found.
pub(super) struct Found {
    /// Where it begins.
    pub(super) at: usize,
    /// The address without what is secret.
    pub(super) shown: String,
    /// Whether it leads to this machine only.
    pub(super) is_local: bool,
}

/// Returns the addresses that hold a password which may be one.
pub(super) fn find(bytes: &[u8]) -> Vec<Found> {
    let found = ADDRESS.captures_iter(bytes).filter_map(|address| {
        let part = |index: usize| String::from_utf8_lossy(&address[index]).into_owned();
        let (scheme, user, password, host) = (part(1), part(2), part(3), part(4));
        // An image by its digest: `docker://name:tag@sha256:…`.
        let is_digest = matches!(host.as_str(), "sha256" | "sha512");
        if is_digest || password == user || is_placeholder(&password) || is_example(&host) {
            return None;
        }
        Some(Found {
            at: address.get(0)?.start(),
            shown: format!("{scheme}://…:…@{host}"),
            is_local: is_local(&host),
        })
    });
    found.collect()
}

/// Returns whether a value stands for one that somebody has to put there.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    let mut characters = lower.chars();
    let first = characters.next();
    let all_alike = characters.all(|c| Some(c) == first);
    let begins = ["your", "my-", "my_", "some", "insert", "example", "todo"];
    all_alike
        || lower.starts_with(['$', '{', '<', '%', '['])
        || lower.contains("${")
        || lower.contains("...")
        || lower.contains("placeholder")
        || begins.iter().any(|begin| lower.starts_with(begin))
        || PLACEHOLDERS.contains(&lower.trim_matches(['*', '_', '-']))
}

/// Returns whether nobody owns the host: names that are reserved for documents and tests.
fn is_example(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_lowercase();
    let reserved = ["example", "test", "invalid"];
    let last = host.rsplit('.').next().unwrap_or_default();
    let domain = |name: &str| host == name || host.ends_with(&format!(".{name}"));
    reserved.contains(&last)
        || ["example.com", "example.net", "example.org"]
            .into_iter()
            .any(domain)
        || ["host", "hostname", "server", "domain"].contains(&host.as_str())
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.to_lowercase().ends_with(".localhost")
        || host.starts_with("127.")
        || ["0.0.0.0", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that this file does not hold what it looks for.
    fn address(user: &str, password: &str, host: &str) -> String {
        format!("postgres:{}{user}:{password}@{host}/app", "//")
    }

    #[test]
    fn a_password_is_found_and_not_repeated() {
        let check = |text: &str, want: &[(&str, bool)]| {
            let found = find(text.as_bytes());
            let found: Vec<_> = found
                .iter()
                .map(|f| (f.shown.as_str(), f.is_local))
                .collect();
            assert_eq!(found, want, "{text}");
        };
        let host = "db.stagegate.dev";
        let shown = "postgres://…:…@db.stagegate.dev";
        check(&address("app", "k9Trq-71x", host), &[(shown, false)]);
        check(&address("", "k9Trq-71x", host), &[(shown, false)]);
        check(&address("app", "p%40ss$w0rd9", host), &[(shown, false)]);
        let local = ("postgres://…:…@localhost", true);
        check(&address("app", "k9Trq-71x", "localhost"), &[local]);
        let local = ("postgres://…:…@[::1]", true);
        check(&address("app", "k9Trq-71x", "[::1]"), &[local]);
    }

    #[test]
    fn what_stands_for_a_password_is_left_alone() {
        let host = "db.stagegate.dev";
        for text in [
            address("user", "password", host),
            address("user", "PASSWORD", host),
            address("user", "secret", host),
            address("user", "changeme", host),
            address("user", "xxxxxxxx", host),
            address("user", "*****", host),
            address("user", "your-password", host),
            address("user", "$PASSWORD", host),
            address("user", "${PASSWORD}", host),
            address("{user}", "{password}", host),
            address("user", "<password>", host),
            address("postgres", "postgres", host),
            address("app", "k9Trq-71x", "db.example.com"),
            address("app", "k9Trq-71x", "example.org"),
            address("app", "k9Trq-71x", "db.test"),
            "docker://alpine:3.18.2@sha256:abcdef".to_owned(),
            "https://localhost:8080/@scope/name".to_owned(),
            "see https://a.b/c, or ask me:soon@there".to_owned(),
            "git+ssh://git@github.com:22/a/b".to_owned(),
            "([a-z]+)://([^:]+):([^@]+)@(.*)".to_owned(),
        ] {
            assert!(find(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
