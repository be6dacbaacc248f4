//! What a service still has from an earlier file: members that were removed, and tags.

use serde_json::{Value, json};

use crate::service_file::ServiceFile;

/// A member that `UpdateService` leaves alone where it is absent, and what clears it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>). An absent `platformVersion` is
/// `LATEST` already. What cleared the rest would be is said in [`KEPT`].
fn clearing() -> [(&'static str, Value); 13] {
    // "When not specified, Amazon ECS uses the default resolution of 60 seconds"
    // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_MonitoringConfiguration.html>).
    let every_minute = json!({"metricConfigurations": [
        {"metricNames": ["CPUUtilization", "MemoryUtilization"], "resolutionSeconds": 60},
    ]});
    [
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("capacityProviderStrategy", json!([])),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("vpcLatticeConfigurations", json!([])),
        ("volumeConfigurations", json!([])),
        ("gatewayConnectors", json!([])),
        ("monitoring", every_minute),
        ("serviceConnectConfiguration", json!({"enabled": false})),
        ("enableExecuteCommand", json!(false)),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
    ]
}

/// The same for the members of `deploymentConfiguration`, which are kept one by one: clients that send one of them leave
/// the others as they were (`internal/service/ecs/service.go` of
/// <https://github.com/hashicorp/terraform-provider-aws>). The percentages are those of a service that says none
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).
fn clearing_of_deployments(is_daemon: bool) -> [(&'static str, Value); 7] {
    let off = json!({"enable": false, "rollback": false});
    let (least, most) = if is_daemon { (0, 100) } else { (100, 200) };
    [
        // A strategy that is not said stays, and would want the second target group that the file has no longer.
        ("strategy", json!("ROLLING")),
        ("deploymentCircuitBreaker", off),
        (
            "alarms",
            json!({"alarmNames": [], "enable": false, "rollback": false}),
        ),
        ("lifecycleHooks", json!([])),
        ("earlySuccessCriteria", json!({"enable": false})),
        ("minimumHealthyPercent", json!(least)),
        ("maximumPercent", json!(most)),
    ]
}

/// Members of the section that ECS has nothing to clear with: a file that had one and has it no longer leaves the service
/// with it. The grace period is cleared where there is still a load balancer, and matters nowhere else but to the checks
/// of containers.
const KEPT: [(&str, &str); 3] = [
    (
        "networkConfiguration",
        "a service keeps its subnets and security groups",
    ),
    (
        "availabilityZoneRebalancing",
        "what a service that never said it has cannot be said",
    ),
    (
        "healthCheckGracePeriodSeconds",
        "without a load balancer ECS may refuse another one",
    ),
];

const DEPLOYMENTS: &str = "deploymentConfiguration";
const GRACE_PERIOD: &str = "healthCheckGracePeriodSeconds";

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

/// The file with what clears every member that one of the `earlier` files had and it has no longer. Only what Landfall had
/// sent is cleared, never a member that anything else has added.
pub fn with_resets<'a>(
    file: ServiceFile,
    earlier: impl IntoIterator<Item = &'a ServiceFile>,
) -> ServiceFile {
    earlier.into_iter().fold(file, cleared_of)
}

fn cleared_of(mut file: ServiceFile, previous: &ServiceFile) -> ServiceFile {
    for (member, empty) in clearing() {
        if has(previous, member) && !has(&file, member) {
            file.service.insert(member.into(), empty);
        }
    }
    if has(previous, GRACE_PERIOD) && !has(&file, GRACE_PERIOD) && has_balancer(&file) {
        file.service.insert(GRACE_PERIOD.into(), json!(0));
    }
    let is_daemon = file.service.get("schedulingStrategy") == Some(&json!("DAEMON"));
    for (member, empty) in clearing_of_deployments(is_daemon) {
        if has_in_deployments(previous, member) && !has_in_deployments(&file, member) {
            let configuration = file.service.entry(DEPLOYMENTS);
            let configuration = configuration.or_insert_with(|| json!({}));
            configuration[member] = empty;
        }
    }
    file
}

