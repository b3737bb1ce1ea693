//! What cargo is configured to know of registries: their indexes by name, and
//! who has their tokens.
//!
//! Files are read as cargo reads them, `.cargo/config.toml` from a directory
//! upwards and then `CARGO_HOME`, the environment on top of all. Source
//! replacement (`[source]`) changes nothing of that, on purpose: a mirror is for
//! reading, and what is published goes to the registry that is named. It is told
//! apart, to whoever packs crates whose siblings the mirror does not have yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_config2::{Config, CredentialProvider, PathAndArgs, ResolveOptions};

/// The index of crates.io, which no configuration may change.
pub const CRATES_IO_INDEX: &str = "sparse+https://index.crates.io/";

/// Looks a variable of the environment up.
type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Cargo's configuration around one directory.
pub struct CargoConfig {
    files: Files,
    env: Variables,
}

/// What the files say that is of use here: no token is kept.
struct Files {
    indexes: BTreeMap<String, String>,
    providers: BTreeMap<String, CredentialProvider>,
    global_providers: Vec<CredentialProvider>,
    aliases: BTreeMap<String, PathAndArgs>,
    sources: BTreeMap<String, Source>,
}

/// An entry of the `[source]` table.
struct Source {
    replace_with: Option<String>,
    stands: Option<Replacement>,
}

/// What cargo reads in the place of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// A registry with this index.
    Registry(String),
    /// A directory of unpacked crates, as `cargo vendor` makes it.
    Directory(PathBuf),
    /// A directory of packed crates with an index.
    LocalRegistry(PathBuf),
}

/// Somebody who may have a registry's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// `cargo:token`: cargo's own credentials file.
    CredentialsFile,
    /// `cargo:token-from-stdout`: a command that prints the token.
    FromStdout {
        /// The program.
        program: PathBuf,
        /// Its arguments; `{index_url}` stands for the index.
        args: Vec<String>,
    },
    /// A program that speaks cargo's credential protocol.
    Process {
        /// The program.
        program: PathBuf,
        /// What it is told in the protocol.
        args: Vec<String>,
    },
    /// One that is built into cargo, `cargo:libsecret` and its like. Its
    /// stand-alone form is asked in its stead.
    BuiltIn {
        /// The name behind `cargo:`.
        name: &'static str,
    },
}

/// Why cargo's configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CargoConfigError {
    /// A file cannot be read or understood.
    #[error("cargo's configuration around {} cannot be used: {cause}; mend it, `cargo` itself would stumble too", directory.display())]
    Unusable {
        /// Where was looked from.
        directory: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Cargo does not know a registry of this name.
    #[error(
        "cargo knows no registry `{name}`; name its index in `.cargo/config.toml` \
         (`[registries.{name}] index = \"sparse+https://…/\"`) or in the variable {variable}"
    )]
    UnknownRegistry {
        /// The name.
        name: String,
        /// The variable that would tell.
        variable: String,
    },
}

impl Files {
    fn of(config: Config) -> Files {
        let mut files = Files {
            indexes: BTreeMap::new(),
            providers: BTreeMap::new(),
            global_providers: config
                .registry
                .global_credential_providers
                .as_ref()
                .to_vec(),
            aliases: config.credential_alias,
            sources: BTreeMap::new(),
        };
        for (name, entry) in config.source {
            let stands = entry
                .directory
                .map(Replacement::Directory)
                .or(entry.local_registry.map(Replacement::LocalRegistry))
                .or(entry.registry.map(Replacement::Registry));
            let source = Source {
                replace_with: entry.replace_with,
                stands,
            };
            files.sources.insert(name, source);
        }
        for (name, entry) in config.registries {
            files
                .indexes
                .extend(entry.index.map(|index| (name.clone(), index)));
            files
                .providers
                .extend(entry.credential_provider.map(|one| (name, one)));
        }
        if let Some(provider) = config.registry.credential_provider {
            files.providers.insert("crates-io".to_owned(), provider);
        }
        files
    }
}

impl CargoConfig {
    /// Returns what cargo reads in the place of a registry, if it does.
    pub fn replacement(&self, registry: &str) -> Option<Replacement> {
        let mut name = self.files.sources.get(registry)?.replace_with.as_deref()?;
        // A circle is cargo's to complain of.
        for _ in 0..self.files.sources.len() {
            let source = self.files.sources.get(name);
            match source.and_then(|source| source.replace_with.as_deref()) {
                Some(next) => name = next,
                None => break,
            }
        }
        let stands = self.files.sources.get(name).and_then(|s| s.stands.clone());
        let index = || self.files.indexes.get(name).cloned();
        stands.or_else(|| index().map(Replacement::Registry))
    }

