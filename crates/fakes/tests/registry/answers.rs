//! 119 requests, and what the real crates.io answered to each: status and text, on its own
//! server (source of 2026-08-21, commit 57fa0006). The fake has to answer the same, and where
//! it does not, the row says why.
//!
//! The requests are made byte by byte, for no client makes most of them. They come in the
//! order in which they were recorded: later ones see what earlier ones have published.

use serde_json::{Value, json};
use stagegate_fakes::identity::IdentityKey;
use stagegate_fakes::registry::TrustedPublisher;
use tar::EntryType;

use crate::fixture::{Fixture, TOKEN};
use crate::wire::{Sent, TOKENS, call, dependencies, draft, exchange, features};

use Expected::{Begins, Body, Categories, Empty, Ok, Owners, Says};

/// A row of the table.
struct Row {
    request: &'static str,
    sent: Sent,
    status: u16,
    expected: Expected,
    /// Why the row is not word for word what was recorded.
    note: Option<&'static str>,
}

impl Row {
    fn noted(mut self, note: &'static str) -> Row {
        self.note = Some(note);
        self
    }
}

fn row(request: &'static str, sent: impl Into<Sent>, status: u16, expected: Expected) -> Row {
    Row {
        request,
        sent: sent.into(),
        status,
        expected,
        note: None,
    }
}

