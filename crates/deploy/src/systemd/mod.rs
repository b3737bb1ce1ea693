//! Units: their texts, the files that hold them, and what systemd says about them.

pub(crate) mod host_file;
pub(crate) mod unit_status;
pub(crate) mod units;
