#![allow(clippy::unwrap_used)]

mod judged;

use super::*;
use crate::{live::StoppedContainer, sample::*, service_file::OneOffTask, tags::SERVICE_TAG};

const TASKS: &str = r#"
before:
  - { name: migrate, container: web, command: [python, migrate.py], environment: [{ name: STEP, value: 1 }], timeout: 1m }
  - { name: seed, container: log, command: [], cpu: 512, runTask: { capacityProviderStrategy: [{ capacityProvider: spot }] } }
after:
  - { name: warm, container: web, command: [warm] }
  - { name: smoke, container: web, command: [smoke], onFailure: roll-back }
"#;

fn with_tasks() -> ServiceFile {
    ServiceFile::parse(format!("{FILE}{TASKS}").as_bytes()).unwrap()
}

fn input(phase: Phase) -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(2),
        cluster: "arn:cluster".into(),
        task_definition: revision(2),
        phase,
        look: None,
    }
}

fn ended(phase: Phase, task: &OneOffTask, exit_code: i32) -> Ended {
    let live = stopped("EssentialContainerExited", Some(exit_code));
    let input = input(phase);
    let run = input.run(task, at(0));
    match judge(
        &input,
        task,
        &run,
        "arn:task/1",
        Some(&live),
        &with_tasks(),
        at(5),
    ) {
        Observation::Ended(ended, _) => ended,
        other => panic!("{other:?}"),
    }
}

fn stopped(code: &str, exit_code: Option<i32>) -> LiveTask {
    let containers = ["web", "log"].map(|name| StoppedContainer {
        name: name.into(),
        exit_code,
        reason: None,
    });
    LiveTask {
        last_status: "STOPPED".into(),
        desired_status: "STOPPED".into(),
        stop_code: Some(code.into()),
        stopped_reason: Some(format!("because of {code}")),
        containers: containers.into(),
    }
}

fn running() -> LiveTask {
    LiveTask {
        last_status: "RUNNING".into(),
        desired_status: "RUNNING".into(),
        stop_code: None,
        stopped_reason: None,
        ..stopped("", None)
    }
}

/// What is noted: for each task, by number, its exit code, or nothing while it runs.
fn noted(phase: Phase, release: u64, codes: &[Option<i32>]) -> Runs {
    let (file, input) = (with_tasks(), input(phase));
    let tasks = input.tasks(&file).iter().zip(codes);
    let runs = tasks.map(|(task, code)| {
        let run = Run {
            task: Some("arn:task/1".into()),
            ended: code.map(|code| ended(phase, task, code)),
            ..input.run(task, at(0))
        };
        (input.key(task), run)
    });
    Runs {
        release,
        tasks: runs.collect(),
    }
}

/// What comes next, in a word or two.
fn then(phase: Phase, open: &[u64], runs: &Runs) -> String {
    let file = with_tasks();
    let input = input(phase);
    let desired = claimed(desired(open), "me", 2);
    match next(&input, input.tasks(&file), runs, &desired) {
        Next::Answer(output) => format!("{:?}: {}", output.outcome, output.reason),
        Next::Await(_) => "await".into(),
        Next::Start(task) => format!("start {}", task.name),
        Next::Find(task, _) => format!("find {}", task.name),
        Next::Look(task, ..) => format!("look at {}", task.name),
    }
}

#[test]
fn an_execution_that_lost_its_claim_runs_nothing_and_says_so_as_if_it_were_superseded() {
    let file = with_tasks();
    let input = input(Phase::Before);
    let runs = Runs::none(2);
    for desired in [
        desired(&[2]),
        claimed(desired(&[2]), "other", 2),
        claimed(desired(&[2, 3]), "me", 3),
    ] {
        let Next::Answer(output) = next(&input, input.tasks(&file), &runs, &desired) else {
            panic!("{:?}", desired.claim)
        };
        assert_eq!(output.outcome, Outcome::Superseded);
    }
}

