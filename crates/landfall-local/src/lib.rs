//! Landfall on one machine: the embedded cloud plays AWS over HTTP, the embedded engine runs the state machine of
//! `statemachine/release.asl.json`, and the functions run as separate processes over the Lambda Runtime API.
//!
//! Nothing here decides anything about releases. Take this crate away and AWS does the same work.

pub mod cloud;
pub mod courier;
pub mod driver;
pub mod engine;
pub mod free_port;
pub mod install;
pub mod lambda;
pub mod local;
pub mod rough;
pub mod schedule;
pub mod serve;
pub mod world;
