//! Services that are scaled, found by name, and changed in ways that ECS does not allow.

use landfall::record::Verdict;
use landfall_local::cloud::ecs::SimulatedBehaviour;
use landfall_tests::{
    sample::SampleFile,
    stage::{Stage, until, web},
};
use serde_json::{Value, json};

const KEY: &str = "services/hello.yaml";
const SCALED: &str = "\
autoscaling:
  min: 3
  max: 10
  targets:
    - { metric: ECSServiceAverageCPUUtilization, value: 60, scaleInCooldown: 5m }
  scheduled:
    - { name: morning, schedule: cron(0 8 ? * MON-FRI *), timezone: Europe/Berlin, min: 5 }
";

/// What Application Auto Scaling has for `web/hello`: bounds, policies by name with their values, names of actions.
async fn scaling(stage: &Stage) -> Value {
    let ask = async |operation: &str, member: &str| {
        let input = json!({"ServiceNamespace": "ecs", "ResourceIds": ["service/web/hello"], "ResourceId": "service/web/hello"});
        let answer = stage.local.cloud.scaling.call(operation, input).await;
        answer.unwrap()[member].as_array().cloned().unwrap()
    };
    let targets = ask("DescribeScalableTargets", "ScalableTargets").await;
    let policies = ask("DescribeScalingPolicies", "ScalingPolicies").await;
    let actions = ask("DescribeScheduledActions", "ScheduledActions").await;
    let value =
        |policy: &Value| policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"].clone();
    json!({
        "bounds": targets.first().map(|target| json!([target["MinCapacity"], target["MaxCapacity"]])),
        "policies": policies.iter().map(|each| json!([each["PolicyName"], value(each)])).collect::<Vec<_>>(),
        "actions": actions.iter().map(|each| each["ScheduledActionName"].clone()).collect::<Vec<_>>(),
    })
}

