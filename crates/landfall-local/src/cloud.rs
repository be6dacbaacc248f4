//! The embedded cloud: one HTTP endpoint that answers as AWS does.

pub mod bus;
pub mod ecr;
pub mod events;
pub mod fault;
pub mod logs;
pub mod request_log;
pub mod s3;
pub mod sts;
pub mod wire;