/// The members that `previous` had and `file` has no longer, and that ECS keeps all the same; each with why.
pub fn kept_by_ecs(
    file: &ServiceFile,
    previous: &ServiceFile,
) -> Vec<(&'static str, &'static str)> {
    let is_cleared = |member: &str| member == GRACE_PERIOD && has_balancer(file);
    let removed = |member: &str| has(previous, member) && !has(file, member) && !is_cleared(member);
    KEPT.into_iter()
        .filter(|(member, _)| removed(member))
        .collect()
}

/// Whether the file puts a load balancer in front of its service.
fn has_balancer(file: &ServiceFile) -> bool {
    let named = file.service.get("loadBalancers").and_then(Value::as_array);
    file.ingress.is_some() || named.is_some_and(|named| !named.is_empty())
}

fn has_in_deployments(file: &ServiceFile, member: &str) -> bool {
    let configuration = file.service.get(DEPLOYMENTS);
    let value = configuration.and_then(|configuration| configuration.get(member));
    value.is_some_and(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::*;

    #[test]
    fn what_the_last_file_had_and_this_one_has_not_is_cleared_and_nothing_else() {
        let previous = file_with(json!({
            "loadBalancers": [{"targetGroupArn": "a"}],
            "serviceConnectConfiguration": {"enabled": true},
            "placementStrategy": [{"type": "spread"}],
            "healthCheckGracePeriodSeconds": 5,
        }));
        let file = file_with(json!({"placementStrategy": [{"type": "binpack"}]}));
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

    /// Every member of `UpdateService`, in botocore 1.44.8, that a section may have and a later one not: what is sent then.
    #[test]
    fn each_member_of_the_section_is_cleared_or_said_to_stay() {
        let balanced = json!([{"targetGroupArn": "a"}]);
        for (member, value, cleared) in [
            ("loadBalancers", balanced.clone(), Some(json!([]))),
            (
                "serviceRegistries",
                json!([{"registryArn": "a"}]),
                Some(json!([])),
            ),
            (
                "capacityProviderStrategy",
                json!([{"capacityProvider": "FARGATE"}]),
                Some(json!([])),
            ),
            (
                "placementConstraints",
                json!([{"type": "distinctInstance"}]),
                Some(json!([])),
            ),
            (
                "placementStrategy",
                json!([{"type": "random"}]),
                Some(json!([])),
            ),
            (
                "vpcLatticeConfigurations",
                json!([{"roleArn": "a"}]),
                Some(json!([])),
            ),
            (
                "volumeConfigurations",
                json!([{"name": "a"}]),
                Some(json!([])),
            ),
            (
                "gatewayConnectors",
                json!([{"portName": "http"}]),
                Some(json!([])),
            ),
            (
                "monitoring",
                json!({"metricConfigurations": [{"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}]}),
                Some(json!({"metricConfigurations": [
                    {"metricNames": ["CPUUtilization", "MemoryUtilization"], "resolutionSeconds": 60},
                ]})),
            ),
            (
                "serviceConnectConfiguration",
                json!({"enabled": true}),
                Some(json!({"enabled": false})),
            ),
            ("enableExecuteCommand", json!(true), Some(json!(false))),
            ("enableECSManagedTags", json!(true), Some(json!(false))),
            ("propagateTags", json!("SERVICE"), Some(json!("NONE"))),
            ("platformVersion", json!("1.4.0"), None),
            (
                "networkConfiguration",
                json!({"awsvpcConfiguration": {}}),
                None,
            ),
            ("availabilityZoneRebalancing", json!("DISABLED"), None),
            ("healthCheckGracePeriodSeconds", json!(60), None),
            ("desiredCount", json!(3), None),
        ] {
            let previous = file_with(json!({ member: value }));
            let file = file_with(json!({}));
            let kept: Vec<_> = kept_by_ecs(&file, &previous)
                .into_iter()
                .map(|(kept, _)| kept)
                .collect();
            let sent = with_resets(file, Some(&previous)).service;
            assert_eq!(sent.get(member), cleared.as_ref(), "{member}");
            let stays = KEPT.iter().any(|(known, _)| *known == member);
            assert_eq!(kept, if stays { vec![member] } else { vec![] }, "{member}");
            let unchanged = with_resets(previous.clone(), Some(&previous));
            assert_eq!(unchanged, previous, "{member}");
        }
        let previous =
            file_with(json!({"loadBalancers": balanced, "healthCheckGracePeriodSeconds": 60}));
        let file = file_with(json!({"loadBalancers": balanced}));
        assert_eq!(kept_by_ecs(&file, &previous), []);
        let sent = with_resets(file, Some(&previous)).service;
        assert_eq!(sent["healthCheckGracePeriodSeconds"], json!(0));
    }

    #[test]
    fn each_member_of_the_deployment_configuration_is_cleared_alone() {
        let previous = file_with(json!({"deploymentConfiguration": {
            "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true},
            "deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "lifecycleHooks": [{"hookTargetArn": "a"}],
            "earlySuccessCriteria": {"enable": true, "healthyPercent": 100, "sourceServiceRevisionCleanup": "DEFERRED"},
            "minimumHealthyPercent": 50,
            "maximumPercent": 150,
        }}));
        let off = json!({"enable": false, "rollback": false});
        let alarms = json!({"alarmNames": [], "enable": false, "rollback": false});
        let sent = |file: Value| {
            let mut sent = with_resets(file_with(file), Some(&previous)).service;
            sent.remove("deploymentConfiguration").unwrap_or_default()
        };
        assert_eq!(
            sent(json!({})),
            json!({
                "alarms": alarms, "deploymentCircuitBreaker": off, "lifecycleHooks": [],
                "earlySuccessCriteria": {"enable": false},
                "minimumHealthyPercent": 100, "maximumPercent": 200,
            })
        );
        let kept = json!({
            "alarms": {"alarmNames": ["others"], "enable": true, "rollback": false},
            "deploymentCircuitBreaker": {"enable": true, "rollback": false},
            "lifecycleHooks": [], "earlySuccessCriteria": {"enable": false},
            "minimumHealthyPercent": 0, "maximumPercent": 100,
        });
        assert_eq!(sent(json!({ "deploymentConfiguration": kept })), kept);
        let daemon = sent(json!({"schedulingStrategy": "DAEMON"}));
        assert_eq!(
            (&daemon["minimumHealthyPercent"], &daemon["maximumPercent"]),
            (&json!(0), &json!(100))
        );
    }

    #[test]
    fn a_service_rolls_again_when_its_file_no_longer_says_how_requests_move() {
        let previous = file_with(json!({"deploymentConfiguration": {"strategy": "CANARY"}}));
        let section =
            |file: Value| Value::Object(with_resets(file_with(file), Some(&previous)).service);
        let rolling = json!({"deploymentConfiguration": {"strategy": "ROLLING"}});
        assert_eq!(section(json!({})), rolling);
        let other = json!({"deploymentConfiguration": {"strategy": "LINEAR"}});
        assert_eq!(section(other.clone()), other);
    }

    #[test]
    fn deployments_are_no_longer_paused_when_the_file_has_no_hooks_any_more() {
        let hook = json!({"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]});
        let paused = json!({"deploymentConfiguration": {"lifecycleHooks": [hook]}});
        let previous = file_with(paused.clone());
        let section =
            |file: Value| Value::Object(with_resets(file_with(file), Some(&previous)).service);
        assert_eq!(
            section(json!({"deploymentConfiguration": {"maximumPercent": 150}})),
            json!({"deploymentConfiguration": {"maximumPercent": 150, "lifecycleHooks": []}})
        );
        assert_eq!(
            section(json!({})),
            json!({"deploymentConfiguration": {"lifecycleHooks": []}})
        );
        assert_eq!(section(paused.clone()), paused);
    }

    #[test]
    fn tasks_are_no_longer_registered_when_the_section_discovery_goes() {
        let mut previous = file_with(json!({}));
        previous.discovery = serde_json::from_value(json!({
            "namespace": "internal.example", "name": "hello", "type": "A", "ttlSeconds": 60, "container": null, "port": null
        }))
        .ok();
        assert!(previous.discovery.is_some());
        let section = with_resets(file_with(json!({})), Some(&previous)).service;
        assert_eq!(Value::Object(section), json!({"serviceRegistries": []}));
        let unchanged = with_resets(previous.clone(), Some(&previous)).service;
        assert_eq!(Value::Object(unchanged), json!({}));
    }
}
