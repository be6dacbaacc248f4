//! Security Token Service: who is asking.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fault::Fault;
use crate::world::World;

/// STS of one account. Everybody is its root user, as no credentials are checked.
#[derive(Clone, Debug)]
pub struct Sts {
    world: Arc<World>,
}

impl Sts {
    /// The account of `world`.
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    /// Answers `GetCallerIdentity`
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
    pub async fn call(&self, operation: &str, _input: Value) -> Result<Value, Fault> {
        match operation {
            "GetCallerIdentity" => Ok(json!({
                "UserId": self.world.account,
                "Account": self.world.account,
                "Arn": format!("arn:aws:iam::{}:root", self.world.account),
            })),
            _ => Err(Fault::client(
                "InvalidAction",
                format!("The embedded cloud has no STS operation {operation}."),
            )),
        }
    }
}
