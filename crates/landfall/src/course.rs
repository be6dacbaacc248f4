//! How far an execution came with a release, and what stopped it there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    evidence::Against,
    failure::{Failure, NOT_YET, REFUSED, Stage, StepError},
    live::Rollout,
    look::{Look, Outcome},
};

/// How far an execution came with a release, before it went back or to the conclusion.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// The change that ECS accepted.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// The last look.
    #[serde(default)]
    pub look: Option<Look<Outcome, Value>>,
    /// The error of the step that failed for good.
    #[serde(default)]
    pub error: Option<StepError>,
}

impl Course {
    /// What stopped the release. It is only refused where ECS had not accepted it yet: what fails after that may have
    /// changed the service.
    ///
    /// Without an error and a bad look the execution was only to roll back: the ones before it died, which says nothing
    /// about anybody.
    pub fn failure(&self) -> Failure {
        let (stage, against, reason) = match (&self.error, &self.look) {
            (Some(error), _)
                if [REFUSED, NOT_YET].contains(&&*error.error) && self.rollout.is_none() =>
            {
                (Stage::Refused, Against::File, error.message())
            }
            (Some(error), _) => (Stage::Step, Against::File, error.message()),
            (
                None,
                Some(Look {
                    failure: Some(failure),
                    ..
                }),
            ) => return failure.clone(),
            (None, _) => {
                let reason = "several executions died while they worked on it; their history in Step Functions says how";
                (Stage::Step, Against::Nobody, reason.into())
            }
        };
        Failure {
            stage,
            against,
            reason,
            probe: None,
            task: None,
        }
    }
}
