//! How tasks ended, by what ECS shows of them.

use super::*;

#[test]
fn a_task_is_judged_by_its_containers_exit_code_and_by_why_it_stopped() {
    let file = with_tasks();
    let input = input(Phase::Before);
    let task = &file.before[0];
    let run = input.run(task, at(0));
    let described = |live: Option<LiveTask>, now| match judge(
        &input,
        task,
        &run,
        "arn:task/1",
        live.as_ref(),
        &file,
        at(now),
    ) {
        Observation::Lost(reason) => format!("lost {reason}"),
        Observation::Runs { stop: None } => "runs".to_owned(),
        Observation::Runs { stop: Some(reason) } => format!("stop: {reason}"),
        Observation::Ended(ended, others) => {
            format!("{} {} {others}", ended.succeeded, ended.report.reason)
        }
    };
    let mut container_ended = running();
    container_ended.containers[0].exit_code = Some(0);
    let mut pulling = stopped("TaskFailedToStart", None);
    pulling.containers[0].reason = Some("CannotPullContainerError: hello: not found".into());
    let stopping = LiveTask {
        last_status: "STOPPING".into(),
        ..stopped("UserInitiated", None)
    };
    for (story, live, now, expected) in [
        ("not known yet", None, 1, "runs"),
        (
            "forgotten",
            None,
            4000,
            "false ECS no longer knows how it ended false",
        ),
        ("running", Some(running()), 1, "runs"),
        (
            "too long",
            Some(running()),
            60,
            "stop: Landfall: it did not end within 60 seconds",
        ),
        ("being stopped", Some(stopping), 61, "runs"),
        (
            "good",
            Some(stopped("EssentialContainerExited", Some(0))),
            1,
            "true container web exited with 0 false",
        ),
        (
            "bad",
            Some(stopped("EssentialContainerExited", Some(3))),
            1,
            "false container web exited with 3 false",
        ),
        (
            "its container is not essential",
            Some(container_ended),
            1,
            "true container web exited with 0 true",
        ),
        (
            "stopped, though with exit code 0",
            Some(stopped("UserInitiated", Some(0))),
            1,
            "false because of UserInitiated false",
        ),
        (
            "interrupted",
            Some(stopped("SpotInterruption", Some(143))),
            1,
            "lost because of SpotInterruption",
        ),
        (
            "not pulled",
            Some(pulling),
            1,
            "false because of TaskFailedToStart (CannotPullContainerError: hello: not found) false",
        ),
        (
            "never started",
            Some(stopped("TaskFailedToStart", None)),
            1,
            "lost because of TaskFailedToStart",
        ),
        (
            "stopped because it did not start in time",
            Some(stopped("UserInitiated", None)),
            61,
            "lost because of UserInitiated",
        ),
        (
            "stopped because it ran too long",
            Some(stopped("UserInitiated", Some(143))),
            61,
            "false because of UserInitiated false",
        ),
    ] {
        assert_eq!(described(live, now), expected, "{story}");
    }
}

#[test]
fn a_task_of_an_earlier_release_that_ecs_does_not_know_yet_has_not_ended() {
    let file = with_tasks();
    let run = input(Phase::Before).run(&file.before[0], at(0));
    let stopped = stopped("EssentialContainerExited", Some(0));
    for (story, live, now, is_awaited) in [
        ("not known yet", None, 299, true),
        ("forgotten", None, 300, false),
        ("running", Some(running()), 1, true),
        ("running for long", Some(running()), 4000, true),
        ("ended", Some(stopped), 1, false),
    ] {
        let awaited = awaited(&run, live.as_ref(), at(now));
        assert_eq!(awaited.is_some(), is_awaited, "{story}");
    }
}

#[test]
fn a_task_that_the_platform_lost_is_asked_for_again_ten_times_and_then_speaks_against_the_platform()
{
    let file = with_tasks();
    let input = input(Phase::Before);
    let task = &file.before[0];
    let mut run = input.run(task, at(0));
    let taken = stopped("SpotInterruption", Some(143));
    let mut asked = std::collections::BTreeSet::new();
    for nth in 1..=10 {
        let second = nth * 1000;
        let seen = judge(
            &input,
            task,
            &run,
            "arn:task/1",
            Some(&taken),
            &file,
            at(second),
        );
        assert!(matches!(seen, Observation::Lost(_)), "{nth}: {seen:?}");
        run = input.again(task, &run, at(second));
        assert_eq!((run.task.clone(), run.started_at), (None, at(second)));
        assert_eq!(run.deadline, at(second + 60), "it has all of its time");
        let wait = lost(&run, "lost", at(second)).wait_seconds;
        assert_eq!(wait, 30 * u64::try_from(nth).unwrap());
        let sent = body(&input, &file, task, &run);
        assert_eq!(sent["startedBy"], json!(run.started_by));
        assert!(asked.insert(sent["clientToken"].to_string()));
        assert!(asked.insert(run.started_by.clone()));
    }
    let seen = judge(
        &input,
        task,
        &run,
        "arn:task/1",
        Some(&taken),
        &file,
        at(10001),
    );
    let Observation::Ended(ended, _) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!((ended.succeeded, ended.against), (false, Against::Platform));

    // A newer release does not let an older one's be asked for again.
    let mut runs = Runs::none(2);
    runs.note(2, input.key(task), run);
    assert_eq!(then(Phase::Before, &[2], &runs), "find migrate");
    let superseded = then(Phase::Before, &[2, 3], &runs);
    assert!(superseded.starts_with("Superseded"), "{superseded}");
}

#[test]
fn a_task_that_finds_no_room_is_asked_for_again_until_its_time_is_over() {
    let file = with_tasks();
    let input = input(Phase::Before);
    let task = &file.before[0];
    let mut run = input.run(task, at(0));
    let refused = |reason: &str, now| {
        let failure = Failure {
            reason: reason.into(),
            detail: None,
        };
        not_placed(&input, task, &run, &[failure], at(now)).is_some()
    };
    assert!(!refused("RESOURCE:MEMORY", 59));
    assert!(refused("RESOURCE:MEMORY", 60));
    assert!(refused("MISSING", 1));
    let token = |run: &Run| body(&input, &file, task, run)["clientToken"].clone();
    let first = token(&run);
    assert_eq!(first, token(&run));
    run.refusals += 1;
    assert_ne!(first, token(&run));
}

#[test]
fn a_report_names_the_log_that_the_awslogs_driver_writes() {
    let mut file = with_tasks();
    file.task_definition["containerDefinitions"][0]["logConfiguration"] = json!({
        "logDriver": "awslogs", "options": {"awslogs-group": "/ecs/hello", "awslogs-stream-prefix": "hello"}
    });
    let input = input(Phase::Before);
    let task = &file.before[0];
    let live = stopped("EssentialContainerExited", Some(3));
    let run = input.run(task, at(0));
    let seen = judge(
        &input,
        task,
        &run,
        "arn:task/web/77",
        Some(&live),
        &file,
        at(1),
    );
    let Observation::Ended(ended, _) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(
        failure(Phase::Before, task, &ended.report),
        "the task `migrate` before the rollout failed: container web exited with 3; its log is hello/web/77 in /ecs/hello"
    );
}
