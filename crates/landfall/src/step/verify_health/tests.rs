#![allow(clippy::unwrap_used)]

mod deaths;
mod probes;
mod uncounted;

use super::*;
use crate::{
    live::{LiveBalancer, StoppedContainer, StoppedTask},
    probe::{Answer, NoAnswer, judge},
    sample::*,
};

fn input() -> Input {
    Input {
        service: service(),
        execution: "me".into(),
        release: release(2),
        task_definition: revision(2),
        rollout: None,
        look: None,
        progress: None,
    }
}

/// Two good looks in a row are needed, two bad ones are too many; bakes for 60 seconds.
fn probing() -> Verify {
    Verify {
        http: vec![http_probe()],
        bake_seconds: 60,
        deaths: 0,
        timeout_seconds: 100,
    }
}

/// What came of a probe that was answered like this.
fn answer(status: u16, body: &str) -> Probed {
    probed(Ok(Answer {
        status,
        body: body.into(),
        ..Answer::default()
    }))
}

fn probed(answer: Result<Answer, NoAnswer>) -> Probed {
    judge(&probing().http[0], "http://hello/", answer)
}

fn tasks(health: [&str; 3]) -> Vec<TaskHealth> {
    let task = |health: &str| TaskHealth {
        task: "arn:task".into(),
        task_definition: revision(2),
        health_status: health.into(),
    };
    health.map(task).into()
}

fn targets(states: &[&str]) -> Vec<TargetHealth> {
    let target = |state: &&str| TargetHealth {
        target: "10.0.0.1:8080".into(),
        state: (*state).into(),
        description: Some("timed out".into()),
    };
    states.iter().map(target).collect()
}

fn good_observation() -> Observation {
    Observation {
        service: Some(live(2)),
        tasks: tasks(["HEALTHY", "UNKNOWN", "HEALTHY"]),
        ended: Vec::new(),
        targets: Vec::new(),
        probes: vec![answer(200, "Hello, World!")],
    }
}

fn bad() -> Observation {
    Observation {
        probes: vec![answer(500, "")],
        ..good_observation()
    }
}

/// The task `name` of this revision's, which began to stop at this second.
fn ended(name: &str, number: u64, code: &str, second: i64) -> EndedTask {
    let container = StoppedContainer {
        name: "web".into(),
        exit_code: Some(3),
        reason: None,
    };
    EndedTask {
        task: StoppedTask {
            task: name.into(),
            reason: "Essential container in task exited".into(),
            containers: vec![container],
        },
        task_definition: revision(number),
        stop_code: Some(code.into()),
        stopping_at: Some(at(second)),
    }
}

/// All is well, but for these tasks, which have stopped.
fn after(ended: Vec<EndedTask>) -> Observation {
    Observation {
        ended,
        ..good_observation()
    }
}

fn not_yet() -> Observation {
    Observation {
        tasks: Vec::new(),
        ..good_observation()
    }
}

/// All tasks run, and are not reached yet.
fn unreached() -> Observation {
    let balancer = LiveBalancer {
        target_group: "arn:group".into(),
        ..LiveBalancer::default()
    };
    Observation {
        service: Some(LiveService {
            balancers: vec![balancer],
            ..live(2)
        }),
        targets: targets(&["healthy", "healthy", "initial"]),
        ..good_observation()
    }
}

/// One task fewer than are wanted.
fn scaled_out() -> Observation {
    let mut observation = good_observation();
    observation.tasks.pop();
    observation
}

/// The last answer of looks at these seconds, as an execution makes them: the rollout was looked at at second 0.
fn last_of(observations: Vec<(i64, Observation)>) -> Output {
    let mut input = input();
    input.look = Some(rolled_out(0));
    let mut answers = Vec::new();
    for (second, observation) in observations {
        let output = decide(&input, &probing(), &desired(&[2]), observation, at(second));
        input.look = Some(last(output.clone()));
        answers.push(output);
    }
    answers.pop().unwrap()
}

/// What comes of looks at these seconds, each carrying on from the one before.
fn looks(verify: &Verify, observations: Vec<(i64, Observation)>) -> Vec<(Outcome, u64)> {
    let mut input = input();
    let mut answers = Vec::new();
    for (second, observation) in observations {
        let output = decide(&input, verify, &desired(&[2]), observation, at(second));
        answers.push((output.outcome, output.wait_seconds));
        input.progress = Some(output.progress);
    }
    answers
}

/// One look at the service, changed so: `None` if it is good, else whether it counts as bad, and why.
fn one_look(change: impl FnOnce(&mut Observation, &mut LiveService)) -> Option<(bool, String)> {
    let mut observation = good_observation();
    let mut service = live(2);
    change(&mut observation, &mut service);
    observation.service = Some(service);
    let output = decide(&input(), &probing(), &desired(&[2]), observation, at(0));
    (output.progress.successes == 0).then_some((output.progress.failures > 0, output.reason))
}

