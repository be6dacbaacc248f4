//! Changes that ECS cannot make in place, named before anything is touched.
//!
//! `UpdateService` has every member of `CreateService` but `launchType`, `role`, `schedulingStrategy`, `serviceName`, `tags`
//! and `clientToken` (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>). Names make
//! another service; tags have calls of their own.

use serde_json::Value;

use super::{
    LiveService,
    out_of_reach::{foreign_controller, old_arn},
};
use crate::{live::Scheduling, refusal::Refusal, service_file::ServiceFile, service_id::ServiceId};

/// Compares what the file says with what the service was created with. A member that the file does not have is not
/// compared.
///
/// # Errors
/// Refused with everything that would have to be created anew: what, from what, to what, and what to do; and if
/// something else controls the service's deployments, or ECS takes no tags for it.
pub fn refuse(
    service: &ServiceId,
    file: &ServiceFile,
    live: Option<&LiveService>,
) -> Result<(), Refusal> {
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Ok(());
    };
    foreign_controller(service, &live.controller)?;
    old_arn(service, &live.arn)?;
    let differences: Vec<_> = [
        launch_type(file, live),
        scheduling_strategy(file, live),
        role(file, live),
    ]
    .into_iter()
    .flatten()
    .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "ECS cannot change {service} in place as its file says. {}",
        differences.join(" ")
    )))
}

fn text<'a>(file: &'a ServiceFile, member: &str) -> Option<&'a str> {
    file.service.get(member).and_then(Value::as_str)
}

/// A service whose file names capacity providers has no launch type any more, and one that has some goes back to its
/// launch type with an empty strategy.
fn launch_type(file: &ServiceFile, live: &LiveService) -> Option<String> {
    let wanted = text(file, "launchType")?;
    let has_strategy = |strategy: &Value| strategy.as_array().is_some_and(|each| !each.is_empty());
    if file
        .service
        .get("capacityProviderStrategy")
        .is_some_and(has_strategy)
    {
        return None;
    }
    let launched = live.created.launch_type.as_deref()?;
    (launched != wanted).then(|| {
        let provider = match wanted {
            "FARGATE" => "FARGATE",
            _ => "one of your capacity providers",
        };
        format!(
            "service.launchType is {wanted}, but the service was created with {launched}: write \
             service.capacityProviderStrategy with {provider} instead of launchType, which can be changed in place, or \
             create a service of another name."
        )
    })
}

fn scheduling_strategy(file: &ServiceFile, live: &LiveService) -> Option<String> {
    let wanted = text(file, "schedulingStrategy")?;
    (live.scheduling_strategy != Scheduling::from(wanted)).then(|| {
        format!(
            "service.schedulingStrategy is {wanted}, but the service was created with {}: create a service of another name, \
             or delete this one first.",
            live.scheduling_strategy
        )
    })
}

/// The file may name a role or give its ARN; ECS answers the ARN.
fn role(file: &ServiceFile, live: &LiveService) -> Option<String> {
    let wanted = text(file, "role")?;
    let has = live.created.role.as_deref()?;
    let named = has == wanted || has.ends_with(&format!("/{wanted}"));
    (!named).then(|| {
        format!(
            "service.role is {wanted}, but the service was created with {has}: remove service.role, or create a service of \
             another name."
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::{live::CreatedWith, sample::*};

    fn describe(members: Value, created: CreatedWith) -> String {
        let mut file = file();
        file.service = members.as_object().cloned().unwrap_or_default();
        let live = LiveService { created, ..live(1) };
        match refuse(&service(), &file, Some(&live)) {
            Ok(()) => String::new(),
            Err(refusal) => refusal.0,
        }
    }

    fn launched(launch_type: &str) -> CreatedWith {
        CreatedWith {
            launch_type: Some(launch_type.into()),
            role: Some("arn:aws:iam::123456789012:role/ecs".into()),
        }
    }

    #[test]
    fn what_the_service_was_created_with_is_no_difference() {
        for members in [
            json!({}),
            json!({"launchType": "EC2", "schedulingStrategy": "REPLICA", "role": "ecs"}),
            json!({"role": "arn:aws:iam::123456789012:role/ecs"}),
            json!({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
        ] {
            assert_eq!(describe(members.clone(), launched("EC2")), "", "{members}");
        }
        let mut file = file();
        file.service
            .insert("schedulingStrategy".into(), json!("DAEMON"));
        assert_eq!(refuse(&service(), &file, None), Ok(()));
    }

    #[test]
    fn a_service_that_no_release_can_change_is_refused_before_its_file_is_compared() {
        let old = "arn:aws:ecs:eu-west-1:123456789012:service/hello";
        for (live, told) in [
            (
                LiveService {
                    arn: old.into(),
                    ..live(1)
                },
                "an ARN of the old format",
            ),
            (
                LiveService {
                    controller: "CODE_DEPLOY".into(),
                    ..live(1)
                },
                "the deployment controller CODE_DEPLOY",
            ),
        ] {
            let refused = refuse(&service(), &file(), Some(&live)).unwrap_err();
            assert!(refused.0.contains(told), "{}", refused.0);
        }
    }

    #[test]
    fn every_difference_is_reported_with_both_sides_and_what_to_do() {
        let description = describe(
            json!({"launchType": "FARGATE", "schedulingStrategy": "DAEMON", "role": "other"}),
            launched("EC2"),
        );
        for part in [
            "ECS cannot change web/hello in place as its file says.",
            "service.launchType is FARGATE, but the service was created with EC2: write service.capacityProviderStrategy with FARGATE",
            "service.schedulingStrategy is DAEMON, but the service was created with REPLICA: create a service of another name",
            "service.role is other, but the service was created with arn:aws:iam::123456789012:role/ecs: remove service.role",
        ] {
            assert!(description.contains(part), "{description}");
        }
    }
}
