//! Deployments that wait at a hook until somebody continues them.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn hook(stages: Value, timeout: Value) -> Value {
    json!({ "targetType": "PAUSE", "lifecycleStages": stages, "timeoutConfiguration": timeout })
}

/// A service of `hello:1` whose next deployments have these hooks.
async fn paused_from_now_on(configuration: Value) -> Cloud {
    let cloud = cloud();
    cloud.service("hello:1", 2, json!({})).await;
    cloud.until_steady().await;
    let input = json!({ "deploymentConfiguration": configuration });
    cloud.update(input).await;
    cloud
}

impl Cloud {
    async fn give(&self, image: &str) {
        let definition = self.definition(image, json!({})).await;
        self.update(json!({ "taskDefinition": definition })).await;
    }

    /// Waits until the newest deployment waits for somebody; answers the stage and the hooks.
    async fn waits(&self) -> (String, Vec<Value>) {
        for _ in 0..600 {
            sleep(Duration::from_millis(100)).await;
            let newest = self.rollouts().await[0].clone();
            let hooks = newest["lifecycleHookDetails"].as_array().cloned();
            let mut hooks = hooks.unwrap_or_default();
            hooks.retain(|hook| hook["status"] == "AWAITING_ACTION");
            if !hooks.is_empty() && newest["status"] == "IN_PROGRESS" {
                return (newest["lifecycleStage"].as_str().unwrap().to_owned(), hooks);
            }
        }
        panic!("it never waits: {:#}", self.rollouts().await[0]);
    }

    async fn answer(&self, hook: &Value, action: &str) {
        let deployment = self.rollouts().await[0]["serviceDeploymentArn"].clone();
        let input = json!({
            "serviceDeploymentArn": deployment, "hookId": hook["hookId"], "action": action,
        });
        let answer = self.call("ContinueServiceDeployment", input).await;
        assert_eq!(answer, json!({ "serviceDeploymentArn": deployment }));
    }

    async fn statuses(&self) -> Vec<(String, String)> {
        let newest = self.rollouts().await[0].clone();
        let hooks = newest["lifecycleHookDetails"].as_array().cloned();
        let hooks = hooks.unwrap_or_default().into_iter();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        hooks
            .map(|hook| (word(&newest["status"]), word(&hook["status"])))
            .collect()
    }

