//! Step `VerifyHealth`: containers, targets, the HTTP probe and the bake time, after ECS called the rollout complete.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    desired::DesiredState,
    evidence::Against,
    failure::{Failure, Stage},
    live::{
        EndedTask, HealthStatus, LiveService, Rollout, RolloutState, Scheduling, TargetHealth,
        TaskHealth,
    },
    look::{self, Look, Uncounted, WITHHELD_AT_MOST, blind_seconds},
    probe::{Finding, ProbeAnswer, Probed, telling},
    record::Release,
    service_file::Verify,
    service_id::ServiceId,
};

/// Seconds between two looks where the service file has no HTTP probe.
const INTERVAL: u64 = 5;
/// The longest time, in seconds, without a look while a service bakes.
const BAKE_INTERVAL: u64 = 30;
/// The longest time, in seconds, between two looks: ECS lists a task for an hour after it has stopped
/// (<https://repost.aws/knowledge-center/ecs-task-stopped>), and no death is to be missed.
const LONGEST_INTERVAL: u64 = 1800;

/// What the step is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// The service.
    pub service: ServiceId,
    /// This execution's ARN.
    pub execution: String,
    /// The release.
    pub release: Release,
    /// The revision that should run.
    pub task_definition: String,
    /// The rollout that came before; none for an execution that began before this was sent.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// The last look: at the rollout, or at the health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look<look::Outcome, Option<Progress>>>,
    /// The progress of the looks so far, as executions say it that began under a definition without [`Self::look`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl Input {
    /// The progress of the looks so far; and for how many seconds nobody could look, before the last look and after it.
    fn so_far(&self, now: Timestamp) -> (Progress, u64, u64) {
        let Some(last) = &self.look else {
            return (self.progress.clone().unwrap_or_default(), 0, 0);
        };
        let unseen = last
            .seen_at
            .map_or(0, |seen_at| blind_seconds(seen_at, last.wait_seconds, now));
        let progress = last.progress.clone().unwrap_or_default();
        (progress, last.blind_seconds, unseen)
    }

    /// For how many seconds ECS could not start tasks up to the last look, and for how many since then, if it still
    /// cannot; none for an execution that passes no look.
    fn withheld(&self, now: Timestamp, unseen: u64) -> Option<(u64, u64)> {
        let last = self.look.as_ref()?;
        let since = seconds_since(last.seen_at?, now).saturating_sub(unseen);
        Some((last.withheld_seconds, since))
    }
}

/// The progress of the verification: counts and times of the looks so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// When the first look was; later by the time in which nobody could look since, which does not count.
    pub started_at: Option<Timestamp>,
    /// Good looks in a row.
    pub successes: u32,
    /// Bad looks in a row.
    pub failures: u32,
    /// Since when the good looks in a row have been enough: the bake time counts from here.
    pub healthy_since: Option<Timestamp>,
    /// The ARNs of the tasks that died since the first look: no more than are tolerated, for one more ends it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deaths: BTreeSet<String>,
    /// What the HTTP probes of the last look were answered, in the order of the file; none where none was sent. Their
    /// bodies are left out: they are for the record of a bad release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeAnswer>,
}

/// What the step answers.
pub type Output = Look<Outcome, Progress>;

/// The outcome of a look at the service's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Look again.
    Waiting,
    /// The release is good.
    Healthy,
    /// The service is to run no task, so nothing of the release can be verified.
    Unproven,
    /// The release is bad.
    Unhealthy,
    /// The probe does not come to the service, which says nothing about the release.
    Misaimed,
    /// A newer release should run.
    Superseded,
}

/// What a look shows of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The service; none if it is gone.
    pub service: Option<LiveService>,
    /// The tasks that run.
    pub tasks: Vec<TaskHealth>,
    /// The tasks that have stopped, as far as ECS remembers them.
    pub ended: Vec<EndedTask>,
    /// The targets in the target groups that serve.
    pub targets: Vec<TargetHealth>,
    /// What came of the HTTP probes that the file asks for, in its order; none if they were not sent.
    pub probes: Vec<Probed>,
}

enum Impression {
    Good,
    /// Fewer tasks run, or are reached, than are wanted, and nothing is wrong with those that do: ECS has not started them,
    /// or replaces what it lost. That is no evidence.
    Short(String),
    /// Targets or answers have not come yet.
    NotYet(String),
    /// What is bad; and after how many such looks in a row it is too much, if a probe says so that is answered like this.
    Bad(String, Option<u32>),
    /// The probe does not come to the service; and after how many looks in a row that is too much.
    Misaimed(String, Option<u32>),
    Lost(Against, String),
    NoTask,
}

