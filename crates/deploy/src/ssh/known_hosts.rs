//! Which host keys are known, read strictly from `known_hosts` text.
//!
//! libssh2's own check ignores `@revoked` lines and takes another key type of the same
//! host for a mismatch; this one does neither. Plain, wildcard, negated and hashed names
//! are understood, and `[host]:port` for any port but 22. It never adds a key, and it
//! refuses to stand in for a certificate authority: such lines are reported, not used.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What the known hosts say about one key of one host.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// This very key is listed.
    Known,
    /// No key of this type is listed for the host.
    Unknown,
    /// Another key of this type is listed.
    Changed,
    /// This key is marked `@revoked`.
    Revoked,
    /// Only a certificate authority is listed, which is not checked here.
    OnlyAuthority,
}

/// The lines of one or more known hosts files that concern one host.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct KnownKeys {
    keys: Vec<(String, Vec<u8>)>,
    revoked: Vec<Vec<u8>>,
    authority: bool,
}

impl KnownKeys {
    /// Reads the lines for `host` at `port` from the text of a known hosts file.
    ///
    /// Lines that are not understood are passed over, as OpenSSH does: an entry that
    /// cannot be read must not admit anything.
    pub(crate) fn read(&mut self, text: &str, host: &str, port: u16) {
        let host = host.to_ascii_lowercase();
        let name = if port == 22 {
            host
        } else {
            format!("[{host}]:{port}")
        };
        for line in text.lines() {
            let mut fields = line.split_ascii_whitespace().peekable();
            let marker = fields.next_if(|field| field.starts_with('@'));
            let (Some(names), Some(kind), Some(key)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if names.starts_with('#') || !names_match(names, &name) {
                continue;
            }
            let Ok(key) = STANDARD.decode(key) else {
                continue;
            };
            match marker {
                None => self.keys.push((kind.to_owned(), key)),
                Some("@revoked") => self.revoked.push(key),
                Some("@cert-authority") => self.authority = true,
                Some(_) => {}
            }
        }
    }

    /// Iterates over the key types known for the host, in the order listed.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kind, _)| kind.as_str())
    }

    /// Judges the key that the host has proved to hold.
    pub(crate) fn judge(&self, key: &[u8]) -> Verdict {
        if self.revoked.iter().any(|revoked| revoked == key) {
            return Verdict::Revoked;
        }
        if self.keys.iter().any(|(_, known)| known == key) {
            return Verdict::Known;
        }
        let kind = key_type(key);
        if self.types().any(|known| known == kind) {
            Verdict::Changed
        } else if self.authority {
            Verdict::OnlyAuthority
        } else {
            Verdict::Unknown
        }
    }
}

/// Returns the type a public key names in its first field (RFC 4253, section 6.6).
pub(crate) fn key_type(key: &[u8]) -> String {
    let name = key.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.get(..length)
    });
    name.map_or_else(
        || "unreadable".to_owned(),
        |name| String::from_utf8_lossy(name).into_owned(),
    )
}

/// Returns the fingerprint as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// Tells whether the first field of a line covers `name`.
fn names_match(field: &str, name: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        return hashed_name_matches(hashed, name).unwrap_or(false);
    }
    let mut covered = false;
    for pattern in field.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if wildcard(negated.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => covered |= wildcard(pattern.as_bytes(), name.as_bytes()),
        }
    }
    covered
}

/// Compares with `|1|SALT|HMAC-SHA1(SALT, NAME)`, both in base64.
fn hashed_name_matches(hashed: &str, name: &str) -> Option<bool> {
    let (salt, digest) = hashed.split_once('|')?;
    let mut hmac = Hmac::<Sha1>::new_from_slice(&STANDARD.decode(salt).ok()?).ok()?;
    hmac.update(name.as_bytes());
    Some(hmac.verify_slice(&STANDARD.decode(digest).ok()?).is_ok())
}

