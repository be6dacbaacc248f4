//! The plan of a release: the steps that its service file asks for besides a new revision.

use serde::{Deserialize, Serialize};

use crate::{record::TaskDefinition, service_file::ServiceFile};

/// What an execution has to do for a release, in this order. The state machine goes to the first that is true; for a push
/// to a service whose file has not changed, all are false.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The revision to run.
    pub task_definition: TaskDefinition,
    /// The ARN of the revision that an adopted service ran, into which the images were filled; none if the file has the
    /// section `taskDefinition`.
    pub base: Option<String>,
    /// How long, in seconds, ECS may take to roll the revision out, from the service file.
    pub timeout_seconds: u64,
    /// Run the tasks of the section `before`.
    pub before: bool,
    /// Keep the Cloud Map service of the section `discovery`.
    pub discovery: bool,
    /// Keep the target group and listener rule of the section `ingress`.
    pub ingress: bool,
    /// Run the tasks of the section `after`.
    pub after: bool,
    /// Bring Application Auto Scaling in step with the section `autoscaling`.
    pub scaling: bool,
    /// Remove the listener rule, or rule and target group, that this release's file does not name, and the last good one's
    /// does, or a release that came after it may have left.
    pub tidy: bool,
}

impl Plan {
    /// The plan for a release with this `file`, after the one with the file `last_good`, where that is another one.
    ///
    /// The service, its cluster, ingress, scaling and discovery can differ from the file only where the file's sections
    /// are applied at all; the one-off tasks run for every release.
    pub fn new(
        task_definition: TaskDefinition,
        base: Option<String>,
        apply_service: bool,
        file: &ServiceFile,
        last_good: Option<&ServiceFile>,
    ) -> Self {
        Self {
            task_definition,
            base,
            timeout_seconds: file.verify.timeout_seconds,
            before: !file.before.is_empty(),
            discovery: apply_service && file.discovery.is_some(),
            ingress: apply_service && file.ingress.is_some(),
            after: !file.after.is_empty(),
            scaling: scaling(apply_service, file, last_good),
            tidy: apply_service && left_listener(file, last_good).is_some(),
        }
    }
}

/// Whether Application Auto Scaling may have something else than the file says: only where the file's sections are
/// applied at all, and only if this file or the last good one scales the service.
pub fn scaling(apply_service: bool, file: &ServiceFile, last_good: Option<&ServiceFile>) -> bool {
    apply_service
        && (file.autoscaling.is_some() || last_good.is_some_and(|good| good.autoscaling.is_some()))
}

/// The listener on which the last good file has a rule and this one has none: another one, or this file has no `ingress`.
pub fn left_listener<'a>(
    file: &ServiceFile,
    last_good: Option<&'a ServiceFile>,
) -> Option<&'a str> {
    let before = &*last_good?.ingress.as_ref()?.listener_arn;
    let now = file.ingress.as_ref().map(|ingress| &*ingress.listener_arn);
    (now != Some(before)).then_some(before)
}

#[cfg(test)]
mod tests;
