//! CloudFormation: the exports of stacks, as far as service files ask for them. There are no stacks here.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    fault::Fault,
    operations::{Api, INVALID_ACTION},
};
use crate::world::World;

/// `ListExports` answers at most so many exports at once
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html>).
const PAGE: usize = 100;

/// The exports of one account in one Region.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    world: Arc<World>,
    page: usize,
    exports: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What is played.
pub(super) const API: Api<CloudFormation> = Api {
    service: "cloudformation",
    title: "CloudFormation",
    unknown: INVALID_ACTION,
    operations: &[("ListExports", |exports, input| {
        Ok(exports.list_exports(input))
    })],
};

impl CloudFormation {
    /// No exports yet. A page has at most `page` of them, if that is less than in AWS.
    pub fn new(world: Arc<World>, page: Option<usize>) -> Self {
        Self {
            world,
            page: page.map_or(PAGE, |page| page.min(PAGE)),
            exports: Arc::default(),
        }
    }

    /// Exports a value, as a stack would.
    pub fn export(&self, name: &str, value: &str) {
        let mut exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        exports.insert(name.into(), value.into());
    }

    /// Answers one operation.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    fn list_exports(&self, input: &Value) -> Value {
        let from: usize = input["NextToken"]
            .as_str()
            .and_then(|token| token.parse().ok())
            .unwrap_or(0);
        let exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        let stack = self.world.arn("cloudformation", "stack/exports/1");
        let page: Vec<Value> = exports
            .iter()
            .skip(from)
            .take(self.page)
            .map(|(name, value)| json!({ "ExportingStackId": stack, "Name": name, "Value": value }))
            .collect();
        let next = from + page.len();
        let mut answer = json!({ "Exports": page });
        if next < exports.len() {
            answer["NextToken"] = next.to_string().into();
        }
        answer
    }
}
