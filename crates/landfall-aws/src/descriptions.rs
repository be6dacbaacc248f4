//! ECS's descriptions as they come over the wire, member for member: what is sent again, compared or written down must not
//! lose what the SDK's types do not know.

use aws_config::SdkConfig;
use landfall::{live::LiveRevision, service_id::ServiceId};
use serde_json::{Map, Value, json};

use crate::{
    Fault,
    raw::{ECS, JsonClient},
};

/// "You may specify up to 10 services to describe in a single operation"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>).
const SERVICES_AT_ONCE: usize = 10;
/// "This value can be between 1 and 100"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServices.html>).
const SERVICES_A_PAGE: usize = 100;

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

    /// A service with its tags; none if there is none of this name, or no such cluster.
    pub async fn service(&self, service: &ServiceId) -> Result<Option<Map<String, Value>>, Fault> {
        let names = [service.service().to_owned()];
        match self.services(service.cluster(), &names).await {
            Ok(services) => Ok(services.into_iter().next()),
            Err(fault) if fault.is("ClusterNotFoundException") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The services of these names with their tags. One that is not there is not in the answer.
    ///
    /// # Errors
    /// Refused if there is no such cluster.
    pub async fn services(
        &self,
        cluster: &str,
        names: &[String],
    ) -> Result<Vec<Map<String, Value>>, Fault> {
        let mut found = Vec::new();
        for names in names.chunks(SERVICES_AT_ONCE) {
            let input = json!({ "cluster": cluster, "services": names, "include": ["TAGS"] });
            let mut answer = self.0.call("DescribeServices", &input).await?;
            if let Value::Array(services) = answer["services"].take() {
                let services = services.into_iter();
                found.extend(services.filter_map(|service| match service {
                    Value::Object(fields) => Some(fields),
                    _ => None,
                }));
            }
        }
        Ok(found)
    }

    /// The names of all services of a cluster, in alphabetical order. Their ARNs may be of the old format, without the
    /// cluster's name.
    ///
    /// # Errors
    /// Refused if there is no such cluster.
    pub async fn names_of_services(&self, cluster: &str) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut input = json!({ "cluster": cluster, "maxResults": SERVICES_A_PAGE });
            if !token.is_null() {
                input["nextToken"] = token;
            }
            let mut answer = self.0.call("ListServices", &input).await?;
            let arns = answer["serviceArns"].as_array().into_iter().flatten();
            let listed = arns.filter_map(|arn| arn.as_str()?.rsplit('/').next());
            names.extend(listed.map(str::to_owned));
            token = answer["nextToken"].take();
            if token.as_str().is_none_or(str::is_empty) {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The service revisions of these ARNs.
    pub async fn service_revisions(&self, arns: &[&str]) -> Result<Vec<Value>, Fault> {
        let input = json!({ "serviceRevisionArns": arns });
        let mut answer = self.0.call("DescribeServiceRevisions", &input).await?;
        Ok(match answer["serviceRevisions"].take() {
            Value::Array(revisions) => revisions,
            _ => Vec::new(),
        })
    }
}
