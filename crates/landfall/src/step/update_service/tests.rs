#![allow(clippy::unwrap_used)]

use super::*;
use crate::{live::CapacityShare, sample::*, service_section::CREATE_ONLY};

fn input() -> Input {
    Input {
        service: service(),
        claimed_at: Some(Timestamp::UNIX_EPOCH),
        execution: "me".into(),
        release: release(2),
        cluster: "arn:cluster".into(),
        task_definition: revision(2),
        apply_service: true,
        from_good: false,
        last_good: Some(good(1)),
        timeout_seconds: 900,
        balancer: None,
        base: None,
        before: false,
    }
}

fn first() -> Input {
    Input {
        last_good: None,
        ..input()
    }
}

fn having(status: &str, controller: &str) -> LiveService {
    LiveService {
        status: status.into(),
        controller: controller.into(),
        ..live(1)
    }
}

fn daemon(mut file: ServiceFile) -> ServiceFile {
    file.service
        .insert("schedulingStrategy".into(), json!("DAEMON"));
    file
}

fn absent(file: ServiceFile) -> Seen {
    Seen::Absent {
        file: Box::new(file),
    }
}

/// The service, which runs Landfall's attempt, with what is sent of these files.
fn present(live: LiveService, file: Option<ServiceFile>, previous: Option<ServiceFile>) -> Seen {
    let shown_count = Some(live.desired_count);
    Seen::Present {
        went_back: false,
        live: Box::new(live),
        whose: Some(Whose::OurAttempt),
        section: file.map(|file| {
            Box::new(Section {
                file,
                previous,
                given: vec![],
                shown_count,
            })
        }),
    }
}

fn running(whose: Option<Whose>) -> Seen {
    Seen::Present {
        went_back: false,
        live: Box::new(live(7)),
        whose,
        section: None,
    }
}

#[test]
fn the_call_follows_from_what_ecs_has() {
    let planned = |seen: &Seen| plan(&input(), seen, at(7)).unwrap();
    let rollout = Rollout {
        task_definition: Some(revision(2)),
        started_at: at(7),
        timeout_seconds: 900,
        deployment: None,
        count_before: None,
    };
    let created = planned(&absent(file()));
    assert_eq!(created.call, Call::Create(create_body(&input(), &file())));
    assert_eq!((created.tags, created.count), (None, Count::Keep));
    assert_eq!(created.rollout, rollout);

    let active = live(1);
    let pushed = planned(&present(active.clone(), None, None));
    let body = update_body(&input(), None, &active, None);
    assert_eq!((pushed.call, pushed.tags), (Call::Update(body), None));
    assert_eq!(pushed.count, Count::Keep);
    let counted = Rollout {
        count_before: Some(3),
        ..rollout
    };
    assert_eq!(pushed.rollout, counted);

    let applied = planned(&present(active.clone(), Some(file()), None));
    let body = update_body(&input(), Some(&file()), &active, Some(3));
    assert_eq!(applied.call, Call::Update(body));
    let tags = applied.tags.unwrap();
    assert_eq!(tags.arn, active.arn);
    assert_eq!(tags.changes, tag_changes(&file(), None, 2, &active.tags));

    for section in [None, Some(file())] {
        let draining = present(having("DRAINING", "ECS"), section, None);
        let planned = planned(&draining);
        let expected = (Call::Nothing, Some(Obstacle::Deletion));
        assert_eq!((planned.call, planned.obstacle), expected);
    }
    assert_eq!(existing(None), None);
    assert_eq!(existing(Some(having("INACTIVE", "ECS"))), None);
    assert_eq!(existing(Some(active.clone())), Some(active));
}

