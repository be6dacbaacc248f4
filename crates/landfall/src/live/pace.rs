//! How long a deployment takes on purpose, while requests move from old tasks to new ones.

use serde_json::Value;

/// The times of a `deploymentConfiguration`; none for rolling updates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Minutes that old and new tasks run after all requests have moved.
    pub bake_minutes: f64,
    /// Minutes between two steps.
    pub step_minutes: f64,
    /// How many steps there are before the last one.
    pub steps: f64,
}

impl Pace {
    /// What a `deploymentConfiguration` says. Defaults are AWS's
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>,
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html>).
    pub fn of(configuration: &Value) -> Self {
        let number = |section: &str, member: &str| configuration[section][member].as_f64();
        Self::with(
            configuration["strategy"].as_str().unwrap_or_default(),
            configuration["bakeTimeInMinutes"].as_f64(),
            number("linearConfiguration", "stepPercent"),
            number("linearConfiguration", "stepBakeTimeInMinutes"),
            number("canaryConfiguration", "canaryBakeTimeInMinutes"),
        )
    }

    /// The same, of single members.
    pub fn with(
        strategy: &str,
        bake_minutes: Option<f64>,
        step_percent: Option<f64>,
        step_minutes: Option<f64>,
        canary_minutes: Option<f64>,
    ) -> Self {
        let (steps, step_minutes) = match strategy {
            "LINEAR" => {
                let percent = step_percent.unwrap_or(10.0).max(3.0);
                ((100.0 / percent).ceil() - 1.0, step_minutes.unwrap_or(6.0))
            }
            "CANARY" => (1.0, canary_minutes.unwrap_or(10.0)),
            "BLUE_GREEN" => (0.0, 0.0),
            _ => return Self::default(),
        };
        Self {
            bake_minutes: bake_minutes.unwrap_or(0.0),
            step_minutes,
            steps,
        }
    }

    /// All of it, in seconds.
    pub fn seconds(&self) -> u64 {
        let minutes = self.bake_minutes + self.steps * self.step_minutes;
        (minutes * 60.0).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_strategy_takes_its_time() {
        let linear = json!({ "stepPercent": 30.0, "stepBakeTimeInMinutes": 5 });
        let canary = json!({ "canaryPercent": 5.0, "canaryBakeTimeInMinutes": 20 });
        for (configuration, minutes) in [
            (json!({}), 0),
            (json!({ "strategy": "ROLLING", "bakeTimeInMinutes": 7 }), 0),
            (
                json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 7 }),
                7,
            ),
            (
                json!({ "strategy": "LINEAR", "linearConfiguration": linear, "bakeTimeInMinutes": 1 }),
                3 * 5 + 1,
            ),
            (json!({ "strategy": "LINEAR" }), 9 * 6),
            (
                json!({ "strategy": "CANARY", "canaryConfiguration": canary }),
                20,
            ),
        ] {
            assert_eq!(
                Pace::of(&configuration).seconds(),
                minutes * 60,
                "{configuration}"
            );
        }
    }
}
