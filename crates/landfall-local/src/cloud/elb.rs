//! Elastic Load Balancing v2: Application Load Balancers that really balance, on loopback ports.
//!
//! Control plane in [`balancers`], [`rules`] and [`target_groups`]; data plane in [`proxy`] (requests) and [`probe`]
//! (health checks). Both meet in [`targets`], where each request's target is chosen and counted under one lock.

mod balancers;
mod fields;
mod forwarding;
mod input;
mod not_found;
mod probe;
mod proxy;
mod rules;
mod target_groups;
mod targets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use self::proxy::Proxy;
use self::targets::{Health, Target};
pub use self::targets::{SimulatedHealth, SimulatedTarget, TargetState};
use super::api::{Api, INVALID_ACTION};
use super::fault::Fault;
use crate::world::World;

/// How this load balancer's time runs.
#[derive(Clone, Debug)]
pub struct ElbSettings {
    /// Factor on health check intervals. AWS's shortest interval is 5 s, too long for a person who watches; 1.0 is
    /// AWS's pace.
    pub health_check_time_scale: f64,
    /// For this long after its registration a target that refuses connections is not called unhealthy, because
    /// quickened checks do not quicken a program's start. A target that answers wrongly has started: it gets no patience.
    pub patience_with_starts: Duration,
    /// For how long after its creation a target group is not found by what changes or uses it
    /// (<https://github.com/hashicorp/terraform-provider-aws/issues/19920>).
    pub new_groups: Duration,
    /// Whether listeners are bound to their ports. Many clouds that are simulated side by side would fight for them.
    pub bind_listeners: bool,
}

impl Default for ElbSettings {
    /// Health checks five times as often as they say (an interval of 5 s passes in one second), and for programs the
    /// five seconds to start that AWS's quickest checks leave them.
    fn default() -> Self {
        Self {
            health_check_time_scale: 0.2,
            patience_with_starts: Duration::from_secs(5),
            new_groups: Duration::ZERO,
            bind_listeners: true,
        }
    }
}

/// Handle to the load balancers of one embedded cloud. Clones share everything.
#[derive(Clone, Debug)]
pub struct Elb {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    world: Arc<World>,
    settings: ElbSettings,
    state: Mutex<State>,
    proxies: Mutex<BTreeMap<String, Proxy>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    load_balancers: BTreeMap<String, Map<String, Value>>,
    listeners: BTreeMap<String, Map<String, Value>>,
    rules: BTreeMap<String, rules::Rule>,
    target_groups: BTreeMap<String, TargetGroup>,
    tags: BTreeMap<String, Vec<Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TargetGroup {
    fields: Map<String, Value>,
    attributes: BTreeMap<String, String>,
    targets: BTreeMap<String, Target>,
    #[serde(default)]
    turn: usize,
    /// When it was created, in seconds since 1970.
    #[serde(default)]
    created_at: f64,
}

/// What is played.
pub(super) const API: Api<Elb> = Api {
    service: "elasticloadbalancing",
    title: "Elastic Load Balancing",
    unknown: INVALID_ACTION,
    operations: &[
        ("CreateLoadBalancer", Elb::create_load_balancer),
        ("DescribeLoadBalancers", Elb::describe_load_balancers),
        ("CreateListener", Elb::create_listener),
        ("DescribeListeners", Elb::describe_listeners),
        ("CreateRule", Elb::create_rule),
        ("ModifyRule", Elb::modify_rule),
        ("DescribeRules", Elb::describe_rules),
        ("SetRulePriorities", Elb::set_rule_priorities),
        ("DeleteRule", Elb::delete_rule),
        ("CreateTargetGroup", Elb::create_target_group),
        ("ModifyTargetGroup", Elb::modify_target_group),
        ("DescribeTargetGroups", Elb::describe_target_groups),
        ("DeleteTargetGroup", Elb::delete_target_group),
        (
            "ModifyTargetGroupAttributes",
            Elb::modify_target_group_attributes,
        ),
        (
            "DescribeTargetGroupAttributes",
            Elb::describe_target_group_attributes,
        ),
        ("DescribeTargetHealth", Elb::describe_target_health),
        ("DescribeTags", Elb::describe_tags),
    ],
};

impl Elb {
    /// Load balancers of `world`, none yet.
    pub fn new(world: Arc<World>, settings: ElbSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                world,
                settings,
                state: Mutex::default(),
                proxies: Mutex::default(),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Performs one operation of the Query API `2015-12-01`. `input` holds lists as arrays and scalars as strings;
    /// the answer is the operation's output structure.
    ///
    /// # Errors
    /// AWS's error codes without the `Exception` that their shapes end in, as the wire has them.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        API.call(self, operation, &input)
    }