#[test]
fn a_service_with_as_many_deployments_as_ecs_carries_out_waits_for_one_of_them() {
    let busy = |runs| {
        let mut busy = rolling(1, runs, 1);
        let older = (11..14).map(|number| deployment(number, "ACTIVE", "IN_PROGRESS", 1));
        busy.deployments.extend(older);
        busy
    };
    for (runs, expected) in [(9, Some(Obstacle::Deployments(5))), (2, None)] {
        for section in [None, Some(file())] {
            let seen = present(busy(runs), section, None);
            let planned = plan(&input(), &seen, at(7)).unwrap();
            assert_eq!(planned.obstacle, expected, "{runs}");
            assert!(
                matches!(planned.call, Call::Update(_)),
                "{:?}",
                planned.call
            );
        }
    }
    let said = Obstacle::Deployments(5).of(&service());
    assert!(
        said.starts_with("ECS carries out 5 deployments of web/hello"),
        "{said}"
    );
    let mut four = busy(9);
    four.deployments.pop();
    let seen = present(four, None, None);
    assert_eq!(plan(&input(), &seen, at(7)).unwrap().obstacle, None);
}

#[test]
fn what_the_last_good_file_had_is_cleared_and_its_tags_are_removed() {
    let mut previous = file();
    let constraints = json!([{"type": "distinctInstance"}]);
    previous
        .service
        .insert("placementConstraints".into(), constraints);
    let tags = json!([{"key": "old", "value": "1"}]);
    previous.service.insert("tags".into(), tags);
    let mut tagged = live(1);
    tagged.tags = [("old".to_owned(), "1".to_owned())].into();
    let seen = present(tagged, Some(file()), Some(previous));
    let change = plan(&input(), &seen, at(7)).unwrap();
    let Call::Update(body) = change.call else {
        panic!("{change:?}")
    };
    assert_eq!(body["placementConstraints"], json!([]));
    assert!(change.tags.unwrap().changes.unset.contains("old"));
}

#[test]
fn only_a_count_that_changes_something_is_asked_about() {
    for (count, asked, sent) in [
        (None, Count::Keep, None),
        (Some(3), Count::Keep, None),
        (Some(4), Count::DropUnowned, Some(json!(4))),
    ] {
        let mut file = file();
        file.service
            .extend(count.map(|count| ("desiredCount".to_owned(), json!(count))));
        let change = plan(&input(), &present(live(1), Some(file), None), at(7)).unwrap();
        let Call::Update(body) = change.call else {
            panic!("{change:?}")
        };
        assert_eq!(change.count, asked, "{count:?}");
        assert_eq!(body.get("desiredCount").cloned(), sent, "{count:?}");
    }
}

#[test]
fn a_rollout_may_take_the_time_that_its_deployment_takes_on_purpose() {
    let mut baking = file();
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 10 });
    baking
        .service
        .insert("deploymentConfiguration".into(), configuration);
    let slow = LiveService {
        pace_seconds: 300,
        ..live(1)
    };
    for (seen, seconds) in [
        (absent(baking.clone()), 900 + 600),
        (present(slow.clone(), Some(baking), None), 900 + 600),
        (present(slow.clone(), Some(file()), None), 900 + 300),
        (present(slow, None, None), 900 + 300),
    ] {
        let change = plan(&input(), &seen, at(7)).unwrap();
        assert_eq!(change.rollout.timeout_seconds, seconds, "{seen:?}");
    }
}

#[test]
fn a_revision_that_landfall_may_not_replace_is_refused() {
    use Whose::{Accepted, Adoptable, Adopted, Foreign, Good, OfOwner, OurAttempt};
    for (whose, unfilled, filled_in, filled_in_before) in [
        (None, true, true, true),
        (Some(Good), true, true, true),
        (Some(Accepted), true, true, true),
        (Some(OurAttempt), true, true, true),
        (Some(Adoptable), true, true, false),
        (Some(Adopted), true, true, false),
        (Some(OfOwner), true, true, false),
        (Some(Foreign), false, false, false),
    ] {
        for (base, expected) in [
            (None, unfilled),
            (Some(7), filled_in),
            (Some(6), filled_in_before),
        ] {
            let input = Input {
                base: base.map(revision),
                ..first()
            };
            let planned = plan(&input, &running(whose), at(7));
            assert_eq!(planned.is_ok(), expected, "{whose:?}, {base:?}");
            if let Err(refusal) = planned {
                assert_eq!(refusal.0, drift::fact(&service(), &revision(7)));
            }
        }
    }
}

