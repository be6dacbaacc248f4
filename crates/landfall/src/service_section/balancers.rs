//! The load balancers that a service has in ECS.

use serde_json::{Map, Value};

use super::LiveService;

/// Leaves `loadBalancers` out of what `UpdateService` is sent if requests move between two target groups and nothing
/// changes: ECS alone knows which of the two serves.
pub(super) fn leave_to_ecs(body: &mut Map<String, Value>, live: &LiveService) {
    let said = body.get("loadBalancers").and_then(Value::as_array);
    let is_left = said.is_some_and(|said| {
        said.len() == live.balancers.len()
            && said
                .iter()
                .any(|each| each.get("advancedConfiguration").is_some())
            && said
                .iter()
                .all(|each| live.balancers.iter().any(|balancer| balancer.is(each)))
    });
    if is_left {
        body.remove("loadBalancers");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{live::LiveBalancer, sample};

    fn said(first: &str, second: &str, port: u16) -> Map<String, Value> {
        let advanced = json!({ "alternateTargetGroupArn": second, "productionListenerRule": "rule", "roleArn": "role" });
        let entry = json!({
            "targetGroupArn": first, "containerName": "web", "containerPort": port, "advancedConfiguration": advanced,
        });
        Map::from_iter([("loadBalancers".to_owned(), json!([entry]))])
    }

    #[test]
    fn two_groups_that_ecs_has_are_not_sent_again_whichever_serves() {
        let mut live = sample::live(1);
        live.balancers = vec![LiveBalancer {
            target_group: "a".into(),
            alternate: Some("b".into()),
            rule: Some("rule".into()),
            role: Some("role".into()),
            container: "web".into(),
            port: 80,
        }];
        let is_sent = |mut body: Map<String, Value>, live: &LiveService| {
            leave_to_ecs(&mut body, live);
            body.contains_key("loadBalancers")
        };
        assert!(!is_sent(said("a", "b", 80), &live));
        assert!(!is_sent(said("b", "a", 80), &live));
        assert!(is_sent(said("a", "b", 81), &live));
        assert!(is_sent(said("a", "c", 80), &live));
        assert!(is_sent(said("a", "b", 80), &sample::live(1)));
    }
}
