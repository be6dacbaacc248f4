//! Services, and the tasks that are registered in them.

use serde_json::{Value, json};

use super::{
    CloudMap, State, invalid,
    namespaces::{last, no_namespace},
    page, passes,
};
use crate::cloud::fault::Fault;

impl CloudMap {
    pub(super) fn create_service(&self, input: &Value) -> Result<Value, Fault> {
        let name = input["Name"].as_str().unwrap_or_default();
        if name.is_empty() || name.len() > 127 {
            return Err(invalid("Name must have 1 to 127 characters"));
        }
        let namespace = input["NamespaceId"]
            .as_str()
            .or(input["DnsConfig"]["NamespaceId"].as_str())
            .map(last)
            .unwrap_or_default();
        let mut state = self.state();
        let has_dns = match state.namespaces.get(namespace) {
            Some(known) => known["Type"] != "HTTP",
            None => return Err(no_namespace(namespace)),
        };
        let records = &input["DnsConfig"]["DnsRecords"];
        if !has_dns && records.is_array() {
            return Err(invalid(
                "DnsConfig can't be specified for a service in an HTTP namespace",
            ));
        }
        let same = |service: &Value| service["NamespaceId"] == namespace && service["Name"] == name;
        if state.services.values().any(same) {
            return Err(Fault::client(
                "ServiceAlreadyExists",
                format!("Service already exists: {name}"),
            ));
        }
        let id = self.id("srv");
        let mut fields = json!({
            "Id": id,
            "Arn": self.world.arn("servicediscovery", &format!("service/{id}")),
            "Name": name,
            "NamespaceId": namespace,
            "Type": if records.is_array() { "DNS_HTTP" } else { "HTTP" },
            "CreateDate": self.world.epoch_seconds(),
        });
        for member in [
            "Description",
            "CreatorRequestId",
            "HealthCheckConfig",
            "HealthCheckCustomConfig",
        ] {
            if !input[member].is_null() {
                fields[member] = input[member].clone();
            }
        }
        if records.is_array() {
            let policy = input["DnsConfig"]["RoutingPolicy"].as_str();
            fields["DnsConfig"] = json!({
                "NamespaceId": namespace,
                "RoutingPolicy": policy.unwrap_or("MULTIVALUE"),
                "DnsRecords": records,
            });
        }
        let mut tags = input["Tags"].as_array().cloned().unwrap_or_default();
        tags.sort_by_key(|tag| tag["Key"].as_str().map(str::to_owned));
        let arn = fields["Arn"].as_str().unwrap_or_default().to_owned();
        state.tags.insert(arn, tags);
        let answer = json!({ "Service": fields });
        state.services.insert(id, fields);
        Ok(answer)
    }

    pub(super) fn get_service(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.state();
        let service = found(&state, &input["Id"])?;
        Ok(json!({ "Service": self.described(service) }))
    }

    pub(super) fn list_services(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.state();
        let mut services = Vec::new();
        for service in state.services.values() {
            if passes(service, input, &[("NAMESPACE_ID", "NamespaceId")])? {
                let mut described = self.described(service);
                // Only GetService tells these.
                if let Some(members) = described.as_object_mut() {
                    members.remove("NamespaceId");
                    members.remove("CreatorRequestId");
                }
                services.push(described);
            }
        }
        page("Services", services, input)
    }

    pub(super) fn delete_service(&self, input: &Value) -> Result<Value, Fault> {
        let mut state = self.state();
        let service = found(&state, &input["Id"])?;
        if !self.instances(service).is_empty() {
            return Err(Fault::client(
                "ResourceInUse",
                "Service contains registered instances; delete the instances before deleting the service",
            ));
        }
        let id = service["Id"].as_str().unwrap_or_default().to_owned();
        let arn = service["Arn"].as_str().unwrap_or_default().to_owned();
        state.services.remove(&id);
        state.tags.remove(&arn);
        Ok(json!({}))
    }

    /// The tags of a service, by key
    /// (<https://docs.aws.amazon.com/cloud-map/latest/api/API_ListTagsForResource.html>).
    pub(super) fn list_tags(&self, input: &Value) -> Result<Value, Fault> {
        let arn = input["ResourceARN"].as_str().unwrap_or_default();
        let state = self.state();
        let tags = state.tags.get(arn).ok_or_else(|| {
            Fault::client(
                "ResourceNotFoundException",
                format!("The resource was not found: {arn}"),
            )
        })?;
        Ok(json!({ "Tags": tags }))
    }

    fn described(&self, service: &Value) -> Value {
        let mut described = service.clone();
        described["InstanceCount"] = json!(self.instances(service).len());
        described
    }

    fn instances(&self, service: &Value) -> Vec<Value> {
        let arn = service["Arn"].as_str().unwrap_or_default();
        let registered = self.ecs.registered_in(arn).into_iter();
        registered
            .map(|(id, attributes)| json!({ "Id": id, "Attributes": attributes }))
            .collect()
    }
}

fn found<'a>(state: &'a State, id: &Value) -> Result<&'a Value, Fault> {
    let id = last(id.as_str().unwrap_or_default());
    let service = state.services.get(id);
    service.ok_or_else(|| Fault::client("ServiceNotFound", format!("Service not found: {id}")))
}
