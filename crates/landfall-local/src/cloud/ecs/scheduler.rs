//! What the service scheduler does next: a pure function of one service and its tasks.

/// One service as the scheduler sees it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) desired: usize,
    pub(super) minimum_healthy_percent: usize,
    pub(super) maximum_percent: usize,
    /// The PRIMARY deployment is being rolled out.
    pub(super) in_progress: bool,
    /// The PRIMARY deployment has failed and may start nothing more.
    pub(super) frozen: bool,
    /// Some deployment of this service has once been completed.
    pub(super) completed_before: bool,
    /// The deployment circuit breaker's threshold, where it is switched on.
    pub(super) failure_threshold: Option<usize>,
    pub(super) failed_tasks: usize,
    /// The deployment may not start a task yet, because so many have failed.
    pub(super) throttled: bool,
    /// Old and new tasks stay side by side until requests have moved.
    pub(super) side_by_side: Option<Side>,
    pub(super) tasks: Vec<TaskView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskView {
    pub(super) arn: String,
    pub(super) primary: bool,
    /// Of a deployment that a newer one took the place of before requests had moved to it.
    pub(super) leftover: bool,
    pub(super) condition: Condition,
}

/// What is done where old and new tasks are side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Leftovers make way, nothing starts.
    Reconcile,
    /// Nothing starts, and nothing makes way.
    Hold,
    /// New tasks start.
    ScaleUp,
    /// Both stay as they are.
    Keep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Not up yet: being started, or without a verdict of its health checks.
    Starting,
    /// Running and, by every health check it has, healthy.
    Up,
    /// A health check has failed; the reason as the stopped task will say it.
    Unhealthy(String),
    /// On its way down.
    Stopping,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Tasks of the PRIMARY deployment to start.
    pub(super) starts: usize,
    pub(super) stops: Vec<Stop>,
    pub(super) turn: Option<Turn>,
    /// Nothing is left to do and everything that should be up is.
    pub(super) steady: bool,
    /// Tasks are missing, but both percentages forbid every start and every stop, and nothing is under way to change that.
    pub(super) deadlocked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) arn: String,
    pub(super) why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Of another deployment than the PRIMARY one, or one too many.
    Surplus,
    /// Failed this health check.
    Unhealthy(String),
}

/// A change of the PRIMARY deployment's rollout state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Every new task is up: requests may move.
    Shift,
    Complete,
    Fail,
}

