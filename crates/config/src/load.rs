//! Reading `stagegate.toml`, and laying a second file over it.

use camino::{Utf8Path, Utf8PathBuf};
use toml_edit::{DocumentMut, Item, Table};

use crate::error::ConfigError;
use crate::schema::Config;

/// The file's name at the workspace's root.
pub const FILE_NAME: &str = "stagegate.toml";

impl Config {
    /// Reads the workspace's configuration and lays `overlay` over it: tables
    /// merge, every other value replaces. The file below is checked on its own
    /// first, so that a mistake is shown where it was made.
    pub fn load(root: &Utf8Path, overlay: Option<&Utf8Path>) -> Result<Config, ConfigError> {
        let file = root.join(FILE_NAME);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(unreadable(file, &e)),
        };
        let config = Config::parse(&file, &text)?;
        let Some(overlay) = overlay else {
            return config.with_templates(root, &file, &text);
        };
        let over =
            std::fs::read_to_string(overlay).map_err(|e| unreadable(overlay.to_owned(), &e))?;
        let mut document = document_of(&file, &text)?;
        merge(
            document.as_table_mut(),
            document_of(overlay, &over)?.as_table(),
        );
        // Lines of the merged text stand in neither file.
        let text = document.to_string();
        Config::parse(overlay, &text)
            .and_then(|config| config.with_templates(root, overlay, &text))
            .map_err(|e| ConfigError { place: None, ..e })
    }

    /// Reads what the configuration names of the workspace's own files.
    fn with_templates(
        mut self,
        root: &Utf8Path,
        file: &Utf8Path,
        text: &str,
    ) -> Result<Config, ConfigError> {
        if let Some(app) = &mut self.app {
            let frontend = app.frontend.as_mut().and_then(|it| it.service.as_mut());
            for service in app.backend.iter_mut().chain(frontend) {
                let read = service.switch.read(root);
                read.map_err(|(path, error)| unreadable(path, &error))?;
            }
        }
        self.check(file, text)?;
        Ok(self)
    }

    /// Reads one configuration text; `file` is for messages.
    pub fn parse(file: &Utf8Path, text: &str) -> Result<Config, ConfigError> {
        let config: Config = toml_edit::de::from_str(text).map_err(|e| {
            ConfigError::at(
                file.to_owned(),
                text,
                e.span().map(|s| s.start),
                e.message(),
            )
        })?;
        config.check(file, text)?;
        Ok(config)
    }

    /// Checks what types cannot say.
    fn check(&self, file: &Utf8Path, text: &str) -> Result<(), ConfigError> {
        let wrong = |needle: &str, message: String| {
            Err(ConfigError::at(
                file.to_owned(),
                text,
                text.find(needle),
                &message,
            ))
        };
        let own = self.release.groups.values().map(|group| &group.tag);
        let of_package = self.release.of_package.values().map(|one| &one.tag);
        for tag in own.chain(of_package).chain([&self.release.tag]).flatten() {
            if tag.matches("{version}").count() != 1 {
                return wrong(
                    "tag",
                    format!("the tag is `{tag}`: it must contain `{{version}}` once"),
                );
            }
        }
        if let Some((needle, message)) = self.release.problem() {
            return wrong(&needle, message);
        }
        if let Some((needle, message)) = self.github.problem() {
            return wrong(needle, message);
        }
        if let Some(message) = self.registry.problem() {
            return wrong("also", message);
        }
        for step in &self.steps {
            if step.run.is_empty() {
                return wrong(
                    "[[step]]",
                    "a `[[step]]` needs a command in `run`".to_owned(),
                );
            }
            if step.after.is_some() == step.before.is_some() {
                return wrong(
                    "[[step]]",
                    "a `[[step]]` needs either `after` or `before`, naming a stage".to_owned(),
                );
            }
        }
        if let Some(message) = self.problem_of_targets() {
            return wrong("targets", message);
        }
        let environments: Vec<&str> = self.deploy.keys().map(String::as_str).collect();
        if let Some((needle, message)) = self.ci.problem(&environments) {
            return wrong(needle, message);
        }
        if let Some(app) = &self.app {
            let plain = |name: &str| {
                name.starts_with(|c: char| c.is_ascii_lowercase())
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            };
            if !plain(&app.name) {
                return wrong(
                    "[app]",
                    format!(
                        "`app.name` is {:?}: it names directories, units and a firewall table, so it may hold lower-case letters, digits and `-` only, and begins with a letter",
                        app.name
                    ),
                );
            }
            let of_services = app.services().find_map(|(table, it)| it.problem(table));
            let frontend = app.frontend.as_ref();
            let of_frontend = || frontend.and_then(|it| it.problem(app.backend.as_ref()));
            if let Some((needle, message)) = of_services.or_else(of_frontend) {
                return wrong(needle, message);
            }
        }
        Ok(())
    }
}

