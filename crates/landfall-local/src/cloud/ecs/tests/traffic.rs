//! Deployments in which requests move from one target group to another.

use super::*;

/// The ARNs that a blue/green service names.
struct Ways {
    groups: [String; 2],
    rule: String,
}

/// A listener rule that forwards to the first of two target groups.
async fn ways(cloud: &Cloud) -> Ways {
    let mut groups = vec![];
    for name in ["hello", "hello-b"] {
        let input = json!({ "Name": name, "Protocol": "HTTP", "Port": "80", "HealthCheckIntervalSeconds": "5" });
        let answer = cloud.elb.call("CreateTargetGroup", input).await.unwrap();
        let arn = answer["TargetGroups"][0]["TargetGroupArn"].as_str();
        groups.push(arn.unwrap().to_owned());
    }
    let balancer = json!({ "Name": "web" });
    let balancer = cloud.elb.call("CreateLoadBalancer", balancer).await;
    let listener = json!({
        "LoadBalancerArn": balancer.unwrap()["LoadBalancers"][0]["LoadBalancerArn"],
        "Protocol": "HTTP",
        "Port": "80",
        "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
    });
    let listener = cloud.elb.call("CreateListener", listener).await.unwrap();
    let forward: Vec<Value> = groups
        .iter()
        .zip(["100", "0"])
        .map(|(group, weight)| json!({ "TargetGroupArn": group, "Weight": weight }))
        .collect();
    let rule = json!({
        "ListenerArn": listener["Listeners"][0]["ListenerArn"],
        "Priority": "1",
        "Conditions": [{ "Field": "path-pattern", "Values": ["*"] }],
        "Actions": [{ "Type": "forward", "ForwardConfig": { "TargetGroups": forward } }],
    });
    let rule = cloud.elb.call("CreateRule", rule).await.unwrap();
    let rule = rule["Rules"][0]["RuleArn"].as_str().unwrap().to_owned();
    Ways {
        groups: groups.try_into().unwrap(),
        rule,
    }
}

impl Ways {
    fn balancers(&self) -> Value {
        json!([{
            "targetGroupArn": self.groups[0],
            "containerName": "web",
            "containerPort": 80,
            "advancedConfiguration": {
                "alternateTargetGroupArn": self.groups[1],
                "productionListenerRule": self.rule,
                "roleArn": "arn:aws:iam::000000000000:role/balancers",
            },
        }])
    }

    /// A service of this image whose deployments are configured like this, once it is steady.
    async fn service(&self, cloud: &Cloud, configuration: Value) {
        let more =
            json!({ "loadBalancers": self.balancers(), "deploymentConfiguration": configuration });
        cloud.service("hello:1.0.0", 2, more).await;
        cloud.until_steady().await;
    }

    /// The weights of the two groups.
    async fn weights(&self, cloud: &Cloud) -> (u64, u64) {
        let input = json!({ "RuleArns": [self.rule] });
        let answer = cloud.elb.call("DescribeRules", input).await.unwrap();
        let groups = &answer["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"];
        let weight = |position: usize| groups[position]["Weight"].as_u64().unwrap();
        (weight(0), weight(1))
    }

    /// How many targets of each group are healthy.
    async fn healthy(&self, cloud: &Cloud) -> (usize, usize) {
        let mut counts = vec![];
        for group in &self.groups {
            let input = json!({ "TargetGroupArn": group });
            let answer = cloud.elb.call("DescribeTargetHealth", input).await.unwrap();
            let targets = answer["TargetHealthDescriptions"].as_array().unwrap();
            let healthy = |target: &&Value| target["TargetHealth"]["State"] == "healthy";
            counts.push(targets.iter().filter(healthy).count());
        }
        (counts[0], counts[1])
    }