/// Decides whether the release is good, from what is seen now and what the looks before came to.
pub fn decide(
    input: &Input,
    verify: &Verify,
    desired: &DesiredState,
    observation: Observation,
    now: Timestamp,
) -> Output {
    let (mut progress, blind_before, unseen) = input.so_far(now);
    progress.started_at = progress.started_at.map(|first| after(first, unseen));
    let started_at = *progress.started_at.get_or_insert(now);
    let probe = telling(&observation.probes).map(|index| &observation.probes[index].answer);
    progress.probes = without_bodies(&observation.probes);
    let failure = |against, reason: &str| Failure {
        stage: Stage::Health,
        against,
        reason: reason.to_owned(),
        probe: probe.cloned(),
        task: None,
    };
    let withheld = input.withheld(now, unseen);
    let withheld_before = withheld.map_or(0, |(before, _)| before);
    let answer = |outcome, reason: String, wait_seconds: u64, progress: &Progress| Output {
        outcome,
        wait_seconds: wait_seconds.min(LONGEST_INTERVAL),
        failure: None,
        reason,
        progress: progress.clone(),
        seen_at: Some(now),
        blind_seconds: blind_before.saturating_add(unseen),
        pause: None,
        paused_seconds: input.look.as_ref().map_or(0, |last| last.paused_seconds),
        withheld_seconds: withheld_before,
    };
    let unhealthy = |against, reason: String, progress: &Progress| Output {
        failure: Some(failure(against, &reason)),
        ..answer(Outcome::Unhealthy, reason, 0, progress)
    };
    let misaimed = |reason: String, progress: &Progress| Output {
        failure: Some(failure(Against::File, &reason)),
        ..answer(Outcome::Misaimed, reason, 0, progress)
    };
    if desired.supersedes(input.release.number) {
        let reason = format!("release {} should run", desired.last_number);
        return answer(Outcome::Superseded, reason, 0, &progress);
    }
    let probes = || verify.http.iter();
    let interval = probes().map(|http| http.interval_seconds).min();
    let interval = interval.unwrap_or(INTERVAL);
    let last_death = progress.count_deaths(&input.task_definition, started_at, &observation.ended);
    let needed = probes().map(|http| http.successes).max().unwrap_or(1);
    let fewest = probes().map(|http| http.failures).min().unwrap_or(3);
    let impression = if is_unseen(input, &observation, now) {
        Impression::NotYet("ECS does not show the change yet".into())
    } else {
        // Whether all tasks ran before: what runs now is judged then, also while some are missing.
        let was_complete = progress.healthy_since.is_some() || progress.failures > 0;
        look(input, verify, &observation, was_complete, now)
    };
    let healthy = |progress: &Progress, since: Timestamp, complaint: Option<String>| {
        let left = seconds_until(after(since, verify.bake_seconds), now);
        let suffix = complaint
            .as_ref()
            .map_or_else(String::new, |short| format!("; {short}"));
        if left > 0 {
            let wait = left.min(interval.max(BAKE_INTERVAL));
            let reason = format!("healthy; bakes for {left} more seconds{suffix}");
            return answer(Outcome::Waiting, reason, wait, progress);
        }
        let rarely = interval.max(seconds_since(started_at, now) / 60);
        if observation.service.as_ref().is_some_and(is_baking) {
            let reason = "healthy; ECS keeps the old tasks until its bake time is over";
            return answer(Outcome::Waiting, reason.into(), rarely, progress);
        }
        let patience = verify.timeout_seconds.saturating_add(verify.bake_seconds);
        if complaint.is_some() && seconds_until(after(started_at, patience), now) > 0 {
            let reason = format!("healthy{suffix}");
            return answer(Outcome::Waiting, reason, rarely, progress);
        }
        answer(
            Outcome::Healthy,
            format!("every check passed{suffix}"),
            0,
            progress,
        )
    };
    let is_short = matches!(impression, Impression::Short(_));
    let is_misaimed = matches!(impression, Impression::Misaimed(..));
    let mut against = Against::Release;
    let reason = match impression {
        Impression::Lost(against, reason) => return unhealthy(against, reason, &progress),
        _ if progress.deaths.len() > usize::try_from(verify.deaths).unwrap_or(usize::MAX) => {
            let reason = dying(progress.deaths.len(), verify, last_death);
            return unhealthy(Against::Release, reason, &progress);
        }
        Impression::NoTask => {
            let reason = "the service's desired count is 0: no task of the release runs, so nothing was verified";
            return answer(Outcome::Unproven, reason.into(), 0, &progress);
        }
        Impression::Good => {
            progress.successes += 1;
            progress.failures = 0;
            if progress.successes >= needed {
                let since = *progress.healthy_since.get_or_insert(now);
                return healthy(&progress, since, None);
            }
            format!("{} of {needed} good looks in a row", progress.successes)
        }
        // It was healthy with all its tasks, so that some are missing now says nothing about it: somebody has scaled it
        // out, or ECS replaces what it lost.
        Impression::Short(reason) => {
            let runs = |task: &TaskHealth| task.task_definition == input.task_definition;
            let since = progress.healthy_since.take();
            if let Some(since) = since.filter(|_| observation.tasks.iter().any(runs)) {
                progress.healthy_since = Some(since);
                return healthy(&progress, since, Some(reason));
            }
            progress.successes = 0;
            against = Against::Platform;
            reason
        }
        Impression::NotYet(reason) => {
            progress.successes = 0;
            progress.healthy_since = None;
            reason
        }
        // A new listener rule is not known everywhere at once, so one look is not enough for a misaimed probe either.
        Impression::Bad(reason, tolerated) | Impression::Misaimed(reason, tolerated) => {
            progress.successes = 0;
            progress.healthy_since = None;
            progress.failures += 1;
            if progress.failures >= tolerated.unwrap_or(fewest) {
                let reason = format!(
                    "{} looks in a row were bad; the last: {reason}",
                    progress.failures
                );
                return if is_misaimed {
                    misaimed(reason, &progress)
                } else {
                    unhealthy(Against::Release, reason, &progress)
                };
            }
            reason
        }
    };
    // ECS cannot start what is missing: that time does not count.
    if let Some((before, short)) = withheld.filter(|_| is_short)
        && before.saturating_add(short) <= WITHHELD_AT_MOST
    {
        progress.started_at = Some(after(started_at, short));
        let wait = interval.max(seconds_since(started_at, now) / 60);
        return Output {
            withheld_seconds: before.saturating_add(short),
            ..answer(Outcome::Waiting, reason, wait, &progress)
        };
    }
    if seconds_until(
        after(started_at, verify.timeout_seconds + verify.bake_seconds),
        now,
    ) == 0
    {
        let withheld = Uncounted {
            withheld: withheld_before,
            ..Uncounted::default()
        };
        let reason = format!(
            "the checks did not pass within {}; the last: {reason}",
            withheld.in_words(verify.timeout_seconds)
        );
        return if is_misaimed {
            misaimed(reason, &progress)
        } else {
            unhealthy(against, reason, &progress)
        };
    }
    // An execution's history holds 25,000 events, and each look costs about ten: looks become rarer as time goes on
    // (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
    answer(
        Outcome::Waiting,
        reason,
        interval.max(seconds_since(started_at, now) / 60),
        &progress,
    )
}