fn unreadable(file: Utf8PathBuf, error: &std::io::Error) -> ConfigError {
    ConfigError {
        file,
        place: None,
        message: format!("cannot be read: {error}"),
    }
}

fn document_of(file: &Utf8Path, text: &str) -> Result<DocumentMut, ConfigError> {
    text.parse::<DocumentMut>().map_err(|e| {
        ConfigError::at(
            file.to_owned(),
            text,
            e.span().map(|s| s.start),
            e.message(),
        )
    })
}

fn merge(below: &mut Table, above: &Table) {
    for (key, value) in above {
        match (below.get_mut(key), value) {
            (Some(Item::Table(below)), Item::Table(above)) => merge(below, above),
            (Some(below), Item::Table(above)) if below.is_inline_table() => {
                let mut table = below.clone().into_table().unwrap_or_default();
                merge(&mut table, above);
                *below = Item::Table(table);
            }
            _ => {
                below.insert(key, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::super::Config;
    use crate::schema::Level;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Utf8Path::new("stagegate.toml"), text).map_err(|e| e.to_string())
    }

    #[test]
    fn an_empty_file_is_a_whole_configuration() {
        let config = parse("").unwrap();
        assert_eq!(config.release.branch(), "main");
        assert_eq!(config.registry.index, None);
        assert_eq!(config.gates.fmt.level, Level::Deny);
    }

    #[test]
    fn mistakes_are_shown_with_their_place() {
        let check = |text: &str, want: &[&str]| {
            let got = parse(text).expect_err(text);
            for part in want {
                assert!(
                    got.contains(part),
                    "{text:?} gives:\n{got}\nwithout {part:?}"
                );
            }
        };
        check(
            "[release]\nbrunch = \"main\"\n",
            &["stagegate.toml:2:1", "brunch", "expected", "branch"],
        );
        check(
            "[release]\nbranch = 3\n",
            &["stagegate.toml:2:10", "integer", "string"],
        );
        check(
            "[gates]\nfmt = \"maybe\"\n",
            &["stagegate.toml:2:7", "maybe", "\"warn\""],
        );
        check(
            "[gates]\naudit = { databse = \"x\" }\n",
            &["stagegate.toml:2", "databse", "database"],
        );
        check("[release\n", &["stagegate.toml:1"]);
        check(
            "[release]\ntag = \"release\"\n",
            &["stagegate.toml:2:1", "{version}"],
        );
        check(
            "[app]\nname = \"a b\"\n",
            &["stagegate.toml:1", "a b", "lower-case"],
        );
        check(
            "[deploy.production]\nhosts = [\"h\"]\nstabilize = \"soon\"\n",
            &["stagegate.toml:3", "soon"],
        );
        check(
            "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 80\nlimits = { memory = \"much\" }\n",
            &["stagegate.toml:6", "memory limit", "much"],
        );
        check(
            "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 80\nlimits = { memry = \"1M\" }\n",
            &["stagegate.toml:6", "memry"],
        );
        check(
            "[github]\napi = \"https://ghe.example.org/api/v3\"\n",
            &["stagegate.toml:2", "github.uploads", "write both"],
        );
        check(
            "[github]\nuploads = \"https://ghe.example.org/api/uploads\"\n",
            &["stagegate.toml:2", "github.api", "write both"],
        );
        let build = |text: &str| {
            format!(
                "[app]\nname = \"a\"\n[app.backend]\npackage = \"a\"\nport = 80\nbuild = {{ {text} }}\n"
            )
        };
        check(
            &build("run = [\"make\"]"),
            &["stagegate.toml:6", "on = \"host\""],
        );
        check(
            &build("on = \"host\", git = \"https://me:hunter2@example.org/a\""),
            &["stagegate.toml:6", "leave the password out"],
        );
        check(
            &build("on = \"host\", program = \"/bin/sh\""),
            &["stagegate.toml:6", "built program"],
        );
        check("[[step]]\nafter = \"publish\"\nrun = []\n", &["`run`"]);
        check(
            "[release]\nchangelog = \"off\"\n",
            &["stagegate.toml:2", "changelog_mode = \"off\""],
        );
        check(
            "[release.templates]\nrelease_name = \"{name} {vershion}\"\n",
            &["stagegate.toml:2", "`{vershion}`", "{version}, {previous}"],
        );
        check(
            "[[release.replace]]\nfile = \"a\"\nsearch = \"(\"\nreplace = \"\"\n",
            &["stagegate.toml:3", "`(`", "regular expression"],
        );
        check(
            "[[release.replace]]\nfile = \"a\"\nsearch = \"b\"\nreplace = \"{notes}\"\n",
            &["stagegate.toml:4", "`{notes}`"],
        );
        check(
            "[[step]]\nafter = \"lunch\"\nrun = [\"x\"]\n",
            &["stagegate.toml:2", "lunch"],
        );
    }

    #[test]
    fn other_registries_are_others_and_crates_io_is_none_of_them() {
        let check = |text: &str, says: Option<&str>| {
            let parsed = Config::parse(Utf8Path::new("stagegate.toml"), text);
            match (parsed, says) {
                (Ok(config), None) => assert_eq!(config.registry.names().len(), 3, "{text}"),
                (Err(error), Some(says)) => {
                    assert!(error.to_string().contains(says), "{error}");
                }
                (other, _) => panic!("{text}: {other:?}"),
            }
        };
        check("[registry]\nalso = [\"a\", \"b\"]\n", None);
        check("[registry]\nname = \"c\"\nalso = [\"a\", \"b\"]\n", None);
        let twice = "names `a`, which is published to already";
        check("[registry]\nalso = [\"a\", \"a\"]\n", Some(twice));
        check("[registry]\nname = \"a\"\nalso = [\"a\"]\n", Some(twice));
        let first = "leave it `registry.name`";
        check(
            "[registry]\nname = \"a\"\nalso = [\"crates-io\"]\n",
            Some(first),
        );
    }

    #[test]
    fn a_second_file_lies_over_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::write(
            root.join("stagegate.toml"),
            "[release]\nbranch = \"trunk\"\n[registry]\nname = \"one\"\n",
        )
        .unwrap();
        let over = root.join("over.toml");
        std::fs::write(
            &over,
            "[registry]\nindex = \"sparse+http://127.0.0.1:1/\"\n",
        )
        .unwrap();
        let config = Config::load(root, Some(&over)).unwrap();
        assert_eq!(config.release.branch(), "trunk");
        assert_eq!(config.registry.name, "one");
        assert_eq!(
            config.registry.index.as_deref(),
            Some("sparse+http://127.0.0.1:1/")
        );

        std::fs::write(&over, "[registry]\nindx = \"\"\n").unwrap();
        let error = Config::load(root, Some(&over)).unwrap_err().to_string();
        assert!(
            error.contains("over.toml") && error.contains("indx"),
            "{error}"
        );
    }
}