    /// Reads the files around `directory`; variables are asked for when they
    /// are needed.
    ///
    /// # Errors
    ///
    /// [`CargoConfigError::Unusable`].
    pub fn load(
        directory: &Path,
        cargo_home: &Path,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<CargoConfig, CargoConfigError> {
        // Variables are laid over the files here and not by the library: it
        // keeps a registry's under the name in capitals, apart from its file.
        let none: [(&str, &str); 0] = [];
        let options = ResolveOptions::default()
            .env(none)
            .cargo_home(cargo_home.to_owned());
        let files = Config::load_with_options(directory, options).map_err(|error| {
            CargoConfigError::Unusable {
                directory: directory.to_owned(),
                cause: with_causes(&error),
            }
        })?;
        Ok(CargoConfig {
            files: Files::of(files),
            env: Box::new(env),
        })
    }

    /// Returns the index of a registry by its name.
    ///
    /// # Errors
    ///
    /// [`CargoConfigError::UnknownRegistry`].
    pub fn index(&self, registry: &str) -> Result<String, CargoConfigError> {
        if registry == "crates-io" {
            return Ok(CRATES_IO_INDEX.to_owned());
        }
        let variable = format!("CARGO_REGISTRIES_{}_INDEX", in_capitals(registry));
        (self.env)(&variable)
            .or_else(|| self.files.indexes.get(registry).cloned())
            .ok_or(CargoConfigError::UnknownRegistry {
                name: registry.to_owned(),
                variable,
            })
    }

    /// Returns those who may have a registry's token, in the order in which cargo asks
    /// them: the one named for the registry alone, or the global ones, last first.
    pub fn providers(&self, registry: &str) -> Vec<Provider> {
        let variable = match registry {
            "crates-io" => "CARGO_REGISTRY_CREDENTIAL_PROVIDER".to_owned(),
            name => format!("CARGO_REGISTRIES_{}_CREDENTIAL_PROVIDER", in_capitals(name)),
        };
        if let Some(words) = (self.env)(&variable) {
            return self.of_words(&words).into_iter().collect();
        }
        if let Some(provider) = self.files.providers.get(registry) {
            return vec![self.of(provider)];
        }
        if let Some(list) = (self.env)("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS") {
            return self.of_words(&list).into_iter().collect();
        }
        let global = &self.files.global_providers;
        if global.is_empty() {
            return vec![Provider::CredentialsFile];
        }
        global.iter().rev().map(|one| self.of(one)).collect()
    }

    fn of(&self, provider: &CredentialProvider) -> Provider {
        match provider {
            CredentialProvider::CargoToken => Provider::CredentialsFile,
            CredentialProvider::CargoWincred => Provider::BuiltIn { name: "wincred" },
            CredentialProvider::CargoMacosKeychain => Provider::BuiltIn {
                name: "macos-keychain",
            },
            CredentialProvider::CargoLibsecret => Provider::BuiltIn { name: "libsecret" },
            CredentialProvider::CargoTokenFromStdout(command) => Provider::FromStdout {
                program: command.path.clone(),
                args: args(command),
            },
            CredentialProvider::Alias(alias) => match self.files.aliases.get(alias) {
                Some(command) => self.of_command(command),
                None => Provider::Process {
                    program: alias.into(),
                    args: Vec::new(),
                },
            },
            // What the library does not know yet cannot be called; its words
            // would be taken for a program, and that one is missing.
            CredentialProvider::Plugin(command) => self.of_command(command),
            _ => Provider::Process {
                program: "an unknown kind of credential provider".into(),
                args: Vec::new(),
            },
        }
    }

    /// Resolves an alias, which may stand for a built-in provider, too.
    fn of_command(&self, command: &PathAndArgs) -> Provider {
        let mut words = vec![command.path.to_string_lossy().into_owned()];
        words.extend(args(command));
        if words[0].starts_with("cargo:") {
            return built_in(&words);
        }
        Provider::Process {
            program: command.path.clone(),
            args: words.split_off(1),
        }
    }

    /// Reads a provider in a variable: words between blanks, an alias among them.
    fn of_words(&self, text: &str) -> Option<Provider> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let first = words.first()?;
        if first.starts_with("cargo:") {
            return Some(built_in(&words));
        }
        if let (1, Some(command)) = (words.len(), self.files.aliases.get(first)) {
            return Some(self.of_command(command));
        }
        Some(Provider::Process {
            program: first.into(),
            args: words[1..].to_vec(),
        })
    }
}

