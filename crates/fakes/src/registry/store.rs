//! What the registry keeps, as files: `index/PREFIX/NAME` with a JSON line per
//! version, and `crates/NAME/NAME-VERSION.crate`.
//!
//! Files are replaced, never written in place, and the archive is there before
//! the line that speaks of it, so that a registry whose process was killed is
//! found whole again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};

use anyhow::{Context, anyhow};
use camino::{Utf8Path, Utf8PathBuf};
use semver::Version;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The files of a registry.
#[derive(Debug)]
pub(crate) struct Store {
    directory: Utf8PathBuf,
    /// Names as published, by their canonical form.
    names: BTreeMap<String, String>,
}

impl Store {
    /// Opens the store in a directory, with what is there already.
    pub(crate) fn open(directory: &Utf8Path) -> anyhow::Result<Store> {
        let mut names = BTreeMap::new();
        for part in ["index", "crates"] {
            let path = directory.join(part);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot make {path} for the fake registry"))?;
        }
        let mut directories = vec![directory.join("index")];
        while let Some(path) = directories.pop() {
            for entry in path.read_dir_utf8()? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    directories.push(entry.path().to_owned());
                } else if let Some(name) = first_name(entry.path())? {
                    names.insert(canonical(&name), name);
                }
            }
        }
        Ok(Store {
            directory: directory.to_owned(),
            names,
        })
    }

    /// Returns the name under which a package was published, whatever case, `-` or `_` it is asked
    /// for with.
    pub(crate) fn published_name(&self, name: &str) -> Option<&str> {
        self.names.get(&canonical(name)).map(String::as_str)
    }

    /// Returns the lines of a package's index file; none if there is no such file.
    pub(crate) fn lines(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let path = self.index_file(name);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("cannot read {path}"))?,
        };
        text.lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("in {path}")))
            .collect()
    }

    /// Takes in the lines of a package from elsewhere.
    pub(crate) fn seed(&mut self, name: &str, lines: &[Value]) -> anyhow::Result<()> {
        self.write_lines(name, lines)?;
        self.names.insert(canonical(name), name.to_owned());
        Ok(())
    }

    /// Adds a version.
    pub(crate) fn publish(
        &mut self,
        name: &str,
        version: &Version,
        bytes: &[u8],
        line: Value,
    ) -> anyhow::Result<()> {
        replace(&self.package_file(name, version), bytes)?;
        let mut lines = self.lines(name)?;
        lines.push(line);
        self.seed(name, &lines)
    }

    /// Sets whether a version is yanked; false if there is no such version.
    pub(crate) fn set_yanked(
        &mut self,
        name: &str,
        version: &Version,
        yanked: bool,
    ) -> anyhow::Result<bool> {
        let mut lines = self.lines(name)?;
        let text = version.to_string();
        let Some(line) = lines.iter_mut().find(|line| line["vers"] == text.as_str()) else {
            return Ok(false);
        };
        line["yanked"] = Value::Bool(yanked);
        self.write_lines(name, &lines)?;
        Ok(true)
    }

    /// Returns the archive of a version that was uploaded here.
    pub(crate) fn package(&self, name: &str, version: &Version) -> anyhow::Result<Option<Vec<u8>>> {
        let path = self.package_file(name, version);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(anyhow!(error).context(format!("cannot read {path}"))),
        }
    }

    fn index_file(&self, name: &str) -> Utf8PathBuf {
        self.directory.join("index").join(index_path(name))
    }

    fn package_file(&self, name: &str, version: &Version) -> Utf8PathBuf {
        let file = format!("{name}-{version}.crate");
        self.directory.join("crates").join(name).join(file)
    }

    fn write_lines(&self, name: &str, lines: &[Value]) -> anyhow::Result<()> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        replace(&self.index_file(name), text.as_bytes())
    }
}

/// Returns the path of a package in a sparse index. The name is checked before.
pub(crate) fn index_path(name: &str) -> String {
    let name = name.to_lowercase();
    match name.len() {
        1 => format!("1/{name}"),
        2 => format!("2/{name}"),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

/// SHA-256 in lower-case hex.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the form in which names are compared.
pub(crate) fn canonical(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

fn first_name(path: &Utf8Path) -> anyhow::Result<Option<String>> {
    if path.file_name().is_some_and(|name| name.starts_with('.')) {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().next().unwrap_or_default();
    let entry: Value = serde_json::from_str(line).with_context(|| format!("in {path}"))?;
    Ok(entry["name"].as_str().map(str::to_owned))
}

fn replace(path: &Utf8Path, content: &[u8]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let parent = path.parent().unwrap_or(Utf8Path::new(""));
        fs::create_dir_all(parent)?;
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(parent)?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {path}"))
}
