//! Application Auto Scaling of ECS services: targets, policies and scheduled actions are kept and returned, and a target's
//! bounds hold the desired count. Policies and actions do not act: there are no metrics here.

mod actions;
mod policies;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api::{Api, UNKNOWN_OPERATION},
    ecs::Ecs,
    fault::Fault,
};
use crate::world::World;

const DIMENSION: &str = "ecs:service:DesiredCount";

/// Application Auto Scaling of one account in one Region.
#[derive(Clone, Debug)]
pub struct Scaling {
    world: Arc<World>,
    ecs: Ecs,
    targets: Arc<Mutex<BTreeMap<String, Target>>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Target {
    arn: String,
    min: u64,
    max: u64,
    created: f64,
    suspended: Value,
    tags: BTreeMap<String, Value>,
    /// By name.
    policies: BTreeMap<String, Value>,
    /// By name.
    actions: BTreeMap<String, Value>,
}

/// What is played.
pub(super) const API: Api<Scaling> = Api {
    service: "application-autoscaling",
    title: "Application Auto Scaling",
    unknown: UNKNOWN_OPERATION,
    operations: &[
        ("RegisterScalableTarget", Scaling::register),
        ("DescribeScalableTargets", Scaling::describe),
        ("DeregisterScalableTarget", Scaling::deregister),
        ("PutScalingPolicy", Scaling::put_policy),
        ("DescribeScalingPolicies", Scaling::describe_policies),
        ("DeleteScalingPolicy", Scaling::delete_policy),
        ("PutScheduledAction", Scaling::put_action),
        ("DescribeScheduledActions", Scaling::describe_actions),
        ("DeleteScheduledAction", Scaling::delete_action),
        ("ListTagsForResource", Scaling::list_tags),
    ],
};

impl Scaling {
    /// No targets yet.
    pub fn new(world: Arc<World>, ecs: Ecs) -> Self {
        Self {
            world,
            ecs,
            targets: Arc::default(),
        }
    }

    /// Answers one operation of the API `AnyScaleFrontendService`
    /// (<https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>).
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// All targets, with what is on them.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.targets()).unwrap_or_default()
    }

    /// Takes up what [`Scaling::snapshot`] gave.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        *self.targets() = serde_json::from_value(snapshot)?;
        Ok(())
    }

    fn targets(&self) -> MutexGuard<'_, BTreeMap<String, Target>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A target that is there and new or changed bounds bring the desired count between them at once.
    fn register(&self, input: &Value) -> Result<Value, Fault> {
        let id = resource_id(input)?;
        let (cluster, service) = service_of(id)?;
        let Some(count) = self.ecs.desired_count(cluster, service) else {
            return Err(invalid(format!("ECS service doesn't exist: {id}")));
        };
        let bound = |member: &str| match &input[member] {
            Value::Null => Ok(None),
            value => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| invalid(format!("{member} must be a whole number of at least 0"))),
        };
        let mut targets = self.targets();
        let known = targets.get(id);
        let (min, max) = (
            bound("MinCapacity")?.or(known.map(|target| target.min)),
            bound("MaxCapacity")?.or(known.map(|target| target.max)),
        );
        let (Some(min), Some(max)) = (min, max) else {
            return Err(invalid(
                "MinCapacity and MaxCapacity are required when a scalable target is registered",
            ));
        };
        if min > max {
            return Err(invalid(
                "Maximum capacity cannot be less than minimum capacity",
            ));
        }
        let tags = &input["Tags"];
        if known.is_some() && !tags.is_null() {
            return Err(invalid(
                "Tags can only be given when a scalable target is created",
            ));
        }
        let arn = || {
            let name = self.world.hex(24);
            self.world.arn(
                "application-autoscaling",
                &format!("scalable-target/{name}"),
            )
        };
        let target = targets.entry(id.to_owned()).or_insert_with(|| Target {
            arn: arn(),
            min,
            max,
            created: self.world.epoch_seconds(),
            suspended: json!({
                "DynamicScalingInSuspended": false,
                "DynamicScalingOutSuspended": false,
                "ScheduledScalingSuspended": false,
            }),
            tags: BTreeMap::new(),
            policies: BTreeMap::new(),
            actions: BTreeMap::new(),
        });
        (target.min, target.max) = (min, max);
        for (key, value) in tags.as_object().into_iter().flatten() {
            target.tags.insert(key.clone(), value.clone());
        }
        for (member, value) in input["SuspendedState"].as_object().into_iter().flatten() {
            target.suspended[member] = value.clone();
        }
        let answer = json!({ "ScalableTargetARN": target.arn });
        drop(targets);
        let size = |tasks: u64| usize::try_from(tasks).unwrap_or(usize::MAX);
        let within = count.clamp(size(min), size(max));
        if within != count {
            self.ecs.set_desired_count(cluster, service, within);
        }
        Ok(answer)
    }

    fn describe(&self, input: &Value) -> Result<Value, Fault> {
        namespace(input)?;
        let wanted = input["ResourceIds"].as_array();
        let targets = self.targets();
        let found = targets
            .iter()
            .filter(|(id, _)| wanted.is_none_or(|wanted| wanted.contains(&json!(id))));
        let role = format!(
            "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
             AWSServiceRoleForApplicationAutoScaling_ECSService",
            self.world.account
        );
        let described = found
            .map(|(id, target)| {
                about(
                    id,
                    json!({
                        "ScalableTargetARN": target.arn,
                        "MinCapacity": target.min,
                        "MaxCapacity": target.max,
                        "RoleARN": role,
                        "CreationTime": target.created,
                        "SuspendedState": target.suspended,
                    }),
                )
            })
            .collect();
        page("ScalableTargets", described, input)
    }

    fn deregister(&self, input: &Value) -> Result<Value, Fault> {
        let id = resource_id(input)?;
        match self.targets().remove(id) {
            Some(_) => Ok(json!({})),
            None => Err(no_target(id)),
        }
    }

    /// The policies or the scheduled actions of the targets that are asked for; `what` begins the members with their names.
    fn described(
        &self,
        input: &Value,
        list: &'static str,
        what: &str,
        of: impl Fn(&Target) -> &BTreeMap<String, Value>,
    ) -> Result<Value, Fault> {
        namespace(input)?;
        let (resource, names) = (&input["ResourceId"], format!("{what}Names"));
        let wanted = input[names].as_array();
        let targets = self.targets();
        let found = targets
            .iter()
            .filter(|(id, _)| resource.as_str().is_none_or(|wanted| wanted == *id))
            .flat_map(|(_, target)| of(target))
            .filter(|(name, _)| wanted.is_none_or(|wanted| wanted.contains(&json!(name))));
        let found = found.map(|(_, each)| each.clone()).collect();
        page(list, found, input)
    }

    /// Takes a policy or a scheduled action away.
    fn without(
        &self,
        input: &Value,
        member: &str,
        what: &str,
        of: impl FnOnce(&mut Target) -> &mut BTreeMap<String, Value>,
    ) -> Result<Value, Fault> {
        let id = resource_id(input)?;
        let name = input[member].as_str().unwrap_or_default();
        let mut targets = self.targets();
        let target = targets.get_mut(id).ok_or_else(|| no_target(id))?;
        match of(target).remove(name) {
            Some(_) => Ok(json!({})),
            None => Err(Fault::client(
                "ObjectNotFoundException",
                format!(
                    "No {what} found for service namespace: ecs, resource ID: {id}, {what} name: {name}"
                ),
            )),
        }
    }

    fn list_tags(&self, input: &Value) -> Result<Value, Fault> {
        self.tagged(input, |target| json!({ "Tags": target.tags }))
    }

    fn tagged(
        &self,
        input: &Value,
        work: impl FnOnce(&mut Target) -> Value,
    ) -> Result<Value, Fault> {
        let arn = input["ResourceARN"].as_str().unwrap_or_default();
        let mut targets = self.targets();
        let target = targets.values_mut().find(|target| target.arn == arn);
        target.map(work).ok_or_else(|| {
            let message = format!("The specified resource doesn't exist: {arn}");
            Fault::client("ResourceNotFoundException", message)
        })
    }
}