    /// Watches a deployment to its end: what the weights and stages were, each once, and that those who get requests can
    /// answer all of them at any moment.
    async fn watched(&self, cloud: &Cloud) -> Vec<(String, (u64, u64))> {
        let mut seen: Vec<(String, (u64, u64))> = vec![];
        for _ in 0..6000 {
            let rollout = cloud.rollouts().await.remove(0);
            let stage = rollout["lifecycleStage"].as_str().unwrap().to_owned();
            let (weights, healthy) = (self.weights(cloud).await, self.healthy(cloud).await);
            assert!(
                weights.0 == 0 || healthy.0 >= 2,
                "{stage}: {weights:?} {healthy:?}"
            );
            assert!(
                weights.1 == 0 || healthy.1 >= 2,
                "{stage}: {weights:?} {healthy:?}"
            );
            if seen.last() != Some(&(stage.clone(), weights)) {
                seen.push((stage, weights));
            }
            if rollout["finishedAt"].is_number() {
                return seen;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("never ended: {seen:?}");
    }
}

fn stages(seen: &[(String, (u64, u64))]) -> Vec<(&str, (u64, u64))> {
    let stages = seen.iter().map(|(stage, weights)| (&**stage, *weights));
    stages.collect()
}

#[tokio::test(start_paused = true)]
async fn blue_and_green_change_places_with_each_deployment_and_no_request_goes_to_nobody() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    ways.service(
        &cloud,
        json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 }),
    )
    .await;
    assert_eq!(ways.weights(&cloud).await, (100, 0));
    for (tag, before, after) in [("1.1.0", (100, 0), (0, 100)), ("1.2.0", (0, 100), (100, 0))] {
        let next = cloud.definition(&format!("hello:{tag}"), json!({})).await;
        cloud.update(json!({ "taskDefinition": next })).await;
        let seen = ways.watched(&cloud).await;
        let expected = [
            ("SCALE_UP", before),
            ("BAKE_TIME", after),
            ("CLEAN_UP", after),
        ];
        let seen = stages(&seen);
        assert_eq!(seen[seen.len() - 3..], expected, "{seen:?}");
        let tasks = cloud.tasks("RUNNING").await;
        assert!(tasks.len() == 2 && tasks.iter().all(|task| task["taskDefinitionArn"] == *next));
    }
    // ECS's word on who serves.
    let revision = cloud.described().await["currentServiceRevisions"][0]["arn"].clone();
    let input = json!({ "serviceRevisionArns": [revision] });
    let answer = cloud.call("DescribeServiceRevisions", input).await;
    let resolved = &answer["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"];
    let expected =
        json!([{ "targetGroupArn": ways.groups[0], "productionListenerRule": ways.rule }]);
    assert_eq!(*resolved, expected);
}

#[tokio::test(start_paused = true)]
async fn requests_stay_where_they_are_if_green_never_comes_up() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    let breaker = json!({ "enable": true, "rollback": true });
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "deploymentCircuitBreaker": breaker });
    ways.service(&cloud, configuration).await;
    let good = cloud.described().await["taskDefinition"].clone();
    let crash = SimulatedBehaviour {
        exits: Some((Duration::from_millis(300), 1)),
        healthy: Healthy::Never,
        ..SimulatedBehaviour::default()
    };
    cloud.ecs.simulate("sha256:1.1.0", crash);
    let bad = cloud.definition("hello:1.1.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": bad })).await;
    let seen = ways.watched(&cloud).await;
    assert!(
        seen.iter().all(|(_, weights)| *weights == (100, 0)),
        "{seen:?}"
    );
    let rollout = cloud.rollouts().await.remove(0);
    assert_eq!(rollout["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(cloud.described().await["taskDefinition"], good);
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_it_bakes_gives_the_requests_back_to_blue_which_is_still_up() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    ways.service(
        &cloud,
        json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10 }),
    )
    .await;
    let next = cloud.definition("hello:1.1.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": next })).await;
    while ways.weights(&cloud).await != (0, 100) {
        sleep(Duration::from_millis(100)).await;
    }
    let arn = cloud.rollouts().await[0]["serviceDeploymentArn"].clone();
    cloud
        .call(
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": arn }),
        )
        .await;
    let seen = ways.watched(&cloud).await;
    assert_eq!(seen.last().unwrap(), &("CLEAN_UP".to_owned(), (100, 0)));
    assert_eq!(ways.healthy(&cloud).await, (2, 0));
}

