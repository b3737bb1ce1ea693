//! The registry client and the real cargo against the fake registry.

mod accounts;
mod answers;
mod cargo;
mod contract;
mod early;
mod faults;
mod fixture;
mod limits;
mod owners;
mod pass_through;
mod rules;
mod third_party;
mod trusted;
mod wire;