/// ECS's rolling update
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>).
///
/// The scheduler never stops a healthy task when that would leave fewer healthy ones than the minimum healthy percent of
/// the desired count (rounded up), and never starts one when that would make more living ones than the maximum percent
/// (rounded down). Within these it keeps old tasks until new ones are up, and gives old ones up early only where there is
/// no room to start. Unhealthy tasks are stopped at once: they do not count as healthy anyway.
pub(super) fn plan(view: &View) -> Plan {
    let mut plan = Plan::default();
    if view.in_progress
        && view
            .failure_threshold
            .is_some_and(|threshold| view.failed_tasks >= threshold)
    {
        plan.turn = Some(Turn::Fail);
        return plan;
    }
    let abandoned = view.frozen && !view.completed_before;
    let desired = if abandoned { 0 } else { view.desired };
    if let Some(side) = view.side_by_side {
        return beside(view, desired, side);
    }
    let lower = (desired * view.minimum_healthy_percent).div_ceil(100);
    let upper = desired * view.maximum_percent / 100;

    let living: Vec<&TaskView> = view
        .tasks
        .iter()
        .filter(|task| task.condition != Condition::Stopping)
        .collect();
    let mut remaining: Vec<&TaskView> = vec![];
    for task in living {
        match &task.condition {
            Condition::Unhealthy(reason) => {
                plan.stops.push(stop(task, Why::Unhealthy(reason.clone())))
            }
            Condition::Starting if !task.primary => plan.stops.push(stop(task, Why::Surplus)),
            _ => remaining.push(task),
        }
    }
    let is_up = |task: &&&TaskView| task.condition == Condition::Up;
    let mut up = remaining.iter().filter(is_up).count();
    let primary: Vec<&TaskView> = remaining
        .iter()
        .filter(|task| task.primary)
        .copied()
        .collect();
    let old: Vec<&TaskView> = remaining
        .iter()
        .filter(|task| !task.primary)
        .copied()
        .collect();
    let primary_up = primary.iter().filter(is_up).count();

    // Too many of the PRIMARY deployment: the desired count has been lowered. Those that are not up yet go first.
    let surplus = primary.len().saturating_sub(desired);
    let mut leaving: Vec<&TaskView> = primary
        .iter()
        .filter(|task| task.condition == Condition::Starting)
        .copied()
        .collect();
    leaving.extend(primary.iter().filter(is_up).copied());
    for task in leaving.into_iter().take(surplus) {
        up -= usize::from(task.condition == Condition::Up);
        plan.stops.push(stop(task, Why::Surplus));
    }
    let mut alive = remaining.len() - surplus;

    let missing = if view.frozen || view.throttled {
        0
    } else {
        desired.saturating_sub(primary.len())
    };
    let replaced = old.len().saturating_sub(desired.saturating_sub(primary_up));
    let in_the_way = if missing > 0 {
        (alive + missing).saturating_sub(upper)
    } else {
        0
    };
    let leave = replaced
        .max(in_the_way)
        .min(old.len())
        .min(up.saturating_sub(lower));
    for task in old.iter().take(leave) {
        plan.stops.push(stop(task, Why::Surplus));
    }
    alive -= leave;
    plan.starts = missing.min(upper.saturating_sub(alive));

    let under_way = |task: &TaskView| task.condition != Condition::Up;
    plan.deadlocked = missing > 0
        && plan.starts == 0
        && plan.stops.is_empty()
        && !view.tasks.iter().any(under_way);

    let drained = view
        .tasks
        .iter()
        .all(|task| task.primary && task.condition == Condition::Up);
    plan.steady = !view.frozen && drained && view.tasks.len() == desired && plan.starts == 0;
    if plan.steady && view.in_progress {
        plan.turn = Some(Turn::Complete);
    }
    plan
}

/// The part of a deployment in which the tasks that serve are left alone, whatever becomes of the new ones.
fn beside(view: &View, desired: usize, side: Side) -> Plan {
    let mut plan = Plan::default();
    let (mut primary, mut up) = (0, 0);
    for task in &view.tasks {
        match &task.condition {
            Condition::Stopping => {}
            Condition::Unhealthy(reason) => {
                plan.stops.push(stop(task, Why::Unhealthy(reason.clone())));
            }
            _ if task.leftover && side == Side::Reconcile => {
                plan.stops.push(stop(task, Why::Surplus));
            }
            _ if task.primary && primary == desired => plan.stops.push(stop(task, Why::Surplus)),
            condition if task.primary => {
                primary += 1;
                up += usize::from(*condition == Condition::Up);
            }
            _ => {}
        }
    }
    let may_start =
        !view.frozen && !view.throttled && !matches!(side, Side::Reconcile | Side::Hold);
    if may_start {
        plan.starts = desired - primary;
    }
    if side == Side::ScaleUp && view.in_progress && up == desired {
        plan.turn = Some(Turn::Shift);
    }
    plan
}

/// How many failed tasks make a deployment fail: half the desired count, rounded up, at least 3 and at most 200
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).
pub(super) fn failure_threshold(desired: usize) -> usize {
    desired.div_ceil(2).clamp(3, 200)
}

