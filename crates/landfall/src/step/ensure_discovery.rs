//! Step `EnsureDiscovery`: the Cloud Map service in which the service's tasks register is there.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    content::ContentHash,
    live::{LiveNamespace, LiveRegistry},
    record::Release,
    refusal::Refusal,
    service_file::Discovery,
    service_id::ServiceId,
    tags::{RELEASE_TAG, SERVICE_TAG, service_tag},
};

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
}

/// What the step answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The ARN of the Cloud Map service.
    pub arn: String,
    /// Whether it was created just now.
    pub created: bool,
}

/// What Cloud Map has for a section `discovery`: everything that the decision depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The namespace; none if there is none of this name.
    pub namespace: Option<LiveNamespace>,
    /// The Cloud Map service in it; none if it does not exist yet.
    pub registry: Option<LiveRegistry>,
}

/// What to do about the Cloud Map service.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The Cloud Map service is there.
    Use {
        /// Its ARN.
        arn: String,
    },
    /// The Cloud Map service is not there: `CreateService` with this body.
    Create(Value),
}

/// Decides from what Cloud Map says.
///
/// # Errors
/// Refused if there is no such namespace, or if the Cloud Map service has other records, which cannot be changed in place
/// (<https://docs.aws.amazon.com/cloud-map/latest/api/API_UpdateService.html>).
pub fn plan(input: &Input, wanted: &Discovery, seen: &Seen) -> Result<Plan, Refusal> {
    let Some(namespace) = &seen.namespace else {
        return Err(Refusal::new(format!(
            "there is no Cloud Map namespace {}: create it, or name another in discovery.namespace",
            wanted.namespace
        )));
    };
    let has_dns = namespace.kind != "HTTP";
    let record = wanted.record.name();
    match &seen.registry {
        Some(registry) if has_dns && !registry.records.iter().any(|each| each == record) => {
            Err(Refusal::new(format!(
                "the Cloud Map service {} in {} has the records {}, which cannot be changed to {record} in place: give \
                 discovery another name, or delete that service once nothing registers in it",
                wanted.name,
                wanted.namespace,
                registry.records.join(", "),
            )))
        }
        Some(registry) => Ok(Plan::Use {
            arn: registry.arn.clone(),
        }),
        None => Ok(Plan::Create(create_body(input, wanted, namespace, has_dns))),
    }
}

/// ECS reports the health of its tasks to Cloud Map, for which the custom health check has to be there from the
/// beginning (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-discovery.html>).
fn create_body(
    input: &Input,
    wanted: &Discovery,
    namespace: &LiveNamespace,
    has_dns: bool,
) -> Value {
    let token = ContentHash::of(&json!([input.service, wanted, input.execution])).to_string();
    let mut body = json!({
        "Name": wanted.name,
        "NamespaceId": namespace.id,
        "CreatorRequestId": token,
        "HealthCheckCustomConfig": {"FailureThreshold": 1},
        "Tags": [
            {"Key": SERVICE_TAG, "Value": service_tag(&input.service)},
            {"Key": RELEASE_TAG, "Value": input.release.number.to_string()},
        ],
    });
    if has_dns {
        body["DnsConfig"] = json!({
            "RoutingPolicy": "MULTIVALUE",
            "DnsRecords": [{"Type": wanted.record.name(), "TTL": wanted.ttl_seconds}],
        });
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample::*, service_file::discovery::RecordType};

    fn wanted(record: RecordType) -> Discovery {
        Discovery {
            namespace: "internal.example".into(),
            name: "hello".into(),
            record,
            ttl_seconds: 10,
            container: None,
            port: None,
        }
    }

    fn planned(
        record: RecordType,
        namespace: Option<&str>,
        registry: Option<&str>,
    ) -> Result<Plan, Refusal> {
        let input = Input {
            service: service(),
            execution: "me".into(),
            release: release(2),
        };
        let namespace = namespace.map(|kind| LiveNamespace {
            id: "ns-1".into(),
            kind: kind.into(),
        });
        let registry = registry.map(|record| LiveRegistry {
            arn: "arn:map".into(),
            records: vec![record.into()],
        });
        let seen = Seen {
            namespace,
            registry,
        };
        plan(&input, &wanted(record), &seen)
    }

    #[test]
    fn a_cloud_map_service_is_used_created_or_refused_by_what_is_there() {
        let used = Ok(Plan::Use {
            arn: "arn:map".into(),
        });
        assert_eq!(planned(RecordType::A, Some("DNS_PRIVATE"), Some("A")), used);
        assert_eq!(planned(RecordType::A, Some("HTTP"), Some("")), used);
        let Ok(Plan::Create(body)) = planned(RecordType::Srv, Some("DNS_PRIVATE"), None) else {
            panic!("it is created");
        };
        let records = json!([{"Type": "SRV", "TTL": 10}]);
        assert_eq!(body["DnsConfig"]["DnsRecords"], records);
        assert_eq!(
            body["Tags"][0],
            json!({"Key": "landfall:service", "Value": "web/hello"})
        );
        let Ok(Plan::Create(body)) = planned(RecordType::A, Some("HTTP"), None) else {
            panic!("it is created");
        };
        assert_eq!(body.get("DnsConfig"), None);
        for (namespace, registry, begin) in [
            (
                None,
                None,
                "there is no Cloud Map namespace internal.example",
            ),
            (
                Some("DNS_PRIVATE"),
                Some("SRV"),
                "the Cloud Map service hello in internal.example has the records SRV",
            ),
        ] {
            let refused = planned(RecordType::A, namespace, registry);
            assert!(matches!(refused, Err(refusal) if refusal.0.starts_with(begin)));
        }
    }
}
