//! Scaling policies.

use serde_json::{Value, json};

use super::{Scaling, about, invalid, no_target, resource_id};
use crate::cloud::fault::Fault;

impl Scaling {
    pub(super) fn put_policy(&self, input: &Value) -> Result<Value, Fault> {
        let id = resource_id(input)?;
        let name = input["PolicyName"].as_str().unwrap_or_default();
        if !(1..=256).contains(&name.chars().count()) {
            return Err(invalid("PolicyName must have 1 to 256 characters"));
        }
        let mut targets = self.targets();
        let target = targets.get_mut(id).ok_or_else(|| no_target(id))?;
        let kind = input["PolicyType"].as_str().unwrap_or("StepScaling");
        let member = match kind {
            "TargetTrackingScaling" => "TargetTrackingScalingPolicyConfiguration",
            "StepScaling" => "StepScalingPolicyConfiguration",
            other => {
                return Err(invalid(format!(
                    "The embedded cloud plays no policy of type {other}."
                )));
            }
        };
        let mut configuration = input[member].clone();
        if !configuration.is_object() {
            return Err(invalid(format!(
                "{member} is required for a policy of type {kind}"
            )));
        }
        if kind == "TargetTrackingScaling" {
            let value = configuration["TargetValue"].as_f64();
            configuration["TargetValue"] =
                json!(value.ok_or_else(|| invalid("TargetValue is required"))?);
            let metric = &configuration["PredefinedMetricSpecification"];
            let counts_requests = metric["PredefinedMetricType"] == "ALBRequestCountPerTarget";
            if counts_requests != metric["ResourceLabel"].is_string() {
                return Err(invalid(
                    "ResourceLabel is required for ALBRequestCountPerTarget, and for no other predefined metric",
                ));
            }
        }
        let known = target.policies.get(name);
        let (arn, created) = match known {
            Some(known) => (known["PolicyARN"].clone(), known["CreationTime"].clone()),
            None => {
                let resource = format!(
                    "scalingPolicy:{}:resource/ecs/{id}:policyName/{name}",
                    self.world.uuid()
                );
                (
                    json!(self.world.arn("autoscaling", &resource)),
                    json!(self.world.epoch_seconds()),
                )
            }
        };
        // Alarms are made for target tracking only; there is no CloudWatch here to keep them.
        let policy = json!({
            "PolicyARN": arn,
            "PolicyName": name,
            "PolicyType": kind,
            "CreationTime": created,
            "Alarms": [],
            member: configuration,
        });
        target.policies.insert(name.into(), about(id, policy));
        Ok(json!({ "PolicyARN": arn, "Alarms": [] }))
    }

    pub(super) fn describe_policies(&self, input: &Value) -> Result<Value, Fault> {
        self.described(input, "ScalingPolicies", "Policy", |target| {
            &target.policies
        })
    }

    pub(super) fn delete_policy(&self, input: &Value) -> Result<Value, Fault> {
        self.without(input, "PolicyName", "scaling policy", |target| {
            &mut target.policies
        })
    }
}
