//! The credential for GitHub's API, which must never be seen.

use std::fmt;

/// A token for GitHub's API. `Debug` and `Display` never show it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token as the environment holds it; surrounding blanks (a final
    /// newline from a secret store) are not part of it.
    pub fn new(secret: impl AsRef<str>) -> Token {
        Token(secret.as_ref().trim().to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
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
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn never_shows_itself() {
        let token = Token::new(" ghp_secret\n");
        assert!(!format!("{token:?} {token}").contains("secret"));
        assert_eq!(token.expose(), "ghp_secret");
    }
}
