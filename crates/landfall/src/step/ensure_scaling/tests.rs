#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::{live::LiveTarget, sample::*};

const LABEL: &str = "app/lb/1/targetgroup/hello/2";

fn wanted() -> Autoscaling {
    serde_json::from_value(json!({
        "min": 2,
        "max": 10,
        "targets": [
            {"metric": "ECSServiceAverageCPUUtilization", "value": 60, "scaleInCooldown": 300, "disableScaleIn": false},
            {"metric": "ALBRequestCountPerTarget", "value": 100, "disableScaleIn": true},
        ],
        "scheduled": [{"name": "morning", "schedule": "cron(0 8 * * ? *)", "min": 4}],
    }))
    .unwrap()
}

fn changes(wanted: Option<&Autoscaling>, live: &LiveScaling) -> Vec<Change> {
    plan(&service(), wanted, None, live, Some(LABEL), at(1_000_000))
}

fn describe(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            format!("{} {}", change.operation, change.name)
                .trim()
                .to_owned()
        })
        .collect()
}

/// What AWS describes after these calls.
fn after(changes: &[Change]) -> LiveScaling {
    let of = |operation: &str| {
        let bodies = changes
            .iter()
            .filter(|change| change.operation == operation);
        bodies.map(|change| change.body.clone()).collect::<Vec<_>>()
    };
    let mut policies = of("PutScalingPolicy");
    for policy in &mut policies {
        let configuration = &mut policy["TargetTrackingScalingPolicyConfiguration"];
        configuration["TargetValue"] = json!(configuration["TargetValue"].as_f64());
    }
    LiveScaling {
        target: of("RegisterScalableTarget").first().map(|_| LiveTarget {
            min: 2,
            max: 10,
            is_ours: true,
        }),
        policies,
        actions: of("PutScheduledAction"),
    }
}

#[test]
fn a_service_is_registered_before_anything_is_put_on_it_and_all_names_it() {
    let changes = changes(Some(&wanted()), &LiveScaling::default());
    assert_eq!(
        describe(&changes),
        [
            "RegisterScalableTarget",
            "PutScalingPolicy landfall-ECSServiceAverageCPUUtilization",
            "PutScalingPolicy landfall-ALBRequestCountPerTarget",
            "PutScheduledAction landfall-morning",
        ]
    );
    for change in &changes {
        assert_eq!(change.body["ResourceId"], "service/web/hello");
        assert_eq!(change.body["ScalableDimension"], "ecs:service:DesiredCount");
    }
    assert_eq!(
        changes[0].body["Tags"],
        json!({"landfall:service": "web/hello"})
    );
    assert_eq!(
        changes[2].body["TargetTrackingScalingPolicyConfiguration"],
        json!({
            "TargetValue": 100,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": LABEL},
            "DisableScaleIn": true,
        })
    );
    assert_eq!(
        changes[3].body["ScalableTargetAction"],
        json!({"MinCapacity": 4})
    );
}

#[test]
fn what_is_there_already_is_left_as_it_is() {
    let live = after(&changes(Some(&wanted()), &LiveScaling::default()));
    assert_eq!(changes(Some(&wanted()), &live), []);
}

#[test]
fn only_what_differs_is_put_again_and_what_is_no_longer_wanted_goes() {
    let live = after(&changes(Some(&wanted()), &LiveScaling::default()));
    let mut other = wanted();
    other.max = 12;
    other.targets[0].scale_in_cooldown = None;
    other.targets.pop();
    other.scheduled[0].name = "evening".into();
    let changes = changes(Some(&other), &live);
    assert_eq!(
        describe(&changes),
        [
            "RegisterScalableTarget",
            "PutScalingPolicy landfall-ECSServiceAverageCPUUtilization",
            "PutScheduledAction landfall-evening",
            "DeleteScalingPolicy landfall-ALBRequestCountPerTarget",
            "DeleteScheduledAction landfall-morning",
        ]
    );
    assert!(
        changes[0].body.get("Tags").is_none(),
        "only a new target takes tags"
    );
}

#[test]
fn without_a_section_everything_of_ours_goes_and_nothing_of_others() {
    let ours = after(&changes(Some(&wanted()), &LiveScaling::default()));
    let all = [
        "DeleteScalingPolicy landfall-ECSServiceAverageCPUUtilization",
        "DeleteScalingPolicy landfall-ALBRequestCountPerTarget",
        "DeleteScheduledAction landfall-morning",
        "DeregisterScalableTarget",
    ];
    assert_eq!(describe(&changes(None, &ours)), all);
    let mut shared = ours.clone();
    shared.policies.push(json!({"PolicyName": "by-hand"}));
    assert_eq!(describe(&changes(None, &shared)), all[..3]);
    let mut theirs = ours;
    theirs.target.as_mut().unwrap().is_ours = false;
    assert_eq!(describe(&changes(None, &theirs)), all[..3]);
    assert_eq!(changes(None, &LiveScaling::default()), []);
}

