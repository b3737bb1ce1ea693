//! The pipeline: survey → plan → run.
//!
//! - [`survey`] reads everything and writes nothing.
//! - [`plan()`](plan::plan) is pure: facts and request become a [`Plan`], or
//!   every blocker at once.
//! - [`run()`](run::run) obeys the plan, with a [`Journal`] that survives any
//!   kill and a stream of [`Event`]s for whoever shows them.
//!
//! Plan, rehearsal and real run share this one path. There is no mode in here:
//! which registry, GitHub and host are meant is said by the [`World`].

mod account;
mod at_once;
mod blocker;
pub mod carry;
pub mod checks;
mod command;
pub mod config;
mod connections;
mod deploy_jobs;
mod event;
pub mod facts;
mod git;
pub mod group;
mod interrupt;
mod journal;
pub mod plan;
mod portion;
pub mod request;
pub mod run;
mod stage;
pub mod survey;
mod token_source;
mod world;

pub use account::{Account, Spent};
pub use blocker::{Blocker, Blockers};
pub use command::Stopped;
pub use config::{Config, ConfigError};
pub use event::{Event, Finding, RunEnd, StepOutcome};
pub use git::Git;
pub use interrupt::Interrupt;
pub use journal::{Journal, JournalError, Lock, Moment, Observer, Record};
pub use plan::Plan;
pub use portion::Portion;
pub use request::Request;
pub use stage::Stage;
pub use token_source::{Confidant, TokenPlaces};
pub use world::{World, workspace_around};
