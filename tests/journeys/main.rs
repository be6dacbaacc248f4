//! Whole stories over the wire: the real functions, the real state machine, the embedded cloud. Images are simulated
//! where no story needs a process.

#![allow(clippy::unwrap_used)]

mod adoption;
mod bad_releases;
mod good_releases;
mod interruptions;
mod lost_events;
mod order;
mod service_files;
mod tag_policies;
