//! Tokens from credential providers, asked as cargo asks them.
//!
//! A provider is a program that keeps tokens: it prints one
//! (`cargo:token-from-stdout`), or speaks cargo's protocol of JSON lines over
//! its standard input and output (the types are the cargo team's own, in the
//! crate `cargo-credential`). It may talk to a person, on a terminal or on a
//! token to be touched; so it has our standard error, and no time limit.
//!
//! It refuses to log in and out, and to show what a provider printed: that may
//! be the token.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cargo_credential::{
    Action, CacheControl, CredentialHello, CredentialRequest, CredentialResponse, Error, Operation,
    PROTOCOL_VERSION_1, RegistryInfo,
};
use jiff::Timestamp;

use crate::cargo_config::Provider;
use crate::token::{Token, TokenError};

/// The registry that a token is for.
#[derive(Debug, Clone, Copy)]
pub struct ProviderRegistry<'a> {
    /// Its name as cargo knows it.
    pub name: &'a str,
    /// Its index.
    pub index: &'a str,
}

/// What a token is for. A provider may give one that is good for nothing else.
#[derive(Debug, Clone, Copy)]
pub enum TokenUse<'a> {
    /// Uploading a version.
    Publish {
        /// The crate.
        name: &'a str,
        /// The version.
        version: &'a str,
        /// SHA-256 of the package, in hex.
        checksum: &'a str,
    },
    /// Yanking a version.
    Yank {
        /// The crate.
        name: &'a str,
        /// The version.
        version: &'a str,
    },
    /// Giving a yanked version back.
    Unyank {
        /// The crate.
        name: &'a str,
        /// The version.
        version: &'a str,
    },
    /// Changing who owns a crate.
    Owners {
        /// The crate.
        name: &'a str,
    },
}

/// A token that a provider gave.
#[derive(Debug, Clone)]
pub struct ProvidedToken {
    /// The token.
    pub token: Token,
    /// How long it may be kept.
    pub keep: Keep,
}

/// How long a provider's token may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// For this one use.
    Never,
    /// Until then, for every use.
    Until(Timestamp),
    /// As long as this process lives, for every use.
    Session,
}

/// Why a provider gave no token. None of these shows what it printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It could not be started.
    #[error("cannot start the credential provider {provider}: {source}; {remedy}")]
    Start {
        /// The provider.
        provider: String,
        /// What to do.
        remedy: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It ended with a failure, or said that it failed.
    #[error(
        "the credential provider {provider} failed for the registry {registry}: {cause}; see that it works for `cargo login`"
    )]
    Failed {
        /// The provider.
        provider: String,
        /// The registry.
        registry: String,
        /// Its exit, or its own words.
        cause: String,
    },
    /// It does not keep to the protocol.
    #[error(
        "the credential provider {provider} does not keep to cargo's protocol: {cause}; update it"
    )]
    Protocol {
        /// The provider.
        provider: String,
        /// What is wrong.
        cause: String,
    },
    /// It gave something that cannot be a token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Provider {
    /// Returns how people call it.
    pub fn shown(&self) -> String {
        match self {
            Provider::CredentialsFile => "cargo:token".to_owned(),
            Provider::FromStdout { program, .. } => {
                format!("cargo:token-from-stdout {}", program.display())
            }
            Provider::Process { program, .. } => program.display().to_string(),
            Provider::BuiltIn { name } => format!("cargo:{name}"),
        }
    }

    /// Returns whether its program is there, on the search path or where it is said to be.
    pub fn is_installed(&self, directory: &Path, search: Option<&OsStr>) -> bool {
        let program = match self {
            Provider::CredentialsFile => return true,
            Provider::FromStdout { program, .. } | Provider::Process { program, .. } => {
                program.clone()
            }
            Provider::BuiltIn { name } => format!("cargo-credential-{name}").into(),
        };
        if program.components().count() > 1 {
            return directory.join(program).is_file();
        }
        let search = search.unwrap_or_default();
        std::env::split_paths(search).any(|path| path.join(&program).is_file())
    }

    /// Asks for a token; `None` where it has none for this registry. Relative
    /// programs are found from `directory`, and cargo's variables are set.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]. [`Provider::CredentialsFile`] has none here: that
    /// file is read by [`Token::find`].
    pub fn token(
        &self,
        registry: ProviderRegistry<'_>,
        wanted: TokenUse<'_>,
        directory: &Path,
    ) -> Result<Option<ProvidedToken>, ProviderError> {
        let talk = Talk {
            shown: self.shown(),
            registry,
            directory,
        };
        match self {
            Provider::CredentialsFile => Ok(None),
            Provider::FromStdout { program, args } => talk.printed(program, args).map(Some),
            Provider::Process { program, args } => talk.protocol(program, args, wanted),
            Provider::BuiltIn { name } => {
                let program = format!("cargo-credential-{name}");
                talk.protocol(Path::new(&program), &[], wanted)
            }
        }
    }
}