/// Matches `*` and `?` as OpenSSH's patterns have them; case is ignored.
fn wildcard(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            wildcard(rest, name)
                || name
                    .split_first()
                    .is_some_and(|(_, tail)| wildcard(pattern, tail))
        }
        (Some((b'?', rest)), Some((_, tail))) => wildcard(rest, tail),
        (Some((p, rest)), Some((n, tail))) => p.eq_ignore_ascii_case(n) && wildcard(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-formed public key of that type, with one distinguishing byte.
    fn key(kind: &str, byte: u8) -> Vec<u8> {
        let mut key = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        key.extend(kind.as_bytes());
        key.extend([0, 0, 0, 1, byte]);
        key
    }

    fn check(lines: &str, host: &str, port: u16, offered: &[u8], expected: Verdict) {
        let mut text = lines.to_owned();
        for byte in [1, 2] {
            let ed25519 = STANDARD.encode(key("ssh-ed25519", byte));
            text = text.replace(&format!("ED{byte}"), &format!("ssh-ed25519 {ed25519}"));
        }
        text = text.replace(
            "RSA",
            &format!("ssh-rsa {}", STANDARD.encode(key("ssh-rsa", 9))),
        );
        let mut known = KnownKeys::default();
        known.read(&text, host, port);
        assert_eq!(known.judge(offered), expected, "{text}");
    }

    #[test]
    fn each_form_of_a_line_is_understood() {
        let one = &key("ssh-ed25519", 1);
        check("app1 ED1\n", "app1", 22, one, Verdict::Known);
        check("app1 ED1 a comment\n", "APP1", 22, one, Verdict::Known);
        check("app1,10.0.0.1 ED1\n", "10.0.0.1", 22, one, Verdict::Known);
        check("[app1]:2222 ED1\n", "app1", 2222, one, Verdict::Known);
        check("app1 ED1\n", "app1", 2222, one, Verdict::Unknown);
        check("[app1]:2222 ED1\n", "app1", 22, one, Verdict::Unknown);
        check(
            "*.example.org ED1\n",
            "app1.example.org",
            22,
            one,
            Verdict::Known,
        );
        check("app? ED1\n", "app1", 22, one, Verdict::Known);
        check(
            "*.example.org,!app1.example.org ED1\n",
            "app1.example.org",
            22,
            one,
            Verdict::Unknown,
        );
        check("# app1 ED1\n", "app1", 22, one, Verdict::Unknown);
        check("app1 ssh-ed25519 !!!\n", "app1", 22, one, Verdict::Unknown);
        check("", "app1", 22, one, Verdict::Unknown);
    }

    #[test]
    fn changed_revoked_and_other_types_are_told_apart() {
        let one = &key("ssh-ed25519", 1);
        check("app1 ED2\n", "app1", 22, one, Verdict::Changed);
        check("app1 ED2\napp1 ED1\n", "app1", 22, one, Verdict::Known);
        check("app1 RSA\n", "app1", 22, one, Verdict::Unknown);
        check("app1 RSA\napp1 ED1\n", "app1", 22, one, Verdict::Known);
        check(
            "app1 ED1\n@revoked * ED1\n",
            "app1",
            22,
            one,
            Verdict::Revoked,
        );
        check("@revoked app1 ED2\n", "app1", 22, one, Verdict::Unknown);
        check(
            "@cert-authority *.example.org ED2\n",
            "a.example.org",
            22,
            one,
            Verdict::OnlyAuthority,
        );
        check(
            "@cert-authority app1 ED1\n",
            "app1",
            22,
            one,
            Verdict::OnlyAuthority,
        );
        check("@strange app1 ED1\n", "app1", 22, one, Verdict::Unknown);
    }

    #[test]
    fn hashed_names_match_what_ssh_keygen_wrote() {
        // `ssh-keygen -H` of a file with the line `app1.example.org ssh-ed25519 …`.
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        let one = key("ssh-ed25519", 1);
        // A real key, because ssh-keygen passes over lines whose key it cannot parse.
        let mut real = one[..15].to_vec();
        real.extend([0, 0, 0, 32]);
        real.extend([7; 32]);
        let line = format!(
            "[app1.example.org]:2222 ssh-ed25519 {}\n",
            STANDARD.encode(&real)
        );
        std::fs::write(&file, line).unwrap();
        let made = std::process::Command::new("ssh-keygen")
            .arg("-H")
            .arg("-f")
            .arg(&file)
            .output();
        let text = match made {
            Ok(output) if output.status.success() => std::fs::read_to_string(&file).unwrap(),
            _ => hashed_by_hand("[app1.example.org]:2222", &real),
        };
        assert!(text.starts_with("|1|"), "{text}");
        check(&text, "app1.example.org", 2222, &real, Verdict::Known);
        check(&text, "app2.example.org", 2222, &real, Verdict::Unknown);
    }

    /// The line `ssh-keygen -H` would write, for machines without it.
    fn hashed_by_hand(name: &str, key: &[u8]) -> String {
        let mut hmac = Hmac::<Sha1>::new_from_slice(&[3; 20]).unwrap();
        hmac.update(name.as_bytes());
        let digest = STANDARD.encode(hmac.finalize().into_bytes());
        format!(
            "|1|{}|{digest} ssh-ed25519 {}\n",
            STANDARD.encode([3; 20]),
            STANDARD.encode(key)
        )
    }

    #[test]
    fn keys_name_their_type_and_fingerprint() {
        assert_eq!(key_type(&key("ssh-ed25519", 1)), "ssh-ed25519");
        assert_eq!(key_type(&[0, 0, 1]), "unreadable");
        assert_eq!(key_type(&[0, 0, 0, 9, 1]), "unreadable");
        assert_eq!(
            fingerprint(b""),
            "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
        );
    }
}
