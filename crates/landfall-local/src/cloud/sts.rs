//! Security Token Service: who is asking.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    api::{Api, INVALID_ACTION},
    fault::Fault,
};
use crate::world::World;

/// STS of one account. Everybody is its root user, as no credentials are checked.
#[derive(Clone, Debug)]
pub struct Sts {
    world: Arc<World>,
}

/// What is played.
pub(super) const API: Api<Sts> = Api {
    service: "sts",
    title: "STS",
    unknown: INVALID_ACTION,
    operations: &[("GetCallerIdentity", |sts, _| Ok(sts.caller_identity()))],
};

impl Sts {
    /// The account of `world`.
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    /// Answers one operation.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
    fn caller_identity(&self) -> Value {
        json!({
            "UserId": self.world.account,
            "Account": self.world.account,
            "Arn": format!("arn:aws:iam::{}:root", self.world.account),
        })
    }
}
