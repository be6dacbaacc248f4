//! Reads that lag behind writes: for a while after a change of a service, ECS describes the service as it was before.
//!
//! "The Amazon ECS API follows an eventual consistency model"
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>). Seen in the field: `MISSING` right after
//! `CreateService` (<https://github.com/hashicorp/terraform-provider-aws/issues/24565>), and the old primary deployment right
//! after `UpdateService`.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::{Ecs, services::no_service, text};
use crate::cloud::fault::Fault;

/// What reads answer of one service until the lag is over.
#[derive(Debug)]
pub(super) struct View {
    /// The cluster's name and the service's name.
    service: (String, String),
    /// When reads see the change, in seconds since 1970.
    until: f64,
    /// The service as it was described before; none if it was not there.
    described: Option<Value>,
    /// Its service deployments as they were listed before.
    listed: Value,
}

/// An operation of the API.
type Operation = fn(&Ecs, &Value) -> Result<Value, Fault>;

impl Ecs {
    /// Makes a change of a service that reads see only after the lag.
    pub(super) fn change_late(&self, input: &Value, change: Operation) -> Result<Value, Fault> {
        let lag = self.inner.settings.read_lag.as_secs_f64();
        if lag == 0.0 {
            return change(self, input);
        }
        let name = [text(input, "serviceName"), text(input, "service")].concat();
        let service = (short(text(input, "cluster")), short(&name));
        let asked = json!({ "cluster": service.0, "service": service.1, "services": [service.1], "include": ["TAGS"] });
        let described = self.describe_services(&asked).ok();
        let described = described.and_then(|answer| answer["services"].get(0).cloned());
        let listed = self.list_service_deployments(&asked).unwrap_or_default();
        let answer = change(self, input)?;
        let mut views = self.views();
        let now = self.inner.world.epoch_seconds();
        views.retain(|view| view.until > now);
        // Of several changes within the lag, the first is what has not been seen yet.
        if views.iter().all(|view| view.service != service) {
            views.push(View {
                service,
                until: now + lag,
                described,
                listed,
            });
        }
        Ok(answer)
    }

    /// `DescribeServices`, with the services as reads see them.
    pub(super) fn describe_services_late(&self, input: &Value) -> Result<Value, Fault> {
        let mut answer = self.describe_services(input)?;
        let now = self.inner.world.epoch_seconds();
        for view in self.views().iter().filter(|view| view.until > now) {
            if short(text(input, "cluster")) != view.service.0 {
                continue;
            }
            let Some(services) = answer["services"].as_array_mut() else {
                continue;
            };
            let is_it = |service: &Value| service["serviceName"] == view.service.1;
            let Some(at) = services.iter().position(is_it) else {
                continue;
            };
            if let Some(before) = &view.described {
                services[at] = before.clone();
            } else {
                let gone = services.remove(at);
                let failure = json!({ "arn": gone["serviceArn"], "reason": "MISSING" });
                if let Some(failures) = answer["failures"].as_array_mut() {
                    failures.push(failure);
                }
            }
        }
        Ok(answer)
    }

    /// `ListServiceDeployments`, as reads see them.
    pub(super) fn list_service_deployments_late(&self, input: &Value) -> Result<Value, Fault> {
        let service = (short(text(input, "cluster")), short(text(input, "service")));
        let now = self.inner.world.epoch_seconds();
        let views = self.views();
        let view = views
            .iter()
            .find(|view| view.until > now && view.service == service);
        match view {
            Some(view) if view.described.is_none() => Err(no_service()),
            Some(view) => Ok(view.listed.clone()),
            None => self.list_service_deployments(input),
        }
    }

    fn views(&self) -> std::sync::MutexGuard<'_, Vec<View>> {
        let views = &self.inner.views;
        views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last part of a name or an ARN; a request without a cluster means the one called `default`.
fn short(reference: &str) -> String {
    match reference.rsplit('/').next() {
        Some("") | None => "default".into(),
        Some(name) => name.into(),
    }
}