    async fn images(&self) -> Vec<String> {
        let tasks = self.tasks("RUNNING").await.into_iter();
        let image = |task: Value| task["containers"][0]["image"].as_str().unwrap().to_owned();
        tasks.map(image).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_waits_before_its_first_task_and_before_it_is_completed() {
    let stages = json!(["PRE_SCALE_UP", "POST_SCALE_UP"]);
    let hooks = json!([hook(stages, json!({ "timeoutInMinutes": 20160 }))]);
    let mut cloud = paused_from_now_on(json!({ "lifecycleHooks": hooks })).await;
    cloud.emitted();
    cloud.give("hello:2").await;
    let (stage, hooks) = cloud.waits().await;
    assert_eq!((&*stage, hooks.len()), ("PRE_SCALE_UP", 1));
    sleep(13 * 24 * HOUR).await;
    assert_eq!(cloud.images().await, ["hello:1", "hello:1"]);
    cloud.answer(&hooks[0], "CONTINUE").await;
    let (stage, next) = cloud.waits().await;
    assert_eq!(stage, "POST_SCALE_UP");
    assert_ne!(next[0]["hookId"], hooks[0]["hookId"]);
    sleep(HOUR).await;
    assert_eq!(cloud.images().await, ["hello:2", "hello:2"]);
    let primary = &cloud.described().await["deployments"][0];
    assert_eq!(primary["rolloutState"], "IN_PROGRESS");
    cloud.answer(&next[0], "CONTINUE").await;
    cloud.until_steady().await;
    assert_eq!(cloud.rollouts().await[0]["status"], "SUCCESSFUL");

    let events = cloud.emitted();
    let of_hooks: Vec<_> = events
        .iter()
        .filter(|event| event["detail-type"] == "ECS Hook State Change")
        .collect();
    let names: Vec<_> = of_hooks
        .iter()
        .map(|event| &event["detail"]["eventName"])
        .collect();
    let (waits, went_on) = ("HOOK_AWAITING_ACTION", "HOOK_SUCCEEDED");
    assert_eq!(names, [waits, went_on, waits, went_on]);
    let documented = include_str!("../../../../../../events/hook-awaiting-action.json");
    let documented: Value = serde_json::from_str(documented).unwrap();
    let members = |event: &Value| -> Vec<String> {
        event["detail"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(members(of_hooks[0]), members(&documented));
    let detail = &of_hooks[0]["detail"];
    assert_eq!(of_hooks[0]["resources"][0], detail["serviceDeploymentArn"]);
    assert_eq!(
        (&detail["hookType"], &detail["hookId"]),
        (&json!("PAUSE"), &hooks[0]["hookId"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_canary_waits_before_each_step_and_is_paused_until_every_hook_is_continued() {
    let each = hook(json!(["PRE_PRODUCTION_TRAFFIC_SHIFT"]), json!({}));
    let cloud = paused_from_now_on(json!({
        "strategy": "CANARY",
        "canaryConfiguration": { "canaryPercent": 10, "canaryBakeTimeInMinutes": 1 },
        "lifecycleHooks": [each, each],
    }))
    .await;
    cloud.give("hello:2").await;
    let weight = async || {
        cloud.rollouts().await[0]["targetServiceRevision"]["requestedProductionTrafficWeight"]
            .clone()
    };
    let (stage, hooks) = cloud.waits().await;
    assert_eq!((&*stage, hooks.len()), ("PRE_PRODUCTION_TRAFFIC_SHIFT", 2));
    cloud.answer(&hooks[0], "CONTINUE").await;
    sleep(HOUR).await;
    let (_, left) = cloud.waits().await;
    assert_eq!((left.len(), weight().await), (1, json!(0.0)));
    cloud.answer(&hooks[1], "CONTINUE").await;
    let (_, second) = cloud.waits().await;
    assert_eq!((second.len(), weight().await), (2, json!(10.0)));
    for hook in &second {
        cloud.answer(hook, "CONTINUE").await;
    }
    cloud.until_steady().await;
    assert_eq!(weight().await, json!(100.0));
}

#[tokio::test(start_paused = true)]
async fn nobodys_answer_is_the_one_that_the_hook_has_for_that() {
    for (action, hours, ends) in [
        // A day, then ROLLBACK: what a hook does that says nothing.
        (json!({}), 24, "ROLLBACK_SUCCESSFUL"),
        (
            json!({ "timeoutInMinutes": 60, "action": "CONTINUE" }),
            1,
            "SUCCESSFUL",
        ),
    ] {
        let hooks = json!([hook(json!(["POST_SCALE_UP"]), action)]);
        let strategy = json!({ "strategy": "BLUE_GREEN", "lifecycleHooks": hooks });
        let mut cloud = paused_from_now_on(strategy).await;
        cloud.give("hello:2").await;
        cloud.waits().await;
        sleep(hours * HOUR - Duration::from_secs(120)).await;
        cloud.waits().await;
        sleep(Duration::from_secs(121)).await;
        cloud.until_steady().await;
        assert_eq!(cloud.statuses().await, [(ends.into(), "TIMED_OUT".into())]);
        assert!(names(&cloud.emitted()).contains(&"HOOK_TIMED_OUT"));
        let image = if ends == "SUCCESSFUL" {
            "hello:2"
        } else {
            "hello:1"
        };
        assert_eq!(cloud.images().await, [image, image]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_not_paused_and_a_newer_deployment_has_its_own_pause() {
    let hooks = json!([hook(json!(["PRE_SCALE_UP"]), json!({}))]);
    let mut cloud = paused_from_now_on(json!({ "lifecycleHooks": hooks })).await;
    cloud.give("hello:2").await;
    let (_, hooks) = cloud.waits().await;
    cloud.give("hello:3").await;
    let (_, newer) = cloud.waits().await;
    assert_ne!(newer[0]["hookId"], hooks[0]["hookId"]);
    let rollouts = cloud.rollouts().await;
    assert_eq!(rollouts[1]["status"], "STOPPED");
    let late = json!({
        "serviceDeploymentArn": rollouts[1]["serviceDeploymentArn"], "hookId": hooks[0]["hookId"],
    });
    let refused = cloud.refused("ContinueServiceDeployment", late).await;
    assert_eq!(refused, "InvalidParameterException");

    cloud.answer(&newer[0], "ROLLBACK").await;
    cloud.until_steady().await;
    let expected = [("ROLLBACK_SUCCESSFUL".to_owned(), "FAILED".to_owned())];
    assert_eq!(cloud.statuses().await, expected);
    assert!(names(&cloud.emitted()).contains(&"HOOK_FAILED"));
    assert_eq!(cloud.images().await, ["hello:1", "hello:1"]);
}

#[tokio::test(start_paused = true)]
async fn hooks_that_ecs_does_not_take_are_refused_and_functions_are_not_played() {
    let cloud = cloud();
    cloud.service("hello:1", 1, json!({})).await;
    let function = json!({
        "hookTargetArn": "arn:aws:lambda:eu-west-1:000000000000:function:approve",
        "roleArn": "arn:aws:iam::000000000000:role/invoke", "lifecycleStages": ["PRE_SCALE_UP"],
    });
    let stages = |stages: Value| hook(stages, json!({}));
    let minutes = |minutes: u64| {
        hook(
            json!(["PRE_SCALE_UP"]),
            json!({ "timeoutInMinutes": minutes }),
        )
    };
    for refused in [
        json!([function]),
        json!([stages(json!(["PRODUCTION_TRAFFIC_SHIFT"]))]),
        json!([stages(json!(["TEST_TRAFFIC_SHIFT"]))]),
        json!([stages(json!([]))]),
        json!([minutes(0)]),
        json!([minutes(20161)]),
        json!([hook(json!(["PRE_SCALE_UP"]), json!({ "action": "WAIT" }))]),
        json!(vec![minutes(1); 11]),
    ] {
        let input = json!({
            "cluster": "web", "service": "hello", "deploymentConfiguration": { "lifecycleHooks": refused },
        });
        let code = cloud.refused("UpdateService", input).await;
        assert_eq!(code, "InvalidParameterException", "{refused}");
    }
    let unknown = json!({ "serviceDeploymentArn": "arn:unknown", "hookId": "a" });
    let code = cloud.refused("ContinueServiceDeployment", unknown).await;
    assert_eq!(code, "ServiceDeploymentNotFoundException");
}
