//! IAM roles: their shape, and where one is needed
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>).

use super::File;
use crate::{
    image::Reference,
    service_file::{mapping::Problems, place::Place},
};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    if let Some(service) = &file.service {
        shape(service, "role", problems);
        // "a valid taskRoleArn is not being used"
        if service.is_true("enableExecuteCommand")
            && let (Some(place), Some(task)) = (service.get("enableExecuteCommand"), &file.task)
            && task.get("taskRoleArn").is_none()
        {
            problems.add(
                place
                    .wrong("commands can be executed only in tasks that have a role")
                    .hint("give taskDefinition a `taskRoleArn` that may use ssmmessages"),
            );
        }
    }
    of_the_service(file, problems);
    let Some(task) = &file.task else { return };
    shape(task, "taskRoleArn", problems);
    shape(task, "executionRoleArn", problems);
    if task.get("executionRoleArn").is_some() {
        return;
    }
    if file.is_for_fargate() {
        if let Some(why) = needs_execution_role(file) {
            problems.add(
                task.lacks("executionRoleArn", format!("Fargate needs a role to {why}"))
                    .hint("write `executionRoleArn: arn:aws:iam::<account>:role/ecsTaskExecutionRole`"),
            );
        }
    } else if let Some(container) = with_secrets(file) {
        // "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        // (<https://github.com/fabfuel/ecs-deploy/issues/87>)
        problems.add(
            container
                .wrong("the agent needs a role to read secrets: taskDefinition has no executionRoleArn")
                .hint("write `executionRoleArn: arn:aws:iam::<account>:role/ecsTaskExecutionRole` in taskDefinition"),
        );
    }
}

/// "You cannot specify an IAM role for services that require a service linked role."
/// (<https://github.com/hashicorp/terraform-provider-aws/issues/4657>) "The service-linked role is required if your task
/// definition uses the awsvpc network mode or if the service is configured to use service discovery, an external deployment
/// controller, multiple target groups, or Elastic Inference accelerators"
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>).
fn of_the_service(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let Some(place) = service.get("role") else {
        return;
    };
    let why = if file.network_mode().is("awsvpc") {
        "the network mode awsvpc"
    } else if !service.items("serviceRegistries").is_empty() || file.has("discovery") {
        "service discovery"
    } else if service.items("loadBalancers").len() > 1 {
        "several target groups"
    } else {
        return;
    };
    problems.add(
        place
            .wrong(format!(
                "with {why} ECS uses its service-linked role and takes no other"
            ))
            .hint("leave `role` out"),
    );
}

/// "Fargate requires task definition to have execution role ARN to support …"
fn needs_execution_role(file: &File<'_>) -> Option<&'static str> {
    let logs = |place: &Place<'_>| {
        place
            .get("logConfiguration")
            .is_some_and(|logs| logs.says("logDriver").is("awslogs"))
    };
    let follows = file.document.get("images").is_some_and(|images| {
        matches!(&images.value, crate::service_file::document::NodeValue::Mapping(entries) if !entries.is_empty())
    });
    if with_secrets(file).is_some() {
        Some("read secrets")
    } else if follows
        || file
            .containers
            .iter()
            .any(|container| is_of_ecr(&container.place))
    {
        Some("pull images from ECR")
    } else if file
        .containers
        .iter()
        .any(|container| logs(&container.place))
    {
        Some("write logs")
    } else {
        None
    }
}

/// Whether the image is in a private registry of ECR.
fn is_of_ecr(container: &Place<'_>) -> bool {
    container
        .text("image")
        .is_some_and(|(_, image)| Reference::read(&image).is_some())
}

fn with_secrets<'a>(file: &File<'a>) -> Option<Place<'a>> {
    file.containers
        .iter()
        .filter(|container| !container.place.items("secrets").is_empty())
        .find_map(|container| container.place.get("secrets"))
}

/// A role's name, or `arn:<partition>:iam::<account>:role/<path and name>`.
fn shape(section: &Place<'_>, name: &str, problems: &mut Problems) {
    let Some((place, role)) = section.text(name) else {
        return;
    };
    let fits = match role.strip_prefix("arn:") {
        Some(rest) => {
            let parts: Vec<_> = rest.splitn(5, ':').collect();
            matches!(parts[..], [_, "iam", "", account, resource]
                if account.len() == 12
                    && account.chars().all(|c| c.is_ascii_digit())
                    && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
        }
        None => {
            !role.is_empty()
                && role
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
        }
    };
    if !fits {
        let what = if role.is_empty() {
            "an empty text is no role".to_owned()
        } else {
            format!("`{role}` is no role")
        };
        problems.add(
            place
                .wrong(what)
                .hint("write it like `arn:aws:iam::123456789012:role/name`, or leave it out"),
        );
    }
}
