//! A registry's token: found where cargo finds it, and never shown.
//!
//! Looks in the environment and in cargo's credentials file; credential
//! providers are asked elsewhere, for they may ask a person.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item};

use crate::cargo_config::in_capitals;

/// A secret that authorises writes to a registry. `Debug` and `Display` show
/// that it is there, not what it is.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Keeps a token as the registry handed it out.
    pub fn new(token: String) -> Token {
        Token(token)
    }

    /// Finds the token of a registry by its name in cargo's configuration
    /// (`crates-io` for crates.io): in `CARGO_REGISTRY_TOKEN` or
    /// `CARGO_REGISTRIES_NAME_TOKEN`, then in `credentials.toml` (or its old
    /// name `credentials`) under `cargo_home`. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`TokenError`] for a token or file that is there but cannot be used.
    pub fn find(
        registry: &str,
        env: &dyn Fn(&str) -> Option<String>,
        cargo_home: &Path,
    ) -> Result<Option<Token>, TokenError> {
        match Token::in_environment(registry, env)? {
            Some(token) => Ok(Some(token)),
            None => Token::in_credentials(registry, cargo_home),
        }
    }

    /// Returns the variable in which cargo looks for a registry's token.
    pub fn variable(registry: &str) -> String {
        if registry == "crates-io" {
            return "CARGO_REGISTRY_TOKEN".to_owned();
        }
        format!("CARGO_REGISTRIES_{}_TOKEN", in_capitals(registry))
    }

    /// Reads the token in [`Token::variable`].
    ///
    /// # Errors
    ///
    /// [`TokenError`] for a token that is there but cannot be used.
    pub fn in_environment(
        registry: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Token>, TokenError> {
        let variable = Token::variable(registry);
        let origin = format!("the environment variable {variable}");
        env(&variable)
            .map(|value| Token::given(&value, &origin))
            .transpose()
    }

    /// Reads the token in cargo's credentials file.
    ///
    /// # Errors
    ///
    /// [`TokenError`] for a token or file that is there but cannot be used.
    pub fn in_credentials(registry: &str, cargo_home: &Path) -> Result<Option<Token>, TokenError> {
        // Cargo prefers the old name where both are there.
        for name in ["credentials", "credentials.toml"] {
            let path = cargo_home.join(name);
            match std::fs::read_to_string(&path) {
                Ok(text) => return from_credentials(&path, &text, registry),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(TokenError::Read { path, source }),
            }
        }
        Ok(None)
    }

    /// Takes a token as somebody else gave it; `origin` names them in errors.
    ///
    /// # Errors
    ///
    /// [`TokenError::Empty`], [`TokenError::Characters`].
    pub fn given(text: &str, origin: &str) -> Result<Token, TokenError> {
        let text = text.trim();
        let origin = origin.to_owned();
        if text.is_empty() {
            return Err(TokenError::Empty { origin });
        }
        if !is_sendable(text) {
            return Err(TokenError::Characters { origin });
        }
        Ok(Token(text.to_owned()))
    }

    /// Returns whether it is the same token.
    pub fn is_same(&self, other: &Token) -> bool {
        self.0 == other.0
    }

    /// Returns the secret itself, for the one header that carries it, and for whoever strikes
    /// it out of what is shown.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }
}

/// Why a token that seems to be there cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token is empty, as a secret is that a workflow may not read.
    #[error("{origin} is there but empty; give it the registry's token, or unset it")]
    Empty {
        /// Where the token comes from.
        origin: String,
    },
    /// The token holds characters that cannot be sent.
    #[error(
        "{origin} holds characters that no token has (blanks or control characters); paste it again"
    )]
    Characters {
        /// Where the token comes from.
        origin: String,
    },
    /// The credentials file could not be read.
    #[error("cannot read {} to find the registry's token; check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The credentials file is not valid TOML. Its text is not quoted: it
    /// holds secrets.
    #[error("{} is not valid TOML in line {line}; correct it, or run `cargo login` again", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

fn from_credentials(path: &Path, text: &str, registry: &str) -> Result<Option<Token>, TokenError> {
    let document = Document::parse(text).map_err(|error| TokenError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| {
            let before = &text.as_bytes()[..span.start.min(text.len())];
            1 + before.iter().filter(|&&byte| byte == b'\n').count()
        }),
    })?;
    let root = document.as_item();
    let table = if registry == "crates-io" {
        root.get("registry")
    } else {
        root.get("registries").and_then(|table| table.get(registry))
    };
    table
        .and_then(|table| table.get("token"))
        .and_then(Item::as_str)
        .map(|token| Token::given(token, &path.display().to_string()))
        .transpose()
}

/// Returns whether a token is plain text; `Bearer …` forms hold a blank within.
pub(crate) fn is_sendable(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[registry]\ntoken = \"from-file\"\n\n\
        [registries.my-own]\ntoken = \"own-from-file\"\n";

    fn find(
        registry: &str,
        variables: &[(&str, &str)],
        files: &[(&str, &str)],
    ) -> Result<Option<String>, TokenError> {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(home.path().join(name), text).unwrap();
        }
        let env = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let token = Token::find(registry, &env, home.path())?;
        Ok(token.map(|token| token.secret().to_owned()))
    }

    fn check(registry: &str, variables: &[(&str, &str)], files: &[(&str, &str)], expected: &str) {
        let found = find(registry, variables, files).unwrap();
        assert_eq!(found.unwrap_or_default(), expected);
    }

    #[test]
    fn tokens_are_found_where_cargo_finds_them() {
        let file = [("credentials.toml", FILE)];
        check("crates-io", &[], &[], "");
        check("crates-io", &[], &file, "from-file");
        check(
            "crates-io",
            &[("CARGO_REGISTRY_TOKEN", "env\n")],
            &file,
            "env",
        );
        check(
            "my-own",
            &[("CARGO_REGISTRY_TOKEN", "env")],
            &file,
            "own-from-file",
        );
        check(
            "my-own",
            &[("CARGO_REGISTRIES_MY_OWN_TOKEN", "env")],
            &file,
            "env",
        );
        check("other", &[], &file, "");
        let old = ("credentials", "registry.token = 'old'\n");
        check("crates-io", &[], &[file[0], old], "old");
    }

    #[test]
    fn errors_do_not_show_what_they_read() {
        let show = |result: Result<Option<String>, TokenError>| {
            let error = result.unwrap_err();
            format!("{error} {error:?}")
        };
        let empty = show(find("crates-io", &[("CARGO_REGISTRY_TOKEN", "")], &[]));
        assert!(empty.contains("CARGO_REGISTRY_TOKEN"), "{empty}");
        let control = show(find(
            "crates-io",
            &[("CARGO_REGISTRY_TOKEN", "se\ncret")],
            &[],
        ));
        assert!(!control.contains("cret"), "{control}");
        let broken = "[registry]\ntoken = secret\n";
        let syntax = show(find("crates-io", &[], &[("credentials.toml", broken)]));
        assert!(
            syntax.contains("line 2") && !syntax.contains("secret"),
            "{syntax}"
        );
        let token = Token::new("secret".to_owned());
        assert!(!format!("{token} {token:?}").contains("secret"));
    }
}
