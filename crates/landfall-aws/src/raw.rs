//! Services whose SDK crate would cost more to compile than the few calls to them are worth. Bodies go out as they are;
//! the SDK's own machinery signs, finds endpoints, retries and keeps time, as for every other service.

mod download;
mod operation;
#[cfg(test)]
pub(crate) mod recorded;
mod refused;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::http::Response;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::download::download;
use self::refused::Refused;
use crate::Fault;

/// How a service is found, and how its requests are signed.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The service's id, after which its settings are named: `AWS_ENDPOINT_URL_<ID>`
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>).
    pub id: &'static str,
    /// The first label of its host's name, the name that its requests are signed for, and its name in IAM actions.
    pub name: &'static str,
    /// Whether it has one endpoint for each partition, not for each Region.
    pub global: bool,
}

/// A service that speaks the protocol `awsJson1.0` or `awsJson1.1`.
#[derive(Clone, Copy, Debug)]
pub struct JsonService {
    /// Where it is.
    pub service: Service,
    /// What stands before the operation in `X-Amz-Target`.
    pub target: &'static str,
    /// The content type of its requests, in which the two protocols differ.
    pub content_type: &'static str,
}

/// A service that speaks the protocols `awsQuery` or `ec2Query`.
#[derive(Clone, Copy, Debug)]
pub struct QueryService {
    /// Where it is.
    pub service: Service,
    /// The version of its API.
    pub version: &'static str,
}

/// The content type of `awsJson1.0`.
const JSON_1_0: &str = "application/x-amz-json-1.0";
/// The content type of `awsJson1.1`.
const JSON_1_1: &str = "application/x-amz-json-1.1";

const fn regional(id: &'static str, name: &'static str) -> Service {
    Service {
        id,
        name,
        global: false,
    }
}

/// ECS, for what has to be read as it is written.
pub const ECS: JsonService = JsonService {
    service: regional("ECS", "ecs"),
    target: "AmazonEC2ContainerServiceV20141113",
    content_type: JSON_1_1,
};
/// Application Auto Scaling.
pub const APPLICATION_AUTO_SCALING: JsonService = JsonService {
    service: regional("Application Auto Scaling", "application-autoscaling"),
    target: "AnyScaleFrontendService",
    content_type: JSON_1_1,
};
/// Cloud Map.
pub const CLOUD_MAP: JsonService = JsonService {
    service: regional("ServiceDiscovery", "servicediscovery"),
    target: "Route53AutoNaming_v20170314",
    content_type: JSON_1_1,
};
/// Systems Manager.
pub const SYSTEMS_MANAGER: JsonService = JsonService {
    service: regional("SSM", "ssm"),
    target: "AmazonSSM",
    content_type: JSON_1_1,
};
/// Secrets Manager.
pub const SECRETS_MANAGER: JsonService = JsonService {
    service: regional("Secrets Manager", "secretsmanager"),
    target: "secretsmanager",
    content_type: JSON_1_1,
};
/// CloudWatch Logs.
pub const LOGS: JsonService = JsonService {
    service: regional("CloudWatch Logs", "logs"),
    target: "Logs_20140328",
    content_type: JSON_1_1,
};
/// EventBridge.
pub const EVENT_BRIDGE: JsonService = JsonService {
    service: regional("EventBridge", "events"),
    target: "AWSEvents",
    content_type: JSON_1_1,
};
/// Step Functions.
pub const STEP_FUNCTIONS: JsonService = JsonService {
    service: regional("SFN", "states"),
    target: "AWSStepFunctions",
    content_type: JSON_1_0,
};
/// Identity and Access Management.
pub const IAM: QueryService = QueryService {
    service: Service {
        id: "IAM",
        name: "iam",
        global: true,
    },
    version: "2010-05-08",
};
/// EC2.
pub const EC2: QueryService = QueryService {
    service: regional("EC2", "ec2"),
    version: "2016-11-15",
};
/// EC2 Auto Scaling.
pub const AUTO_SCALING: QueryService = QueryService {
    service: regional("Auto Scaling", "autoscaling"),
    version: "2011-01-01",
};
/// Elastic Load Balancing, version 2.
pub const ELASTIC_LOAD_BALANCING: QueryService = QueryService {
    service: regional("Elastic Load Balancing v2", "elasticloadbalancing"),
    version: "2015-12-01",
};
/// CloudFormation.
pub const CLOUD_FORMATION: QueryService = QueryService {
    service: regional("CloudFormation", "cloudformation"),
    version: "2010-05-15",
};

