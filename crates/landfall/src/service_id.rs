//! `cluster/service`: the identity of everything that Landfall keeps.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// Which ECS service: the cluster's name and the service's name. Written `cluster/service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceId {
    cluster: String,
    service: String,
}

impl ServiceId {
    /// The service `service` in the cluster `cluster`.
    ///
    /// # Errors
    /// ECS names have 1 to 255 letters, digits, hyphens and underscores
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
    pub fn new(cluster: &str, service: &str) -> Result<Self, Refusal> {
        for (what, name) in [("cluster", cluster), ("service", service)] {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || name.len() > 255 || !name.chars().all(allowed) {
                return Err(Refusal::new(format!(
                    "`{name}` is no {what} name: ECS takes 1 to 255 letters, digits, hyphens and underscores"
                )));
            }
        }
        Ok(Self {
            cluster: cluster.into(),
            service: service.into(),
        })
    }

    /// The service that an ECS service ARN names, `arn:…:service/cluster/service`.
    ///
    /// # Errors
    /// Refused if it is another ARN, or one of the old format without the cluster's name.
    pub fn from_arn(arn: &str) -> Result<Self, Refusal> {
        let refused = || {
            Refusal::new(format!(
                "`{arn}` is no ECS service ARN of the form arn:…:service/cluster/service"
            ))
        };
        let mut parts = arn.splitn(6, ':');
        let (start, service, resource) = (parts.next(), parts.nth(1), parts.nth(2));
        if (start, service) != (Some("arn"), Some("ecs")) {
            return Err(refused());
        }
        let names = resource
            .and_then(|resource| resource.strip_prefix("service/"))
            .ok_or_else(refused)?;
        names.parse().map_err(|_| refused())
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.service)
    }
}

impl FromStr for ServiceId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (cluster, service) = text.split_once('/').ok_or_else(|| {
            Refusal::new(format!(
                "`{text}` is no service id: write it as cluster/service"
            ))
        })?;
        Self::new(cluster, service)
    }
}

impl TryFrom<String> for ServiceId {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<ServiceId> for String {
    fn from(id: ServiceId) -> Self {
        id.to_string()
    }
}
