//! Questions only: what a host offers before a deploy, and what runs on it afterwards; and
//! [`provision`], which makes what the questions found missing.

pub(crate) mod drift;
pub(crate) mod facts;
pub(crate) mod file_change;
pub(crate) mod logs;
pub(crate) mod preconditions;
pub(crate) mod provision;
pub(crate) mod status;
