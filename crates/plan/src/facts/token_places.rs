//! Where the registry's token would come from.

/// Where tokens would come from; no token among it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPlaces {
    /// The runner offers an identity that the registry may trust.
    pub trusted: bool,
    /// Who has the plain token, for people; `None` where nobody has.
    pub plain: Option<String>,
}

impl std::fmt::Display for TokenPlaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.trusted, &self.plain) {
            (true, Some(plain)) => {
                write!(f, "from the workflow's identity, else from {plain}")
            }
            (true, None) => f.write_str("from the workflow's identity"),
            (false, Some(plain)) => write!(f, "from {plain}"),
            (false, None) => f.write_str("there is none"),
        }
    }
}
