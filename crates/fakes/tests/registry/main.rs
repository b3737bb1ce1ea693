//! The registry client and the real cargo against the fake registry.

mod cargo;
mod contract;
mod faults;
mod pass_through;
mod rules;
mod third_party;
mod trusted;
mod world;
