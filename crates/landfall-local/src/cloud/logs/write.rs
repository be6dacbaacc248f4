//! Making groups.

use serde_json::{Value, json};

use super::{Group, Logs, group_name, invalid, no_such};
use crate::cloud::fault::Fault;

/// The retention times that the API takes, in days.
const RETENTIONS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl Logs {
    pub(super) fn create_log_group(&self, input: &Value) -> Result<Value, Fault> {
        let name = group_name(input)?;
        let mut groups = self.groups();
        if groups.contains_key(name) {
            return Err(Fault::client(
                "ResourceAlreadyExistsException",
                "The specified log group already exists",
            ));
        }
        let tags = input["tags"]
            .as_object()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect();
        groups.insert(
            name.to_owned(),
            Group {
                created: self.world.now().as_millisecond(),
                tags,
                ..Group::default()
            },
        );
        Ok(json!({}))
    }

    pub(super) fn put_retention_policy(&self, input: &Value) -> Result<Value, Fault> {
        let days = input["retentionInDays"]
            .as_u64()
            .filter(|days| RETENTIONS.contains(days));
        let days = days.ok_or_else(|| {
            invalid(format!(
                "{} is not a valid 'retentionInDays'",
                input["retentionInDays"]
            ))
        })?;
        self.groups()
            .get_mut(group_name(input)?)
            .ok_or_else(|| no_such("group"))?
            .retention_in_days = Some(days);
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&self, input: &Value) -> Result<Value, Fault> {
        let groups = self.groups();
        Ok(json!({ "tags": groups.get(group_in(input)).ok_or_else(|| no_such("group"))?.tags }))
    }
}

/// The group in a `resourceArn`.
fn group_in(input: &Value) -> &str {
    let arn = input["resourceArn"].as_str().unwrap_or_default();
    arn.split_once(":log-group:")
        .map(|(_, name)| name.trim_end_matches(":*"))
        .unwrap_or_default()
}
