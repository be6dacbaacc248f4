//! The sections `capacity` and `logs`: what has to be there before tasks can run and be read of.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    conformity,
    document::Node,
    mapping::{Mapping, Problems},
    section::{CAPACITY, LOGS, deserialized},
};
use crate::api::Api;

/// What each item of `capacity` is the request of.
pub(super) const OPERATION: &str = "CreateCapacityProvider";

/// What log groups are created with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logs {
    /// How many days their events are kept.
    pub retention_days: u64,
}

impl Default for Logs {
    fn default() -> Self {
        Self { retention_days: 30 }
    }
}

impl Logs {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

pub(super) fn logs(section: &Mapping<'_>, problems: &mut Problems) -> Option<Logs> {
    let fields = LOGS.read(section, problems);
    deserialized(section, fields, problems)
}

/// The bodies of `CreateCapacityProvider`.
pub(super) fn read(node: &Node, problems: &mut Problems) -> Vec<Map<String, Value>> {
    let mut bodies = Vec::new();
    for provider in CAPACITY.mappings(node, "capacity", problems) {
        provider.needed_text(
            "name",
            "name the capacity provider, e.g. `name: web-ec2`",
            problems,
        );
        CAPACITY.check_one_of(&provider, problems);
        let request = Api::ecs().request(OPERATION);
        if let Value::Object(body) = conformity::as_sent(provider.node, request) {
            bodies.push(body);
        }
    }
    bodies
}
