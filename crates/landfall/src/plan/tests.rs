#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::sample::*;

#[test]
fn scaling_is_only_looked_at_where_it_may_differ() {
    let plain = file();
    let mut scaled = file();
    scaled.autoscaling = serde_json::from_value(json!({"min": 1, "max": 2})).unwrap();
    for (apply, file, last_good, expected) in [
        (true, &scaled, None, true),
        (true, &plain, Some(&scaled), true),
        (true, &plain, Some(&plain), false),
        (true, &plain, None, false),
        (false, &scaled, Some(&scaled), false),
    ] {
        let plan = plan(apply, file, last_good);
        assert_eq!(plan.scaling, expected);
    }
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
        (true, &one, None, (true, false)),
        (true, &one, Some(&one), (true, false)),
        (true, &one, Some(&without), (true, false)),
        (true, &one, Some(&other), (true, true)),
        (true, &without, Some(&one), (false, true)),
        (true, &without, Some(&without), (false, false)),
        (false, &one, None, (false, false)),
        (false, &one, Some(&other), (false, false)),
    ] {
        let plan = plan(apply, now, before);
        assert_eq!((plan.ingress, plan.tidy), expected);
    }
}

#[test]
fn tasks_run_for_every_release_and_a_namespace_is_looked_for_when_the_sections_are_applied() {
    // With service discovery ECS takes no role.
    let file = FILE.replace("  role: ecs\n", "");
    let with = |section: &str| ServiceFile::parse(format!("{file}{section}").as_bytes()).unwrap();
    let run = "[{ name: migrate, container: web, command: [migrate] }]";
    let tasks = with(&format!("before: {run}\nafter: {run}\n"));
    for apply in [true, false] {
        let planned = plan(apply, &tasks, None);
        assert!(planned.before && planned.after);
        let found = with(
            "discovery: { namespace: internal, name: hello, type: SRV, container: web, port: 8080 }\n",
        );
        let planned = plan(apply, &found, None);
        assert_eq!(planned.discovery, apply);
        assert!(!planned.before && !planned.after);
    }
}

fn plan(apply_service: bool, file: &ServiceFile, last_good: Option<&ServiceFile>) -> Plan {
    Plan::new(
        good(1).task_definition,
        None,
        apply_service,
        file,
        last_good,
    )
}