impl Progress {
    /// Adds the tasks of the revision that died since the first look; answers the one that died last. A task that died
    /// before is the business of the rollout, in which ECS replaced it.
    fn count_deaths<'a>(
        &mut self,
        revision: &str,
        first_look: Timestamp,
        ended: &'a [EndedTask],
    ) -> Option<&'a EndedTask> {
        let died = ended.iter().filter(|task| {
            task.task_definition == revision
                && task.stopping_at.is_some_and(|at| at >= first_look)
                && task.died()
        });
        let died: Vec<_> = died.collect();
        let arns = died.iter().map(|ended| ended.task.task.clone());
        self.deaths.extend(arns);
        died.into_iter().max_by_key(|ended| ended.stopping_at)
    }
}

/// Why a release is bad whose tasks keep dying.
fn dying(deaths: usize, verify: &Verify, last: Option<&EndedTask>) -> String {
    let died = match deaths {
        1 => "a task of the release died".to_owned(),
        many => format!("{many} tasks of the release died"),
    };
    let tolerated = format!(
        "{died} after the rollout; verify.deaths is {}",
        verify.deaths
    );
    match last {
        Some(ended) => format!(
            "{tolerated}. The last was {}: {}",
            ended.task.task,
            ended.cause()
        ),
        None => tolerated,
    }
}

/// Whether requests have moved and ECS has not ended its deployment yet. Only deployments that take their time are
/// looked at before that.
fn is_baking(service: &LiveService) -> bool {
    let primary = service.primary();
    let state = primary.and_then(|primary| primary.rollout_state.as_ref());
    service.pace_seconds > 0
        && (state == Some(&RolloutState::InProgress) || service.revisions.len() > 1)
}

fn without_bodies(probes: &[Probed]) -> Vec<ProbeAnswer> {
    let answers = probes.iter().map(|probed| ProbeAnswer {
        body: String::new(),
        ..probed.answer.clone()
    });
    answers.collect()
}

fn seconds_since(start: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(start).as_secs()).unwrap_or(0)
}