fn namespace(input: &Value) -> Result<(), Fault> {
    match input["ServiceNamespace"].as_str() {
        Some("ecs") => Ok(()),
        other => Err(invalid(format!(
            "The embedded cloud scales ECS services only, not {}.",
            other.unwrap_or("nothing")
        ))),
    }
}

/// The input's `ResourceId`, for ECS's one dimension.
fn resource_id(input: &Value) -> Result<&str, Fault> {
    namespace(input)?;
    let dimension = input["ScalableDimension"].as_str().unwrap_or_default();
    if dimension != DIMENSION {
        return Err(invalid(format!(
            "Unsupported service namespace, resource type or scalable dimension: ecs, {dimension}"
        )));
    }
    let id = input["ResourceId"].as_str().unwrap_or_default();
    service_of(id).map(|_| id)
}

fn service_of(id: &str) -> Result<(&str, &str), Fault> {
    let named = id
        .strip_prefix("service/")
        .and_then(|id| id.split_once('/'));
    named
        .filter(|(cluster, service)| !cluster.is_empty() && !service.is_empty())
        .ok_or_else(|| {
            invalid(format!(
                "Unsupported service namespace or resource ID: {id}"
            ))
        })
}

fn about(id: &str, members: Value) -> Value {
    let mut described = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
    });
    for (member, value) in members.as_object().into_iter().flatten() {
        described[member] = value.clone();
    }
    described
}

fn no_target(id: &str) -> Fault {
    Fault::client(
        "ObjectNotFoundException",
        format!(
            "No scalable target registered for service namespace: ecs, resource ID: {id}, scalable dimension: {DIMENSION}"
        ),
    )
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("ValidationException", message)
}

/// One page of at most 50 `items`; tokens are positions.
fn page(member: &str, items: Vec<Value>, input: &Value) -> Result<Value, Fault> {
    let start = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| {
            Fault::client("InvalidNextTokenException", "The next token is not valid.")
        })?,
    };
    let most = input["MaxResults"]
        .as_u64()
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(50)
        .clamp(1, 50);
    let total = items.len();
    let items: Vec<_> = items.into_iter().skip(start).take(most).collect();
    let next = start + items.len();
    let mut answer = json!({ member: items });
    if next < total {
        answer["NextToken"] = next.to_string().into();
    }
    Ok(answer)
}