/// What `wanted` makes, as another team would have named it.
fn by_others() -> LiveScaling {
    let mut live = after(&changes(Some(&wanted()), &LiveScaling::default()));
    live.target.as_mut().unwrap().is_ours = false;
    live.policies[0]["PolicyName"] = json!("cpu");
    live.policies[1]["PolicyName"] = json!("requests");
    live.actions[0]["ScheduledActionName"] = json!("morning");
    live
}

#[test]
fn a_foreign_policy_or_action_for_the_same_is_taken_over_under_its_name_and_never_deleted() {
    assert_eq!(changes(Some(&wanted()), &by_others()), []);
    let mut other = wanted();
    other.targets[0].value = 70.into();
    other.scheduled[0].min = Some(5);
    let changed = changes(Some(&other), &by_others());
    assert_eq!(
        describe(&changed),
        ["PutScalingPolicy cpu", "PutScheduledAction morning"]
    );
    assert_eq!(changed[0].body["PolicyName"], "cpu");
    assert_eq!(changed[1].body["ScheduledActionName"], "morning");
    assert_eq!(changes(None, &by_others()), []);
}

#[test]
fn a_service_that_is_scaled_by_others_can_be_written_down() {
    let mut live = by_others();
    live.policies
        .push(json!({"PolicyName": "steps", "PolicyType": "StepScaling"}));
    let described = described(&live, Some(LABEL)).unwrap();
    assert_eq!(described.section, wanted());
    assert_eq!(described.unsaid, ["steps"]);
    assert_eq!(
        described.section.written(),
        json!({
            "min": 2,
            "max": 10,
            "targets": [
                {"metric": "ECSServiceAverageCPUUtilization", "value": 60, "scaleInCooldown": 300},
                {"metric": "ALBRequestCountPerTarget", "value": 100, "disableScaleIn": true},
            ],
            "scheduled": [{"name": "morning", "schedule": "cron(0 8 * * ? *)", "min": 4}],
        })
    );
    assert_eq!(super::described(&LiveScaling::default(), None), None);
}

#[test]
fn a_change_whose_time_is_over_is_not_put_again() {
    let mut wanted = wanted();
    wanted.targets.clear();
    let live = LiveScaling {
        target: Some(LiveTarget {
            min: 2,
            max: 10,
            is_ours: true,
        }),
        ..LiveScaling::default()
    };
    let day = |day: u32| format!("at(1970-01-{day:02}T12:00:00)");
    // The tests' now is on the twelfth.
    for (schedule, end, put) in [
        (day(11), None, false),
        (day(12), None, true),
        (day(13), None, true),
        ("rate(1 day)".into(), Some(at(999)), false),
    ] {
        wanted.scheduled[0].schedule = schedule.clone();
        wanted.scheduled[0].end_time = end;
        assert_eq!(
            changes(Some(&wanted), &live).len(),
            usize::from(put),
            "{schedule}"
        );
    }
}

#[test]
fn a_label_is_the_ends_of_two_arns() {
    let label = resource_label(
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/lb/1",
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/hello/2",
    );
    assert_eq!(label.as_deref(), Some(LABEL));
    assert_eq!(resource_label("arn:nothing", "arn:nothing"), None);
    assert!(needs_label(Some(&wanted())) && !needs_label(None));
}

#[test]
fn bounds_that_somebody_or_a_schedule_set_survive_a_change_of_the_file_that_asks_for_no_others() {
    let (same, mut other) = (wanted(), wanted());
    other.max = 12;
    let mut live = after(&changes(Some(&same), &LiveScaling::default()));
    live.target = Some(LiveTarget {
        min: 4,
        max: 10,
        is_ours: true,
    });
    let planned = |before: Option<&Autoscaling>, live: &LiveScaling| {
        let changes = plan(
            &service(),
            Some(&same),
            before,
            live,
            Some(LABEL),
            at(1_000_000),
        );
        describe(&changes)
    };
    assert_eq!(planned(Some(&same), &live), [""; 0]);
    for before in [Some(&other), None] {
        assert_eq!(planned(before, &live), ["RegisterScalableTarget"]);
    }
    live.target = None;
    assert_eq!(planned(Some(&same), &live), ["RegisterScalableTarget"]);
}
