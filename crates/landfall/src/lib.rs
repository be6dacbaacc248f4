//! What Landfall decides: what a service file says, which image a follow rule admits, what should run, and what each
//! step of a release does next. No clients, no clock, no environment; everything here is a function of its arguments.

pub mod act;
pub mod api;
pub mod by_hand;
pub mod change;
pub mod container_log;
pub mod content;
pub mod course;
pub mod danger;
pub mod desired;
pub mod difference;
pub mod drift;
pub mod event;
pub mod evidence;
pub mod export;
pub mod failure;
pub mod follow;
pub mod followed;
pub mod health_check;
pub mod hold;
pub mod ignored;
pub mod image;
pub mod keys;
pub mod last_call;
pub mod live;
pub mod look;
pub mod partition;
pub mod pause;
pub mod plan;
pub mod platform;
pub mod prerequisites;
pub mod probe;
pub mod protocol;
pub mod quarantine;
pub mod record;
pub mod refusal;
pub mod revocation;
pub mod secret;
pub mod service_file;
pub mod service_id;
pub mod service_section;
pub mod stage;
pub mod status;
pub mod step;
pub mod sweep;
pub mod tags;
pub mod target_group;
pub mod task_definition;
pub mod together;
pub mod undecided;
pub mod undone;
pub mod unproven;
pub mod unseen;
pub mod versioned;
pub mod yaml;

#[cfg(test)]
mod processor_time;
#[cfg(test)]
mod sample;