#[test]
fn tasks_run_once_and_one_after_the_other_and_never_beside_a_newer_releases() {
    use Phase::{After, Before};
    let none = Runs::none(2);
    let failed =
        "Failed: the task `migrate` before the rollout failed: container web exited with 3";
    for (story, phase, open, runs, expected) in [
        (
            "nothing ran",
            Before,
            &[2][..],
            none.clone(),
            "start migrate",
        ),
        (
            "nothing ran, and a newer release is there",
            Before,
            &[2, 3],
            none,
            "Superseded: release 3 should run",
        ),
        (
            "it runs",
            Before,
            &[2],
            noted(Before, 2, &[None]),
            "look at migrate",
        ),
        (
            "it runs, and a newer release is there",
            Before,
            &[2, 3],
            noted(Before, 2, &[None]),
            "look at migrate",
        ),
        (
            "the first is done",
            Before,
            &[2],
            noted(Before, 2, &[Some(0)]),
            "start seed",
        ),
        (
            "the first is done, and a newer release is there",
            Before,
            &[2, 3],
            noted(Before, 2, &[Some(0)]),
            "Superseded: release 3 should run",
        ),
        (
            "all are done",
            Before,
            &[2],
            noted(Before, 2, &[Some(0), Some(0)]),
            "Done: migrate succeeded; seed succeeded",
        ),
        (
            "all are done, and a newer release is there",
            Before,
            &[2, 3],
            noted(Before, 2, &[Some(0), Some(0)]),
            "Superseded: release 3 should run",
        ),
        (
            "one failed",
            Before,
            &[2],
            noted(Before, 2, &[Some(3)]),
            failed,
        ),
        (
            "one failed, and a newer release is there",
            Before,
            &[2, 3],
            noted(Before, 2, &[Some(3)]),
            failed,
        ),
        (
            "an earlier release's runs",
            Before,
            &[2],
            noted(Before, 1, &[None]),
            "await",
        ),
        (
            "an earlier release's are done",
            Before,
            &[2],
            noted(Before, 1, &[Some(0), Some(0)]),
            "start migrate",
        ),
        (
            "a later release's are noted",
            Before,
            &[2],
            noted(Before, 3, &[Some(0)]),
            "Superseded: release 2 should run",
        ),
        (
            "a failure that is ignored",
            After,
            &[2],
            noted(After, 2, &[Some(1), Some(0)]),
            "Done: the task `warm` after the rollout failed: container web exited with 1; ignored; smoke succeeded",
        ),
        (
            "a failure that is not",
            After,
            &[2],
            noted(After, 2, &[Some(0), Some(1)]),
            "Failed: the task `smoke` after the rollout failed: container web exited with 1",
        ),
        (
            "all after it are done, and a newer release is there",
            After,
            &[2, 3],
            noted(After, 2, &[Some(0), Some(0)]),
            "Done: warm succeeded; smoke succeeded",
        ),
    ] {
        assert_eq!(then(phase, open, &runs), expected, "{story}");
    }
}

#[test]
fn what_ran_for_an_earlier_release_does_not_count_for_the_next() {
    let (file, input) = (with_tasks(), input(Phase::Before));
    let mut runs = noted(Phase::Before, 1, &[Some(0), Some(0)]);
    let done = noted(Phase::Before, 2, &[Some(0)]);
    let first = input.key(&file.before[0]);
    runs.note(2, first.clone(), done.tasks[&first].clone());
    assert_eq!(runs, done);
    assert_eq!(then(Phase::Before, &[2], &runs), "start seed");
}

#[test]
fn a_task_that_may_have_been_asked_for_is_found_before_it_is_asked_for_again() {
    let mut runs = noted(Phase::Before, 2, &[None]);
    for run in runs.tasks.values_mut() {
        run.task = None;
    }
    assert_eq!(then(Phase::Before, &[2], &runs), "find migrate");
    let (file, input) = (with_tasks(), input(Phase::Before));
    let task = &file.before[0];
    let run = input.run(task, at(0));
    assert_eq!(not_found(&input, task, &run, at(60)), None);
    // ECS may have forgotten it by now: to run it again could be to run it twice.
    let forgotten = not_found(&input, task, &run, at(7200)).unwrap();
    assert!(!forgotten.succeeded && forgotten.report.reason.contains("not known"));
}

#[test]
fn a_task_is_noted_with_its_family_but_for_notes_of_before_that() {
    let file = with_tasks();
    let run = input(Phase::Before).run(&file.before[0], at(0));
    assert_eq!(run.family(), Some("hello"));
    let mut noted = serde_json::to_value(&run).unwrap();
    noted.as_object_mut().unwrap().remove("taskDefinition");
    let older: Run = serde_json::from_value(noted).unwrap();
    assert_eq!(older.family(), None);
}

