#![allow(clippy::unwrap_used)]

use super::*;
use crate::sample;

fn file(cluster: &str, rest: &str) -> ServiceFile {
    let text = format!(
        "cluster: {{ clusterName: web, {cluster} }}\n\
         taskDefinition: {{ family: hello, containerDefinitions: [{{ name: web, image: \"hello:1\", memory: 64 }}] }}\n{rest}\n"
    );
    let text = if rest.contains("service:") {
        text
    } else {
        text + "service: { serviceName: hello }\n"
    };
    ServiceFile::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_cluster_is_updated_only_where_it_differs_from_what_the_file_names() {
    let live = json!({
        "clusterArn": "arn:cluster",
        "settings": [{ "name": "containerInsights", "value": "disabled" }, { "name": "other", "value": "on" }],
        "configuration": { "executeCommandConfiguration": { "logging": "DEFAULT", "kmsKeyId": "key" } },
    });
    let same = "settings: [{ name: containerInsights, value: disabled }], \
                configuration: { executeCommandConfiguration: { logging: DEFAULT } }";
    assert_eq!(cluster_update(&file("", ""), &live), None);
    assert_eq!(cluster_update(&file(same, ""), &live), None);
    let changed = file(&same.replace("disabled", "enhanced"), "");
    let expected = json!({
        "settings": [{ "name": "containerInsights", "value": "enhanced" }],
        "cluster": "arn:cluster",
    });
    assert_eq!(
        cluster_update(&changed, &live).map(Value::Object),
        Some(expected)
    );
}

#[test]
fn capacity_providers_are_added_to_those_of_the_cluster_and_never_taken_away() {
    let live = |providers: &[&str]| json!({ "clusterArn": "arn:cluster", "capacityProviders": providers, "defaultCapacityProviderStrategy": [] });
    let group = "capacity: [{ name: ec2, autoScalingGroupProvider: { autoScalingGroupArn: web } }]";
    let managed = "capacity: [{ name: managed, managedInstancesProvider: { infrastructureRoleArn: \"arn:aws:iam::123456789012:role/ecs\", instanceLaunchTemplate: { ec2InstanceProfileArn: \"arn:aws:iam::123456789012:instance-profile/ecs\", networkConfiguration: { subnets: [subnet-1] } } } }]";
    let mut spot = file("", "");
    spot.service.insert(
        "capacityProviderStrategy".into(),
        json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]),
    );
    for (file, has, expected) in [
        (file("", ""), vec!["other"], None),
        (
            file("", group),
            vec!["other"],
            Some(json!(["other", "ec2"])),
        ),
        (file("", group), vec!["ec2"], None),
        (file("", managed), vec![], None),
        (spot.clone(), vec![], Some(json!(["FARGATE_SPOT"]))),
        (
            file("capacityProviders: [FARGATE]", ""),
            vec!["FARGATE"],
            None,
        ),
    ] {
        let body = association(&file, &live(&has));
        assert_eq!(body.map(|body| body["capacityProviders"].clone()), expected);
    }
    let default = "capacityProviders: [FARGATE], defaultCapacityProviderStrategy: [{ capacityProvider: FARGATE, weight: 1 }]";
    let body = association(&file(default, ""), &live(&["FARGATE"])).unwrap();
    assert_eq!(body["defaultCapacityProviderStrategy"][0]["weight"], 1);
}

#[test]
fn a_managed_instances_provider_is_made_in_the_cluster_and_every_one_is_tagged() {
    let file = file(
        "",
        "capacity:\n- { name: a, managedInstancesProvider: { infrastructureRoleArn: \"arn:aws:iam::123456789012:role/ecs\", instanceLaunchTemplate: { ec2InstanceProfileArn: \"arn:aws:iam::123456789012:instance-profile/ecs\", networkConfiguration: { subnets: [subnet-1] } } } }\n- { name: b, autoScalingGroupProvider: { autoScalingGroupArn: web }, tags: [{ key: x, value: y }] }",
    );
    let bodies = capacity_providers(&file, &sample::service());
    assert_eq!(bodies[0]["cluster"], "web");
    assert_eq!(bodies[1].get("cluster"), None);
    assert_eq!(
        bodies[1]["tags"],
        json!([{ "key": "x", "value": "y" }, { "key": "landfall:service", "value": "web/hello" }])
    );
}

#[test]
fn log_groups_of_this_region_are_wanted_unless_the_driver_makes_them() {
    let mut file = sample::file();
    let log = |options: Value| json!({ "name": "c", "image": "c:1", "logConfiguration": { "logDriver": "awslogs", "options": options } });
    let containers = json!([
        log(json!({ "awslogs-group": "/ecs/a", "awslogs-region": "eu-west-1" })),
        log(json!({ "awslogs-group": "/ecs/a" })),
        log(json!({ "awslogs-group": "/ecs/b", "awslogs-region": "us-east-1" })),
        log(json!({ "awslogs-group": "/ecs/c", "awslogs-create-group": "true" })),
        { "name": "d", "logConfiguration": { "logDriver": "awsfirelens", "options": { "awslogs-group": "/ecs/d" } } },
    ]);
    file.task_definition
        .insert("containerDefinitions".into(), containers);
    let groups = wanted_log_groups(&file, "eu-west-1");
    assert_eq!(groups.into_iter().collect::<Vec<_>>(), ["/ecs/a"]);
}
