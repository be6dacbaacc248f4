//! ECS's descriptions as they come over the wire, member for member: what is sent again, compared or written down must not
//! lose what the SDK's types do not know.

use aws_config::SdkConfig;
use landfall::{live::LiveRevision, service_id::ServiceId};
use serde_json::{Map, Value, json};

use crate::{
    Fault,
    raw::{ECS, JsonClient},
};

/// ECS's descriptions.
#[derive(Clone, Debug)]
pub struct Descriptions(JsonClient);

impl Descriptions {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(JsonClient::new(config, ECS))
    }

    /// A revision with its tags.
    ///
    /// # Errors
    /// Refused if there is none.
    pub async fn task_definition(&self, arn: &str) -> Result<LiveRevision, Fault> {
        let input = json!({ "taskDefinition": arn, "include": ["TAGS"] });
        let mut answer = self.0.call("DescribeTaskDefinition", &input).await?;
        let Value::Object(fields) = answer["taskDefinition"].take() else {
            return Err(Fault::incomplete(
                "ecs:DescribeTaskDefinition",
                "taskDefinition",
            ));
        };
        let tags = match answer["tags"].take() {
            Value::Array(tags) => tags,
            _ => Vec::new(),
        };
        Ok(LiveRevision { fields, tags })
    }

    /// A service with its tags; none if there is none of this name.
    ///
    /// # Errors
    /// Refused if there is no such cluster.
    pub async fn service(&self, service: &ServiceId) -> Result<Option<Map<String, Value>>, Fault> {
        let input = json!({
            "cluster": service.cluster(), "services": [service.service()], "include": ["TAGS"],
        });
        let mut answer = self.0.call("DescribeServices", &input).await?;
        Ok(match answer["services"][0].take() {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
    }
}
