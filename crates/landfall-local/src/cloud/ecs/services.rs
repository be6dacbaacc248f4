//! Services: what they were asked to be. What becomes of them is the scheduler's.

use serde_json::{Map, Value, json};

use super::capacity::associated;
use super::service_checks::{active_task_definition, is_rolled_out_elsewhere, playable};
use super::service_description::described;
use super::state::{Revision, Rollout, Service, ServiceStatus, State};
use super::traffic::is_side_by_side;
use super::{Ecs, Inner, at_most, invalid, list, page, strings, text};
use crate::cloud::fault::Fault;

/// Members whose change starts a deployment, by UpdateService's documentation
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>). They make up a service revision.
const REVISED: [&str; 10] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "enableExecuteCommand",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "capacityProviderStrategy",
];
/// What a service revision has besides
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html>). Whether a change of the last two
/// alone starts a deployment is not documented; here it does not.
const REVISED_SILENTLY: [&str; 4] = [
    "launchType",
    "platformFamily",
    "gatewayConnectors",
    "monitoring",
];
/// How many of a service's deployments ECS carries out at once. One of which a newer one took the place counts until its last
/// task has stopped (<https://github.com/aws/containers-roadmap/issues/2836>).
const MOST_DEPLOYMENTS: usize = 5;
/// Members of a request that a service is not described with: identity, answers' own members, and what only deployments
/// and revisions show.
const NOT_SHOWN: [&str; 13] = [
    "cluster",
    "service",
    "serviceName",
    "clientToken",
    "desiredCount",
    "tags",
    "role",
    "forceNewDeployment",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "monitoring",
];

/// The most services that one call describes; the message is ECS's
/// (<https://github.com/aws/aws-toolkit-vscode/issues/2362>).
const DESCRIBED_AT_ONCE: usize = 10;