/// The look that this one answered, as the next is given it.
fn last(output: Output) -> Look<look::Outcome, Option<Progress>> {
    Look {
        wait_seconds: output.wait_seconds,
        progress: Some(output.progress),
        seen_at: output.seen_at,
        blind_seconds: output.blind_seconds,
        paused_seconds: output.paused_seconds,
        withheld_seconds: output.withheld_seconds,
        ..Look::of(look::Outcome::Waiting, output.reason)
    }
}

/// The look at second 0 that found the rollout done.
fn rolled_out(blind_seconds: u64) -> Look<look::Outcome, Option<Progress>> {
    Look {
        seen_at: Some(at(0)),
        blind_seconds,
        paused_seconds: 500,
        ..Look::of(look::Outcome::Steady, "3 tasks run")
    }
}

#[test]
fn without_checks_of_its_own_a_steady_service_is_healthy_at_once() {
    let observation = Observation {
        probes: Vec::new(),
        ..good_observation()
    };
    assert_eq!(
        looks(&Verify::default(), vec![(0, observation)]),
        [(Outcome::Healthy, 0)]
    );
}

#[test]
fn good_looks_in_a_row_begin_the_bake_time_and_its_end_is_never_slept_over() {
    use Outcome::{Healthy, Waiting};
    let good = good_observation;
    let observations = vec![
        (0, good()),
        (10, good()),
        (40, good()),
        (65, good()),
        (70, good()),
    ];
    assert_eq!(
        looks(&probing(), observations),
        [
            (Waiting, 10),
            (Waiting, 30),
            (Waiting, 30),
            (Waiting, 5),
            (Healthy, 0)
        ]
    );
}

#[test]
fn a_bad_look_begins_the_counting_and_the_bake_time_again() {
    use Outcome::{Healthy, Waiting};
    let observations = vec![
        (0, good_observation()),
        (10, good_observation()),
        (40, bad()),
        (50, good_observation()),
        (60, good_observation()),
        (90, good_observation()),
        (120, good_observation()),
    ];
    let outcomes = looks(&probing(), observations);
    assert_eq!(outcomes[4..], [(Waiting, 30), (Waiting, 30), (Healthy, 0)]);
    assert!(outcomes[..4].iter().all(|(outcome, _)| *outcome == Waiting));
}

#[test]
fn too_many_bad_looks_in_a_row_end_the_verification_and_single_ones_do_not() {
    use Outcome::{Unhealthy, Waiting};
    assert_eq!(
        looks(&probing(), vec![(0, bad()), (10, bad())]),
        [(Waiting, 10), (Unhealthy, 0)]
    );
    let flapping = vec![
        (0, bad()),
        (10, good_observation()),
        (20, bad()),
        (30, good_observation()),
    ];
    assert!(
        looks(&probing(), flapping)
            .iter()
            .all(|(outcome, _)| *outcome == Waiting)
    );
}

#[test]
fn the_checks_have_until_their_deadline_plus_the_bake_time() {
    use Outcome::{Unhealthy, Waiting};
    let observations = vec![(0, not_yet()), (159, not_yet()), (160, not_yet())];
    assert_eq!(
        looks(&probing(), observations),
        [(Waiting, 10), (Waiting, 10), (Unhealthy, 0)]
    );
    let flapping = vec![(0, bad()), (80, good_observation()), (160, bad())];
    assert_eq!(looks(&probing(), flapping)[2], (Unhealthy, 0));
}

#[test]
fn a_service_that_is_gone_or_was_changed_is_lost_at_once() {
    let gone = Observation {
        service: None,
        ..good_observation()
    };
    let draining = Observation {
        service: Some(LiveService {
            status: "DRAINING".into(),
            ..live(2)
        }),
        ..good_observation()
    };
    let taken_back = Observation {
        service: Some(live(1)),
        ..good_observation()
    };
    let without_deployment = Observation {
        service: Some(LiveService {
            deployments: vec![],
            ..live(2)
        }),
        ..good_observation()
    };
    for observation in [gone, draining, taken_back, without_deployment] {
        assert_eq!(
            looks(&probing(), vec![(0, observation)]),
            [(Outcome::Unhealthy, 0)]
        );
    }
}

#[test]
fn where_no_task_is_to_run_nothing_is_verified_and_nothing_else_is_looked_at() {
    let service = |strategy: &str| LiveService {
        desired_count: 0,
        running_count: 0,
        scheduling_strategy: strategy.into(),
        ..live(2)
    };
    let seen = |service: LiveService| Observation {
        service: Some(service),
        tasks: Vec::new(),
        probes: Vec::new(),
        ..good_observation()
    };
    let outcome = |observation| looks(&probing(), vec![(0, observation)])[0].0;
    assert_eq!(outcome(seen(service("REPLICA"))), Outcome::Unproven);
    assert_eq!(outcome(seen(service("DAEMON"))), Outcome::Unproven);
    let wanted = LiveService {
        desired_count: 3,
        ..service("DAEMON")
    };
    assert_eq!(outcome(seen(wanted)), Outcome::Waiting);
    // It is lost all the same, and tasks that died before the count was lowered died.
    let mut other = service("REPLICA");
    other.deployments = live(1).deployments;
    assert_eq!(outcome(seen(other)), Outcome::Unhealthy);
    let died = ended("a", 2, "EssentialContainerExited", 5);
    let observations = vec![
        (0, good_observation()),
        (
            10,
            Observation {
                ended: vec![died],
                ..seen(service("REPLICA"))
            },
        ),
    ];
    assert_eq!(looks(&probing(), observations)[1].0, Outcome::Unhealthy);
}