fn after(start: Timestamp, seconds: u64) -> Timestamp {
    let duration = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    start.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// Whole seconds, rounded up, so that a wait never ends just before the moment it waits for.
fn seconds_until(then: Timestamp, now: Timestamp) -> u64 {
    let left = then.duration_since(now).as_millis();
    u64::try_from(left).map_or(0, |milliseconds| milliseconds.div_ceil(1000))
}

/// Whether ECS still answers as before the rollout.
fn is_unseen(input: &Input, observation: &Observation, now: Timestamp) -> bool {
    let rollout = input.rollout.as_ref();
    rollout.is_some_and(|rollout| {
        let service = observation.service.as_ref();
        rollout.may_be_unseen(now) && service.is_none_or(|live| rollout.is_before(live, now))
    })
}

/// `was_complete` says whether all tasks of the release ran before.
fn look(
    input: &Input,
    verify: &Verify,
    observation: &Observation,
    was_complete: bool,
    now: Timestamp,
) -> Impression {
    let revision = &input.task_definition;
    let Some(service) = observation
        .service
        .as_ref()
        .filter(|service| service.is_active())
    else {
        return Impression::Lost(Against::Nobody, "the service is gone".into());
    };
    match service.primary() {
        Some(primary) if primary.task_definition == *revision => {}
        Some(primary) => {
            let reason = format!(
                "the service now runs {}: ECS or somebody else changed it",
                primary.task_definition
            );
            // Once a rollout is complete ECS goes back from it by itself only while it bakes.
            let by_ecs = service.pace_seconds > 0;
            let against = if by_ecs {
                Against::Release
            } else {
                Against::Nobody
            };
            return Impression::Lost(against, reason);
        }
        None => {
            let reason = "the service has no primary deployment";
            return Impression::Lost(Against::Nobody, reason.into());
        }
    }
    if service.wants_no_task() {
        return Impression::NoTask;
    }
    let ours = observation
        .tasks
        .iter()
        .filter(|task| task.task_definition == *revision);
    // ECS counts the instances that can run a daemon, and calls it steady before it has
    // (<https://github.com/Shippable/support/issues/4999>).
    if service.scheduling_strategy == Scheduling::Daemon && ours.clone().next().is_none() {
        let rollout = input.rollout.as_ref();
        let is_new = rollout.is_some_and(|rollout| rollout.may_be_unseen(now));
        return match service.desired_count {
            0 if !is_new => Impression::NoTask,
            _ => Impression::Short("no task of the daemon runs".into()),
        };
    }
    if let Some(task) = ours
        .clone()
        .find(|task| task.health_status == HealthStatus::Unhealthy)
    {
        let reason = format!("the task {} fails its container health check", task.task);
        return Impression::Bad(reason, None);
    }
    let wanted = usize::try_from(service.desired_count).unwrap_or(0);
    let running = ours.count();
    let mut short = (service.scheduling_strategy == Scheduling::Replica && running < wanted)
        .then(|| format!("{running} of {wanted} tasks run"));
    if !was_complete && let Some(reason) = short {
        return Impression::Short(reason);
    }
    let state_is = |states: &'static [&'static str]| {
        move |target: &&TargetHealth| states.contains(&&*target.state)
    };
    if let Some(target) = observation
        .targets
        .iter()
        .find(state_is(&["unhealthy", "unavailable"]))
    {
        let why = target.description.as_deref().unwrap_or("no reason given");
        let reason = format!("the target {} is {}: {why}", target.target, target.state);
        return Impression::Bad(reason, None);
    }
    // Every task is a target once for each load balancer.
    let wanted_targets = wanted.saturating_mul(service.balancers.len());
    let healthy = observation
        .targets
        .iter()
        .filter(state_is(&["healthy"]))
        .count();
    if healthy < wanted_targets {
        let reason = format!("{healthy} of {wanted_targets} targets are healthy");
        if !was_complete {
            return Impression::NotYet(reason);
        }
        short.get_or_insert(reason);
    }
    let impression = of_probes(verify, &observation.probes, short.is_none());
    match (impression, short) {
        (Impression::Good, Some(reason)) => Impression::Short(reason),
        (impression, _) => impression,
    }
}

/// `is_served` says whether every target is healthy that the service wants to have.
fn of_probes(verify: &Verify, probes: &[Probed], is_served: bool) -> Impression {
    if probes.len() < verify.http.len() {
        return Impression::NotYet("the HTTP probe was not sent".into());
    }
    let Some(index) = telling(probes) else {
        return Impression::Good;
    };
    let tolerated = verify.http.get(index).map(|http| http.failures);
    let named = |reason: &String| match verify.http.len() {
        1 => reason.clone(),
        _ => format!("verify.http[{index}]: {reason}"),
    };
    match &probes[index].finding {
        Finding::Good => Impression::Good,
        Finding::Unserved(reason) if !is_served => Impression::Bad(named(reason), tolerated),
        Finding::Misaimed(reason) | Finding::Unserved(reason) => {
            Impression::Misaimed(named(reason), tolerated)
        }
        Finding::Wrong(reason) => Impression::Bad(named(reason), tolerated),
    }
}

#[cfg(test)]
mod tests;
