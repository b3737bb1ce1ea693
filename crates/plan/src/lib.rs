//! The plan: a pure function of what is known and what is asked for.
//!
//! [`plan()`](planner::plan) turns [`facts`] and a [`request`] into a
//! [`Plan`](model::Plan), or into every problem at once, each with its
//! remedy. There is no file, no process, no clock and no network in here: what
//! the plan hangs on is in the facts, and the same facts give the same plan.
//!
//! Layers, lowest first: `model` < `version` < `facts` < `request` < `preflight`
//! < `gates` < `custom_step` < `deploy` < `release` < `pull_request` < `hotfix` <
//! `yank` < `check` < `planner`.

pub mod check;
pub mod custom_step;
pub mod deploy;
pub mod facts;
pub mod gates;
pub mod hotfix;
pub mod model;
pub mod planner;
pub mod preflight;
pub mod pull_request;
pub mod release;
pub mod request;
pub mod version;
pub mod yank;

#[cfg(test)]
mod tests;
