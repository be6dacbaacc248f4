//! The embedded cloud: one HTTP endpoint that answers as AWS does.

pub mod bus;
pub mod ecs;
pub mod elb;
pub mod fault;
