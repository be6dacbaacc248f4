//! Whole stories over the wire: the real functions, the real state machine, the embedded cloud. Images are simulated
//! where no story needs a process.

#![allow(clippy::unwrap_used)]

mod adoption;
mod bad_releases;
mod blue_green;
mod capacity;
mod claims;
mod dying;
mod foreign;
mod good_releases;
mod hold;
mod ingress;
mod interruptions;
mod one_off_tasks;
mod order;
mod panic;
mod parameters;
mod pauses;
mod retry;
mod scaling_and_discovery;
mod service_files;
mod tag_policies;
mod together;
mod unproven;
mod way_back;
