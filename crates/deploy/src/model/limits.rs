//! Limits of a unit, in addition to the hardening that every unit has.

use camino::Utf8PathBuf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of a unit, in addition to its fixed hardening.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The maximum memory, as in systemd's `MemoryMax=`: bytes, or with `K`, `M` or `G`.
    #[serde(default)]
    pub memory: Option<String>,
    /// The maximum number of processes and threads.
    #[serde(default)]
    pub tasks: Option<u32>,
    /// Absolute paths that the unit may write to, in addition to its state directory.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub write_paths: Vec<Utf8PathBuf>,
}

impl Limits {
    /// What units say of them.
    pub(crate) const SETTINGS: [&str; 3] = ["MemoryMax", "TasksMax", "ReadWritePaths"];

    /// Returns what is wrong with it: what it is, its value, and what to write instead.
    pub fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        if let Some(memory) = &self.memory {
            let digits = memory.trim_end_matches(['K', 'M', 'G']);
            let suffix = memory.len() - digits.len();
            let number = digits.parse::<u64>().is_ok_and(|number| number > 0);
            if !number || suffix > 1 || digits.starts_with('+') {
                let remedy = "give bytes, or a number with K, M or G";
                return Some(("memory limit", memory.clone(), remedy));
            }
        }
        if self.tasks == Some(0) {
            let remedy = "a program needs one process at least";
            return Some(("task limit", "0".to_owned(), remedy));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        let unfit = |path: &&Utf8PathBuf| !path.is_absolute() || !path.as_str().chars().all(plain);
        self.write_paths.iter().find(unfit).map(|path| {
            let remedy = "give an absolute path of letters, digits and `/._-+@`";
            ("writable path", path.to_string(), remedy)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_systemd_would_misread_are_refused() {
        let memory = |text: &str| Limits {
            memory: Some(text.into()),
            ..Limits::default()
        };
        for text in ["1", "512M", "2G", "64K"] {
            assert_eq!(memory(text).problem(), None, "{text}");
        }
        for text in ["", "0", "M", "1MM", "1T", "+1", "64M\nUser=root"] {
            assert!(memory(text).problem().is_some(), "{text}");
        }
        let tasks = Limits {
            tasks: Some(0),
            ..Limits::default()
        };
        assert_eq!(tasks.problem().unwrap().0, "task limit");
        for path in ["srv", "/a b", "/50%"] {
            let paths = Limits {
                write_paths: vec![path.into()],
                ..Limits::default()
            };
            assert_eq!(paths.problem().unwrap().0, "writable path");
        }
    }
}
