#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::{rollout_changed::Changed, *};
use crate::{
    image::TagTime,
    sample::{at, live},
};

const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:landfall-release";
const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/web/hello";

fn envelope(source: &str, detail_type: &str, resources: Value, detail: Value) -> Value {
    json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": detail_type, "source": source,
        "account": "123456789012", "time": "2026-11-16T01:54:34Z", "region": "eu-west-1", "resources": resources,
        "detail": detail
    })
}

fn image_pushed() -> Value {
    let detail = json!({
        "result": "SUCCESS", "repository-name": "team/hello", "image-digest": "sha256:7f5b", "action-type": "PUSH",
        "image-tag": "1.1.0"
    });
    envelope("aws.ecr", "ECR Image Action", json!([]), detail)
}

fn file_uploaded() -> Value {
    let detail = json!({
        "version": "0", "bucket": {"name": "landfall-config"},
        "object": {"key": "services/hello.yaml", "size": 512, "etag": "b1946ac9", "version-id": "IYV3p4", "sequencer": "00617F08"},
        "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "reason": "PutObject"
    });
    envelope(
        "aws.s3",
        "Object Created",
        json!(["arn:aws:s3:::landfall-config"]),
        detail,
    )
}

fn rollout_completed() -> Value {
    let detail = json!({
        "eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_COMPLETED", "deploymentId": "ecs-svc/123",
        "updatedAt": "2026-11-16T01:54:34Z", "reason": "ECS deployment deploymentID completed."
    });
    envelope(
        "aws.ecs",
        "ECS Deployment State Change",
        json!([SERVICE]),
        detail,
    )
}

fn hook_awaiting_action() -> Value {
    serde_json::from_str(include_str!("../../../../events/hook-awaiting-action.json")).unwrap()
}

fn execution_failed() -> Value {
    let detail = json!({
        "executionArn": "arn:aws:states:eu-west-1:123456789012:execution:landfall-release:1",
        "stateMachineArn": MACHINE, "name": "1", "status": "FAILED", "startDate": 1, "stopDate": 2,
        "input": "{\"service\": \"web/hello\", \"restarts\": 2}", "output": null
    });
    envelope(
        "aws.states",
        "Step Functions Execution Status Change",
        json!([]),
        detail,
    )
}

fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

fn without(mut event: Value, parent: &str, field: &str) -> Value {
    event
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(field)
        .unwrap();
    event
}

