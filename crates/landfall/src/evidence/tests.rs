use super::*;
use crate::sample::{at, desired, ended, live, release, revision};

#[test]
fn a_task_dies_of_what_it_runs_and_of_nothing_else() {
    let group = "(target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1)";
    let failed = format!("Task failed ELB health checks in {group}");
    let failed_small = format!("task failed ELB health checks in {group}");
    for (story, code, reason, died) in [
        (
            "exits, with any code",
            "EssentialContainerExited",
            "Essential container in task exited",
            true,
        ),
        (
            "takes too much memory",
            "EssentialContainerExited",
            "OutOfMemoryError: Container killed due to memory usage",
            true,
        ),
        (
            "fails its container health check",
            "ServiceSchedulerInitiated",
            "Task failed container health checks",
            true,
        ),
        (
            "fails its target's health check",
            "ServiceSchedulerInitiated",
            failed.as_str(),
            true,
        ),
        (
            "the same in small letters",
            "ServiceSchedulerInitiated",
            failed_small.as_str(),
            true,
        ),
        (
            "a deployment or a lower desired count gives it up",
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment ecs-svc/1)",
            false,
        ),
        (
            "its availability zone has too many",
            "ServiceSchedulerInitiated",
            "Availability Zone rebalancing initiated by (deployment ecs-svc/1)",
            false,
        ),
        (
            "is not placed",
            "TaskFailedToStart",
            "ResourceInitializationError: unable to pull secrets",
            false,
        ),
        (
            "a person stops it",
            "UserInitiated",
            "Task failed container health checks, says a person",
            false,
        ),
        (
            "loses its Spot capacity",
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            false,
        ),
        (
            "loses its instance",
            "TerminationNotice",
            "Host EC2 (instance i-1) terminated.",
            false,
        ),
        (
            "a code that nobody knows yet",
            "SomethingNew",
            "Essential container in task exited",
            false,
        ),
    ] {
        assert_eq!(ended(code, reason).died(), died, "{story}");
    }
    let mut unknown = ended("", "Essential container in task exited");
    unknown.stop_code = None;
    assert!(!unknown.died(), "nothing says why it stopped");
}

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000002";

/// A task that did not start, and which container says why.
fn unstarted(reason: &str, container: Option<&str>) -> EndedTask {
    let mut task = ended("TaskFailedToStart", reason);
    let said = container.map(|name| StoppedContainer {
        name: name.into(),
        exit_code: None,
        reason: Some(reason.into()),
    });
    task.task.containers.extend(said);
    task
}

#[test]
fn a_task_that_never_started_speaks_against_the_release_only_by_an_image_that_it_brings() {
    use Against::{File, Platform, Release};
    let brought = desired(&[2]).brought_by(&release(2));
    assert_eq!(brought, Brought::from([("web".into(), DIGEST.into())]));
    let not_found = format!(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 1.dkr.ecr/hello@{DIGEST}: \
         1.dkr.ecr/hello@{DIGEST}: not found"
    );
    let platform = "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'";
    let timed_out = format!(
        "CannotPullContainerError: failed to resolve ref 1.dkr.ecr/hello@{DIGEST}: dial tcp 10.0.0.1:443: i/o timeout"
    );
    for (reason, container, against) in [
        // Its image.
        (&*not_found, Some("web"), Release),
        (&*not_found, None, Release),
        (platform, Some("web"), Release),
        (
            "CannotStartContainerError: exec: \"serve\": executable file not found in $PATH",
            Some("web"),
            Release,
        ),
        // The image of a container beside it.
        (&*not_found.replace(DIGEST, "sha256:1"), Some("log"), File),
        (platform, Some("log"), File),
        (
            "CannotStartContainerError: permission denied",
            Some("log"),
            File,
        ),
        // The way to a registry.
        (&*timed_out, Some("web"), Platform),
        (
            "CannotPullContainerError: ERROR: toomanyrequests: Too Many Requests.",
            Some("log"),
            Platform,
        ),
        (
            "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: \
             unexpected status code https://registry-1.docker.io/v2/amazon/aws-xray-daemon/manifests/sha256:1",
            Some("log"),
            Platform,
        ),
        (
            "CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
            Some("web"),
            Platform,
        ),
        // What the file names.
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to \
             create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.",
            None,
            File,
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: ResourceNotFoundException: Secrets Manager \
             can't find the specified secret.",
            None,
            File,
        ),
        // The rest.
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: Post \
             \"https://api.ecr.us-west-2.amazonaws.com/\": dial tcp 1.2.3.4:443: i/o timeout",
            None,
            Platform,
        ),
        (
            "Timeout waiting for network interface provisioning to complete.",
            None,
            Platform,
        ),
        ("TaskFailedToStart: RESOURCE:MEMORY", None, Platform),
        ("TaskFailedToStart: AGENT", None, Platform),
        ("TaskFailedToStart: EMPTY CAPACITY PROVIDER", None, Platform),
        (
            "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m",
            Some("web"),
            Platform,
        ),
        ("something that nobody knows yet", Some("web"), Platform),
    ] {
        let task = unstarted(reason, container);
        assert_eq!(task.against(&brought), against, "{container:?}: {reason}");
        assert!(!task.died(), "{reason}");
    }
}

