//! Versions: what is asked for, which packages share one, what a change calls for.

pub mod api_change;
pub mod bump;
mod development;
mod evidence;
pub mod groups;
pub mod kind;
mod members;
pub mod request;
mod tags;
mod together;

pub use api_change::ApiChange;
pub use bump::VersionBump;
pub use evidence::Evidence;
pub use groups::{CHANGELOG, Conventions, Group, WORKSPACE, conventions};
pub use kind::BumpKind;
pub use members::Selection;
pub(crate) use request::label_of;
pub use request::{GroupVersion, VersionRequest, pre_release};