#[tokio::test(start_paused = true)]
async fn canary_and_linear_move_requests_step_by_step() {
    let canary = json!({ "canaryPercent": 20.0, "canaryBakeTimeInMinutes": 2 });
    let linear = json!({ "stepPercent": 40.0, "stepBakeTimeInMinutes": 1 });
    for (configuration, expected) in [
        (
            json!({ "strategy": "CANARY", "canaryConfiguration": canary }),
            vec![(100, 0), (80, 20), (0, 100)],
        ),
        (
            json!({ "strategy": "LINEAR", "linearConfiguration": linear }),
            vec![(100, 0), (60, 40), (20, 80), (0, 100)],
        ),
    ] {
        let cloud = cloud();
        let ways = ways(&cloud).await;
        ways.service(&cloud, configuration).await;
        let next = cloud.definition("hello:1.1.0", json!({})).await;
        cloud.update(json!({ "taskDefinition": next })).await;
        let mut weights: Vec<(u64, u64)> = ways
            .watched(&cloud)
            .await
            .into_iter()
            .map(|(_, weights)| weights)
            .collect();
        weights.dedup();
        assert_eq!(weights, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_takes_the_place_of_another_leaves_those_who_serve_alone() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    let canary = json!({ "canaryPercent": 20.0, "canaryBakeTimeInMinutes": 10 });
    ways.service(
        &cloud,
        json!({ "strategy": "CANARY", "canaryConfiguration": canary }),
    )
    .await;
    let first = cloud.definition("hello:1.1.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": first })).await;
    while ways.weights(&cloud).await != (80, 20) {
        sleep(Duration::from_millis(100)).await;
    }
    let second = cloud.definition("hello:1.2.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": second })).await;
    let seen = ways.watched(&cloud).await;
    assert_eq!(seen[0], ("RECONCILE_SERVICE".to_owned(), (100, 0)));
    assert_eq!(seen.last().unwrap(), &("CLEAN_UP".to_owned(), (0, 100)));
    let tasks = cloud.tasks("RUNNING").await;
    assert!(
        tasks.len() == 2
            && tasks
                .iter()
                .all(|task| task["taskDefinitionArn"] == *second)
    );
}

#[tokio::test(start_paused = true)]
async fn side_by_side_with_a_rolling_update_that_never_came_up_the_old_tasks_serve_on() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    ways.service(&cloud, json!({ "strategy": "ROLLING" })).await;
    let never = SimulatedBehaviour {
        healthy: Healthy::Never,
        ..SimulatedBehaviour::default()
    };
    cloud.ecs.simulate("sha256:1.1.0", never);
    let bad = cloud.definition("hello:1.1.0", json!({})).await;
    cloud.update(json!({ "taskDefinition": bad })).await;
    sleep(Duration::from_secs(5)).await;
    let good = cloud.definition("hello:1.2.0", json!({})).await;
    cloud
        .update(json!({
            "taskDefinition": good,
            "deploymentConfiguration": { "strategy": "BLUE_GREEN" },
        }))
        .await;
    let seen = ways.watched(&cloud).await;
    assert_eq!(seen.last().unwrap().0, "CLEAN_UP");
}

#[tokio::test(start_paused = true)]
async fn both_target_groups_have_to_be_the_rules() {
    let cloud = cloud();
    let ways = ways(&cloud).await;
    cloud.service("hello:1.0.0", 1, json!({})).await;
    let mut balancers = ways.balancers();
    balancers[0]["advancedConfiguration"]["alternateTargetGroupArn"] = "arn:other".into();
    let change = json!({
        "cluster": "web",
        "service": "hello",
        "loadBalancers": balancers,
        "deploymentConfiguration": { "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0 },
    });
    assert_eq!(
        cloud.refused("UpdateService", change).await,
        "InvalidParameterException"
    );
}
