//! Static files: the frontend's bundle, served from the directory in `FRONTEND_ROOT`.
//!
//! The directory is looked up for every request, because a deploy flips the link behind
//! it. Paths that would leave it are answered as if there were nothing.

use std::path::{Component, Path};

use crate::message::Response;

/// Returns the file for that path of a URL, or `None`.
pub fn serve(root: &Path, path: &str) -> Option<Response> {
    let relative = Path::new(path.strip_prefix('/')?);
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return None;
    }
    let mut file = root.join(relative);
    if file.is_dir() {
        file.push("index.html");
    }
    let body = std::fs::read(&file).ok()?;
    let content_type = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    Some(Response {
        status: 200,
        content_type,
        allow: None,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_root_are_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend/src");
        let check = |path: &str, expected: Option<&str>| {
            let got = serve(&root, path).map(|response| response.content_type);
            assert_eq!(got, expected, "{path}");
        };
        check("/", Some("text/html; charset=utf-8"));
        check("/assets/guestbook.css", Some("text/css; charset=utf-8"));
        check(
            "/assets/guestbook.js",
            Some("text/javascript; charset=utf-8"),
        );
        check("/absent", None);
        check("/../../Cargo.toml", None);
        check("//etc/passwd", None);
        check("", None);
    }
}
