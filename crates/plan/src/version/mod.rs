//! Versions: what is asked for, which packages share one, what a change calls for.

pub mod api_change;
pub mod bump;
pub mod groups;
pub mod kind;
pub mod request;

pub use api_change::ApiChange;
pub use bump::VersionBump;
pub use groups::{CHANGELOG, Group, WORKSPACE};
pub use kind::BumpKind;
pub use request::{GroupVersion, VersionRequest, pre_release};
