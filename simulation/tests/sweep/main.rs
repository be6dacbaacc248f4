//! The sweep: what is found without any event, which calls that takes, and what becomes of executions that die.
#![allow(clippy::unwrap_used)]

mod deaths;
mod herds;
mod lag;
mod lost;
mod not_yet;
mod numbers;
mod outages;
mod pauses;
mod shortage;
mod stage;
mod traffic;
mod world;
