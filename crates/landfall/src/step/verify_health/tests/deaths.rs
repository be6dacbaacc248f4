//! Tasks of the release that die while it is verified.

use super::*;
use crate::probe::HttpProbe;

#[test]
fn a_task_that_died_since_the_first_look_makes_the_release_bad_at_once() {
    use Outcome::{Unhealthy, Waiting};
    const DIED: &str = "EssentialContainerExited";
    for (story, task, expected) in [
        ("it died", ended("a", 2, DIED, 5), Unhealthy),
        (
            "in the second of the first look",
            ended("a", 2, DIED, 0),
            Unhealthy,
        ),
        ("during the rollout", ended("a", 2, DIED, -1), Waiting),
        ("of the revision before", ended("a", 1, DIED, 5), Waiting),
        (
            "was scaled in",
            ended("a", 2, "ServiceSchedulerInitiated", 5),
            Waiting,
        ),
        (
            "was stopped by a person",
            ended("a", 2, "UserInitiated", 5),
            Waiting,
        ),
        (
            "begins to stop, and ECS does not say when",
            EndedTask {
                stopping_at: None,
                ..ended("a", 2, DIED, 5)
            },
            Waiting,
        ),
    ] {
        let observations = vec![(0, good_observation()), (10, after(vec![task]))];
        assert_eq!(looks(&probing(), observations)[1].0, expected, "{story}");
    }
    let mut first = input();
    first.progress = Some(Progress {
        started_at: Some(at(0)),
        ..Progress::default()
    });
    let observation = after(vec![
        ended("arn:old", 2, DIED, 4),
        ended("arn:new", 2, DIED, 8),
    ]);
    let output = decide(&first, &probing(), &desired(&[2]), observation, at(10));
    assert_eq!(
        output.failure.unwrap().reason,
        "2 tasks of the release died after the rollout; verify.deaths is 0. The last was arn:new: Essential container in \
         task exited (`web` exited with 3)"
    );
}

#[test]
fn as_many_tasks_may_die_as_the_file_tolerates_and_each_counts_once_also_when_ecs_forgets_it() {
    use Outcome::{Unhealthy, Waiting};
    let tolerant = Verify {
        deaths: 2,
        ..probing()
    };
    let died = |name: &str, second| ended(name, 2, "EssentialContainerExited", second);
    let observations = vec![
        (0, good_observation()),
        (10, after(vec![died("a", 5)])),
        (20, after(vec![died("a", 5)])),
        (30, after(vec![died("b", 25)])),
        (40, after(Vec::new())),
        (50, after(vec![died("c", 45)])),
    ];
    let outcomes: Vec<_> = looks(&tolerant, observations)
        .into_iter()
        .map(|(outcome, _)| outcome)
        .collect();
    assert_eq!(
        outcomes,
        [Waiting, Waiting, Waiting, Waiting, Waiting, Unhealthy]
    );
}

#[test]
fn ecs_is_asked_again_before_it_forgets_a_task_that_died() {
    let rare = Verify {
        http: vec![HttpProbe {
            interval_seconds: 3600,
            ..probing().http.remove(0)
        }],
        ..probing()
    };
    assert_eq!(
        looks(&rare, vec![(0, good_observation())]),
        [(Outcome::Waiting, 1800)]
    );
}
