//! Cloud Map: namespaces, and the services in which ECS registers tasks
//! (<https://docs.aws.amazon.com/cloud-map/latest/api/Welcome.html>).

use aws_config::SdkConfig;
use landfall::{
    live::{LiveNamespace, LiveRegistry},
    service_file::{Discovery, discovery::RecordType},
    step::ensure_discovery::Seen,
};
use serde_json::{Value, json};

use crate::{
    Fault,
    raw::{CLOUD_MAP, JsonClient},
};

/// Cloud Map.
#[derive(Clone, Debug)]
pub struct CloudMap(JsonClient);

impl CloudMap {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(JsonClient::new(config, CLOUD_MAP))
    }

    /// The namespace of this name; none if there is none.
    ///
    /// # Errors
    /// Refused if there are several, as different VPCs may have.
    async fn namespace(&self, name: &str) -> Result<Option<LiveNamespace>, Fault> {
        let mut named = self.namespaces(name).await?;
        match named.len() {
            0 | 1 => Ok(named.pop()),
            _ => Err(Fault::refused(ambiguous(name, &named))),
        }
    }

    /// All namespaces of this name.
    pub async fn namespaces(&self, name: &str) -> Result<Vec<LiveNamespace>, Fault> {
        let filters = json!([{"Name": "NAME", "Values": [name], "Condition": "EQ"}]);
        let found = self.all("ListNamespaces", filters, "Namespaces").await?;
        let named = found.iter().filter(|each| each["Name"] == name);
        let read = |namespace: &Value| {
            let text = |member: &str| text("servicediscovery:ListNamespaces", namespace, member);
            Ok(LiveNamespace {
                id: text("Id")?,
                kind: text("Type")?,
            })
        };
        named.map(read).collect()
    }

    /// The Cloud Map service of this name in a namespace; none if there is none.
    async fn registry(
        &self,
        namespace: &LiveNamespace,
        name: &str,
    ) -> Result<Option<LiveRegistry>, Fault> {
        let filters =
            json!([{"Name": "NAMESPACE_ID", "Values": [namespace.id], "Condition": "EQ"}]);
        let found = self.all("ListServices", filters, "Services").await?;
        let Some(service) = found.iter().find(|each| each["Name"] == name) else {
            return Ok(None);
        };
        let records = service["DnsConfig"]["DnsRecords"].as_array();
        let types = records.into_iter().flatten();
        Ok(Some(LiveRegistry {
            arn: text("servicediscovery:ListServices", service, "Arn")?,
            records: types
                .filter_map(|record| record["Type"].as_str().map(str::to_owned))
                .collect(),
        }))
    }

    /// Reads what Cloud Map has for a file's section `discovery`.
    ///
    /// # Errors
    /// Refused if there are several namespaces of this name.
    pub async fn observe(&self, wanted: &Discovery) -> Result<Seen, Fault> {
        let namespace = self.namespace(&wanted.namespace).await?;
        let registry = match &namespace {
            Some(namespace) => self.registry(namespace, &wanted.name).await?,
            None => None,
        };
        Ok(Seen {
            namespace,
            registry,
        })
    }

    /// The ARN of the Cloud Map service that a file's section names.
    ///
    /// # Errors
    /// Refused if it is gone.
    pub async fn arn_of(&self, wanted: Option<&Discovery>) -> Result<Option<String>, Fault> {
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        match self.observe(wanted).await?.registry {
            Some(registry) => Ok(Some(registry.arn)),
            None => Err(Fault::refused(format!(
                "the Cloud Map service {} in {} is gone: try the release again with `landfall retry`, and it is made again",
                wanted.name, wanted.namespace
            ))),
        }
    }

    /// The `discovery` section that stands for an item of a service's `serviceRegistries`; none if no section can: two
    /// namespaces have the name, or the Cloud Map service has other records than a section can ask for.
    ///
    /// # Errors
    /// Refused if the Cloud Map service is gone.
    pub async fn discovery_of(&self, registry: &Value) -> Result<Option<Discovery>, Fault> {
        let arn = registry["registryArn"].as_str().unwrap_or_default();
        let id = arn.rsplit('/').next().unwrap_or_default();
        let answer = self.0.call("GetService", &json!({ "Id": id })).await?;
        let service = &answer["Service"];
        let id = match &service["NamespaceId"] {
            Value::Null => &service["DnsConfig"]["NamespaceId"],
            id => id,
        };
        let answer = self.0.call("GetNamespace", &json!({ "Id": id })).await?;
        let namespace = text(
            "servicediscovery:GetNamespace",
            &answer["Namespace"],
            "Name",
        )?;
        let found = match self.namespace(&namespace).await {
            Ok(found) => found,
            Err(fault) if fault.is_refused() => None,
            Err(fault) => return Err(fault),
        };
        if found.is_none_or(|found| *id != *found.id) {
            return Ok(None);
        }
        let records = service["DnsConfig"]["DnsRecords"].as_array();
        let record = match records.map(Vec::as_slice) {
            None | Some([]) => None,
            Some([only]) => Some(only),
            Some(_) => return Ok(None),
        };
        let kind = match record.and_then(|record| record["Type"].as_str()) {
            Some("SRV") => RecordType::Srv,
            Some("A") | None => RecordType::A,
            Some(_) => return Ok(None),
        };
        let port = registry["containerPort"].as_u64();
        Ok(Some(Discovery {
            namespace,
            name: text("servicediscovery:GetService", service, "Name")?,
            record: kind,
            ttl_seconds: record
                .and_then(|record| record["TTL"].as_u64())
                .unwrap_or(Discovery::TTL),
            container: registry["containerName"].as_str().map(str::to_owned),
            port: port.and_then(|port| u16::try_from(port).ok()),
        }))
    }

    /// Creates a Cloud Map service from `body` and answers its ARN.
    ///
    /// # Errors
    /// As Cloud Map refuses; "not yet" if the Cloud Map service was created by another caller just now: it will be found.
    pub async fn create(&self, body: &Value) -> Result<String, Fault> {
        match self.0.call("CreateService", body).await {
            Ok(answer) => text("servicediscovery:CreateService", &answer["Service"], "Arn"),
            Err(fault) if fault.is("ServiceAlreadyExists") => Err(fault.into_not_yet()),
            Err(fault) => Err(fault),
        }
    }

    async fn all(
        &self,
        operation: &'static str,
        filters: Value,
        member: &str,
    ) -> Result<Vec<Value>, Fault> {
        let mut input = json!({ "Filters": filters });
        let mut all = Vec::new();
        loop {
            let mut page = self.0.call(operation, &input).await?;
            if let Some(items) = page[member].as_array_mut() {
                all.append(items);
            }
            match page["NextToken"].as_str() {
                Some(token) => input["NextToken"] = json!(token),
                None => return Ok(all),
            }
        }
    }
}

/// The refusal for a name that several namespaces have.
pub(crate) fn ambiguous(name: &str, named: &[LiveNamespace]) -> String {
    format!(
        "{} Cloud Map namespaces are named {name}: rename all but one, or use service.serviceRegistries with the ARN of a \
         Cloud Map service instead of discovery",
        named.len()
    )
}

fn text(call: &str, document: &Value, member: &str) -> Result<String, Fault> {
    let text = document[member].as_str().map(str::to_owned);
    text.ok_or_else(|| Fault::incomplete(call, member))
}
