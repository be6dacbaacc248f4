#![allow(clippy::unwrap_used)]

use super::{super::sample::*, *};

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
                {"key": "landfall:content", "value": registration.content},
                {"key": "landfall:release", "value": "2"}
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
            {"key": "landfall:service", "value": "web/other"}
        ]),
    );
    let from_export = render(&exported, &release(2), &service()).unwrap();
    assert_eq!(
        from_export,
        render(&file(), &release(2), &service()).unwrap()
    );
}

#[test]
fn the_same_content_is_the_same_registration_whatever_the_release_number() {
    let mut later = release(2);
    later.number = 9;
    let content = |release| render(&file(), release, &service()).unwrap().content;
    let first = content(&release(2));
    assert_eq!(first, content(&later));
    let other_image = render(&file(), &release(3), &service()).unwrap();
    assert_ne!(other_image.content, first);
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
    let own = ["landfall:service", "landfall:content"];
    let mut body = registration.body;
    let tags = body["tags"].as_array_mut().unwrap();
    tags.retain(|tag| !own.contains(&tag["key"].as_str().unwrap()));
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

#[test]
fn listener_rule_and_target_group_are_looked_after_when_the_section_has_to_be_applied() {
    let at = |listener: &str| {
        let mut file = file();
        let text = format!(
            r#"{{"listenerArn": "{listener}", "container": "web", "port": 80, "hosts": ["a.b"], "paths": [],
            "priority": null, "protocol": "HTTP", "protocolVersion": "HTTP1", "healthCheck": {{"path": "/", "codes": "200",
            "intervalSeconds": 5, "timeoutSeconds": 5, "healthy": 2, "unhealthy": 2}}, "deregistrationDelaySeconds": 1,
            "stickinessSeconds": null, "roleArn": null}}"#
        );
        file.ingress = Some(serde_json::from_str(&text).unwrap());
        file
    };
    let (one, other, without) = (at("one"), at("other"), file());
    for (apply, now, before, expected) in [
        (true, &one, None, IngressWork::Ensure),
        (true, &one, Some(&one), IngressWork::Ensure),
        (true, &one, Some(&without), IngressWork::Ensure),
        (true, &one, Some(&other), IngressWork::Move),
        (true, &without, Some(&one), IngressWork::Remove),
        (true, &without, Some(&without), IngressWork::Nothing),
        (false, &one, None, IngressWork::Nothing),
    ] {
        assert_eq!(ingress_work(apply, now, before), expected);
    }
}
