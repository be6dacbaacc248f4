//! Namespaces.

use serde_json::{Value, json};

use super::{CloudMap, invalid, page, passes};
use crate::cloud::fault::Fault;

impl CloudMap {
    pub(super) fn create_private_dns_namespace(&self, input: &Value) -> Result<Value, Fault> {
        let name = input["Name"].as_str().unwrap_or_default();
        if name.is_empty() || name.len() > 1024 {
            return Err(invalid("Name must have 1 to 1024 characters"));
        }
        let mut state = self.state();
        let taken = state.namespaces.values().any(|known| known["Name"] == name);
        if taken {
            return Err(Fault::client(
                "NamespaceAlreadyExists",
                format!("Namespace with name {name} already exists"),
            ));
        }
        let id = self.id("ns");
        let zone = format!("Z{}", self.world.hex(13).to_uppercase());
        let properties = json!({
            "HttpProperties": { "HttpName": name },
            "DnsProperties": { "HostedZoneId": zone, "SOA": { "TTL": 15 } },
        });
        let mut fields = json!({
            "Id": id,
            "Arn": self.world.arn("servicediscovery", &format!("namespace/{id}")),
            "Name": name,
            "Type": "DNS_PRIVATE",
            "Properties": properties,
            "CreateDate": self.world.epoch_seconds(),
        });
        if let Some(description) = input["Description"].as_str() {
            fields["Description"] = json!(description);
        }
        state.namespaces.insert(id.clone(), fields);
        // The operation is over when it is answered, so nobody asks for it.
        Ok(json!({ "OperationId": self.world.uuid() }))
    }

    pub(super) fn get_namespace(&self, input: &Value) -> Result<Value, Fault> {
        let id = last(input["Id"].as_str().unwrap_or_default());
        let state = self.state();
        let namespace = state.namespaces.get(id).ok_or_else(|| no_namespace(id))?;
        Ok(json!({ "Namespace": namespace }))
    }

    pub(super) fn list_namespaces(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.state();
        let mut found = Vec::new();
        for (id, namespace) in &state.namespaces {
            if passes(namespace, input, &[("NAME", "Name"), ("TYPE", "Type")])? {
                let mut described = namespace.clone();
                let services = state.services.values();
                let inside = services.filter(|service| service["NamespaceId"] == **id);
                described["ServiceCount"] = json!(inside.count());
                found.push(described);
            }
        }
        page("Namespaces", found, input)
    }
}

/// Ids are taken as ARNs too.
pub(super) fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

pub(super) fn no_namespace(id: &str) -> Fault {
    Fault::client("NamespaceNotFound", format!("Namespace not found: {id}"))
}