fn built_in(words: &[String]) -> Provider {
    match (words[0].as_str(), words) {
        ("cargo:token", _) => Provider::CredentialsFile,
        ("cargo:wincred", _) => Provider::BuiltIn { name: "wincred" },
        ("cargo:macos-keychain", _) => Provider::BuiltIn {
            name: "macos-keychain",
        },
        ("cargo:libsecret", _) => Provider::BuiltIn { name: "libsecret" },
        ("cargo:token-from-stdout", [_, program, args @ ..]) => Provider::FromStdout {
            program: program.into(),
            args: args.to_vec(),
        },
        _ => Provider::Process {
            program: words[0].clone().into(),
            args: words[1..].to_vec(),
        },
    }
}

fn args(command: &PathAndArgs) -> Vec<String> {
    let text = |arg: &std::ffi::OsString| arg.to_string_lossy().into_owned();
    command.args.iter().map(text).collect()
}

/// Writes a registry's name as it stands in variables.
pub(crate) fn in_capitals(registry: &str) -> String {
    registry.to_ascii_uppercase().replace('-', "_")
}

/// Returns the errors' first lines: those below quote the file, which may hold tokens.
fn with_causes(error: &dyn std::error::Error) -> String {
    let first = |error: &dyn std::error::Error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    };
    let mut text = first(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {}", first(error));
        cause = error.source();
    }
    text
}

impl std::fmt::Debug for CargoConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The arguments of providers may be secrets.
        f.write_str("CargoConfig(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a workspace below a directory with a configuration of its own, and a home.
    fn config(near: &str, above: &str, home: &str, variables: &[(&str, &str)]) -> CargoConfig {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("up/work/.cargo/config.toml", near);
        write("up/.cargo/config.toml", above);
        write("home/config.toml", home);
        let variables: Vec<(String, String)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let env = move |name: &str| {
            let found = variables.iter().find(|(variable, _)| variable == name);
            found.map(|(_, value)| value.clone())
        };
        let (work, home) = (
            directory.path().join("up/work"),
            directory.path().join("home"),
        );
        CargoConfig::load(&work, &home, env).unwrap()
    }

    #[test]
    fn an_index_is_found_by_the_registrys_name() {
        let index =
            |name: &str| format!("[registries.{name}]\nindex = \"sparse+https://{name}/\"\n");
        let twice = format!("{}{}", index("far"), "[registries.near]\nindex = \"x\"\n");
        let replaced = "[source.crates-io]\nreplace-with = \"far\"\n";
        let variables = [("CARGO_REGISTRIES_MY_OWN_INDEX", "sparse+https://env/")];
        let config = config(&index("near"), &twice, replaced, &variables);
        let check = |name: &str, want: &str| assert_eq!(config.index(name).unwrap(), want);
        check("near", "sparse+https://near/");
        check("far", "sparse+https://far/");
        check("my-own", "sparse+https://env/");
        check("crates-io", CRATES_IO_INDEX);
        let error = config.index("no-where").unwrap_err().to_string();
        assert!(
            error.contains("[registries.no-where]")
                && error.contains("CARGO_REGISTRIES_NO_WHERE_INDEX"),
            "{error}"
        );
    }

    #[test]
    fn providers_are_asked_in_cargos_order() {
        let program = |name: &str, args: &[&str]| Provider::Process {
            program: name.into(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        };
        let stdout = Provider::FromStdout {
            program: "pass".into(),
            args: vec!["show".to_owned(), "{index_url}".to_owned()],
        };
        let home = "[registry]\nglobal-credential-providers = [\"cargo:token\", \"cargo:libsecret\", \
            \"short\"]\n[credential-alias]\nshort = [\"cargo-credential-x\", \"--deep\"]\n\
            [registries.one]\ncredential-provider = [\"cargo:token-from-stdout\", \"pass\", \"show\", \"{index_url}\"]\n";
        let variables = [("CARGO_REGISTRIES_TWO_CREDENTIAL_PROVIDER", "short")];
        let with = config("", "", home, &variables);
        let short = program("cargo-credential-x", &["--deep"]);
        let global = vec![
            short.clone(),
            Provider::BuiltIn { name: "libsecret" },
            Provider::CredentialsFile,
        ];
        assert_eq!(with.providers("crates-io"), global);
        assert_eq!(with.providers("one"), [stdout]);
        assert_eq!(with.providers("two"), [short]);
        let without = config("", "", "", &[]);
        assert_eq!(without.providers("crates-io"), [Provider::CredentialsFile]);
    }

    #[test]
    fn a_broken_file_is_named_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".cargo")).unwrap();
        let text = "[registry]\ntoken = secret\n";
        std::fs::write(directory.path().join(".cargo/config.toml"), text).unwrap();
        let error = CargoConfig::load(directory.path(), directory.path(), |_| None).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("config.toml"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