fn nothing() -> Value {
    json!({"bounds": null, "policies": [], "actions": []})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scaling_follows_the_file_and_pushes_leave_the_count_alone() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let file = SampleFile::new("hello", "hello", "semver:^1").text();
    let file = file.replace("  desiredCount: 2\n", "");
    stage.follow(KEY, &format!("{file}{SCALED}")).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    assert_eq!(
        stage.live(&service).await["desiredCount"],
        3,
        "`min` tasks at first"
    );
    let first = json!({
        "bounds": [3, 10],
        "policies": [["landfall-ECSServiceAverageCPUUtilization", 60.0]],
        "actions": ["landfall-morning"],
    });
    assert_eq!(scaling(&stage).await, first);

    // Load comes, and a push on top of it.
    let count = json!({"cluster": "web", "service": "hello", "desiredCount": 6});
    stage.ecs("UpdateService", count).await;
    let asked = stage.requests();
    stage.push("hello", "1.1.0").await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(stage.live(&service).await["desiredCount"], 6);
    let mut asked = stage
        .local
        .cloud
        .requests
        .requests()
        .into_iter()
        .skip(asked);
    // The journey itself asks through the cloud's own front, which is not logged.
    assert!(!asked.any(|entry| entry.service == "application-autoscaling"));

    // Somebody sets other bounds, which a change of the file that asks for the same bounds as before leaves alone.
    let bounds = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/web/hello", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 4, "MaxCapacity": 20,
    });
    let scalable = &stage.local.cloud.scaling;
    scalable
        .call("RegisterScalableTarget", bounds)
        .await
        .unwrap();
    let changed = SCALED.replace("value: 60", "value: 55");
    stage.follow(KEY, &format!("{file}{changed}")).await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    let kept = json!({
        "bounds": [4, 20],
        "policies": [["landfall-ECSServiceAverageCPUUtilization", 55.0]],
        "actions": ["landfall-morning"],
    });
    assert_eq!(scaling(&stage).await, kept);
    assert_eq!(stage.live(&service).await["desiredCount"], 6);

    // The file changes: other bounds, which the count is brought between; no schedule. Somebody has a policy of their own.
    let by_hand = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/web/hello", "ScalableDimension": "ecs:service:DesiredCount",
        "PolicyName": "by-hand", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 1, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}
        },
    });
    stage
        .local
        .cloud
        .scaling
        .call("PutScalingPolicy", by_hand)
        .await
        .unwrap();
    let changed = SCALED
        .replace("max: 10", "max: 4")
        .replace("value: 60", "value: 50");
    let changed = changed.split("  scheduled:").next().unwrap();
    stage.follow(KEY, &format!("{file}{changed}")).await;
    stage.verdict(&service, 4, Verdict::Succeeded).await;
    let second = json!({
        "bounds": [3, 4],
        "policies": [["by-hand", 1.0], ["landfall-ECSServiceAverageCPUUtilization", 50.0]],
        "actions": [],
    });
    assert_eq!(scaling(&stage).await, second);
    assert_eq!(stage.live(&service).await["desiredCount"], 4);

    // The section goes. What is foreign there stays, and with it the target.
    stage.follow(KEY, &file).await;
    stage.verdict(&service, 5, Verdict::Succeeded).await;
    let theirs = json!({"bounds": [3, 4], "policies": [["by-hand", 1.0]], "actions": []});
    assert_eq!(scaling(&stage).await, theirs);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_leaves_the_scaling_as_it_was_and_a_removed_section_takes_it_away() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let bad = SimulatedBehaviour {
        exits: Some((std::time::Duration::ZERO, 1)),
        ..SimulatedBehaviour::default()
    };
    stage.push_behaving("hello", "2.0.0", bad).await;
    let file = SampleFile::new("hello", "hello", "semver:^1").text();
    stage.follow(KEY, &format!("{file}{SCALED}")).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let good = scaling(&stage).await;
    assert_eq!(good["bounds"], json!([3, 10]));

    let other = format!("{file}{}", SCALED.replace("max: 10", "max: 20"));
    stage
        .follow(KEY, &other.replace("semver:^1", "semver:^2"))
        .await;
    stage.verdict(&service, 2, Verdict::RolledBack).await;
    assert_eq!(scaling(&stage).await, good);

    stage.follow(KEY, &file).await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert_eq!(scaling(&stage).await, nothing());
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_under_a_foreign_scalable_target_is_left_alone_as_long_as_that_is_there() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut file = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let scaling = &stage.local.cloud.scaling;
    let mut theirs = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/web/hello", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 4, "MaxCapacity": 8,
    });
    scaling
        .call("RegisterScalableTarget", theirs.clone())
        .await
        .unwrap();
    until("4 tasks", || async {
        (stage.live(&service).await["runningCount"] == 4).then_some(())
    })
    .await;

    // The whole section is sent, without the count.
    let seen = stage.requests();
    file.desired_count = 3;
    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert_eq!(stage.live(&service).await["desiredCount"], 4);
    let asked: Vec<_> = stage.local.cloud.requests.requests()[seen..]
        .iter()
        .filter(|entry| entry.service == "application-autoscaling")
        .map(|entry| {
            (
                entry.app.clone().unwrap_or_default(),
                entry.operation.clone(),
            )
        })
        .collect();
    let update_service = |operation: &str| ("update-service".to_owned(), operation.to_owned());
    let expected = ["DescribeScalableTargets", "ListTagsForResource"].map(update_service);
    assert_eq!(asked, expected);

    // So does the way back.
    let bad = SimulatedBehaviour {
        exits: Some((std::time::Duration::ZERO, 1)),
        ..SimulatedBehaviour::default()
    };
    stage.push_behaving("hello", "2.0.0", bad).await;
    let other = file.text().replace("semver:^1", "semver:^2");
    stage.follow(KEY, &other).await;
    stage.verdict(&service, 3, Verdict::RolledBack).await;
    assert_eq!(stage.live(&service).await["desiredCount"], 4);

    // Nobody scales it any more.
    for bound in ["MinCapacity", "MaxCapacity"] {
        theirs.as_object_mut().unwrap().remove(bound);
    }
    scaling
        .call("DeregisterScalableTarget", theirs)
        .await
        .unwrap();
    file.desired_count = 1;
    stage.follow(KEY, &file.text()).await;
    stage.verdict(&service, 4, Verdict::Succeeded).await;
    assert_eq!(stage.live(&service).await["desiredCount"], 1);
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_found_in_cloud_map_as_long_as_the_file_says_so() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut sample = SampleFile::new("hello", "hello", "semver:^1");
    sample.task_definition = "networkMode: awsvpc".into();
    sample.service = "tags: [{ key: team, value: a }]\nnetworkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }".into();
    let file = sample.text();
    let found =
        format!("{file}discovery: {{ namespace: internal.example, name: hello, ttl: 10s }}\n");
    stage.follow(KEY, &found).await;
    let record = stage.verdict(&service, 1, Verdict::Rejected).await;
    assert!(
        record
            .reason
            .contains("there is no Cloud Map namespace internal.example"),
        "{}",
        record.reason
    );

    let map = async |operation: &str, input: Value| {
        stage
            .local
            .cloud
            .cloud_map
            .call(operation, input)
            .await
            .unwrap()
    };
    map(
        "CreatePrivateDnsNamespace",
        json!({"Name": "internal.example", "Vpc": "vpc-1"}),
    )
    .await;
    let operator = crate::hold::operator(&stage).await;
    operator.retry(&service, None, None).await.unwrap();
    stage.verdict(&service, 2, Verdict::Succeeded).await;
    let services = until("the registrations", || async {
        let services = map("ListServices", json!({})).await["Services"].clone();
        (services[0]["InstanceCount"] == 2).then_some(services)
    })
    .await;
    assert_eq!(
        services[0]["DnsConfig"]["DnsRecords"],
        json!([{"Type": "A", "TTL": 10}])
    );
    let tags = map(
        "ListTagsForResource",
        json!({"ResourceARN": services[0]["Arn"]}),
    )
    .await;
    assert_eq!(
        tags["Tags"],
        json!([{"Key": "landfall:release", "Value": "2"}, {"Key": "landfall:service", "Value": "web/hello"}])
    );
    let live = stage.live(&service).await;
    assert_eq!(
        live["serviceRegistries"],
        json!([{"registryArn": services[0]["Arn"]}])
    );

    // The section goes, and tags change with it.
    stage
        .follow(
            KEY,
            &file.replace("key: team, value: a", "key: owner, value: b"),
        )
        .await;
    stage.verdict(&service, 3, Verdict::Succeeded).await;
    assert_eq!(stage.live(&service).await["serviceRegistries"], json!([]));
    until("the end of the registrations", || async {
        let services = map("ListServices", json!({})).await["Services"].clone();
        (services[0]["InstanceCount"] == 0).then_some(())
    })
    .await;
    let arn = stage.live(&service).await["serviceArn"].clone();
    let tags = stage
        .ecs("ListTagsForResource", json!({"resourceArn": arn}))
        .await;
    let mut tags: Vec<_> = tags["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| json!([tag["key"], tag["value"]]))
        .collect();
    tags.sort_by_key(Value::to_string);
    assert_eq!(
        json!(tags),
        json!([
            ["landfall:release", "3"],
            ["landfall:service", "web/hello"],
            ["owner", "b"]
        ])
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ecs_cannot_change_in_place_is_refused_before_anything_is_registered() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.push("hello", "1.0.0").await;
    let mut sample = SampleFile::new("hello", "hello", "semver:^1");
    stage.follow(KEY, &sample.text()).await;
    stage.verdict(&service, 1, Verdict::Succeeded).await;
    let revision = stage.live(&service).await["taskDefinition"].clone();

    sample.service = "schedulingStrategy: DAEMON".into();
    sample.container = "environment: [{ name: A, value: b }]".into();
    let daemon = sample.text().replace("  desiredCount: 2\n", "");
    stage.follow(KEY, &daemon).await;
    let record = stage.verdict(&service, 2, Verdict::Rejected).await;
    assert!(
        record.reason.contains(
            "service.schedulingStrategy is DAEMON, but the service was created with REPLICA"
        ),
        "{}",
        record.reason
    );
    let definitions = stage
        .ecs("ListTaskDefinitions", json!({"familyPrefix": "hello"}))
        .await;
    assert_eq!(definitions["taskDefinitionArns"], json!([revision]));
    let live = stage.live(&service).await;
    assert_eq!(
        (
            &live["taskDefinition"],
            live["deployments"].as_array().map(Vec::len)
        ),
        (&revision, Some(1))
    );
    stage.close().await;
}
