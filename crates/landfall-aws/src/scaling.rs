//! Application Auto Scaling: how a service is scaled
//! (<https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html>).

use aws_config::SdkConfig;
use landfall::{
    live::{LiveScaling, LiveTarget},
    service_id::ServiceId,
    step::ensure_scaling::{Change, DIMENSION, NAMESPACE, resource_id},
    tags::{SERVICE_TAG, service_tag},
};
use serde_json::{Value, json};

use crate::{
    Fault,
    raw::{APPLICATION_AUTO_SCALING, JsonClient},
};

/// Application Auto Scaling.
#[derive(Clone, Debug)]
pub struct Scaling(JsonClient);

impl Scaling {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(JsonClient::new(config, APPLICATION_AUTO_SCALING))
    }

    /// The scalable target, policies and actions of a service. Whose the scalable target is costs a call more, and is
    /// only asked if the target may have to be deleted (`may_go`).
    pub async fn of(&self, service: &ServiceId, may_go: bool) -> Result<LiveScaling, Fault> {
        let Some(target) = self.target(service, may_go).await? else {
            // Policies and actions are deleted with their target.
            return Ok(LiveScaling::default());
        };
        let by_id = || {
            json!({
                "ServiceNamespace": NAMESPACE,
                "ResourceId": resource_id(service),
                "ScalableDimension": DIMENSION,
            })
        };
        Ok(LiveScaling {
            target: Some(target),
            policies: self
                .all("DescribeScalingPolicies", by_id(), "ScalingPolicies")
                .await?,
            actions: self
                .all("DescribeScheduledActions", by_id(), "ScheduledActions")
                .await?,
        })
    }

    /// The scalable target of a service. Whether Landfall registered it (`is_ours`) is only asked with `whose`.
    ///
    /// # Errors
    /// As Application Auto Scaling answers.
    pub async fn target(
        &self,
        service: &ServiceId,
        whose: bool,
    ) -> Result<Option<LiveTarget>, Fault> {
        const TARGETS: &str = "DescribeScalableTargets";
        let by_ids = json!({
            "ServiceNamespace": NAMESPACE,
            "ResourceIds": [resource_id(service)],
            "ScalableDimension": DIMENSION,
        });
        let targets = self.all(TARGETS, by_ids, "ScalableTargets").await?;
        let Some(target) = targets.first() else {
            return Ok(None);
        };
        let bound = |member: &str| {
            let tasks = target[member]
                .as_u64()
                .and_then(|tasks| u32::try_from(tasks).ok());
            tasks.ok_or_else(|| {
                Fault::incomplete("application-autoscaling:DescribeScalableTargets", member)
            })
        };
        Ok(Some(LiveTarget {
            min: bound("MinCapacity")?,
            max: bound("MaxCapacity")?,
            is_ours: whose && self.is_ours(service, &target["ScalableTargetARN"]).await?,
        }))
    }

    /// Makes a change. To delete what is gone already is no error.
    ///
    /// # Errors
    /// As AWS refuses.
    pub async fn make(&self, change: &Change) -> Result<(), Fault> {
        let is_deletion = change.operation.starts_with("De");
        match self.0.call(change.operation, &change.body).await {
            Err(fault) if is_deletion && fault.is("ObjectNotFoundException") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Scalable targets that were registered before AWS gave them ARNs have no tags.
    async fn is_ours(&self, service: &ServiceId, arn: &Value) -> Result<bool, Fault> {
        if !arn.is_string() {
            return Ok(false);
        }
        let input = json!({ "ResourceARN": arn });
        let answer = self.0.call("ListTagsForResource", &input).await?;
        Ok(answer["Tags"][SERVICE_TAG] == *service_tag(service))
    }

    async fn all(
        &self,
        operation: &'static str,
        mut input: Value,
        member: &str,
    ) -> Result<Vec<Value>, Fault> {
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