#[test]
fn what_a_service_ran_before_landfall_came_is_noted_also_if_the_release_is_refused() {
    let adoptable = running(Some(Whose::Adoptable));
    assert_eq!(to_note(&first(), &adoptable), Some(&revision(7)));
    let filled_in_before = Input {
        base: Some(revision(6)),
        ..first()
    };
    assert_eq!(to_note(&filled_in_before, &adoptable), Some(&revision(6)));
    assert!(plan(&filled_in_before, &adoptable, at(7)).is_err());
    for whose in [Whose::Adopted, Whose::OfOwner, Whose::Foreign] {
        assert_eq!(to_note(&first(), &running(Some(whose))), None, "{whose:?}");
    }
    assert_eq!(to_note(&first(), &absent(file())), None);
}

#[test]
fn a_service_that_is_not_there_cannot_be_adopted() {
    let mut adopting = file();
    adopting.task_definition.clear();
    let planned = plan(&first(), &absent(adopting), at(7));
    assert_eq!(planned, Err(nothing_to_adopt(&service())));
}

#[test]
fn a_service_that_something_else_rolls_out_is_refused() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        for status in ["ACTIVE", "DRAINING"] {
            let seen = present(having(status, controller), None, None);
            let refusal = plan(&input(), &seen, at(7)).unwrap_err();
            assert!(
                refusal.0.starts_with(&format!(
                    "web/hello has the deployment controller {controller}"
                )),
                "{refusal}"
            );
        }
        assert_eq!(existing(Some(having("INACTIVE", controller))), None);
    }
}

#[test]
fn a_service_is_created_with_the_whole_section_and_at_least_one_task() {
    let mut body = create_body(&first(), &file());
    let token = body.remove("clientToken");
    assert_eq!(token, create_body(&first(), &file()).remove("clientToken"));
    assert_eq!(
        token.as_ref().and_then(Value::as_str).map(str::len),
        Some(32)
    );
    assert_eq!(
        Value::Object(body),
        json!({
            "serviceName": "hello", "launchType": "EC2", "role": "ecs", "schedulingStrategy": "REPLICA",
            "tags": [{"key": "team", "value": "greetings"}, {"key": "landfall:service", "value": "web/hello"}, {"key": "landfall:release", "value": "2"}],
            "healthCheckGracePeriodSeconds": 5, "cluster": "arn:cluster", "taskDefinition": revision(2),
            "desiredCount": 1
        })
    );
    assert!(!create_body(&first(), &daemon(file())).contains_key("desiredCount"));
    let mut idle = file();
    idle.service.insert("desiredCount".into(), json!(0));
    assert_eq!(create_body(&first(), &idle)["desiredCount"], json!(0));
}

#[test]
fn a_service_is_updated_without_what_only_its_creation_takes() {
    assert_eq!(
        Value::Object(update_body(&input(), Some(&file()), &live(1), Some(3))),
        json!({
            "healthCheckGracePeriodSeconds": 5, "cluster": "arn:cluster", "service": "hello",
            "taskDefinition": revision(2)
        })
    );
    assert_eq!(
        Value::Object(update_body(&input(), None, &live(1), None)),
        json!({"cluster": "arn:cluster", "service": "hello", "taskDefinition": revision(2)})
    );
}