#[test]
fn run_task_is_sent_the_services_network_the_command_and_what_the_file_says_besides() {
    let mut file = with_tasks();
    file.service.insert(
        "networkConfiguration".into(),
        json!({"awsvpcConfiguration": {"subnets": ["s"]}}),
    );
    let input = input(Phase::Before);
    let sent = |number: usize| {
        let task = &file.before[number];
        let mut sent = body(&input, &file, task, &input.run(task, at(0)));
        let token = sent.remove("clientToken").unwrap();
        assert_eq!(token.as_str().unwrap().len(), 64);
        let started_by = sent.remove("startedBy").unwrap();
        assert!(started_by.as_str().unwrap().starts_with("landfall/"));
        Value::Object(sent)
    };
    let shared = json!({
        "cluster": "arn:cluster", "taskDefinition": revision(2), "count": 1,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
        "tags": [{"key": SERVICE_TAG, "value": "web/hello"}],
    });
    let mut first = shared.clone();
    first["launchType"] = json!("EC2");
    first["overrides"] = json!({"containerOverrides": [
        {"name": "web", "command": ["python", "migrate.py"], "environment": [{"name": "STEP", "value": "1"}]}
    ]});
    assert_eq!(sent(0), first);
    let mut second = shared;
    second["capacityProviderStrategy"] = json!([{"capacityProvider": "spot"}]);
    second["overrides"] = json!({"cpu": "512", "containerOverrides": [{"name": "log"}]});
    assert_eq!(sent(1), second);
}

#[test]
fn tasks_carry_on_for_how_long_the_rollout_before_them_was_blind_paused_and_withheld() {
    let mut input = input(Phase::After);
    let done = supersede(&desired(&[2, 3]));
    assert_eq!(input.carried_on(done.clone()), done);
    input.look = Some(Look {
        seen_at: Some(at(0)),
        blind_seconds: 7,
        paused_seconds: 300,
        withheld_seconds: 900,
        ..Look::of(look::Outcome::Healthy, "every check passed")
    });
    let carried = input.carried_on(done.clone());
    assert_eq!((carried.blind_seconds, carried.paused_seconds), (7, 300));
    assert_eq!(carried.withheld_seconds, 900);
    assert_eq!(carried.reason, done.reason);
}

#[test]
fn a_task_by_hand_is_asked_for_as_by_a_release_and_names_who_runs_it() {
    let file = with_tasks();
    let task = &file.before[0];
    let theirs = input(Phase::Before);
    let mut release_body = body(&theirs, &file, task, &theirs.run(task, at(0)));

    let ours = Input::by_hand(&service(), release(2), revision(2), Phase::Before);
    let asked = |second, by: &str| {
        body_by_hand(&ours, &file, task, &ours.run_by_hand(task, at(second)), by)
    };
    let by = "arn:aws:sts::123456789012:assumed-role/ops/ann,lee";
    let mut body = asked(0, by);
    let tags = body["tags"].clone();
    let who = json!({ "key": "landfall:run-by", "value": by.replace(',', "_") });
    assert!(tags.as_array().unwrap().contains(&who), "{tags}");

    // Asked for again it is another request; that it runs already is found by the same `startedBy`.
    let again = asked(1, by);
    assert_eq!(again["startedBy"], body["startedBy"]);
    assert_ne!(again["clientToken"], body["clientToken"]);
    assert_ne!(body["startedBy"], release_body["startedBy"]);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    assert!(body["startedBy"].as_str().unwrap().chars().all(allowed));

    for each in [&mut body, &mut release_body] {
        for differs in ["tags", "startedBy", "clientToken", "cluster"] {
            each.remove(differs).unwrap();
        }
    }
    assert_eq!(body, release_body);
    let long = format!("arn:aws:sts::123456789012:assumed-role/{}", "x".repeat(300));
    let tags = asked(0, &long)["tags"].clone();
    let value = tags.as_array().unwrap().last().unwrap()["value"].clone();
    assert_eq!(value.as_str().unwrap().len(), 256);
}
