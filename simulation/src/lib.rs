//! All of Landfall in one process on a paused clock: the functions, the state machine and the embedded cloud as they are,
//! with faults in every call and events that come late, twice and in any order. All chance comes from one seed, so a run
//! that goes wrong can be played again.

mod approver;
mod author;
pub mod executions;
pub mod fault;
pub mod file;
pub mod installation;
pub mod invariant;
pub mod invocation;
pub mod journal;
pub mod journeys;
pub mod matrix;
pub mod neighbours;
pub mod order;
mod owner;
pub mod post;
pub mod rotation;
pub mod run;
pub mod scenario;
pub mod serving;
mod stage;
pub mod story;
pub mod sweep;
pub mod violation;
mod web;
pub mod wire;
pub mod witness;
