//! What somebody sees who uses the `landfall` command.

#![allow(clippy::unwrap_used)]

mod console;
mod init;
mod live_services;
mod local;
mod profiles;
mod releases;
mod stage;
mod stub;
mod tools;
mod verify;