/// The Security Token Service, in the Region of the caller.
pub const STS: QueryService = QueryService {
    service: regional("STS", "sts"),
    version: "2011-06-15",
};

/// Calls of one JSON service.
#[derive(Clone, Debug)]
pub struct JsonClient {
    target: &'static str,
    caller: Caller,
}

impl JsonClient {
    /// A client.
    pub fn new(config: &SdkConfig, service: JsonService) -> Self {
        Self {
            target: service.target,
            caller: Caller::new(config, service.service, service.content_type),
        }
    }

    /// Calls `operation` with `input` and answers what the service answers.
    ///
    /// # Errors
    /// As the service refuses. The text begins with the IAM action, e.g. `ssm:GetParameters`.
    pub async fn call(&self, operation: &'static str, input: &Value) -> Result<Value, Fault> {
        let target = format!("{}.{operation}", self.target);
        let body = input.to_string();
        let answer = self.caller.call(operation, Some(target), body).await?;
        // An operation without a result may answer nothing at all.
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|error| self.caller.garbled(operation, &error))
    }
}

/// Calls of one Query service.
#[derive(Clone, Debug)]
pub struct QueryClient {
    version: &'static str,
    caller: Caller,
}

impl QueryClient {
    /// A client.
    pub fn new(config: &SdkConfig, service: QueryService) -> Self {
        Self {
            version: service.version,
            caller: Caller::new(config, service.service, "application/x-www-form-urlencoded"),
        }
    }

    /// Calls `operation` with `parameters`, e.g. `("SubnetId.1", "subnet-…")`, and answers the root element
    /// `<operation>Response` of the XML that comes back.
    ///
    /// # Errors
    /// As the service refuses. The text begins with the IAM action, e.g. `ec2:DescribeSubnets`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: &[(String, String)],
    ) -> Result<T, Fault> {
        let mut form = vec![("Action", operation), ("Version", self.version)];
        form.extend(
            parameters
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let body = serde_urlencoded::to_string(form)
            .map_err(|error| Fault::unexpected(error.to_string()))?;
        let answer = self.caller.call(operation, None, body).await?;
        quick_xml::de::from_reader(&*answer).map_err(|error| self.caller.garbled(operation, &error))
    }
}

/// A list in an answer of the protocol `awsQuery`.
#[derive(Debug, Deserialize)]
pub struct Members<T> {
    /// What is in it.
    #[serde(default = "Vec::new", rename = "member")]
    pub members: Vec<T>,
}

// Not derived: that would ask for a default of T.
impl<T> Default for Members<T> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
        }
    }
}

impl<T> Members<T> {
    /// The first of it.
    pub fn into_first(self) -> Option<T> {
        self.members.into_iter().next()
    }
}

/// A request of any of these services.
#[derive(Clone, Debug)]
struct Request {
    target: Option<String>,
    content_type: &'static str,
    body: String,
}

#[derive(Clone, Debug)]
struct Caller {
    config: Arc<SdkConfig>,
    service: Service,
    content_type: &'static str,
}

impl Caller {
    fn new(config: &SdkConfig, service: Service, content_type: &'static str) -> Self {
        Self {
            config: Arc::new(config.clone()),
            service,
            content_type,
        }
    }

    async fn call(
        &self,
        operation: &'static str,
        target: Option<String>,
        body: String,
    ) -> Result<Vec<u8>, Fault> {
        let request = Request {
            target,
            content_type: self.content_type,
            body,
        };
        let called: Operation<Request, Vec<u8>, Refused> =
            operation::of(&self.config, self.service, operation)?;
        let answer: Result<_, aws_sdk_ecs::error::SdkError<Refused, Response>> =
            called.invoke(request).await;
        answer.map_err(|error| Fault::of(&self.action(operation), error))
    }

    fn action(&self, operation: &str) -> String {
        format!("{}:{operation}", self.service.name)
    }

    fn garbled(&self, operation: &str, error: &dyn std::error::Error) -> Fault {
        let action = self.action(operation);
        Fault::unexpected(format!("the answer to {action} cannot be read: {error}"))
    }
}

#[cfg(test)]
mod tests;
