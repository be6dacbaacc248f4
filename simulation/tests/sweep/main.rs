//! The sweep: what is found without any event, which calls that takes, and what becomes of executions that die.
#![allow(clippy::unwrap_used)]

mod adoption;
mod by_hand;
mod deaths;
mod denied;
mod herds;
mod lag;
mod lambda;
mod left_behind;
mod lost;
mod newer;
mod not_yet;
mod numbers;
mod outages;
mod pauses;
mod probes;
mod redriven;
mod shortage;
mod stage;
mod tags;
mod traffic;
mod unproven;
mod world;