#[test]
fn a_newer_release_supersedes_whatever_is_seen() {
    for observation in [good_observation(), bad(), not_yet()] {
        let output = decide(&input(), &probing(), &desired(&[2, 3]), observation, at(0));
        assert_eq!(
            (output.outcome, &*output.reason),
            (Outcome::Superseded, "release 3 should run")
        );
    }
}

#[test]
fn each_thing_that_is_seen_is_good_not_yet_good_or_bad() {
    let not_yet = |reason: &str| Some((false, reason.to_owned()));
    let bad = |reason: &str| Some((true, reason.to_owned()));
    let behind = |groups: &'static [&'static str], states: &'static [&'static str]| {
        move |observation: &mut Observation, service: &mut LiveService| {
            let balancer = |group: &&str| LiveBalancer {
                target_group: (*group).into(),
                ..LiveBalancer::default()
            };
            service.balancers = groups.iter().map(balancer).collect();
            observation.targets = targets(states);
        }
    };
    assert_eq!(one_look(|_, _| {}), None);
    assert_eq!(
        one_look(|observation, _| {
            observation.tasks.pop();
        }),
        not_yet("2 of 3 tasks run")
    );
    assert_eq!(
        one_look(|observation, _| observation.tasks[0].task_definition = revision(1)),
        not_yet("2 of 3 tasks run")
    );
    assert_eq!(
        one_look(|observation, service| {
            observation.tasks.pop();
            service.scheduling_strategy = "DAEMON".into();
        }),
        None
    );
    assert_eq!(
        one_look(|observation, _| observation.tasks = tasks(["HEALTHY", "UNHEALTHY", "HEALTHY"])),
        bad("the task arn:task fails its container health check")
    );
    assert_eq!(one_look(behind(&["a"], &["healthy"; 3])), None);
    assert_eq!(
        one_look(behind(
            &["a"],
            &["healthy", "healthy", "healthy", "draining", "unused"]
        )),
        None
    );
    assert_eq!(
        one_look(behind(&["a"], &["healthy", "healthy", "initial"])),
        not_yet("2 of 3 targets are healthy")
    );
    assert_eq!(
        one_look(behind(
            &["a", "b"],
            &[
                "healthy", "healthy", "healthy", "initial", "initial", "initial"
            ]
        )),
        not_yet("3 of 6 targets are healthy")
    );
    assert_eq!(one_look(behind(&["a", "b"], &["healthy"; 6])), None);
    assert_eq!(
        one_look(behind(
            &["a"],
            &["healthy", "healthy", "healthy", "unhealthy"]
        )),
        bad("the target 10.0.0.1:8080 is unhealthy: timed out")
    );
    assert_eq!(
        one_look(|observation, _| observation.probes.clear()),
        not_yet("the HTTP probe was not sent")
    );
    for (probe, reason) in [
        (
            answer(503, "Hello"),
            "http://hello/ answered 503, expected 200",
        ),
        (
            probed(Err(NoAnswer::Failed("connection refused".into()))),
            "http://hello/ did not answer: connection refused",
        ),
    ] {
        let seen = probe.clone();
        assert_eq!(
            one_look(|observation, _| observation.probes = vec![seen]),
            bad(reason)
        );
        let observation = Observation {
            probes: vec![probe.clone()],
            ..good_observation()
        };
        let mut last = input();
        last.progress = Some(Progress {
            failures: 1,
            ..Progress::default()
        });
        let output = decide(&last, &probing(), &desired(&[2]), observation, at(0));
        let failure = Failure {
            stage: Stage::Health,
            against: Against::Release,
            reason: output.reason,
            probe: Some(probe.answer),
            task: None,
        };
        assert_eq!(
            output.failure,
            Some(failure),
            "the answer is kept for the diagnosis"
        );
    }
}

#[test]
fn a_healthy_release_is_good_only_when_ecs_has_let_the_old_tasks_go() {
    let look = |pace_seconds, state: &str| {
        let mut service = live(2);
        service.pace_seconds = pace_seconds;
        service.deployments[0].rollout_state = Some(state.into());
        let observation = Observation {
            service: Some(service),
            probes: Vec::new(),
            ..good_observation()
        };
        let output = decide(
            &input(),
            &Verify::default(),
            &desired(&[2]),
            observation,
            at(0),
        );
        output.outcome
    };
    assert_eq!(look(300, "IN_PROGRESS"), Outcome::Waiting);
    assert_eq!(look(300, "COMPLETED"), Outcome::Healthy);
    assert_eq!(look(0, "IN_PROGRESS"), Outcome::Healthy);
}