#[test]
fn the_desired_count_is_sent_only_where_the_file_names_it_or_nothing_good_ever_ran() {
    let empty = LiveService {
        desired_count: 0,
        running_count: 0,
        ..live(1)
    };
    let empty_daemon = LiveService {
        scheduling_strategy: "DAEMON".into(),
        ..empty.clone()
    };
    let mut counted = file();
    counted.service.insert("desiredCount".into(), json!(4));
    let mut scaled = counted.clone();
    scaled.autoscaling = serde_json::from_value(json!({"min": 3, "max": 9})).unwrap();
    assert_eq!(create_body(&first(), &scaled)["desiredCount"], json!(4));
    for (story, input, file, live, expected) in [
        ("autoscaling chose a count", input(), file(), live(1), None),
        (
            "people set the count to 0",
            input(),
            file(),
            empty.clone(),
            None,
        ),
        (
            "a failed first release left 0",
            first(),
            file(),
            empty.clone(),
            Some(1),
        ),
        (
            "the file scales the service",
            input(),
            scaled.clone(),
            live(1),
            None,
        ),
        (
            "a failed first release of a scaled service left 0",
            first(),
            scaled,
            empty.clone(),
            Some(3),
        ),
        ("a foreign service runs", first(), file(), live(1), None),
        (
            "a daemon has no count",
            first(),
            daemon(file()),
            empty_daemon,
            None,
        ),
        (
            "the file names it",
            input(),
            counted.clone(),
            live(1),
            Some(4),
        ),
        (
            "the file names it for an empty service",
            first(),
            counted,
            empty,
            Some(4),
        ),
    ] {
        let body = update_body(&input, Some(&file), &live, Some(live.desired_count));
        assert_eq!(
            body.get("desiredCount").and_then(Value::as_i64),
            expected,
            "{story}"
        );
    }
    // The way back of a failed first release set 0 a moment ago, and ECS still shows 3.
    let unseen = |input: Input| update_body(&input, Some(&file()), &live(1), None);
    assert_eq!(unseen(first())["desiredCount"], json!(3));
    assert_eq!(unseen(input()).get("desiredCount"), None);
}

#[test]
fn a_service_is_steady_when_one_completed_deployment_runs_all_its_tasks() {
    let steady = live(1);
    assert!(steady.is_steady());
    let mut without_rolling_updates = live(1);
    without_rolling_updates.deployments[0].rollout_state = None;
    assert!(without_rolling_updates.is_steady());
    let mut in_progress = live(1);
    in_progress.deployments[0].rollout_state = Some("IN_PROGRESS".into());
    for (story, service) in [
        ("two deployments", rolling(1, 2, 0)),
        ("in progress", in_progress),
        (
            "a task is missing",
            LiveService {
                running_count: 2,
                ..live(1)
            },
        ),
        (
            "a task too many",
            LiveService {
                running_count: 4,
                ..live(1)
            },
        ),
        (
            "a task is starting",
            LiveService {
                pending_count: 1,
                ..live(1)
            },
        ),
        (
            "no deployment",
            LiveService {
                deployments: vec![],
                ..live(1)
            },
        ),
    ] {
        assert!(!service.is_steady(), "{story}");
    }
}

