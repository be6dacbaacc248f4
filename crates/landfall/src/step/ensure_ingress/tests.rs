#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    health_check::HealthCheck, live::Balancer, sample::*, service_section::load_balancers_to_send,
};

fn ingress(hosts: &[&str], paths: &[&str]) -> Ingress {
    let owned = |patterns: &[&str]| patterns.iter().map(|each| (*each).to_owned()).collect();
    Ingress {
        listener_arn: "arn:listener".into(),
        container: "web".into(),
        port: 8080,
        hosts: owned(hosts),
        paths: owned(paths),
        priority: None,
        protocol: "HTTP".into(),
        protocol_version: "HTTP1".into(),
        health_check: HealthCheck {
            path: "/".into(),
            codes: "200".into(),
            interval_seconds: 15,
            timeout_seconds: 5,
            healthy: 2,
            unhealthy: 2,
        },
        deregistration_delay_seconds: 300,
        stickiness_seconds: None,
        role_arn: None,
    }
}

fn rule(priority: u32, host: &str, group: &str) -> LiveRule {
    LiveRule {
        arn: format!("arn:rule/{priority}"),
        priority: Some(priority),
        hosts: [host.to_owned()].into(),
        paths: BTreeSet::new(),
        other_conditions: Vec::new(),
        forwards_to: vec![forward(group, 1)],
        own_answer: None,
    }
}

fn forward(group: &str, weight: i32) -> Forward {
    Forward {
        group: group.into(),
        weight,
    }
}

fn ours() -> Vec<String> {
    vec!["arn:ours".into()]
}

