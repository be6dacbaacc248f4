//! What a cluster and its tasks need besides, made when a file asks for it.

use landfall::record::Verdict;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, text, web},
};
use serde_json::{Value, json};

async fn cluster(stage: &Stage) -> Value {
    let input = json!({ "clusters": ["web"] });
    stage.ecs("DescribeClusters", input).await["clusters"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capacity_log_groups_and_cluster_settings_are_what_the_file_says() {
    let stage = Stage::open().await;
    let service = web("hello");
    let with = |insights: &str, strategy: &str| {
        let mut file = SampleFile::new("hello", "hello", "semver:^1");
        file.container =
            "logConfiguration: { logDriver: awslogs, options: { awslogs-group: /ecs/hello, awslogs-region: eu-west-1 } }".into();
        file.service =
            format!("capacityProviderStrategy: [{{ capacityProvider: {strategy}, weight: 1 }}]");
        let name = "clusterName: web\n";
        let settings =
            format!("{name}  settings: [{{ name: containerInsights, value: {insights} }}]\n");
        file.text().replace(name, &settings)
            + "capacity:\n\
               - { name: web-ec2, autoScalingGroupProvider: { autoScalingGroupArn: web } }\n\
               - { name: web-spot, autoScalingGroupProvider: { autoScalingGroupArn: spot } }\n\
               logs: { retentionDays: 7 }\n"
    };
    stage.push("hello", "1.0.0").await;
    stage
        .follow("services/hello.yaml", &with("disabled", "web-ec2"))
        .await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    assert_eq!(
        cluster(&stage).await["capacityProviders"],
        json!(["web-ec2", "web-spot"])
    );
    let groups = json!({ "logGroupNamePrefix": "/ecs/hello" });
    let groups = stage
        .local
        .cloud
        .logs
        .call("DescribeLogGroups", groups)
        .await
        .unwrap();
    assert_eq!(groups["logGroups"][0]["retentionInDays"], 7);
    let before = stage.live(&service).await;

    // Only with a new deployment do the tasks move.
    stage
        .follow("services/hello.yaml", &with("enhanced", "web-spot"))
        .await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    let changed = cluster(&stage).await;
    assert_eq!(changed["capacityProviders"], json!(["web-ec2", "web-spot"]));
    assert_eq!(changed["settings"][0]["value"], "enhanced");
    let after = stage.live(&service).await;
    assert_eq!(
        after["capacityProviderStrategy"][0]["capacityProvider"],
        "web-spot"
    );
    assert_eq!(before["taskDefinition"], after["taskDefinition"]);
    assert_ne!(
        text(&before["deployments"][0]["id"]),
        text(&after["deployments"][0]["id"])
    );

    // A push asks neither for capacity nor for log groups.
    let seen = stage.requests();
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    let requests = stage.local.cloud.requests.requests();
    let asked: Vec<_> = requests
        .into_iter()
        .skip(seen)
        .filter(|entry| entry.app.as_deref() == Some("ensure-cluster"))
        .collect();
    assert!(asked.len() <= 1, "{asked:#?}");
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_waits_for_managed_instances_to_come_up() {
    let stage = Stage::open().await;
    let service = web("hello");
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    file.service = "capacityProviderStrategy: [{ capacityProvider: managed, weight: 1 }]".into();
    let role = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole";
    let managed = format!(
        "capacity:\n- name: managed\n  managedInstancesProvider:\n    infrastructureRoleArn: {role}\n    \
         instanceLaunchTemplate:\n      ec2InstanceProfileArn: arn:aws:iam::123456789012:instance-profile/ecs\n      \
         networkConfiguration: {{ subnets: [subnet-1] }}\n"
    );
    stage.push("hello", "1.0.0").await;
    stage
        .follow("services/hello.yaml", &(file.text() + &managed))
        .await;
    let record = stage.verdict(&service, 1, Verdict::Succeeded).await;
    let input = json!({ "executionArn": record.execution, "maxResults": 1000 });
    let history = stage.states("GetExecutionHistory", input).await;
    let entered = |state: &str| {
        let events = history["events"].as_array().unwrap().iter();
        let names = events.map(|event| text(&event["stateEnteredEventDetails"]["name"]));
        names.filter(|name| name == state).count()
    };
    assert_eq!(entered("WaitForCapacity"), 1);
    assert_eq!(entered("RegisterTaskDefinition"), 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_group_whose_maker_died_before_its_retention_was_set_gets_it_later() {
    let stage = Stage::open().await;
    let service = web("hello");
    let logs = &stage.local.cloud.logs;
    let driver =
        "{ logDriver: awslogs, options: { awslogs-group: GROUP, awslogs-region: eu-west-1 } }";
    for (name, tags) in [
        ("/of/landfall", json!({ "landfall:service": "web/hello" })),
        ("/of/others", json!({})),
    ] {
        let group = json!({ "logGroupName": name, "tags": tags });
        logs.call("CreateLogGroup", group).await.unwrap();
    }
    stage.push("hello", "1.0.0").await;
    for (number, name, expected) in [
        (1, "/of/landfall", json!(30)),
        (2, "/of/others", Value::Null),
    ] {
        let mut file = SampleFile::new("hello", "hello", "semver:^1");
        file.container = format!("logConfiguration: {}", driver.replace("GROUP", name));
        stage.follow("services/hello.yaml", &file.text()).await;
        stage.verdict(&service, number, Verdict::Succeeded).await;
        let asked = json!({ "logGroupNamePrefix": name });
        let answer = logs.call("DescribeLogGroups", asked).await.unwrap();
        assert_eq!(
            answer["logGroups"][0]["retentionInDays"], expected,
            "{name}"
        );
    }
    stage.close().await;
}