impl Ecs {
    pub(super) fn create_service(&self, input: &Value) -> Result<Value, Fault> {
        let name = text(input, "serviceName");
        if name.is_empty()
            || name.len() > 255
            || !name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        {
            return Err(invalid(format!("Service name is invalid: '{name}'.")));
        }
        let inner = &self.inner;
        let mut state = inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let token = input
            .get("clientToken")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if let Some(existing) = state
            .service_arn(&cluster, name)
            .and_then(|arn| state.services.get(&arn))
        {
            match existing.status {
                ServiceStatus::Active if token.is_some() && existing.client_token == token => {
                    return Ok(json!({ "service": described(&state, existing, true) }));
                }
                ServiceStatus::Active => {
                    return Err(invalid("Creation of service was not idempotent."));
                }
                ServiceStatus::Draining => {
                    return Err(invalid("Unable to Start a service that is still Draining."));
                }
                ServiceStatus::Inactive => {}
            }
        }
        let task_definition = active_task_definition(&state, text(input, "taskDefinition"))?;
        playable(input)?;
        associated(&state, &cluster, input, inner.world.epoch_seconds())?;
        self.check_load_balancers(
            &state,
            &task_definition,
            list(input, "loadBalancers"),
            is_side_by_side(&input["deploymentConfiguration"]),
        )?;

        let now = inner.world.epoch_seconds();
        let daemon = text(input, "schedulingStrategy") == "DAEMON";
        let desired_count = match input.get("desiredCount").and_then(Value::as_u64) {
            _ if daemon => 1,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX).min(5000),
            None => 0,
        };
        let arn = inner.world.arn("ecs", &format!("service/{cluster}/{name}"));
        let mut fields = Map::new();
        for (member, default) in [
            ("loadBalancers", json!([])),
            ("serviceRegistries", json!([])),
            ("deploymentConfiguration", json!({})),
            ("placementConstraints", json!([])),
            ("placementStrategy", json!([])),
            ("schedulingStrategy", json!("REPLICA")),
            ("deploymentController", json!({ "type": "ECS" })),
            ("enableECSManagedTags", json!(false)),
            ("propagateTags", json!("NONE")),
            ("enableExecuteCommand", json!(false)),
            ("availabilityZoneRebalancing", json!("DISABLED")),
        ] {
            fields.insert(member.into(), default);
        }
        if list(input, "capacityProviderStrategy").is_empty() {
            fields.insert("launchType".into(), "EC2".into());
        }
        fields.insert("createdAt".into(), now.into());
        fields.insert(
            "createdBy".into(),
            format!("arn:aws:iam::{}:root", inner.world.account).into(),
        );
        take_over(&mut fields, input);
        if fields
            .get("launchType")
            .is_some_and(|launch| launch == "FARGATE")
        {
            fields
                .entry("platformVersion")
                .or_insert_with(|| "LATEST".into());
            fields.insert("platformFamily".into(), "Linux".into());
        }
        fields.insert("taskDefinition".into(), task_definition.into());
        let service = Service {
            arn: arn.clone(),
            name: name.into(),
            cluster,
            fields,
            tags: list(input, "tags").to_vec(),
            client_token: token,
            status: ServiceStatus::Active,
            desired_count,
            deployments: vec![],
            last_completed: None,
            events: vec![],
            steady: false,
        };
        state.services.insert(arn.clone(), service);
        if !is_rolled_out_elsewhere(input) {
            inner.begin_deployment(&mut state, &arn, input);
        }
        let answer = json!({ "service": described(&state, &state.services[&arn], true) });
        drop(state);
        inner.look.notify_one();
        Ok(answer)
    }

    pub(super) fn update_service(&self, input: &Value) -> Result<Value, Fault> {
        let inner = &self.inner;
        let mut state = inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let arn = state
            .service_arn(&cluster, text(input, "service"))
            .ok_or_else(no_service)?;
        if state.services[&arn].status != ServiceStatus::Active {
            return Err(Fault::client(
                "ServiceNotActiveException",
                "Service was not ACTIVE.",
            ));
        }
        playable(input)?;
        associated(&state, &cluster, input, inner.world.epoch_seconds())?;
        let fields = Value::Object(state.services[&arn].fields.clone());
        if is_rolled_out_elsewhere(&fields) && input.get("taskDefinition").is_some() {
            let controller = text(&fields["deploymentController"], "type");
            return Err(invalid(format!(
                "Unable to update task definition on services with a {controller} deployment controller. Use AWS CodeDeploy \
                 to trigger a new deployment."
            )));
        }
        let mut wanted = input.clone();
        let current = |member: &str| state.services[&arn].fields.get(member).cloned();
        let task_definition = match text(input, "taskDefinition") {
            "" => current("taskDefinition")
                .and_then(|arn| arn.as_str().map(str::to_owned))
                .unwrap_or_default(),
            given => active_task_definition(&state, given)?,
        };
        let load_balancers = input
            .get("loadBalancers")
            .cloned()
            .or_else(|| current("loadBalancers"));
        let load_balancers = load_balancers.unwrap_or_default();
        let configuration = match &input["deploymentConfiguration"]["strategy"] {
            Value::Null => current("deploymentConfiguration").unwrap_or_default(),
            _ => input["deploymentConfiguration"].clone(),
        };
        self.check_load_balancers(
            &state,
            &task_definition,
            load_balancers.as_array().map_or(&[], Vec::as_slice),
            is_side_by_side(&configuration),
        )?;
        if input.get("taskDefinition").is_some() {
            wanted["taskDefinition"] = task_definition.into();
        }
        let revision = state.services[&arn]
            .deployments
            .first()
            .and_then(|primary| state.revisions.get(&primary.revision));
        let revised = REVISED
            .iter()
            .filter(|member| **member != "capacityProviderStrategy")
            .any(|member| {
                let known = revision.and_then(|revision| revision.fields.get(*member));
                wanted
                    .get(*member)
                    .is_some_and(|value| !value.is_null() && Some(value) != known)
            });
        let forced = input.get("forceNewDeployment").and_then(Value::as_bool) == Some(true);
        let mut deployments = state.services[&arn].deployments.iter();
        let rolling = deployments.next().map(|primary| primary.rollout) != Some(Rollout::Completed);
        if (revised || forced) && deployments.len() + usize::from(rolling) >= MOST_DEPLOYMENTS {
            return Err(invalid(
                "5 active deployments exist, unable to create new deployment.",
            ));
        }
        if let Some(service) = state.services.get_mut(&arn) {
            take_over(&mut service.fields, &wanted);
            let daemon = service.fields["schedulingStrategy"] == "DAEMON";
            if let Some(count) = input
                .get("desiredCount")
                .and_then(Value::as_u64)
                .filter(|_| !daemon)
            {
                service.desired_count = usize::try_from(count).unwrap_or(usize::MAX).min(5000);
                service.steady = false;
            }
        }
        if revised || forced {
            inner.begin_deployment(&mut state, &arn, &wanted);
        }
        let answer = json!({ "service": described(&state, &state.services[&arn], true) });
        drop(state);
        inner.look.notify_one();
        Ok(answer)
    }

    pub(super) fn describe_services(&self, input: &Value) -> Result<Value, Fault> {
        let tags = strings(input, "include").contains(&"TAGS");
        let state = self.inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let wanted = strings(input, "services");
        if wanted.is_empty() {
            return Err(invalid("Services cannot be empty."));
        }
        at_most(DESCRIBED_AT_ONCE, &wanted, "service names")?;
        let (mut services, mut failures) = (vec![], vec![]);
        for reference in wanted {
            match state
                .service_arn(&cluster, reference)
                .and_then(|arn| state.services.get(&arn))
            {
                Some(service) => services.push(described(&state, service, tags)),
                None => {
                    let name = reference.rsplit('/').next().unwrap_or(reference);
                    let arn = self
                        .inner
                        .world
                        .arn("ecs", &format!("service/{cluster}/{name}"));
                    failures.push(json!({ "arn": arn, "reason": "MISSING" }));
                }
            }
        }
        Ok(json!({ "services": services, "failures": failures }))
    }

    pub(super) fn list_services(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let matches = |service: &Service, member: &str| {
            let wanted = text(input, member);
            wanted.is_empty()
                || service
                    .fields
                    .get(member)
                    .is_some_and(|value| value == wanted)
        };
        let arns = state
            .services
            .values()
            .filter(|service| service.cluster == cluster && service.status == ServiceStatus::Active)
            .filter(|service| {
                matches(service, "launchType") && matches(service, "schedulingStrategy")
            })
            .map(|service| service.arn.clone().into())
            .collect();
        Ok(page(input, "serviceArns", arns, 10))
    }

    pub(super) fn delete_service(&self, input: &Value) -> Result<Value, Fault> {
        let inner = &self.inner;
        let mut state = inner.lock();
        let (cluster, _) = state.cluster(input)?;
        let arn = state
            .service_arn(&cluster, text(input, "service"))
            .ok_or_else(no_service)?;
        let force = input.get("force").and_then(Value::as_bool) == Some(true);
        let service = &state.services[&arn];
        if service.status == ServiceStatus::Inactive {
            return Err(no_service());
        }
        if service.desired_count > 0 && !force && service.fields["schedulingStrategy"] != "DAEMON" {
            return Err(invalid(
                "The service cannot be stopped while it is scaled above 0.",
            ));
        }
        inner.stop_running_deployment(&mut state, &arn, "The service was deleted.");
        if let Some(service) = state.services.get_mut(&arn) {
            service.status = ServiceStatus::Draining;
            service.desired_count = 0;
        }
        let answer = json!({ "service": described(&state, &state.services[&arn], true) });
        drop(state);
        inner.look.notify_one();
        Ok(answer)
    }
}