    /// The status that a listener, by its ARN, answers a request with whose target is simulated. No connection is made, so
    /// this can be asked on a paused clock.
    pub fn status(&self, listener: &str, host: &str, path: &str) -> u16 {
        proxy::without_connection(&self.inner, listener, host, path)
            .status()
            .as_u16()
    }

    /// The whole answer to a request for `path` of `host` at `port`, as [`Self::status`] has it; none if no listener has
    /// that port.
    pub async fn answer(&self, port: u16, host: &str, path: &str) -> Option<Response<Bytes>> {
        let listener = {
            let state = self.inner.lock();
            let mut listeners = state.listeners.iter();
            let (arn, _) = listeners.find(|(_, fields)| fields::port(fields) == Some(port))?;
            arn.clone()
        };
        let answer = proxy::without_connection(&self.inner, &listener, host, path);
        let (head, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Response::from_parts(head, body))
    }

    /// Rises by one whenever a target's health or a target group's membership has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Everything but connections, for [`Elb::restore`].
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.inner.lock()).unwrap_or_default()
    }

    /// Takes a snapshot's state, binds its listeners again and checks its targets again. A listener whose port is taken
    /// now is kept and logged; its requests are not served until it is made anew.
    ///
    /// # Errors
    /// When `snapshot` was not made by [`Elb::snapshot`].
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        let mut restored: State = serde_json::from_value(snapshot)?;
        for group in restored.target_groups.values_mut() {
            // Nobody is left to end their draining.
            group
                .targets
                .retain(|_, target| target.health != Health::Draining);
        }
        let listeners: Vec<(String, u16)> = restored
            .listeners
            .iter()
            .filter_map(|(arn, fields)| Some((arn.clone(), fields::port(fields)?)))
            .collect();
        *self.inner.lock() = restored;
        for (arn, port) in listeners {
            if let Err(fault) = self.serve(&arn, port) {
                tracing::warn!(
                    listener = arn,
                    "a listener could not be restored: {}",
                    fault.message
                );
            }
        }
        self.check_every_target();
        Ok(())
    }

    fn describe_tags(&self, input: &Value) -> Result<Value, Fault> {
        let state = self.inner.lock();
        let arns = input::strings(input, "ResourceArns");
        for arn in &arns {
            if arn.contains(":targetgroup/") {
                self.inner.settled(&state, arn)?;
            }
            if arn.contains(":listener-rule/") && !state.rules.contains_key(arn) {
                return Err(not_found::no_rule(arn));
            }
        }
        let descriptions: Vec<Value> = arns
            .into_iter()
            .map(|arn| json!({ "Tags": state.tags.get(&arn).cloned().unwrap_or_default(), "ResourceArn": arn }))
            .collect();
        Ok(json!({ "TagDescriptions": descriptions }))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// How long `seconds` of health checking take here.
    fn check_time(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.settings.health_check_time_scale)
    }
}

/// The sixteen hexadecimal digits that end an ARN. AWS draws them; here they follow from the name, so that a service
/// file can name a target group before it exists.
fn arn_suffix(name: &str) -> String {
    hex::encode(&Sha256::digest(name.as_bytes())[..8])
}

#[cfg(test)]
mod tests;