#[test]
fn a_task_that_was_taken_away_speaks_against_the_platform_and_one_that_was_not_needed_against_nobody()
 {
    use Against::{Nobody, Platform, Release};
    for (code, reason, against) in [
        (
            "SpotInterruption",
            "Your Spot Task was interrupted.",
            Platform,
        ),
        (
            "TerminationNotice",
            "Your Spot Task was interrupted.",
            Platform,
        ),
        (
            "EssentialContainerExited",
            "Your Spot Task was interrupted.",
            Platform,
        ),
        (
            "EssentialContainerExited",
            "Host EC2 (instance i-1) terminated.",
            Platform,
        ),
        (
            "ServiceSchedulerInitiated",
            "Amazon ECS is performing maintenance on the underlying infrastructure hosting the task.",
            Platform,
        ),
        (
            "EssentialContainerExited",
            "Essential container in task exited",
            Release,
        ),
        (
            "ServiceSchedulerInitiated",
            "Task failed container health checks",
            Release,
        ),
        (
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment ecs-svc/1)",
            Nobody,
        ),
        ("UserInitiated", "Task stopped by user", Nobody),
        ("SomethingNew", "because", Nobody),
    ] {
        let task = ended(code, reason);
        assert_eq!(task.against(&Brought::new()), against, "{code}: {reason}");
    }
    let mut unsaid = ended("", "Your Spot Task was interrupted.");
    unsaid.stop_code = None;
    assert_eq!(unsaid.against(&Brought::new()), Platform);
}

#[test]
fn an_image_that_the_last_good_release_ran_too_is_not_brought() {
    let mut state = desired(&[2]);
    if let Some(good) = &mut state.last_good {
        good.content.images = release(2).content.images;
    }
    assert_eq!(state.brought_by(&release(2)), Brought::new());
    state.last_good = None;
    assert_eq!(state.brought_by(&release(2)).len(), 1);
}

#[test]
fn one_task_that_died_of_itself_outweighs_the_platform_and_old_tasks_and_events_say_nothing() {
    let eni = "Timeout waiting for network interface provisioning to complete.";
    let stopping = |mut task: EndedTask, second: i64| {
        task.stopping_at = Some(at(second));
        task
    };
    let died = |second| {
        stopping(
            ended(
                "EssentialContainerExited",
                "Essential container in task exited",
            ),
            second,
        )
    };
    let unstarted = |second| stopping(unstarted(eni, None), second);
    let of_another = |mut task: EndedTask| {
        task.task_definition = revision(1);
        task
    };
    let unplaced =
        "(service hello) was unable to place a task. Reason: Capacity is unavailable at this time.";
    let started = "(service hello) has started 1 tasks: (task 1).";
    let deadlock = "(service hello) was unable to stop or start tasks during a deployment because of the service deployment \
                    configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
    let brought = desired(&[2]).brought_by(&release(2));
    for (story, tasks, events, expected) in [
        ("nothing", vec![], vec![], None),
        (
            "never started",
            vec![unstarted(110)],
            vec![],
            Some(Against::Platform),
        ),
        (
            "both",
            vec![died(105), unstarted(110)],
            vec![(110, unplaced)],
            Some(Against::Release),
        ),
        (
            "of the release before",
            vec![of_another(died(105))],
            vec![],
            None,
        ),
        (
            "before the rollout",
            vec![died(99)],
            vec![(99, unplaced)],
            None,
        ),
        (
            "not placed",
            vec![],
            vec![(110, unplaced), (105, started)],
            Some(Against::Platform),
        ),
        (
            "placed since",
            vec![],
            vec![(110, started), (105, unplaced)],
            None,
        ),
        (
            "neither more nor fewer are allowed",
            vec![],
            vec![(110, deadlock)],
            Some(Against::File),
        ),
    ] {
        let mut service = live(2);
        let events = events.into_iter();
        service.events = events
            .map(|(second, text)| (at(second), text.into()))
            .collect();
        let found = of_rollout(&tasks, Some(&service), &revision(2), at(100), &brought);
        assert_eq!(found.map(|evidence| evidence.against), expected, "{story}");
    }
}

#[test]
fn a_person_who_rolls_back_is_known_by_ecs_own_words() {
    assert!(is_by_person("Service deployment rolled back by user"));
    assert!(!is_by_person(
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    ));
}
