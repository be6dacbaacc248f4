//! What a service still has from an earlier file: members that were removed, and tags.

use serde_json::{Value, json};

use super::{has_two_groups, strategy};
use crate::service_file::ServiceFile;

/// A member that `UpdateService` leaves alone where it is absent, and what clears it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
fn clearing() -> [(&'static str, Value); 7] {
    [
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("capacityProviderStrategy", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("vpcLatticeConfigurations", json!([])),
        ("serviceConnectConfiguration", json!({"enabled": false})),
    ]
}

fn has(file: &ServiceFile, member: &str) -> bool {
    let by_section = match member {
        "loadBalancers" => file.ingress.is_some(),
        "serviceRegistries" => file.discovery.is_some(),
        _ => false,
    };
    by_section
        || file
            .service
            .get(member)
            .is_some_and(|value| !value.is_null())
}

/// The file with what clears every member that `previous` had and it has no longer. Only what Landfall had sent is
/// cleared, never a member that anything else has added.
pub fn with_resets(mut file: ServiceFile, previous: Option<&ServiceFile>) -> ServiceFile {
    let Some(previous) = previous else {
        return file;
    };
    for (member, empty) in clearing() {
        if has(previous, member) && !has(&file, member) {
            file.service.insert(member.into(), empty);
        }
    }
    // A strategy that is not said stays, and would want the second target group that the file has no longer.
    if has_two_groups(previous) && strategy(&file).is_none() {
        let configuration = file.service.entry("deploymentConfiguration");
        let configuration = configuration.or_insert_with(|| json!({}));
        configuration["strategy"] = json!("ROLLING");
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::*;

    fn with(members: Value) -> ServiceFile {
        let mut file = file();
        file.service = members.as_object().cloned().unwrap_or_default();
        file
    }

    #[test]
    fn what_the_last_file_had_and_this_one_has_not_is_cleared_and_nothing_else() {
        let previous = with(json!({
            "loadBalancers": [{"targetGroupArn": "a"}],
            "serviceConnectConfiguration": {"enabled": true},
            "placementStrategy": [{"type": "spread"}],
            "healthCheckGracePeriodSeconds": 5,
        }));
        let file = with(json!({"placementStrategy": [{"type": "binpack"}]}));
        let section = with_resets(file.clone(), Some(&previous)).service;
        assert_eq!(
            Value::Object(section),
            json!({
                "placementStrategy": [{"type": "binpack"}],
                "loadBalancers": [],
                "serviceConnectConfiguration": {"enabled": false},
            })
        );
        assert_eq!(with_resets(file.clone(), None), file);
    }

    #[test]
    fn a_service_rolls_again_when_its_file_no_longer_says_how_requests_move() {
        let previous = with(json!({"deploymentConfiguration": {"strategy": "CANARY"}}));
        let section = |file: Value| Value::Object(with_resets(with(file), Some(&previous)).service);
        let rolling = json!({"deploymentConfiguration": {"strategy": "ROLLING"}});
        assert_eq!(section(json!({})), rolling);
        let other = json!({"deploymentConfiguration": {"strategy": "LINEAR"}});
        assert_eq!(section(other.clone()), other);
    }

    #[test]
    fn tasks_are_no_longer_registered_when_the_section_discovery_goes() {
        let mut previous = with(json!({}));
        previous.discovery = serde_json::from_value(json!({
            "namespace": "internal.example", "name": "hello", "type": "A", "ttlSeconds": 60, "container": null, "port": null
        }))
        .ok();
        assert!(previous.discovery.is_some());
        let section = with_resets(with(json!({})), Some(&previous)).service;
        assert_eq!(Value::Object(section), json!({"serviceRegistries": []}));
        let unchanged = with_resets(previous.clone(), Some(&previous)).service;
        assert_eq!(Value::Object(unchanged), json!({}));
    }
}
