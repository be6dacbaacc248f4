//! Services that Landfall cannot release, whatever their file says.

use crate::{live::Controller, refusal::Refusal, service_id::ServiceId};

/// Refuses a service that CodeDeploy or an external controller rolls out: "Unable to update task definition on services with
/// a CODE_DEPLOY deployment controller" (<https://github.com/sil-org/ecs-deploy/issues/168>).
///
/// CodeDeploy's can be moved in place
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/migrate-code-deploy-to-ecs-blue-green.html>); of no other
/// does AWS say so.
///
/// # Errors
/// Refused with what rolls it out, and what to do.
pub fn foreign_controller(service: &ServiceId, controller: &Controller) -> Result<(), Refusal> {
    let way = match controller {
        Controller::Ecs => return Ok(()),
        Controller::CodeDeploy => {
            "move it to the controller ECS, which has blue/green deployments of its own \
             (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/migrate-code-deploy-to-ecs-blue-green.html)"
        }
        Controller::External | Controller::Other(_) => {
            "create it anew with the controller ECS, under another name if both are to run for a while"
        }
    };
    Err(Refusal::new(format!(
        "{service} has the deployment controller {controller}, which rolls it out itself, and ECS gives it no task definition \
         from anywhere else; {way}, or leave it without a service file"
    )))
}

/// Refuses a service with an ARN of the old format, without the cluster's name: each release tags its service, and for these
/// ECS answers `InvalidParameterException`, "Long arn format must be used for tagging operations"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TagResource.html>,
/// <https://github.com/pulumi/pulumi-aws/issues/930>).
///
/// # Errors
/// Refused with how the ARN is migrated.
pub fn old_arn(service: &ServiceId, arn: &str) -> Result<(), Refusal> {
    match arn.split_once(":service/") {
        Some((_, name)) if !name.contains('/') => Err(Refusal::new(format!(
            "{service} has an ARN of the old format, {arn}, and ECS takes no tags for it, which each release sets; migrate the \
             ARN first: ECS does that in place, and no task stops \
             (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-arn-migration.html)"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::sample::service;

    #[test]
    fn a_service_that_something_else_rolls_out_is_refused_with_the_way_out_of_it() {
        for (controller, parts) in [
            ("ECS", None),
            (
                "CODE_DEPLOY",
                Some(["CODE_DEPLOY", "move it to the controller ECS"]),
            ),
            (
                "EXTERNAL",
                Some(["EXTERNAL", "create it anew with the controller ECS"]),
            ),
            (
                "NEW_ONE",
                Some(["NEW_ONE", "create it anew with the controller ECS"]),
            ),
        ] {
            let refused = foreign_controller(&service(), &controller.into()).err();
            let text = refused.as_ref().map(|refusal| &*refusal.0);
            let told = parts.map(|parts| parts.iter().all(|part| text.unwrap().contains(part)));
            assert_eq!(
                (text.is_some(), told),
                (parts.is_some(), parts.map(|_| true)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_an_arn_without_the_clusters_name_is_of_the_old_format() {
        for (arn, is_old) in [
            ("arn:aws:ecs:eu-west-1:123456789012:service/hello", true),
            ("arn:aws-cn:ecs:cn-north-1:123456789012:service/hello", true),
            (
                "arn:aws:ecs:eu-west-1:123456789012:service/web/hello",
                false,
            ),
            ("arn:service", false),
        ] {
            assert_eq!(old_arn(&service(), arn).is_err(), is_old, "{arn}");
        }
    }
}
