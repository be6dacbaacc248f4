#![allow(clippy::unwrap_used)]

use super::*;
use crate::{live::LiveRevision, sample::*};

#[test]
fn images_are_pinned_by_digest_and_numbers_become_the_text_that_ecs_takes() {
    let registration = render(&file(), &release(2), &service()).unwrap();
    let digest = format!("sha256:{:064}", 2);
    assert_eq!(
        Value::Object(registration.body),
        json!({
            "family": "hello", "cpu": "256", "memory": "512",
            "tags": [
                {"key": "team", "value": "greetings"},
                {"key": "landfall:service", "value": "web/hello"},
                {"key": "landfall:release", "value": "2"},
                {"key": "landfall:content", "value": registration.content}
            ],
            "containerDefinitions": [
                {
                    "name": "web", "cpu": 128,
                    "image": format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello@{digest}"),
                    "environment": [
                        {"name": "PORT", "value": "8080"}, {"name": "DEBUG", "value": "false"},
                        {"name": "GREETING", "value": "hi"}
                    ]
                },
                {"name": "log", "image": "log:1"}
            ]
        })
    );
}

#[test]
fn tags_that_landfall_put_on_an_earlier_revision_are_replaced() {
    let mut exported = file();
    exported.task_definition.insert(
        "tags".into(),
        json!([
            {"key": "landfall:content", "value": "old"}, {"key": "team", "value": "greetings"},
            {"key": "landfall:service", "value": "web/other"}, {"key": "landfall:release", "value": "1"}
        ]),
    );
    let from_export = render(&exported, &release(2), &service()).unwrap();
    assert_eq!(
        from_export,
        render(&file(), &release(2), &service()).unwrap()
    );
}

#[test]
fn the_same_content_has_the_same_hash_whatever_the_release_number() {
    let mut later = release(2);
    later.number = 9;
    let hash = |release: &Release| render(&file(), release, &service()).unwrap().content;
    assert_eq!(hash(&release(2)), hash(&later));
    assert_ne!(hash(&release(3)), hash(&later));
}

#[test]
fn a_release_without_an_image_for_a_followed_container_is_refused() {
    let mut damaged = release(2);
    damaged.content.images.clear();
    let refusal = render(&file(), &damaged, &service()).unwrap_err();
    assert_eq!(refusal.0, "release 2 has no image for the container `web`");
}

#[test]
fn a_revision_is_used_again_only_for_the_content_it_was_made_from() {
    let last = good(1);
    let revision = &last.task_definition;
    assert_eq!(
        reusable(Some(&last), &revision.content),
        Some(revision.clone())
    );
    assert_eq!(
        reusable(Some(&last), &ContentHash::of(&json!("other"))),
        None
    );
    assert_eq!(reusable(None, &revision.content), None);
}

fn adopting() -> ServiceFile {
    let text = "cluster: { clusterName: web }\nimages: { web: { repository: hello, tag: 'semver:^1' } }\n\
                service: { serviceName: hello }\n";
    ServiceFile::parse(text.as_bytes()).unwrap()
}

/// What Terraform registered, with members that only ECS's answers have and one that nobody knows yet.
fn live() -> LiveRevision {
    let fields = json!({
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:7", "revision": 7,
        "status": "ACTIVE", "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
        "compatibilities": ["EC2"], "registeredAt": 1.5, "registeredBy": "arn:aws:iam::123456789012:role/terraform",
        "family": "hello", "cpu": "256", "gravity": {"mode": "low"},
        "containerDefinitions": [
            {"name": "web", "image": "hello:old", "essential": true, "cpu": 0, "antennas": [1]},
            {"name": "log", "image": "log:1"}
        ]
    });
    let tags = json!([
        {"key": "team", "value": "greetings"}, {"key": "aws:cloudformation:stack-name", "value": "web"},
        {"key": "env", "value": "prod"}
    ]);
    LiveRevision {
        fields: fields.as_object().unwrap().clone(),
        tags: tags.as_array().unwrap().clone(),
    }
}

#[test]
fn an_adopted_revision_keeps_everything_but_the_followed_images_and_what_cannot_be_sent() {
    let registration = render_live(&live(), &adopting(), &release(2), &service()).unwrap();
    let digest = format!("sha256:{:064}", 2);
    let landfall_tags = ["landfall:service", "landfall:release", "landfall:content"];
    let mut body = registration.body;
    let tags = body["tags"].as_array_mut().unwrap();
    tags.retain(|tag| !landfall_tags.contains(&tag["key"].as_str().unwrap()));
    assert_eq!(
        Value::Object(body),
        json!({
            "family": "hello", "cpu": "256", "gravity": {"mode": "low"},
            "tags": [{"key": "env", "value": "prod"}, {"key": "team", "value": "greetings"}],
            "containerDefinitions": [
                {
                    "name": "web", "essential": true, "cpu": 0, "antennas": [1],
                    "image": format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello@{digest}")
                },
                {"name": "log", "image": "log:1"}
            ]
        })
    );
}

#[test]
fn what_was_registered_for_an_adopted_service_is_known_again_by_its_content() {
    let first = render_live(&live(), &adopting(), &release(2), &service()).unwrap();
    let mut fields = first.body.clone();
    let Some(Value::Array(mut tags)) = fields.remove("tags") else {
        panic!("no tags")
    };
    // ECS promises no order.
    tags.reverse();
    let ours = LiveRevision { fields, tags };
    let again = render_live(&ours, &adopting(), &release(2), &service()).unwrap();
    assert_eq!(again, first);
    assert!(ours.was_made_from(&again.content, &service()));
    let next = render_live(&ours, &adopting(), &release(3), &service()).unwrap();
    assert!(!ours.was_made_from(&next.content, &service()));
    assert!(!live().was_made_from(&first.content, &service()));
}

#[test]
fn a_followed_container_that_the_service_does_not_run_is_refused_with_those_that_it_does() {
    let mut file = adopting();
    let rule = file.images.remove("web").unwrap();
    file.images.insert("wbe".into(), rule);
    let refusal = render_live(&live(), &file, &release(2), &service()).unwrap_err();
    assert_eq!(
        refusal.0,
        "images.wbe: what web/hello runs has no container `wbe`: did you mean `web`? The containers are `web`, `log`"
    );
}
