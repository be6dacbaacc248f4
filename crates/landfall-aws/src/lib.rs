//! Landfall's calls to AWS: one module per service, one method per verb that is needed, Landfall's types in and out.
//! Nothing here decides.

mod aws;
pub mod bucket;
pub mod caller;
pub mod change;
pub mod clock;
pub mod cloud_map;
pub mod cluster;
pub mod config;
pub mod descriptions;
pub mod drift;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod events;
mod fault;
pub mod fitting;
pub mod function;
mod inspection;
pub mod installation;
pub mod logs;
mod not_yet;
pub mod operator;
mod panicked;
pub mod parameters;
pub mod passed_over;
pub mod raw;
pub mod scaling;
pub mod sfn;
pub mod side_by_side;
pub mod state_bucket;
pub mod status_file;
pub mod sweep_memory;
pub mod web;

pub use aws::{Aws, Settings, reach_from};
pub use fault::{Fault, Kind, causes};
pub use inspection::Inspection;
