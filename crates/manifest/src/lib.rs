//! Cargo workspaces: graph, publish order, and version edits as byte splices.
//!
//! What a release needs to know about a workspace, read through `cargo
//! metadata`, and what it changes in it: versions, requirements on siblings,
//! and their entries in `Cargo.lock`. Edits are computed as byte splices that
//! can be stored in a plan, applied, and recognised as done later; everything
//! outside the changed values stays identical to the byte.
//!
//! It refuses to write: callers read and write files. It refuses to guess:
//! a requirement it cannot follow, a version shared with a package that is to
//! stay, and a manifest that is not what `cargo metadata` said are errors.

mod bump;
mod bump_only;
mod cargo_release;
mod edit;
mod inherited;
mod lockfile;
mod manifest_edit;
mod order;
mod packed_files;
mod requirement;
mod rules;
mod span;
mod workspace;

pub use bump::{BumpError, bump, bump_lockfile, relative_to};
pub use bump_only::differs_in_versions_only;
pub use cargo_metadata::DependencyKind;
pub use cargo_release::{SharedVersion, shared_version};
pub use edit::{EditError, EditState, FileEdit, Splice, sha256_hex};
pub use inherited::{changed_keys, inherited_keys};
pub use manifest_edit::{inherits_version, path_dependencies};
pub use order::OrderError;
pub use packed_files::PackedFiles;
pub use requirement::RequirementPolicy;
pub use rules::{MetadataProblem, metadata_problems};
pub use workspace::{InternalDependency, Package, Workspace, WorkspaceError, normalized};
