//! Invariant 2: what is around a service at rest.

use landfall::target_group::group_names;
use serde_json::{Value, json};

use super::rest::{Rest, is_set, missing};
use crate::{file::RETENTION_DAYS, story::Story};

impl Rest<'_> {
    /// One rule for the host of `ingress`, which leads to its target groups, in which every task is, and behind which the
    /// service answers; without the section neither.
    pub(super) async fn ingress(&self, story: &Story) -> Vec<String> {
        let files = story.files.iter();
        let mut listeners = files.filter_map(|file| file.file["ingress"]["listenerArn"].as_str());
        let Some(listener) = listeners.next_back() else {
            return Vec::new();
        };
        let elb = &self.cloud.elb;
        let asked = elb.call("DescribeRules", json!({ "ListenerArn": listener }));
        let rules = asked.await.unwrap_or_default()["Rules"].take();
        let host = self.service.host();
        let rules = rules.as_array().into_iter().flatten();
        let rules: Vec<_> = rules
            .filter(|rule| rule["Conditions"].to_string().contains(&host))
            .collect();
        let mut groups = Vec::new();
        for name in group_names(&self.service.id) {
            let asked = elb.call("DescribeTargetGroups", json!({ "Names": [name] }));
            let mut answer = asked.await.unwrap_or_default();
            groups.extend(answer["TargetGroups"].as_array_mut().map(std::mem::take));
        }
        let groups: Vec<Value> = groups.into_iter().flatten().collect();
        let wanted = &self.file["ingress"];
        let expected = usize::from(is_set(wanted));
        // Where two revisions run side by side, there is a group for each. The second one stays when they no longer do, as
        // long as there is an ingress.
        let side_by_side = |file: &Value| is_set(&file["ingress"]["roleArn"]);
        let expected_groups = if side_by_side(self.file) {
            2
        } else if story.files.iter().any(|file| side_by_side(&file.file)) {
            groups.len().clamp(expected, 2 * expected)
        } else {
            expected
        };
        let balancers = self.live["loadBalancers"].as_array().map_or(0, Vec::len);
        let mut wrong = Vec::new();
        for (what, count, expected) in [
            ("listener rules", rules.len(), expected),
            ("target groups", groups.len(), expected_groups),
            ("load balancers in ECS", balancers, expected),
        ] {
            if count != expected {
                wrong.push(format!("has {count} {what}, and should have {expected}"));
            }
        }
        let (Some(rule), true) = (rules.first(), wrong.is_empty()) else {
            return wrong;
        };
        let (mut healthy, mut leads) = (0, false);
        for group in &groups {
            let arn = text(&group["TargetGroupArn"]);
            leads |= rule["Actions"].to_string().contains(&arn);
            let interval = text(&wanted["healthCheck"]["interval"]);
            let live = text(&group["HealthCheckIntervalSeconds"]);
            if interval.trim_end_matches('s') != live {
                wrong.push(format!("is checked every {live} s instead of {interval}"));
            }
            let asked = elb.call("DescribeTargetHealth", json!({ "TargetGroupArn": arn }));
            let health = asked.await.unwrap_or_default();
            let targets = health["TargetHealthDescriptions"].as_array();
            let targets = targets.into_iter().flatten();
            healthy += targets
                .filter(|target| target["TargetHealth"]["State"] == "healthy")
                .count();
        }
        if !leads {
            let actions = &rule["Actions"];
            wrong.push(format!("is reached by a rule that leads to {actions}"));
        }
        let running = &self.live["runningCount"];
        if *running != healthy {
            wrong.push(format!("has {healthy} healthy targets for {running} tasks"));
        }
        let answer = elb.answer(80, &host, "/").await;
        let status = answer.map(|answer| answer.status().as_u16());
        if status != Some(200) {
            wrong.push(format!("answers {status:?} to requests for {host}"));
        }
        wrong
    }

    /// The bounds, the policies and the scheduled actions of `autoscaling`.
    pub(super) async fn scaling(&self) -> Vec<String> {
        let (cluster, name) = (self.service.id.cluster(), self.service.id.service());
        let id = format!("service/{cluster}/{name}");
        let scaling = &self.cloud.scaling;
        let asked = json!({ "ServiceNamespace": "ecs", "ResourceIds": [id] });
        let targets = scaling.call("DescribeScalableTargets", asked).await;
        let mut shown = json!({ "targets": targets.unwrap_or_default()["ScalableTargets"] });
        for (operation, list) in [
            ("DescribeScalingPolicies", "ScalingPolicies"),
            ("DescribeScheduledActions", "ScheduledActions"),
        ] {
            let asked = json!({ "ServiceNamespace": "ecs", "ResourceId": id });
            shown[list] = scaling.call(operation, asked).await.unwrap_or_default()[list].take();
        }
        let wanted = &self.file["autoscaling"];
        let expected = if is_set(wanted) {
            let policy = &wanted["targets"][0];
            json!({
                "targets": [{ "MinCapacity": wanted["min"], "MaxCapacity": wanted["max"] }],
                "ScalingPolicies": [{ "TargetTrackingScalingPolicyConfiguration": {
                    "PredefinedMetricSpecification": { "PredefinedMetricType": policy["metric"] },
                } }],
                "ScheduledActions": [{ "Schedule": wanted["scheduled"][0]["schedule"] }],
            })
        } else {
            json!({ "targets": [], "ScalingPolicies": [], "ScheduledActions": [] })
        };
        missing("autoscaling", &expected, &shown)
    }

    /// The registry of `discovery`.
    pub(super) async fn discovery(&self) -> Vec<String> {
        let registries = self.live["serviceRegistries"].as_array();
        let registries: Vec<_> = registries.into_iter().flatten().collect();
        let wanted = &self.file["discovery"];
        let expected = usize::from(is_set(wanted));
        if registries.len() != expected {
            let count = registries.len();
            return vec![format!(
                "is registered in {count} services of Cloud Map, and should be in {expected}"
            )];
        }
        let Some(registry) = registries.first() else {
            return Vec::new();
        };
        let asked = self.cloud.cloud_map.call("ListServices", json!({})).await;
        let services = asked.unwrap_or_default()["Services"].take();
        let mut services = services.as_array().into_iter().flatten();
        let service = services.find(|service| service["Arn"] == registry["registryArn"]);
        match service {
            Some(service) if service["Name"] == wanted["name"] => Vec::new(),
            _ => vec![format!(
                "is registered in {registry}, which is not {wanted}"
            )],
        }
    }

    /// With `capacity`, the provider is the cluster's, which has its settings, and the log group has its retention. That
    /// the provider is the service's too, its section says.
    pub(super) async fn capacity(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !is_set(&self.file["capacity"]) {
            return wrong;
        }
        let provider = self.service.capacity_provider();
        let input = json!({ "clusters": [self.service.id.cluster()] });
        let answer = self.cloud.ecs.call("DescribeClusters", input).await;
        let cluster = answer.unwrap_or_default()["clusters"][0].take();
        let providers = cluster["capacityProviders"].as_array();
        if !providers.is_some_and(|providers| providers.contains(&json!(provider))) {
            wrong.push(format!(
                "is in a cluster without the capacity provider {provider}"
            ));
        }
        if cluster["settings"][0]["value"] != "enabled" {
            wrong.push(format!("is in a cluster with {}", cluster["settings"]));
        }
        let input = json!({ "logGroupNamePrefix": self.service.log_group() });
        let answer = self.cloud.logs.call("DescribeLogGroups", input).await;
        let group = answer.unwrap_or_default()["logGroups"][0].take();
        if group["retentionInDays"] != RETENTION_DAYS {
            wrong.push(format!("has the log group {group}"));
        }
        wrong
    }
}

/// A number or a text, as a text.
fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
