//! The operations that are played, of all services.

use std::collections::BTreeSet;

use super::{cloud_map, cloudformation, ecr, ecs, elb, events, logs, s3, scaling, ssm, sts};
use crate::engine;

/// Everything that is played, e.g. `ecs:UpdateService`.
pub fn played() -> BTreeSet<String> {
    let s3 = s3::OPERATIONS.iter().map(|(name, _)| format!("s3:{name}"));
    s3.chain(["lambda:Invoke".into()])
        .chain(cloud_map::API.names())
        .chain(cloudformation::API.names())
        .chain(ecr::API.names())
        .chain(ecs::API.names())
        .chain(elb::API.names())
        .chain(engine::API.names())
        .chain(events::API.names())
        .chain(logs::API.names())
        .chain(scaling::API.names())
        .chain(ssm::API.names())
        .chain(sts::API.names())
        .collect()
}
