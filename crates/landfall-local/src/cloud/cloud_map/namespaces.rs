//! Namespaces, and the operations that make and delete them. An operation is over when it is answered.

use serde_json::{Value, json};

use super::{CloudMap, Resource, invalid, page, passes, tags};
use crate::cloud::fault::Fault;

impl CloudMap {
    pub(super) fn create_namespace(&self, input: &Value, kind: &str) -> Result<Value, Fault> {
        let name = input["Name"].as_str().unwrap_or_default();
        if name.is_empty() || name.len() > 1024 {
            return Err(invalid("Name must have 1 to 1024 characters"));
        }
        let mut state = self.state();
        let taken = state
            .namespaces
            .values()
            .any(|known| known.fields["Name"] == name && known.fields["Type"] == kind);
        if taken {
            return Err(Fault::client(
                "NamespaceAlreadyExists",
                format!("Namespace with name {name} already exists"),
            ));
        }
        let id = self.id("ns");
        let mut properties = json!({ "HttpProperties": { "HttpName": name } });
        if kind == "DNS_PRIVATE" {
            let zone = format!("Z{}", self.world.hex(13).to_uppercase());
            properties["DnsProperties"] = json!({ "HostedZoneId": zone, "SOA": { "TTL": 15 } });
        }
        let mut fields = json!({
            "Id": id,
            "Arn": self.world.arn("servicediscovery", &format!("namespace/{id}")),
            "Name": name,
            "Type": kind,
            "Properties": properties,
            "CreateDate": self.world.epoch_seconds(),
        });
        if let Some(description) = input["Description"].as_str() {
            fields["Description"] = json!(description);
        }
        let resource = Resource {
            fields,
            tags: tags(input),
        };
        state.namespaces.insert(id.clone(), resource);
        drop(state);
        Ok(self.operation("CREATE_NAMESPACE", &id))
    }

    fn operation(&self, kind: &str, namespace: &str) -> Value {
        let id = self.world.uuid();
        let now = self.world.epoch_seconds();
        let operation = json!({
            "Id": id,
            "Type": kind,
            "Status": "SUCCESS",
            "CreateDate": now,
            "UpdateDate": now,
            "Targets": { "NAMESPACE": namespace },
        });
        self.state().operations.insert(id.clone(), operation);
        json!({ "OperationId": id })
    }

    pub(super) fn get_operation(&self, input: &Value) -> Result<Value, Fault> {
        let id = input["OperationId"].as_str().unwrap_or_default();
        let operation = self.state().operations.get(id).cloned();
        let operation = operation.ok_or_else(|| {
            Fault::client("OperationNotFound", format!("There is no operation {id}."))
        })?;
        Ok(json!({ "Operation": operation }))
    }

    pub(super) fn get_namespace(&self, input: &Value) -> Result<Value, Fault> {
        let id = last(input["Id"].as_str().unwrap_or_default());
        let state = self.state();
        let namespace = state.namespaces.get(id).ok_or_else(|| no_namespace(id))?;
        Ok(json!({ "Namespace": namespace.fields }))
    }

    pub(super) fn list_namespaces(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.state();
        let mut found = Vec::new();
        for (id, namespace) in &state.namespaces {
            if passes(
                &namespace.fields,
                input,
                &[("NAME", "Name"), ("TYPE", "Type")],
            )? {
                let mut described = namespace.fields.clone();
                let services = state.services.values();
                let inside = services.filter(|service| service.fields["NamespaceId"] == **id);
                described["ServiceCount"] = json!(inside.count());
                found.push(described);
            }
        }
        page("Namespaces", found, input)
    }

    pub(super) fn delete_namespace(&self, input: &Value) -> Result<Value, Fault> {
        let id = last(input["Id"].as_str().unwrap_or_default());
        let mut state = self.state();
        if !state.namespaces.contains_key(id) {
            return Err(no_namespace(id));
        }
        if state
            .services
            .values()
            .any(|service| service.fields["NamespaceId"] == id)
        {
            return Err(Fault::client(
                "ResourceInUse",
                format!("The namespace {id} contains services."),
            ));
        }
        state.namespaces.remove(id);
        drop(state);
        Ok(self.operation("DELETE_NAMESPACE", id))
    }
}

/// Ids are taken as ARNs too.
pub(super) fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

pub(super) fn no_namespace(id: &str) -> Fault {
    Fault::client("NamespaceNotFound", format!("Namespace not found: {id}"))
}