/// Every member of `UpdateServiceRequest` in botocore 1.43 but `service`, `cluster` and `taskDefinition`, which Landfall
/// fills in, and `forceNewDeployment`, which `CreateService` has not.
#[test]
fn everything_that_can_be_changed_in_place_is_sent_as_it_stands() {
    let section = json!({
        "availabilityZoneRebalancing": "ENABLED",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        "deploymentConfiguration": {"strategy": "ROLLING", "maximumPercent": 150},
        "deploymentController": {"type": "ECS"},
        "desiredCount": 2,
        "enableECSManagedTags": true,
        "enableExecuteCommand": true,
        "healthCheckGracePeriodSeconds": 5,
        "loadBalancers": [{"targetGroupArn": "arn:group", "containerName": "web", "containerPort": 80}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "placementConstraints": [{"type": "distinctInstance"}],
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        "platformVersion": "1.4.0",
        "propagateTags": "SERVICE",
        "serviceConnectConfiguration": {
            "enabled": true, "namespace": "internal",
            "services": [{"portName": "http", "clientAliases": [{"port": 80, "dnsName": "hello"}]}]
        },
        "serviceRegistries": [{"registryArn": "arn:map"}],
        "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "arn:role", "sizeInGiB": 10}}],
        "vpcLatticeConfigurations": [{"roleArn": "arn:role", "targetGroupArn": "arn:lattice", "portName": "http"}],
        "somethingOfNextYear": {"a": [1]},
    });
    let mut file = file();
    file.service = section.as_object().cloned().unwrap();
    for member in CREATE_ONLY {
        file.service.insert(member.into(), json!("x"));
    }
    let live = LiveService {
        capacity: vec![CapacityShare {
            provider: "FARGATE_SPOT".into(),
            base: 0,
            weight: 1,
        }],
        ..live(1)
    };
    let mut body = Value::Object(update_body(
        &input(),
        Some(&file),
        &live,
        Some(live.desired_count),
    ));
    for filled_in in ["cluster", "service", "taskDefinition"] {
        assert!(body.as_object_mut().unwrap().remove(filled_in).is_some());
    }
    assert_eq!(body, section);
}

#[test]
fn a_new_deployment_is_forced_exactly_when_the_capacity_strategy_differs() {
    let share = |provider: &str, weight| CapacityShare {
        provider: provider.into(),
        base: 0,
        weight,
    };
    let strategy = json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 3 }, { "capacityProvider": "FARGATE", "weight": 1 }]);
    let spot = |file: &mut ServiceFile| {
        file.service.shift_remove("launchType");
        file.service
            .insert("capacityProviderStrategy".into(), strategy.clone());
    };
    let mut with = file();
    spot(&mut with);
    let mut silent = file();
    silent.service.shift_remove("launchType");
    for (file, capacity, forced, sent) in [
        (&with, vec![], true, Some(&strategy)),
        (
            &with,
            vec![share("FARGATE", 1), share("FARGATE_SPOT", 3)],
            false,
            Some(&strategy),
        ),
        (&with, vec![share("FARGATE", 1)], true, Some(&strategy)),
        (&file(), vec![], false, None),
        (&file(), vec![share("FARGATE", 1)], true, Some(&json!([]))),
        (&silent, vec![share("FARGATE", 1)], false, None),
    ] {
        let live = LiveService {
            capacity,
            ..live(1)
        };
        let body = update_body(&input(), Some(file), &live, Some(live.desired_count));
        assert_eq!(
            body.get("forceNewDeployment"),
            forced.then_some(&json!(true)),
            "{live:?}"
        );
        assert_eq!(body.get("capacityProviderStrategy"), sent, "{live:?}");
        let push = update_body(&input(), None, &live, None);
        assert_eq!(push.get("forceNewDeployment"), None);
    }
}

#[test]
fn what_only_a_section_had_that_ecs_was_given_is_cleared_although_it_was_never_good() {
    let mut given = file();
    let registries = json!([{ "registryArn": "arn:registry" }]);
    given.service.insert("serviceRegistries".into(), registries);
    let seen = Seen::Present {
        went_back: false,
        live: Box::new(live(1)),
        whose: Some(Whose::OurAttempt),
        section: Some(Box::new(Section {
            file: file(),
            previous: None,
            given: vec![given, file()],
            shown_count: None,
        })),
    };
    let Call::Update(body) = plan(&input(), &seen, at(7)).unwrap().call else {
        panic!("it updates the service");
    };
    assert_eq!(body["serviceRegistries"], json!([]));
}

#[test]
fn what_ecs_has_gone_back_to_from_an_attempt_is_nobody_elses_though_the_images_were_filled_into_that()
 {
    use Whose::{Adoptable, Adopted, Foreign, OfOwner};
    for (whose, went_back, expected) in [
        (Adopted, true, true),
        (Adopted, false, false),
        (Adoptable, true, false),
        (OfOwner, true, false),
        (Foreign, true, false),
    ] {
        let input = Input {
            base: Some(revision(6)),
            ..first()
        };
        let seen = Seen::Present {
            live: Box::new(live(7)),
            whose: Some(whose),
            went_back,
            section: None,
        };
        let planned = plan(&input, &seen, at(7));
        assert_eq!(planned.is_ok(), expected, "{whose:?}, {went_back}");
    }
}
