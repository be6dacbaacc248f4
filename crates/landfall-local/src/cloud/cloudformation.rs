//! CloudFormation: the exports of stacks, as far as service files ask for them, and the outputs of the stack that is
//! Landfall.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    api::{Api, INVALID_ACTION},
    fault::Fault,
};
use crate::world::World;

/// `ListExports` answers at most so many exports at once
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html>).
const PAGE: usize = 100;

/// The exports of one account in one Region.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    world: Arc<World>,
    began: String,
    page: usize,
    exports: Arc<Mutex<BTreeMap<String, String>>>,
    stacks: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
}

/// What is played.
pub(super) const API: Api<CloudFormation> = Api {
    service: "cloudformation",
    title: "CloudFormation",
    unknown: INVALID_ACTION,
    operations: &[
        ("DescribeStacks", |stacks, input| {
            stacks.describe_stacks(input)
        }),
        ("ListExports", |exports, input| {
            Ok(exports.list_exports(input))
        }),
    ],
};

impl CloudFormation {
    /// No exports yet. A page has at most `page` of them, if that is less than in AWS.
    pub fn new(world: Arc<World>, page: Option<usize>) -> Self {
        Self {
            began: world.now().to_string(),
            world,
            page: page.map_or(PAGE, |page| page.min(PAGE)),
            exports: Arc::default(),
            stacks: Arc::default(),
        }
    }

    /// A stack with these outputs is there; one of the same name is replaced.
    pub fn put_stack(&self, name: &str, outputs: &BTreeMap<String, String>) {
        let mut stacks = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        stacks.insert(name.into(), outputs.clone());
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

    fn describe_stacks(&self, input: &Value) -> Result<Value, Fault> {
        let name = input["StackName"].as_str();
        let stacks = self.stacks.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = stacks
            .iter()
            .filter(|(stack, _)| name.is_none_or(|name| name == stack.as_str()));
        let described: Vec<Value> = asked
            .map(|(stack, outputs)| {
                let outputs: Vec<Value> = outputs
                    .iter()
                    .map(|(key, value)| json!({ "OutputKey": key, "OutputValue": value }))
                    .collect();
                json!({
                    "StackId": self.world.arn("cloudformation", &format!("stack/{stack}/1")),
                    "StackName": stack,
                    "CreationTime": self.began,
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": outputs,
                })
            })
            .collect();
        match (name, described.is_empty()) {
            (Some(name), true) => Err(Fault::client(
                "ValidationError",
                format!("Stack with id {name} does not exist"),
            )),
            _ => Ok(json!({ "Stacks": described })),
        }
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
