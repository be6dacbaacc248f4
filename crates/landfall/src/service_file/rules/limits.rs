//! How much of something a container may use, and how often it is started again.

use super::File;
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    for container in &file.containers {
        for limit in container.place.items("ulimits") {
            soft_within_hard(&limit, problems);
        }
        if let Some(policy) = container.place.get("restartPolicy") {
            restart_period(&policy, problems);
        }
    }
}

/// `setrlimit` answers EINVAL where "rlim->rlim_cur was greater than rlim->rlim_max"
/// (<https://man7.org/linux/man-pages/man2/setrlimit.2.html>), so the container does not start. -1 is no limit.
fn soft_within_hard(limit: &Place<'_>, problems: &mut Problems) {
    if let (Some((place, soft)), Some((_, hard))) =
        (limit.integer("softLimit"), limit.integer("hardLimit"))
        && hard >= 0
        && (soft > hard || soft < 0)
    {
        problems.add(
            place
                .wrong(format!(
                    "the soft limit of {soft} is over the hard limit of {hard}"
                ))
                .hint("write a hard limit that is at least the soft limit"),
        );
    }
}

/// "You can set a minimum restartAttemptPeriod of 60 seconds and a maximum restartAttemptPeriod of 1800 seconds."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerRestartPolicy.html>)
fn restart_period(policy: &Place<'_>, problems: &mut Problems) {
    if let Some((place, seconds)) = policy.integer("restartAttemptPeriod")
        && !(60..=1800).contains(&seconds)
    {
        problems.add(place.wrong(format!(
            "a container has to run for 60 to 1800 seconds before it is started again, and this says {seconds}"
        )));
    }
}
