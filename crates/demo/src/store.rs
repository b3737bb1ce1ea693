//! The guestbook's entries: one file, append-only, a line of JSON each.
//!
//! Two backends may append at once while one takes over from the other: each entry is one
//! write to a file opened for appending, which the kernel keeps whole and in order.
//! Nothing is ever rewritten, so an older release reads what a newer one wrote.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The first line of a store: what its lines are.
const FORMAT: &str = "{\"guestbook\":1}\n";

/// The entries in one file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: File,
}

impl Store {
    /// Opens the store that `DATABASE_URL` names, as `file:PATH`.
    ///
    /// # Errors
    /// When the address is of another kind, or the store has not been migrated.
    pub fn open(address: &str) -> io::Result<Store> {
        let path = path_of(address)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| {
                let remedy = "run `guestbook-backend migrate` first";
                io::Error::new(
                    error.kind(),
                    format!("cannot open {}: {error}; {remedy}", path.display()),
                )
            })?;
        Ok(Store { path, file })
    }

    /// Creates the store where there is none; says whether it did.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn migrate(address: &str) -> io::Result<bool> {
        let path = path_of(address)?;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(FORMAT.as_bytes())?;
                file.sync_all()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => {
                let what = format!("cannot create {}: {error}", path.display());
                Err(io::Error::new(error.kind(), what))
            }
        }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&self, text: &str) -> io::Result<()> {
        let line = format!("{{\"entry\":{}}}\n", json_string(text));
        (&self.file).write_all(line.as_bytes())
    }

    /// Returns all entries as a JSON array, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self) -> io::Result<String> {
        let text = std::fs::read_to_string(&self.path)?;
        let entries: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("{\"entry\":")?.strip_suffix('}'))
            .collect();
        Ok(format!("[{}]", entries.join(",")))
    }
}

fn path_of(address: &str) -> io::Result<PathBuf> {
    let path = address
        .strip_prefix("file:")
        .filter(|path| Path::new(path).is_absolute());
    path.map(PathBuf::from).ok_or_else(|| {
        // The address may hold a password, so it is not shown.
        let what = "DATABASE_URL is not of the form file:/absolute/path";
        io::Error::new(io::ErrorKind::InvalidInput, what)
    })
}

/// Returns a JSON string with its quotes.
pub fn json_string(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of this test run alone.
    fn scratch(name: &str) -> PathBuf {
        let name = format!("guestbook-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(std::fs::remove_file(&path));
        path
    }

    #[test]
    fn entries_are_kept_in_order_and_whole() {
        let path = scratch("order");
        let address = format!("file:{}", path.display());
        assert!(
            Store::open(&address)
                .unwrap_err()
                .to_string()
                .contains("migrate")
        );
        assert!(Store::migrate(&address).unwrap());
        assert!(!Store::migrate(&address).unwrap());
        let (old, new) = (
            Store::open(&address).unwrap(),
            Store::open(&address).unwrap(),
        );
        old.append("first\n\"line\"").unwrap();
        new.append("se\\cond\u{1}").unwrap();
        let entries = r#"["first\n\"line\"","se\\cond\u0001"]"#;
        assert_eq!(old.entries().unwrap(), entries);
        assert_eq!(new.entries().unwrap(), entries);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn other_addresses_are_refused_without_being_shown() {
        for address in ["postgres://user:secret@host/db", "file:relative", ""] {
            let error = Store::open(address).unwrap_err().to_string();
            assert!(
                error.contains("DATABASE_URL") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