fn created(ingress: &Ingress, live: &[LiveRule]) -> u32 {
    match plan_rule(ingress, &service(), live, &ours()).unwrap() {
        RulePlan::Create { priority } => priority,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_more_particular_rule_is_asked_before_a_more_general_one() {
    let priorities = [
        created(&ingress(&["a.example.com"], &["/api/v1/*"]), &[]),
        created(&ingress(&["a.example.com"], &["/api/*"]), &[]),
        created(&ingress(&["a.example.com"], &[]), &[]),
        created(&ingress(&[], &["/*"]), &[]),
    ];
    assert!(priorities.is_sorted(), "{priorities:?}");
}

#[test]
fn a_priority_is_free_and_the_same_for_the_same_rules() {
    let wanted = ingress(&["a.example.com"], &[]);
    let first = created(&wanted, &[]);
    assert_eq!(first, created(&wanted, &[]));
    let taken = [
        rule(first, "b.example.com", "arn:other"),
        rule(first + 1, "c.example.com", "arn:other"),
    ];
    assert_eq!(created(&wanted, &taken), first + 2);
}

#[test]
fn a_rule_of_ours_is_kept_and_changed_to_what_the_file_says() {
    let live = [rule(7, "a.example.com", "arn:ours")];
    let plan = |ingress: &Ingress| plan_rule(ingress, &service(), &live, &ours()).unwrap();
    let keep = |modify_conditions, priority| RulePlan::Keep {
        arn: "arn:rule/7".into(),
        modify_conditions,
        modify_action: false,
        priority,
    };
    assert_eq!(plan(&ingress(&["a.example.com"], &[])), keep(false, None));
    assert_eq!(
        plan(&ingress(&["a.example.com"], &["/x"])),
        keep(true, None)
    );
    let moved = Ingress {
        priority: Some(9),
        ..ingress(&["a.example.com"], &[])
    };
    assert_eq!(plan(&moved), keep(false, Some(9)));
}

#[test]
fn a_second_target_group_is_added_to_the_rule_and_then_left_to_ecs() {
    let both = vec!["arn:ours".to_owned(), "arn:ours-b".to_owned()];
    let mut live = [rule(7, "a.example.com", "arn:ours")];
    let modifies_action = |live: &[LiveRule]| match plan_rule(
        &ingress(&["a.example.com"], &[]),
        &service(),
        live,
        &both,
    )
    .unwrap()
    {
        RulePlan::Keep { modify_action, .. } => modify_action,
        other => panic!("{other:?}"),
    };
    assert!(modifies_action(&live));
    live[0].forwards_to = vec![forward("arn:ours", 0), forward("arn:ours-b", 100)];
    assert!(!modifies_action(&live));
}

#[test]
fn requests_that_an_ended_deployment_left_with_the_second_target_group_come_back_to_the_only_one() {
    let mut live = [rule(7, "a.example.com", "arn:ours")];
    for (weights, modifies) in [((100, 0), false), ((75, 25), true)] {
        live[0].forwards_to = vec![
            forward("arn:ours", weights.0),
            forward("arn:ours-b", weights.1),
        ];
        let plan = plan_rule(
            &ingress(&["a.example.com"], &[]),
            &service(),
            &live,
            &ours(),
        );
        let RulePlan::Keep { modify_action, .. } = plan.unwrap() else {
            panic!("the rule is there")
        };
        assert_eq!(modify_action, modifies, "{weights:?}");
        let given = |alternate: Option<&str>| Balancer {
            target_group: "arn:ours".into(),
            alternate_target_group: alternate.map(str::to_owned),
            rule: live[0].arn.clone(),
        };
        assert_eq!(leads_astray(&live[0], &given(None)), modifies);
        assert!(!leads_astray(&live[0], &given(Some("arn:ours-b"))));
    }
}

#[test]
fn the_target_group_that_serves_comes_first_and_is_the_one_that_is_kept() {
    let arn = |name: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0");
    let [one, other] = group_names(&service());
    let mut two = file();
    two.service.insert(
        "deploymentConfiguration".into(),
        json!({ "strategy": "BLUE_GREEN" }),
    );
    for (weights, first, second) in [((100, 0), &one, &other), ((0, 100), &other, &one)] {
        let mut rules = [rule(7, "a.example.com", "")];
        rules[0].forwards_to = vec![
            forward(&arn(&one), weights.0),
            forward(&arn(&other), weights.1),
        ];
        let names = |file: &ServiceFile| -> Vec<String> {
            let wanted = wanted_groups(file, &service(), &rules).into_iter();
            wanted.map(|group| group.name).collect()
        };
        assert_eq!(names(&two), [first.clone(), second.clone()]);
        assert_eq!(names(&file()), std::slice::from_ref(first));
    }
}

#[test]
fn a_foreign_rule_with_the_same_conditions_or_priority_is_refused_by_name() {
    let live = [rule(7, "a.example.com", "arn:other")];
    let same = plan_rule(
        &ingress(&["a.example.com"], &[]),
        &service(),
        &live,
        &ours(),
    );
    assert_eq!(
        same.unwrap_err().0,
        "the listener has a rule for the same host a.example.com already, which is not Landfall's for web/hello: arn:rule/7"
    );
    let priority = Ingress {
        priority: Some(7),
        ..ingress(&["b.example.com"], &[])
    };
    let refusal = plan_rule(&priority, &service(), &live, &ours()).unwrap_err();
    assert!(
        refusal.0.starts_with("ingress.priority 7 is in use"),
        "{refusal}"
    );
}

#[test]
fn a_target_group_is_used_if_it_is_ours_and_differs_in_nothing_that_is_fixed() {
    let wanted = WantedGroup {
        name: "hello".into(),
        target_type: "ip",
    };
    let ingress = ingress(&["a.example.com"], &[]);
    let live = LiveGroup {
        arn: "arn:group".into(),
        target_type: "ip".into(),
        protocol: "HTTP".into(),
        protocol_version: "HTTP1".into(),
        vpc: "vpc-1".into(),
        health_check: ingress.health_check.clone(),
        tagged_for: Some("web/hello".into()),
        load_balancers: Vec::new(),
    };
    assert_eq!(
        usable(&live, &wanted, &ingress, "vpc-1", &service()),
        Ok(())
    );
    let foreign = LiveGroup {
        tagged_for: None,
        ..live.clone()
    };
    for (live, vpc, expected) in [
        (&foreign, "vpc-1", "is not Landfall's for web/hello"),
        (
            &live,
            "vpc-2",
            "has the VPC vpc-1, the service file asks for vpc-2",
        ),
    ] {
        let refusal = usable(live, &wanted, &ingress, vpc, &service()).unwrap_err();
        assert!(refusal.0.contains(expected), "{refusal}");
    }
}

#[test]
fn ecs_is_sent_the_target_group_and_an_empty_list_when_the_section_is_gone() {
    let balancer = Balancer {
        target_group: "arn:ours".into(),
        alternate_target_group: None,
        rule: "arn:rule".into(),
    };
    let mut with = file();
    with.ingress = Some(ingress(&["a.example.com"], &[]));
    let managed =
        json!({ "targetGroupArn": "arn:ours", "containerName": "web", "containerPort": 8080 });
    let sent = load_balancers_to_send(&with, &service(), Some(&balancer), &[]);
    assert_eq!(sent, Some(json!([managed])));

    let [name, _] = group_names(&service());
    let live = format!("arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{name}/0123");
    assert_eq!(
        load_balancers_to_send(&file(), &service(), None, &[&live]),
        Some(json!([]))
    );
    let foreign = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/hello/0123".to_owned();
    assert_eq!(
        load_balancers_to_send(&file(), &service(), None, &[&foreign]),
        None
    );

    let blue_green = Balancer {
        alternate_target_group: Some("arn:ours-b".into()),
        ..balancer
    };
    with.ingress.as_mut().unwrap().role_arn = Some("arn:role".into());
    let sent = load_balancers_to_send(&with, &service(), Some(&blue_green), &[]).unwrap();
    assert_eq!(
        sent[0]["advancedConfiguration"],
        json!({ "alternateTargetGroupArn": "arn:ours-b", "productionListenerRule": "arn:rule", "roleArn": "arn:role" })
    );
}

#[test]
fn a_plan_creates_what_is_missing_and_changes_what_differs() {
    let ingress = ingress(&["a.example.com"], &[]);
    let wanted = |name: &str| WantedGroup {
        name: name.into(),
        target_type: "ip",
    };
    let live = LiveGroup {
        arn: "arn:ours".into(),
        target_type: "ip".into(),
        protocol: "HTTP".into(),
        protocol_version: "HTTP1".into(),
        vpc: "vpc-1".into(),
        health_check: ingress.health_check.clone(),
        tagged_for: Some(service_tag(&service())),
        load_balancers: Vec::new(),
    };
    let mut seen = Seen {
        vpc: "vpc-1".into(),
        rules: vec![rule(7, "a.example.com", "arn:ours")],
        groups: vec![(wanted("ours"), Some(live))],
    };
    let planned = |seen: &Seen| plan(&ingress, &service(), seen).unwrap();
    let keep = |modify_health_check| GroupPlan::Keep {
        arn: "arn:ours".into(),
        modify_health_check,
    };
    let rule = |modify_action| RulePlan::Keep {
        arn: "arn:rule/7".into(),
        modify_conditions: false,
        modify_action,
        priority: None,
    };
    let nothing_to_do = Plan {
        groups: vec![keep(false)],
        rule: rule(false),
    };
    assert_eq!(planned(&seen), nothing_to_do);

    // A second group for a blue/green deployment: the rule has to forward to both.
    seen.groups.push((wanted("ours-b"), None));
    if let Some(live) = &mut seen.groups[0].1 {
        live.health_check.path = "/other".into();
    }
    let second = Plan {
        groups: vec![keep(true), GroupPlan::Create(wanted("ours-b"))],
        rule: rule(true),
    };
    assert_eq!(planned(&seen), second);

    // A foreign rule for the same host refuses the whole plan, so that no target group is made for nothing.
    seen.groups.remove(0);
    plan(&ingress, &service(), &seen).unwrap_err();
}
