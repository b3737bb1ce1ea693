//! The frontend's build: copies the sources to a bundle with content-hashed asset names.
//!
//! Names carry a hash of their content, so that a browser may keep an asset for ever and
//! a page of one release never meets an asset of another. `index.html` is written last
//! and refers to those names. It refuses to write into a directory that is no bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Marks a directory as a bundle that may be replaced.
const MARK: &str = "version.json";

/// Builds the bundle from `source` into `dist`; returns the files written.
///
/// # Errors
/// When the sources are incomplete, or `dist` holds something that is no bundle.
pub fn build(source: &Path, dist: &Path, version: &str) -> io::Result<Vec<PathBuf>> {
    clear(dist)?;
    fs::create_dir_all(dist.join("assets"))?;
    let mut page = read(&source.join("index.html"))?;
    let mut written = Vec::new();
    let mut assets: Vec<PathBuf> = fs::read_dir(source.join("assets"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    assets.sort();
    for asset in assets {
        let name = asset
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let content = read(&asset)?.replace("@VERSION@", version);
        let hashed = hashed_name(name, &content);
        let reference = format!("assets/{name}");
        if !page.contains(&reference) {
            return Err(io::Error::other(format!(
                "index.html does not refer to {reference}"
            )));
        }
        page = page.replace(&reference, &format!("assets/{hashed}"));
        let place = dist.join("assets").join(hashed);
        fs::write(&place, content)?;
        written.push(place);
    }
    let mark = dist.join(MARK);
    fs::write(&mark, format!("{{\"version\":\"{version}\"}}\n"))?;
    let index = dist.join("index.html");
    fs::write(&index, page.replace("@VERSION@", version))?;
    written.extend([mark, index]);
    Ok(written)
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Removes an earlier bundle, and nothing else.
fn clear(dist: &Path) -> io::Result<()> {
    let empty = match fs::read_dir(dist) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(mut entries) => entries.next().is_none(),
    };
    if !empty && !dist.join(MARK).exists() {
        let what = format!(
            "{} holds something else than a bundle; choose another",
            dist.display()
        );
        return Err(io::Error::other(what));
    }
    fs::remove_dir_all(dist)
}

/// `guestbook.css` becomes `guestbook.0123456789abcdef.css`.
fn hashed_name(name: &str, content: &str) -> String {
    let hash = fnv1a(content.as_bytes());
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash:016x}.{extension}"),
        None => format!("{name}.{hash:016x}"),
    }
}

/// FNV-1a, 64 bits: names need to differ when content does, not to resist an attacker.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_content() {
        // Test vectors of the FNV reference.
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(hashed_name("a.css", "foobar"), "a.85944171f73967e8.css");
        assert_eq!(hashed_name("LICENSE", ""), "LICENSE.cbf29ce484222325");
    }

    #[test]
    fn a_bundle_is_whole_and_replaces_only_bundles() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("frontend/src");
        let dist = std::env::temp_dir().join(format!("guestbook-dist-{}", std::process::id()));
        drop(fs::remove_dir_all(&dist));
        let first = build(&source, &dist, "1.0.0").unwrap();
        let page = fs::read_to_string(dist.join("index.html")).unwrap();
        assert!(
            page.contains("1.0.0") && !page.contains("@VERSION@"),
            "{page}"
        );
        for asset in &first[..first.len() - 2] {
            let name = asset.file_name().unwrap().to_str().unwrap();
            assert!(page.contains(&format!("assets/{name}")), "{name} in {page}");
        }
        let second = build(&source, &dist, "2.0.0").unwrap();
        assert_ne!(
            first, second,
            "the script carries the version, so its name changes"
        );
        assert!(!first[..first.len() - 2].iter().all(|asset| asset.exists()));
        fs::remove_file(dist.join(MARK)).unwrap();
        assert!(
            build(&source, &dist, "3.0.0")
                .unwrap_err()
                .to_string()
                .contains("something else")
        );
        fs::remove_dir_all(&dist).unwrap();
    }
}
