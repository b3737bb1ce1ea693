//! Facts of what would be packed.

/// What a checkout has of a package and a release would not have, or not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackingFacts {
    /// Files that the manifest's `include` names and git ignores.
    pub ignored: Vec<String>,
    /// Submodules in the package that are not checked out.
    pub submodules: Vec<String>,
    /// Files of which only the pointer is here, and not the content that LFS keeps.
    pub pointers: Vec<String>,
}