/// One conversation with a provider.
struct Talk<'a> {
    shown: String,
    registry: ProviderRegistry<'a>,
    directory: &'a Path,
}

impl Talk<'_> {
    fn start(&self, command: &mut Command) -> Result<Child, ProviderError> {
        command
            .current_dir(self.directory)
            .env("CARGO_REGISTRY_INDEX_URL", self.registry.index)
            .env("CARGO_REGISTRY_NAME_OPT", self.registry.name)
            .stdout(Stdio::piped());
        command.spawn().map_err(|source| {
            let missing = source.kind() == ErrorKind::NotFound;
            let remedy = match self.shown.strip_prefix("cargo:") {
                Some(name) if missing && !name.starts_with("token") => format!(
                    "it is built into cargo; `cargo install cargo-credential-{name}` gives it to others, or give the token in a variable"
                ),
                _ => "install it, or correct `credential-provider` in cargo's configuration".to_owned(),
            };
            ProviderError::Start {
                provider: self.shown.clone(),
                remedy,
                source,
            }
        })
    }

    fn failed(&self, cause: impl std::fmt::Display) -> ProviderError {
        ProviderError::Failed {
            provider: self.shown.clone(),
            registry: self.registry.name.to_owned(),
            cause: cause.to_string(),
        }
    }

    fn broke(&self, cause: impl std::fmt::Display) -> ProviderError {
        ProviderError::Protocol {
            provider: self.shown.clone(),
            cause: cause.to_string(),
        }
    }

    fn end(&self, mut child: Child) -> Result<(), ProviderError> {
        drop(child.stdin.take());
        let status = child.wait().map_err(|error| self.failed(error))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failed(status))
        }
    }

    /// Runs a command that prints the token and ends.
    fn printed(&self, program: &Path, args: &[String]) -> Result<ProvidedToken, ProviderError> {
        let args = args
            .iter()
            .map(|arg| arg.replace("{index_url}", self.registry.index));
        let mut child = self.start(Command::new(program).args(args).stdin(Stdio::inherit()))?;
        let mut text = String::new();
        let mut output = child.stdout.take().expect("its output is piped");
        let read = output.read_to_string(&mut text);
        self.end(child)?;
        read.map_err(|error| self.broke(error))?;
        if text.trim_end().lines().count() > 1 {
            return Err(self.broke("it printed more than one line, and a token is one"));
        }
        Ok(ProvidedToken {
            token: Token::given(&text, &format!("the output of {}", self.shown))?,
            keep: Keep::Session,
        })
    }

    /// Asks one question in cargo's protocol.
    fn protocol(
        &self,
        program: &Path,
        args: &[String],
        wanted: TokenUse<'_>,
    ) -> Result<Option<ProvidedToken>, ProviderError> {
        let mut command = Command::new(program);
        command.arg("--cargo-plugin").stdin(Stdio::piped());
        let mut child = self.start(&mut command)?;
        let answer = self.ask(&mut child, args, wanted);
        let ended = self.end(child);
        // What it said tells more than how it ended.
        let (answer, ()) = (answer?, ended?);
        match answer {
            Ok(CredentialResponse::Get {
                token,
                cache,
                operation_independent,
            }) => Ok(Some(ProvidedToken {
                token: Token::given(&token.expose(), &format!("the answer of {}", self.shown))?,
                keep: keep(&cache, operation_independent),
            })),
            Ok(_) => Err(self.broke("it was asked for a token and answered something else")),
            Err(Error::NotFound | Error::UrlNotSupported) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn ask(
        &self,
        child: &mut Child,
        args: &[String],
        wanted: TokenUse<'_>,
    ) -> Result<Result<CredentialResponse, Error>, ProviderError> {
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = |what: &str| {
            let mut line = String::new();
            match output.read_line(&mut line) {
                Ok(0) => Err(self.broke(format!("it ended without {what}"))),
                Ok(_) => Ok(line),
                Err(error) => Err(self.broke(error)),
            }
        };
        let hello: CredentialHello = serde_json::from_str(&line("a greeting")?)
            .map_err(|_| self.broke("its greeting is not understood"))?;
        if !hello.v.contains(&PROTOCOL_VERSION_1) {
            return Err(self.broke(format!("it speaks the versions {:?}, we speak 1", hello.v)));
        }
        let request = CredentialRequest {
            v: PROTOCOL_VERSION_1,
            registry: RegistryInfo {
                index_url: self.registry.index,
                name: Some(self.registry.name),
                headers: Vec::new(),
            },
            action: Action::Get(operation(wanted)),
            args: args.iter().map(String::as_str).collect(),
        };
        let mut text = serde_json::to_vec(&request).map_err(|error| self.broke(error))?;
        text.push(b'\n');
        let input = child.stdin.as_mut().expect("its input is piped");
        input
            .write_all(&text)
            .and_then(|()| input.flush())
            .map_err(|error| self.broke(error))?;
        // The text of a parse error may quote the answer.
        serde_json::from_str(&line("an answer")?)
            .map_err(|_| self.broke("its answer is not understood"))
    }
}

fn operation(wanted: TokenUse<'_>) -> Operation<'_> {
    match wanted {
        TokenUse::Publish {
            name,
            version,
            checksum,
        } => Operation::Publish {
            name,
            vers: version,
            cksum: checksum,
        },
        TokenUse::Yank { name, version } => Operation::Yank {
            name,
            vers: version,
        },
        TokenUse::Unyank { name, version } => Operation::Unyank {
            name,
            vers: version,
        },
        TokenUse::Owners { name } => Operation::Owners { name },
    }
}

fn keep(cache: &CacheControl, operation_independent: bool) -> Keep {
    match cache {
        _ if !operation_independent => Keep::Never,
        CacheControl::Session => Keep::Session,
        CacheControl::Expires { expiration } => {
            match Timestamp::from_second(expiration.unix_timestamp()) {
                Ok(until) => Keep::Until(until),
                Err(_) => Keep::Never,
            }
        }
        _ => Keep::Never,
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    const REGISTRY: ProviderRegistry<'static> = ProviderRegistry {
        name: "other",
        index: "sparse+https://e.org/",
    };
    const PUBLISH: TokenUse<'static> = TokenUse::Publish {
        name: "demo",
        version: "1.0.0",
        checksum: "00",
    };

    /// Makes a provider that is this shell script. Another process writes the file: a child
    /// that another test starts meanwhile would keep it open for writing, and what is open so
    /// cannot be run.
    fn script(body: &str) -> (tempfile::TempDir, Provider, Provider) {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("cargo-credential-test");
        let status = std::process::Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 700 \"$2\"",
                "sh",
                body,
            ])
            .arg(&program)
            .status()
            .unwrap();
        assert!(status.success());
        let args = vec!["{index_url}".to_owned()];
        let process = Provider::Process {
            program: program.clone(),
            args: args.clone(),
        };
        (directory, process, Provider::FromStdout { program, args })
    }

    /// Returns what a provider gives that greets, reads one request and answers this.
    fn answers(answer: &str) -> Result<Option<(String, Keep)>, String> {
        let body = format!(
            "[ \"$1\" = --cargo-plugin ] || exit 9\necho '{{\"v\":[1]}}'\nread -r request\n\
             echo \"$request\" > request\necho '{answer}'"
        );
        let (directory, process, _) = script(&body);
        let given = process.token(REGISTRY, PUBLISH, directory.path());
        let request = std::fs::read_to_string(directory.path().join("request")).unwrap();
        let request: serde_json::Value = serde_json::from_str(&request).unwrap();
        assert_eq!(
            request,
            serde_json::json!({
                "v": 1, "kind": "get", "operation": "publish", "name": "demo", "vers": "1.0.0",
                "cksum": "00", "args": ["{index_url}"],
                "registry": {"index-url": REGISTRY.index, "name": "other"},
            })
        );
        match given {
            Ok(given) => Ok(given.map(|given| (given.token.secret().to_owned(), given.keep))),
            Err(error) => Err(format!("{error} {error:?}")),
        }
    }

    #[test]
    fn a_provider_is_asked_in_cargos_protocol() {
        let get = |rest: &str| {
            answers(&format!(
                "{{\"Ok\":{{\"kind\":\"get\",\"token\":\"hush\",{rest}}}}}"
            ))
        };
        let given = |keep| Ok(Some(("hush".to_owned(), keep)));
        let session = "\"cache\":\"session\",\"operation_independent\":true";
        assert_eq!(get(session), given(Keep::Session));
        let once = "\"cache\":\"session\",\"operation_independent\":false";
        assert_eq!(get(once), given(Keep::Never));
        let until =
            "\"cache\":\"expires\",\"expiration\":1700000000,\"operation_independent\":true";
        let then = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(get(until), given(Keep::Until(then)));
        for none in ["not-found", "url-not-supported"] {
            assert_eq!(
                answers(&format!("{{\"Err\":{{\"kind\":\"{none}\"}}}}")),
                Ok(None)
            );
        }
        let other = answers("{\"Err\":{\"kind\":\"other\",\"message\":\"locked\"}}").unwrap_err();
        assert!(other.contains("locked"), "{other}");
    }

    #[test]
    fn what_a_provider_printed_is_never_shown() {
        let odd = answers("{\"Ok\":{\"kind\":\"get\",\"token\":hush}}").unwrap_err();
        assert!(odd.contains("protocol") && !odd.contains("hush"), "{odd}");
        let show = |provider: &Provider, directory: &Path| {
            let error = provider.token(REGISTRY, PUBLISH, directory).unwrap_err();
            format!("{error} {error:?}")
        };
        let (directory, process, stdout) = script("echo hush; echo hush; exit 3");
        for provider in [&process, &stdout] {
            let error = show(provider, directory.path());
            assert!(!error.contains("hush"), "{error}");
        }
        let (directory, _, stdout) = script("echo hush; echo hush");
        let two = show(&stdout, directory.path());
        assert!(two.contains("one line") && !two.contains("hush"), "{two}");
    }

    #[test]
    fn a_command_may_print_the_token() {
        let (directory, _, stdout) = script("echo \"$CARGO_REGISTRY_NAME_OPT:$1\"");
        let given = stdout.token(REGISTRY, PUBLISH, directory.path());
        let given = given.unwrap().unwrap();
        assert_eq!(given.token.secret(), "other:sparse+https://e.org/");
        assert_eq!(given.keep, Keep::Session);
    }

    #[test]
    fn a_provider_that_is_not_there_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let check = |provider: Provider, want: &str| {
            let error = provider.token(REGISTRY, PUBLISH, directory.path());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        };
        let built_in = Provider::BuiltIn { name: "wincred" };
        check(built_in, "cargo install cargo-credential-wincred");
        let program = directory.path().join("nowhere");
        let args = Vec::new();
        check(Provider::Process { program, args }, "nowhere");
    }
}