/// What an answer has to be, beside its status.
#[derive(Debug)]
enum Expected {
    /// A published version, without warnings.
    Ok,
    /// The one error of the protocol, in these words.
    Says(&'static str),
    /// The same, whose record was cut off.
    Begins(&'static str),
    /// This very body.
    Body(&'static str),
    /// Nothing.
    Empty,
    /// So many categories.
    Categories(usize),
    /// The owner `alice`, as the real one describes her; the order of the members is not kept.
    Owners,
}

/// The recording client wrote all of the body before it read, and so saw nothing but its broken
/// pipe. What the server had answered follows from its source: `read_tarball_bytes` in
/// src/controllers/krate/publish.rs, and the token before it.
const UNREAD: &str = "recorded as a broken pipe; status and text are those of the source";

const WRONG: &str = "cioAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const UNKNOWN_LEASE: &str = "cio_tp_gGK6jurSwKyl9V3Az19z7YEFQI9aoOOd";

#[rustfmt::skip]
fn table() -> Vec<Row> {
    vec![
        row("plain new crate", draft("bau-base"), 200, Ok),
        row("same version again", draft("bau-base"), 400, Says("crate version `1.0.0` is already uploaded")),
        row("same number, +build", draft("bau-base").version("1.0.0+x"), 400, Says("crate version `1.0.0` is already uploaded")),
        row("name differs by _", draft("bau_base").version("1.1.0"), 400, Says("crate was previously named `bau-base`")),
        row("name differs by case", draft("Bau-Base").version("1.1.0"), 400, Says("crate was previously named `bau-base`")),
        row("reserved name: test", draft("test"), 400, Says("cannot upload a crate with a reserved name")),
        row("reserved name: std", draft("std"), 400, Says("cannot upload a crate with a reserved name")),
        row("reserved: nul", draft("nul"), 400, Says("cannot upload a crate with a reserved name")),
        row("name with digit first", draft("1bau"), 400, Says("the name `1bau` cannot be used as a crate name, the name cannot start with a digit")),
        row("name with dot", draft("bau.x"), 400, Says("invalid character `.` in crate name: `bau.x`, characters must be an ASCII alphanumeric characters, `-`, or `_`")),
        row("name 65 chars", draft(&"b".repeat(65)), 400, Says("the crate name `bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb` is too long (max 64 characters)")),
        row("name empty", draft(""), 400, Says("crate name cannot be empty")),
        row("name _x", draft("_x"), 400, Says("invalid character `_` in crate name: `_x`, the first character must be an ASCII character")),
        row("version 1.0", draft("bau-v").version("1.0"), 400, Says("\"1.0\" is an invalid semver version")),
        row("version 151 chars", draft("bau-v").version(&format!("1.0.0-{}", "a".repeat(145))), 400, Says("the version number is too long (max 150 characters)")),
        row("no description", draft("bau-d").without("description"), 400, Begins("missing or empty metadata fields: description.")),
        row("description only in JSON", draft("bau-d").without("description").json("description", "d"), 400, Begins("missing or empty metadata fields: description.")),
        row("description blank \" \"", draft("bau-d1").set("description", " "), 200, Ok),
        row("description 1001 bytes", draft("bau-d").set("description", &"d".repeat(1001)), 400, Says("The `description` is too long. A maximum of 1000 characters are currently allowed.")),
        row("no licence", draft("bau-l").without("license"), 400, Begins("missing or empty metadata fields: license.")),
        row("licence not SPDX", draft("bau-l").set("license", "Proprietary"), 400, Begins("unknown or invalid license expression; see http://opensource.org/licenses for options, and http://spdx.org/licenses/ for their identifiers\nNote: If you have a non-standard license that is not listed by SPDX, use the license-")),
        row("licence \"apache 2.0\"", draft("bau-l").set("license", "apache 2.0"), 400, Begins("unknown or invalid license expression; see http://opensource.org/licenses for options, and http://spdx.org/licenses/ for their identifiers\nNote: If you have a non-standard license that is not listed by SPDX, use the license-")),
        row("licence blank + file", draft("bau-l").set("license", " ").set("license-file", "LICENSE"), 400, Begins("unknown or invalid license expression; see http://opensource.org/licenses for options, and http://spdx.org/licenses/ for their identifiers\nNote: If you have a non-standard license that is not listed by SPDX, use the license-")),
        row("license-file only", draft("bau-l1").without("license").set("license-file", "LICENSE"), 200, Ok),
        row("unknown category", draft("bau-c").list("categories", &["no-such-thing"]), 400, Says("The following category slugs are not currently supported on crates.io: no-such-thing\n\nSee https://crates.io/category_slugs for a list of supported slugs.")),
        row("category upper case", draft("bau-c").list("categories", &["Algorithms"]), 400, Says("The following category slugs are not currently supported on crates.io: Algorithms\n\nSee https://crates.io/category_slugs for a list of supported slugs.")),
        row("6 categories", draft("bau-c").list("categories", &["a", "b", "c", "d", "e", "f"]), 400, Says("expected at most 5 categories per crate")),
        row("6 keywords", draft("bau-k").list("keywords", &["a", "b", "c", "d", "e", "f"]), 400, Says("expected at most 5 keywords per crate")),
        row("keyword 21", draft("bau-k").list("keywords", &["kkkkkkkkkkkkkkkkkkkkk"]), 400, Says("\"kkkkkkkkkkkkkkkkkkkkk\" is an invalid keyword (keywords must have less than 20 characters)")),
        row("keyword 20", draft("bau-k1").list("keywords", &["kkkkkkkkkkkkkkkkkkkk"]), 200, Ok),
        row("keyword with blank", draft("bau-k").list("keywords", &["a b"]), 400, Says("\"a b\" is an invalid keyword")),
        row("keyword empty", draft("bau-k").list("keywords", &[""]), 400, Says("\"\" is an invalid keyword")),
        row("keyword _x", draft("bau-k").list("keywords", &["_x"]), 400, Says("\"_x\" is an invalid keyword")),
        row("keyword twice", draft("bau-k2").list("keywords", &["a", "a"]), 200, Ok),
        row("category twice", draft("bau-c1").list("categories", &["algorithms", "algorithms"]), 200, Ok),
        row("homepage ftp", draft("bau-u").set("homepage", "ftp://x.org"), 400, Says("URL for field `homepage` must begin with http:// or https:// (url: ftp://x.org)")),
        row("homepage \"https:/x\"", draft("bau-u").set("homepage", "https:/x.org"), 400, Says("URL for field `homepage` must begin with http:// or https:// (url: https:/x.org)")),
        row("homepage \"https://\"", draft("bau-u").set("homepage", "https://"), 400, Says("`homepage` is not a valid url: `https://`")),
        row("homepage \"HTTPS://x.org\"", draft("bau-u").set("homepage", "HTTPS://x.org"), 400, Says("URL for field `homepage` must begin with http:// or https:// (url: HTTPS://x.org)")),
        row("homepage with blank", draft("bau-u").set("homepage", "https://x y.org"), 400, Says("`homepage` is not a valid url: `https://x y.org`")),
        row("homepage \"\"", draft("bau-u").set("homepage", ""), 400, Says("URL for field `homepage` must begin with http:// or https:// (url: )")),
        row("repository git@", draft("bau-u").set("repository", "git@e.org:o/r"), 400, Says("URL for field `repository` must begin with http:// or https:// (url: git@e.org:o/r)")),
        row("rust-version ^1.70", draft("bau-r").set("rust-version", "^1.70"), 400, Says("failed to parse `Cargo.toml` manifest file\n\ninvalid `rust-version` value")),
        row("rust-version 1.70-nightly", draft("bau-r").set("rust-version", "1.70-nightly"), 400, Says("failed to parse `Cargo.toml` manifest file\n\ninvalid `rust-version` value")),
        row("301 features", draft("bau-f").tail(&features(301)), 400, Begins("crates.io only allows a maximum number of 300 features, but your crate is declaring 301 features.\n\nTake a look at https://blog.rust-lang.org/2023/10/26/broken-badges-and-23k-keywords.html to understand why this restriction")),
        row("300 features", draft("bau-f1").tail(&features(300)), 200, Ok),
        row("feature name \"a b\"", draft("bau-f").tail("[features]\n\"a b\" = []\n"), 400, Says("invalid character ` ` in feature `a b`, characters must be Unicode XID characters, `+`, `-`, or `.` (numbers, `+`, `-`, `_`, `.`, or most letters)")),
        row("feature name \"-x\"", draft("bau-f").tail("[features]\n-x = []\n"), 400, Says("invalid character `-` in feature `-x`, the first character must be a Unicode XID start character or digit (most letters or `_` or `0` to `9`)")),
        row("dep unknown crate", draft("bau-x").dependency("no-such-dep = \"1\""), 400, Says("no known crate named `no-such-dep`")),
        row("dep named with _ instead of -", draft("bau-x").dependency("bau_base = \"1\""), 400, Says("no known crate named `bau_base`")),
        row("dep with *", draft("bau-x").dependency("bau-base = \"*\""), 400, Says("wildcard (`*`) dependency constraints are not allowed on crates.io. Crate with this problem: `bau-base` See https://doc.rust-lang.org/cargo/faq.html#can-libraries-use--as-a-version-for-their-dependencies for more information")),
        row("dev-dep with *", draft("bau-x").tail("[dev-dependencies]\nbau-base = \"*\"\n"), 400, Says("wildcard (`*`) dependency constraints are not allowed on crates.io. Crate with this problem: `bau-base` See https://doc.rust-lang.org/cargo/faq.html#can-libraries-use--as-a-version-for-their-dependencies for more information")),
        row("dep with bad req", draft("bau-x").dependency("bau-base = \"one\""), 400, Says("\"one\" is an invalid version requirement")),
        row("dep of a version nobody has", draft("bau-x1").dependency("bau-base = \"99\""), 200, Ok),
        row("dep with registry=", draft("bau-x").dependency("bau-base = { version = \"1\", registry = \"other\" }"), 400, Says("Dependency `bau-base` is hosted on another registry. Cross-registry dependencies are not permitted on crates.io.")),
        row("dep with registry-index=", draft("bau-x2").dependency("bau-base = { version = \"1\", registry-index = \"sparse+https://e.org/\" }"), 200, Ok),
        row("501 dependencies", draft("bau-x").tail(&dependencies(501)), 400, Says("crates.io only allows a maximum number of 500 dependencies.\n\nIf you have a use case that requires an increase of this limit, please send us an email to help@crates.io to discuss the details.")),
        row("renamed dep name 65 chars", draft("bau-x").dependency(&format!("{} = {{ version = \"1\", package = \"bau-base\" }}", "d".repeat(65))), 400, Says("the dependency name `ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd` is too long (max 64 characters)")),
        row("git dep in manifest", draft("bau-x").dependency("bau-base = { git = \"https://e.org/r\" }"), 400, Says("wildcard (`*`) dependency constraints are not allowed on crates.io. Crate with this problem: `bau-base` See https://doc.rust-lang.org/cargo/faq.html#can-libraries-use--as-a-version-for-their-dependencies for more information")),
        row("[patch] in manifest", draft("bau-x").tail("[patch.crates-io]\nbau-base = { path = \"../x\" }\n"), 400, Says("failed to parse `Cargo.toml` manifest file\n\ncrates cannot be published with `[patch]` tables")),
        row("workspace inheritance left", draft("bau-x").raw_field("repository.workspace", "true"), 400, Says("failed to parse `Cargo.toml` manifest file\n\nvalue from workspace hasn't been set")),
        row("manifest: other name", draft("bau-mm").set("name", "other"), 400, Says("metadata name `bau-mm` does not match manifest name `other`")),
        row("manifest: other version", draft("bau-mm").set("version", "2.0.0"), 400, Says("metadata version `1.0.0` does not match manifest version `2.0.0`")),
        row("manifest: no TOML", draft("bau-mm").manifest("= 1"), 400, Begins("failed to parse `Cargo.toml` manifest file\n\nTOML parse error at line 1, column 1\n  |\n1 | = 1\n  | ^\nunquoted keys cannot be empty, expected letters, numbers, `-`, `_`\n")),
        row("no gzip", draft("bau-t1").archive(b"no archive"), 400, Says("uploaded tarball is malformed or too large when decompressed")),
        row("no Cargo.toml", draft("bau-t2").manifest_as("README"), 400, Says("uploaded tarball is missing a `Cargo.toml` manifest file")),
        row("cargo.toml lower case", draft("bau-t3").manifest_as("cargo.toml"), 200, Ok),
        row("CARGO.TOML", draft("bau-t4").manifest_as("CARGO.TOML"), 400, Says("uploaded tarball is missing a `Cargo.toml` manifest file; `CARGO.TOML` was found, but must be named `Cargo.toml` with that exact casing")),
        row("two manifests", draft("bau-t5").entry(EntryType::Regular, "bau-t5-1.0.0/cargo.toml"), 400, Says("uploaded tarball contains more than one `Cargo.toml` manifest file; found `Cargo.toml`, `cargo.toml`")),
        row("outside of root", draft("bau-t5").entry(EntryType::Regular, "other/x"), 400, Says("invalid path found: other/x")),
        row("..", draft("bau-t6").entry(EntryType::Regular, "bau-t6-1.0.0/../x"), 400, Says("invalid path found: bau-t6-1.0.0/../x")),
        row("./root", draft("bau-t7").entry(EntryType::Regular, "./bau-t7-1.0.0/x"), 400, Says("invalid path found: ./bau-t7-1.0.0/x")),
        row("symlink", draft("bau-t8").entry(EntryType::Symlink, "bau-t8-1.0.0/l"), 400, Says("unexpected tar entry type Symlink found: bau-t8-1.0.0/l")),
        row("fifo", draft("bau-t9").entry(EntryType::Fifo, "bau-t9-1.0.0/l"), 400, Says("unexpected tar entry type Fifo found: bau-t9-1.0.0/l")),
        row("10 MiB + 1", draft("bau-big").archive(&vec![0; (10 << 20) + 1]), 413, Says("max upload size is: 10485760"))
            .noted(UNREAD),
        row("bytes behind the tarball", draft("bau-behind").behind(b"more"), 200, Ok),
        row("JSON without deps", draft("bau-j1"), 200, Ok),
        row("JSON with unknown key", draft("bau-j2").json("unheard_of", "of"), 200, Ok),
        row("JSON broken", draft("bau-j").whole_json("{"), 400, Says("invalid upload request: EOF while parsing an object at line 1 column 1")),
        row("JSON > 1 MiB", draft("bau-j").json("readme", &"r".repeat(1 << 20)), 413, Says("JSON metadata blob too large")),
        row("JSON 1 MiB - readme 1000 KiB", draft("bau-j3").json("readme", &"r".repeat(1000 << 10)), 200, Ok),
        row("body 2 bytes", draft("bau-j").body(b"ab"), 400, Says("invalid metadata length")),
        row("wrong length", draft("bau-j").body(b"\x09\0\0\0{}"), 400, Says("invalid metadata length for remaining payload: 9")),
        row("no token", draft("bau-token").token(None), 403, Says("this action requires authentication")),
        row("token: wrong, cio…", draft("bau-token").token(Some(WRONG)), 403, Says("authentication failed")),
        row("token: wrong, other format", draft("bau-token").token(Some("not-a-token-of-crates-io")), 401, Begins("The given API token does not match the format used by crates.io. Tokens generated before 2020-07-14 were generated with an insecure random number generator, and have been revoked. You can generate a new token at https://crates")),
        row("token: Bearer wrong", draft("bau-token").token(Some(&format!("Bearer {WRONG}"))), 403, Says("authentication failed")),
        row("token: Basic x", draft("bau-token").token(Some("Basic x")), 401, Says("Invalid `Authorization` header: Found unexpected authentication scheme `Basic`")),
        row("token: token x", draft("bau-token").token(Some("token x")), 401, Says("Invalid `Authorization` header: Found unexpected authentication scheme `token`")),
        row("token: cio_tp_ malformed", draft("bau-base").version("2.0.0").token(Some("cio_tp_x")), 401, Says("Invalid `Authorization` header: Failed to parse token")),
        row("token: cio_tp_ well-formed, unknown", draft("bau-base").version("2.0.0").token(Some(UNKNOWN_LEASE)), 403, Says("Invalid authentication token")),
        row("bad name AND no token (order)", draft("1bad").token(None), 400, Says("the name `1bad` cannot be used as a crate name, the name cannot start with a digit")),
        row("no description AND no token (order)", draft("bau-token").without("description").token(None), 403, Says("this action requires authentication")),
        row("too large AND no token (order)", draft("bau-token").archive(&vec![0; (10 << 20) + 1]).token(None), 403, Says("this action requires authentication"))
            .noted(UNREAD),
        row("yank", call("DELETE", "/api/v1/crates/bau-base/1.0.0/yank").token(Some(TOKEN)), 200, Body("{\"ok\":true}")),
        row("yank again", call("DELETE", "/api/v1/crates/bau-base/1.0.0/yank").token(Some(TOKEN)), 200, Body("{\"ok\":true}")),
        row("yank, name with _", call("DELETE", "/api/v1/crates/bau_base/1.0.0/yank").token(Some(TOKEN)), 200, Body("{\"ok\":true}")),
        row("unyank", call("PUT", "/api/v1/crates/bau-base/1.0.0/unyank").token(Some(TOKEN)), 200, Body("{\"ok\":true}")),
        row("unyank again", call("PUT", "/api/v1/crates/bau-base/1.0.0/unyank").token(Some(TOKEN)), 200, Body("{\"ok\":true}")),
        row("yank no such version", call("DELETE", "/api/v1/crates/bau-base/9.0.0/yank").token(Some(TOKEN)), 404, Says("crate `bau-base` does not have a version `9.0.0`")),
        row("yank bad version", call("DELETE", "/api/v1/crates/bau-base/1/yank").token(Some(TOKEN)), 400, Says("Invalid URL: unexpected end of input while parsing major version number")),
        row("yank no such crate", call("DELETE", "/api/v1/crates/nobody/1.0.0/yank").token(Some(TOKEN)), 404, Says("crate `nobody` does not exist")),
        row("yank no token", call("DELETE", "/api/v1/crates/bau-base/1.0.0/yank"), 403, Says("this action requires authentication")),
        row("yank no such crate, no token (order)", call("DELETE", "/api/v1/crates/nobody/1.0.0/yank"), 404, Says("crate `nobody` does not exist")),
        row("yank with cio_tp_", call("DELETE", "/api/v1/crates/bau-base/1.0.0/yank").token(Some(UNKNOWN_LEASE)), 403, Says("authentication failed")),
        row("owners", call("GET", "/api/v1/crates/bau-base/owners").token(Some(TOKEN)), 200, Owners),
        row("owners, wrong token", call("GET", "/api/v1/crates/bau-base/owners").token(Some(WRONG)), 200, Owners),
        row("owners of nobody", call("GET", "/api/v1/crates/nobody/owners"), 404, Says("crate `nobody` does not exist")),
        row("no User-Agent", call("GET", "/api/v1/crates/bau-base").nameless(), 403, Begins("We require that all requests include a `User-Agent` header.  To allow us to determine the impact your bot has on our service, we ask that your user agent actually identify your bot, and not just report the HTTP client library")),
        row("category_slugs (count)", call("GET", "/api/v1/category_slugs"), 200, Categories(104)),
        row("index: missing", call("GET", "/index/no/bo/nobody"), 404, Empty),
        row("exchange: no JSON", exchange("x"), 400, Says("Failed to parse the request body as JSON: expected value at line 1 column 1")),
        row("exchange: no content type", call("POST", TOKENS).with_body("{\"jwt\":\"x\"}"), 415, Says("Expected request with `Content-Type: application/json`")),
        row("exchange: bad jwt", exchange("{\"jwt\":\"x.y.z\"}"), 400, Says("Failed to decode JWT")),
        row("exchange: with Authorization", exchange("{\"jwt\":\"x.y.z\"}").token(Some(TOKEN)), 400, Says("Failed to decode JWT")),
        row("revoke: no token", call("DELETE", TOKENS), 401, Says("Missing `Authorization` header")),
        row("revoke: malformed token", call("DELETE", TOKENS).token(Some("Bearer cio_tp_x")), 401, Says("Invalid `Authorization` header: Failed to parse token")),
        row("revoke: unknown, well-formed", call("DELETE", TOKENS).token(Some(&format!("Bearer {UNKNOWN_LEASE}"))), 204, Empty),
        row("revoke: a personal token", call("DELETE", TOKENS).token(Some(&format!("Bearer {TOKEN}"))), 401, Says("Invalid `Authorization` header: Failed to parse token")),
    ]
}

#[test]
fn the_fake_answers_119_requests_as_crates_io_does() {
    let fixture = Fixture::with(|options| {
        options.owner = "alice".to_owned();
        let key = IdentityKey::github();
        options.trusted = Some(TrustedPublisher::every_crate(key, "owner/name"));
    });
    let address = fixture.registry.address();
    let table = table();
    assert_eq!(table.len(), 119);
    let differing: Vec<String> = table
        .iter()
        .filter_map(|row| {
            let (status, body) = row.sent.send(address);
            let same = status == row.status && row.expected.is(&body);
            (!same).then(|| {
                format!(
                    "{}: {status} {body}\n    expected {} {:?}{}",
                    row.request,
                    row.status,
                    row.expected,
                    row.note
                        .map(|note| format!(" ({note})"))
                        .unwrap_or_default()
                )
            })
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{} answers differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}

impl Expected {
    fn is(&self, body: &str) -> bool {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let errors = document["errors"].as_array();
        let says = errors
            .filter(|errors| errors.len() == 1)
            .and_then(|errors| errors[0]["detail"].as_str());
        match self {
            Ok => {
                document["warnings"]
                    == json!({"invalid_categories": [], "invalid_badges": [], "other": []})
            }
            Says(text) => says == Some(text),
            Begins(text) => says.is_some_and(|says| says.starts_with(text)),
            Body(text) => body == *text,
            Empty => body.is_empty(),
            Categories(count) => {
                document["category_slugs"].as_array().map(Vec::len) == Some(*count)
            }
            Owners => {
                let users = document["users"].as_array();
                let alice = users
                    .filter(|users| users.len() == 1)
                    .map(|users| &users[0]);
                alice.is_some_and(|alice| {
                    alice["id"] == 1
                        && alice["login"] == "alice"
                        && alice["kind"] == "user"
                        && alice["url"]
                            .as_str()
                            .is_some_and(|url| url.starts_with("https"))
                })
            }
        }
    }
}