fn in_a_word<T: std::fmt::Debug>(heard: Result<Heard<T>, Refusal>) -> String {
    match heard {
        Ok(Heard::Look(at)) => format!("look: {at:?}"),
        Ok(Heard::Ignore(why)) => format!("ignored: {why}"),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

/// What each of the readers makes of the event that it is for.
fn read(event: &Value) -> String {
    match event["source"].as_str() {
        Some("aws.s3") => in_a_word(config_changed::read(event, "landfall-config")),
        Some("aws.ecs") => in_a_word(rollout_changed::read(event)),
        Some("aws.states") => in_a_word(execution_ended::read(event, MACHINE)),
        _ => in_a_word(image_pushed::read(event, "123456789012", "eu-west-1")),
    }
}

#[test]
fn a_true_event_says_where_to_look() {
    let pushed = image_pushed::PushedTag {
        repository: "team/hello".into(),
        tag: "1.1.0".into(),
        at: TagTime::Said("2026-11-16T01:54:34Z".parse().unwrap()),
    };
    assert_eq!(
        image_pushed::read(&image_pushed(), "123456789012", "eu-west-1"),
        Ok(Heard::Look(pushed))
    );

    let replicated = include_str!("../../../../events/image-replicated.json");
    let replicated = serde_json::from_str(replicated).unwrap();
    let Ok(Heard::Look(replicated)) = image_pushed::read(&replicated, "123456789012", "eu-west-1")
    else {
        panic!("a replicated image is as good as a pushed one");
    };
    assert_eq!(
        (&*replicated.repository, &*replicated.tag),
        ("hello", "1.1.0")
    );

    let key = Ok(Heard::Look("services/hello.yaml".into()));
    assert_eq!(
        config_changed::read(&file_uploaded(), "landfall-config"),
        key
    );
    let deleted = with(file_uploaded(), "/detail-type", json!("Object Deleted"));
    assert_eq!(config_changed::read(&deleted, "landfall-config"), key);

    let changed = |deployment| {
        let service = "web/hello".parse().unwrap();
        Ok(Heard::Look(Changed {
            service,
            deployment,
        }))
    };
    let at = "2026-11-16T01:54:34Z".parse().unwrap();
    assert_eq!(
        rollout_changed::read(&rollout_completed()),
        changed(Some(("ecs-svc/123".into(), at)))
    );
    for unreadable in ["/detail/updatedAt", "/detail/deploymentId"] {
        let event = with(rollout_completed(), unreadable, json!(1));
        assert_eq!(rollout_changed::read(&event), changed(None), "{unreadable}");
    }
    assert_eq!(
        rollout_changed::read(&hook_awaiting_action()),
        changed(None)
    );

    let dead = |input: &str| execution_ended::DeadExecution {
        execution: "arn:aws:states:eu-west-1:123456789012:execution:landfall-release:1".into(),
        input: serde_json::from_str(input).unwrap(),
    };
    let restarted = dead(r#"{"service": "web/hello", "restarts": 2}"#);
    assert_eq!(
        execution_ended::read(&execution_failed(), MACHINE),
        Ok(Heard::Look(restarted))
    );
    let first = with(
        execution_failed(),
        "/detail/input",
        json!("{\"service\": \"web/hello\"}"),
    );
    let first = execution_ended::read(&first, MACHINE);
    assert_eq!(
        first,
        Ok(Heard::Look(dead(
            r#"{"service": "web/hello", "restarts": 0}"#
        )))
    );
}

#[test]
fn a_change_may_be_unseen_until_ecs_shows_its_deployment_or_a_later_one() {
    let changed = |deployment| Changed {
        service: "web/hello".parse().unwrap(),
        deployment,
    };
    let completed = || changed(Some(("ecs-svc/2".into(), at(100))));
    let shows = |id: &str, created: i64| {
        let mut live = live(1);
        live.deployments[0].id = id.into();
        live.deployments[0].created_at = Some(at(created));
        Some(live)
    };
    for (story, changed, live, now, expected) in [
        (
            "its deployment",
            completed(),
            shows("ecs-svc/2", 50),
            101,
            false,
        ),
        (
            "a later one",
            completed(),
            shows("ecs-svc/3", 101),
            102,
            false,
        ),
        (
            "an earlier one",
            completed(),
            shows("ecs-svc/1", 10),
            101,
            true,
        ),
        ("no service", completed(), None, 101, true),
        (
            "an earlier one, for long",
            completed(),
            shows("ecs-svc/1", 10),
            220,
            false,
        ),
        (
            "what a hook's event says nothing about",
            changed(None),
            None,
            101,
            false,
        ),
    ] {
        let unseen = changed.may_be_unseen(live.as_ref(), at(now));
        assert_eq!(unseen, expected, "ECS shows {story}");
    }
}

#[test]
fn an_event_that_concerns_nobody_here_is_ignored_with_a_reason() {
    for (event, expected) in [
        (
            with(
                hook_awaiting_action(),
                "/detail/eventName",
                json!("HOOK_IN_PROGRESS"),
            ),
            "a hook in progress ends no waiting",
        ),
        (
            with(image_pushed(), "/detail/action-type", json!("DELETE")),
            "the action is DELETE, not PUSH or REPLICATE",
        ),
        (
            with(
                image_pushed(),
                "/detail/action-type",
                json!("UPDATE_STORAGE_CLASS"),
            ),
            "the action is UPDATE_STORAGE_CLASS, not PUSH or REPLICATE",
        ),
        (
            with(image_pushed(), "/detail/result", json!("FAILURE")),
            "it ended with FAILURE",
        ),
        (
            with(image_pushed(), "/account", json!("210987654321")),
            "the registry 210987654321.dkr.ecr.eu-west-1.amazonaws.com is not this account's in this Region",
        ),
        (
            with(image_pushed(), "/region", json!("cn-north-1")),
            "the registry 123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn is not this account's in this Region",
        ),
        (
            with(image_pushed(), "/detail/image-tag", json!("")),
            "the image has no tag",
        ),
        (
            without(image_pushed(), "/detail", "image-tag"),
            "the image has no tag",
        ),
        (
            with(file_uploaded(), "/detail/bucket/name", json!("photos")),
            "the bucket photos is not the config bucket",
        ),
        (
            with(
                file_uploaded(),
                "/detail/object/key",
                json!("status/services/hello.yaml.json"),
            ),
            "`status/services/hello.yaml.json` is no service file: those are services/….yaml, .yml or .json",
        ),
        (
            with(file_uploaded(), "/detail/object/key", json!("services/")),
            "`services/` is no service file: those are services/….yaml, .yml or .json",
        ),
        (
            with(
                rollout_completed(),
                "/detail/eventName",
                json!("SERVICE_DEPLOYMENT_IN_PROGRESS"),
            ),
            "a deployment in progress ends no waiting",
        ),
        (
            with(
                rollout_completed(),
                "/resources/0",
                json!("arn:aws:ecs:eu-west-1:123456789012:service/hello"),
            ),
            "`arn:aws:ecs:eu-west-1:123456789012:service/hello` is no ECS service ARN of the form \
             arn:…:service/cluster/service",
        ),
        (
            with(
                rollout_completed(),
                "/resources/0",
                json!("arn:aws:apprunner:eu-west-1:123456789012:service/web/hello"),
            ),
            "`arn:aws:apprunner:eu-west-1:123456789012:service/web/hello` is no ECS service ARN of the form \
             arn:…:service/cluster/service",
        ),
        (
            with(execution_failed(), "/detail/status", json!("SUCCEEDED")),
            "the execution is SUCCEEDED",
        ),
        (
            with(
                execution_failed(),
                "/detail/stateMachineArn",
                json!("arn:other"),
            ),
            "arn:other is not the release state machine",
        ),
    ] {
        assert_eq!(read(&event), format!("ignored: {expected}"));
    }
}

#[test]
fn an_event_that_is_not_what_it_claims_is_refused_with_what_is_wrong() {
    for (event, part) in [
        (json!([]), "expected an object"),
        (json!("{}"), "expected an object"),
        (json!({}), "no EventBridge envelope: it has no `version`"),
        (
            with(image_pushed(), "/version", json!("1")),
            "envelope version \"1\"; only version \"0\" is known",
        ),
        (
            with(image_pushed(), "/version", json!(0)),
            "envelope version 0; only version \"0\" is known",
        ),
        (
            with(image_pushed(), "/source", json!("my.app")),
            "got `ECR Image Action` from `my.app`: check the rule",
        ),
        (
            with(image_pushed(), "/detail-type", json!("ECR Image Scan")),
            "got `ECR Image Scan`",
        ),
        (
            without(image_pushed(), "", "account"),
            "missing field `account`",
        ),
        (
            without(image_pushed(), "", "detail"),
            "missing field `detail`",
        ),
        (
            with(image_pushed(), "/detail", json!("text")),
            "is not as AWS documents it: invalid type: string",
        ),
        (
            without(image_pushed(), "/detail", "repository-name"),
            "missing field `repository-name`",
        ),
        (
            with(image_pushed(), "/detail/image-tag", json!(7)),
            "invalid type: integer `7`",
        ),
        (
            with(image_pushed(), "/detail/repository-name", json!("")),
            "the event's repository-name is empty",
        ),
        (
            with(
                image_pushed(),
                "/detail/repository-name",
                json!("r".repeat(257)),
            ),
            "has 257 bytes, AWS allows 256: `rrr",
        ),
        (
            with(image_pushed(), "/detail/image-tag", json!("t".repeat(129))),
            "has 129 bytes, AWS allows 128: `ttt",
        ),
        (
            with(
                file_uploaded(),
                "/detail/object/key",
                json!("k".repeat(1025)),
            ),
            "has 1025 bytes, AWS allows 1024",
        ),
        (
            without(file_uploaded(), "/detail", "bucket"),
            "missing field `bucket`",
        ),
        (
            without(hook_awaiting_action(), "/detail", "serviceArn"),
            "names no service in `detail.serviceArn`",
        ),
        (
            with(rollout_completed(), "/resources", json!([])),
            "names no service in `resources`",
        ),
        (
            without(rollout_completed(), "/detail", "eventName"),
            "missing field `eventName`",
        ),
        (
            with(execution_failed(), "/detail/input", json!(null)),
            "has no input: EventBridge leaves it out over 256 KiB",
        ),
        (
            with(execution_failed(), "/detail/input", json!("{}")),
            "names no service: missing field `service`",
        ),
        (
            with(
                execution_failed(),
                "/detail/input",
                json!("{\"service\": \"hello\"}"),
            ),
            "`hello` is no service id: write it as cluster/service",
        ),
    ] {
        let message = read(&event);
        assert!(
            message.starts_with("refused: ") && message.contains(part),
            "{message}"
        );
    }
}

/// Where the event has texts.
fn texts(event: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(path.into()),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| walk(item, &format!("{path}/{index}"), found));
            }
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(name, field)| walk(field, &format!("{path}/{name}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(event, "", &mut found);
    found
}

#[test]
fn ten_megabytes_in_any_field_make_no_long_message_and_no_action() {
    let huge = "x".repeat(10 * 1024 * 1024);
    for event in [
        image_pushed(),
        file_uploaded(),
        rollout_completed(),
        hook_awaiting_action(),
        execution_failed(),
    ] {
        for path in texts(&event).into_iter().chain(["/detail".into()]) {
            let message = read(&with(event.clone(), &path, json!(huge)));
            assert!(message.len() < 1000, "{path}: {} bytes", message.len());
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_never_panics_on_any_json(
        event in any_json(), kind in 0..4_usize, field in any::<prop::sample::Index>()
    ) {
        let true_event = [image_pushed(), file_uploaded(), rollout_completed(), execution_failed()][kind].clone();
        let paths = texts(&true_event);
        read(&with(true_event.clone(), &paths[field.index(paths.len())], event.clone()));
        read(&with(true_event, "/detail", event.clone()));
        read(&event);
    }
}