impl Inner {
    /// Records a service revision of what the service now is, completed by what only `input` says.
    pub(super) fn revise(&self, state: &mut State, service_arn: &str, input: &Value) -> String {
        let service = &state.services[service_arn];
        let previous = service
            .deployments
            .first()
            .and_then(|primary| state.revisions.get(&primary.revision));
        let mut fields = Map::new();
        for member in REVISED.iter().chain(&REVISED_SILENTLY) {
            let value = input
                .get(*member)
                .filter(|_| *member != "taskDefinition")
                .or_else(|| service.fields.get(*member));
            let value =
                value.or_else(|| previous.and_then(|revision| revision.fields.get(*member)));
            if let Some(value) = value {
                fields.insert((*member).into(), value.clone());
            }
        }
        let definition =
            state.task_definition(text(&Value::from(fields.clone()), "taskDefinition"));
        let containers = definition
            .and_then(|d| d.fields["containerDefinitions"].as_array().cloned())
            .unwrap_or_default();
        let container_images = containers
            .iter()
            .map(|container| {
                let image = text(container, "image");
                let mut summary = json!({ "containerName": container["name"], "image": image });
                if let Some(digest) = (self.images)(image).digest() {
                    summary["imageDigest"] = digest.into();
                }
                summary
            })
            .collect();
        let arn = format!(
            "{}/{}",
            service_arn.replacen(":service/", ":service-revision/", 1),
            self.digits()
        );
        let revision = Revision {
            arn: arn.clone(),
            service: service_arn.to_owned(),
            cluster_arn: service.cluster_arn(),
            fields,
            container_images,
            resolved: vec![],
            created_at: self.world.epoch_seconds(),
        };
        state.revisions.insert(arn.clone(), revision);
        arn
    }
}

/// Copies what a service is described with; members that are null keep their old value.
fn take_over(fields: &mut Map<String, Value>, input: &Value) {
    for (member, value) in input.as_object().into_iter().flatten() {
        if member == "role" {
            fields.insert("roleArn".into(), value.clone());
        } else if member == "deploymentConfiguration" {
            let mut merged = fields
                .get(member)
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default();
            merged.extend(
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            fields.insert(member.clone(), merged.into());
        } else if !NOT_SHOWN.contains(&member.as_str()) && !value.is_null() {
            fields.insert(member.clone(), value.clone());
        }
    }
    let daemon = fields
        .get("schedulingStrategy")
        .is_some_and(|strategy| strategy == "DAEMON");
    if let Some(configuration) = fields
        .get_mut("deploymentConfiguration")
        .and_then(Value::as_object_mut)
    {
        let (minimum, maximum) = if daemon { (0, 100) } else { (100, 200) };
        for (member, default) in [
            (
                "deploymentCircuitBreaker",
                json!({ "enable": false, "rollback": false }),
            ),
            ("maximumPercent", json!(maximum)),
            ("minimumHealthyPercent", json!(minimum)),
            ("strategy", json!("ROLLING")),
            ("bakeTimeInMinutes", json!(0)),
        ] {
            configuration.entry(member).or_insert(default);
        }
    }
}

pub(super) fn no_service() -> Fault {
    Fault::client("ServiceNotFoundException", "Service not found.")
}
