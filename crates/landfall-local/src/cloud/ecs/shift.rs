//! The stages of a deployment that has two revisions side by side, and how its requests move from one to the other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far such a deployment is: its `lifecycleStage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Stage {
    /// Tasks of deployments that were under way before, and that no request goes to, make way.
    ReconcileService,
    /// No new task has started.
    PreScaleUp,
    /// The new tasks come up.
    ScaleUp,
    /// The new tasks are up, and no request goes to them.
    PostScaleUp,
    /// Test requests would go to the new tasks by now.
    PostTestTrafficShift,
    /// Requests are about to move, by one step.
    PreProductionTrafficShift,
    /// Requests have moved by a step.
    ProductionTrafficShift,
    /// All requests have moved.
    PostProductionTrafficShift,
    /// Both are up, and all requests go to the new ones.
    BakeTime,
    /// The old tasks go.
    CleanUp,
}

/// How requests move from one deployment to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shift {
    pub(super) stage: Stage,
    /// The deployment that the requests went to before.
    pub(super) serving: Option<String>,
    /// The percentage that the new one gets with each step, and for how many minutes it is left at that.
    steps: Vec<(f64, f64)>,
    /// How many steps have been taken.
    pub(super) taken: usize,
    bake_minutes: f64,
    /// When the stage ends, if it ends by time.
    pub(super) until: Option<f64>,
}

impl Shift {
    /// As a `deploymentConfiguration` says; none for rolling updates. Defaults are those of `LinearConfiguration` and
    /// `CanaryConfiguration` (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>).
    pub(super) fn planned(configuration: &Value, serving: Option<String>) -> Option<Self> {
        let number = |section: &str, member: &str, default: f64| {
            configuration[section][member].as_f64().unwrap_or(default)
        };
        let mut steps = match configuration["strategy"].as_str()? {
            "BLUE_GREEN" => vec![],
            "LINEAR" => {
                let percent = number("linearConfiguration", "stepPercent", 10.0).max(3.0);
                let minutes = number("linearConfiguration", "stepBakeTimeInMinutes", 6.0);
                let percents = (1..).map(|step| f64::from(step) * percent);
                let before = percents.take_while(|percent| *percent < 100.0);
                before.map(|percent| (percent, minutes)).collect()
            }
            "CANARY" => vec![(
                number("canaryConfiguration", "canaryPercent", 5.0),
                number("canaryConfiguration", "canaryBakeTimeInMinutes", 10.0),
            )],
            _ => return None,
        };
        steps.push((100.0, 0.0));
        let bake_minutes = configuration["bakeTimeInMinutes"].as_f64().unwrap_or(0.0);
        Some(Self::begun(serving, steps, bake_minutes))
    }

    /// The way back: at once, as soon as what was good is up.
    pub(super) fn back(serving: Option<String>) -> Self {
        Self::begun(serving, vec![(100.0, 0.0)], 0.0)
    }

    fn begun(serving: Option<String>, steps: Vec<(f64, f64)>, bake_minutes: f64) -> Self {
        Self {
            stage: Stage::ReconcileService,
            serving,
            steps,
            taken: 0,
            bake_minutes,
            until: None,
        }
    }

    /// The percentage of the requests that go to the new deployment.
    pub(super) fn percent(&self) -> f64 {
        let last = self.taken.checked_sub(1);
        last.and_then(|last| self.steps.get(last))
            .map_or(0.0, |(percent, _)| *percent)
    }

    /// The stage after this one, which ends `until` a moment if it ends by time; none after the last, and where the tasks are
    /// waited for.
    pub(super) fn next(&self, now: f64, minute: f64) -> Option<Self> {
        let mut next = self.clone();
        next.until = None;
        let mut for_minutes = |minutes: f64| {
            next.until = (minutes > 0.0).then_some(now + minutes * minute);
        };
        next.stage = match self.stage {
            Stage::ReconcileService => Stage::PreScaleUp,
            Stage::PreScaleUp => Stage::ScaleUp,
            Stage::PostScaleUp => Stage::PostTestTrafficShift,
            Stage::PostTestTrafficShift => Stage::PreProductionTrafficShift,
            Stage::PreProductionTrafficShift => {
                for_minutes(
                    self.steps
                        .get(self.taken)
                        .map_or(0.0, |(_, minutes)| *minutes),
                );
                next.taken += 1;
                Stage::ProductionTrafficShift
            }
            Stage::ProductionTrafficShift if self.taken < self.steps.len() => {
                Stage::PreProductionTrafficShift
            }
            Stage::ProductionTrafficShift => Stage::PostProductionTrafficShift,
            Stage::PostProductionTrafficShift => {
                for_minutes(self.bake_minutes);
                Stage::BakeTime
            }
            Stage::BakeTime => Stage::CleanUp,
            Stage::ScaleUp | Stage::CleanUp => return None,
        };
        Some(next)
    }
}