fn stop(task: &TaskView, why: Why) -> Stop {
    Stop {
        arn: task.arn.clone(),
        why,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    fn service(desired: usize, minimum_healthy_percent: usize, maximum_percent: usize) -> View {
        View {
            desired,
            minimum_healthy_percent,
            maximum_percent,
            in_progress: true,
            frozen: false,
            completed_before: true,
            failure_threshold: None,
            failed_tasks: 0,
            throttled: false,
            side_by_side: None,
            tasks: vec![],
        }
    }

    fn with(mut view: View, primary: bool, condition: Condition, count: usize) -> View {
        for _ in 0..count {
            let arn = view.tasks.len().to_string();
            view.tasks.push(TaskView {
                arn,
                primary,
                leftover: false,
                condition: condition.clone(),
            });
        }
        view
    }

    #[test]
    fn a_steady_service_is_left_alone() {
        let mut view = with(service(3, 100, 200), true, Condition::Up, 3);
        view.in_progress = false;
        assert_eq!(
            plan(&view),
            Plan {
                steady: true,
                ..Plan::default()
            }
        );
    }

    #[test]
    fn the_threshold_is_half_the_desired_count_within_three_and_two_hundred() {
        let thresholds = [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (800, 200)];
        assert_eq!(
            thresholds.map(|(desired, _)| failure_threshold(desired)),
            thresholds.map(|(_, expected)| expected)
        );
    }

    #[test]
    fn with_room_for_both_the_old_tasks_stay_until_the_new_ones_are_up() {
        let began = plan(&with(service(2, 50, 200), false, Condition::Up, 2));
        assert_eq!((began.starts, began.stops.len()), (2, 0));
        let half = with(
            with(service(2, 50, 200), false, Condition::Up, 2),
            true,
            Condition::Up,
            1,
        );
        assert_eq!((plan(&half).starts, plan(&half).stops.len()), (1, 1));
    }

    #[test]
    fn without_room_old_tasks_make_way_down_to_the_minimum() {
        let plan = plan(&with(service(4, 50, 100), false, Condition::Up, 4));
        assert_eq!((plan.starts, plan.stops.len()), (2, 2));
    }

    #[test]
    fn a_first_deployment_that_failed_keeps_nothing_running() {
        let mut view = with(
            with(service(2, 100, 200), true, Condition::Up, 1),
            true,
            Condition::Starting,
            1,
        );
        (view.frozen, view.in_progress, view.completed_before) = (true, false, false);
        assert_eq!(plan(&view).stops.len(), 2);
        assert_eq!(plan(&view).starts, 0);
    }

    #[test]
    fn a_rollout_obeys_both_limits_at_every_moment_whatever_the_tasks_do() {
        for seed in 0..2000 {
            let mut rng = StdRng::seed_from_u64(seed);
            let desired = rng.random_range(0..8);
            let minimum = [0, 50, 75, 100][rng.random_range(0..4)];
            let maximum = [100, 125, 150, 200][rng.random_range(0..4)];
            let mut view = with(
                service(desired, minimum, maximum),
                false,
                Condition::Up,
                desired,
            );
            let (lower, upper) = ((desired * minimum).div_ceil(100), desired * maximum / 100);
            let mut next = view.tasks.len();
            let (mut completed, mut deadlocked) = (false, false);
            for step in 0..400 {
                let up = |view: &View| {
                    view.tasks
                        .iter()
                        .filter(|task| task.condition == Condition::Up)
                        .count()
                };
                let before = up(&view);
                let plan = plan(&view);
                completed |= plan.turn == Some(Turn::Complete);
                deadlocked |= plan.deadlocked;
                for stop in &plan.stops {
                    let task = view
                        .tasks
                        .iter_mut()
                        .find(|task| task.arn == stop.arn)
                        .unwrap();
                    task.condition = Condition::Stopping;
                }
                assert!(
                    up(&view) >= lower.min(before),
                    "seed {seed}: below the minimum"
                );
                for _ in 0..plan.starts {
                    let task = TaskView {
                        arn: next.to_string(),
                        primary: true,
                        leftover: false,
                        condition: Condition::Starting,
                    };
                    view.tasks.push(task);
                    next += 1;
                }
                let living = view
                    .tasks
                    .iter()
                    .filter(|task| task.condition != Condition::Stopping)
                    .count();
                assert!(
                    living <= upper.max(desired),
                    "seed {seed}: above the maximum"
                );
                let calm = step > 200;
                view.tasks
                    .retain(|task| task.condition != Condition::Stopping || !rng.random_bool(0.5));
                for task in &mut view.tasks {
                    if task.condition == Condition::Starting && rng.random_bool(0.5) {
                        let bad = !calm && rng.random_bool(0.2);
                        task.condition = if bad {
                            Condition::Unhealthy("bad".into())
                        } else {
                            Condition::Up
                        };
                    } else if task.condition == Condition::Up && !calm && rng.random_bool(0.02) {
                        task.condition = Condition::Unhealthy("worn".into());
                    }
                }
            }
            assert!(
                completed || deadlocked,
                "seed {seed}: {desired} tasks, {minimum}/{maximum} % never completed"
            );
        }
    }
}
