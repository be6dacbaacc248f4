//! Log drivers (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html>).

use super::File;
use crate::service_file::mapping::Problems;

const FARGATE_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let fargate = file.is_for_fargate();
    let routed = file
        .containers
        .iter()
        .any(|container| container.place.get("firelensConfiguration").is_some());
    routers(file, fargate, problems);
    for container in &file.containers {
        let Some(logs) = container.place.get("logConfiguration") else {
            continue;
        };
        let Some((place, driver)) = logs.text("logDriver") else {
            continue;
        };
        if fargate && !FARGATE_DRIVERS.contains(&&*driver) {
            problems.add(
                place
                    .wrong(format!("Fargate has no log driver {driver}"))
                    .hint("it has awslogs, splunk and awsfirelens"),
            );
        }
        if driver == "awsfirelens" && !routed && file.knows_all_containers() {
            problems.add(
                place
                    .wrong("no container of the task routes these logs")
                    .hint("give one container a `firelensConfiguration`"),
            );
        }
        if driver == "awslogs" {
            let options = logs.get("options");
            let lacking: Vec<_> = ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"]
                .into_iter()
                .filter(|name| {
                    options
                        .as_ref()
                        .and_then(|options| options.get(name))
                        .is_none()
                })
                .collect();
            if fargate && !lacking.is_empty() {
                let at = options.as_ref().unwrap_or(&logs);
                problems.add(at.wrong(format!("on Fargate awslogs needs {}", lacking.join(", "))));
            } else if lacking.contains(&"awslogs-group") {
                // "Log driver awslogs requires options: awslogs-group"
                // (<https://github.com/terraform-aws-modules/terraform-aws-ecs/issues/173>)
                let at = options.as_ref().unwrap_or(&logs);
                problems.add(
                    at.wrong("awslogs has no awslogs-group to write to")
                        .hint("add `awslogs-group: <name>` to its options"),
                );
            }
            // "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option."
            // (<https://github.com/terraform-linters/tflint-ruleset-aws/issues/348>) That is about "false"; AWS's own examples
            // write "True" (<https://github.com/aws-observability/aws-otel-collector/tree/main/examples/ecs>).
            if let Some(options) = &options
                && let Some((place, value)) = options.text("awslogs-create-group")
                && !value.eq_ignore_ascii_case("true")
            {
                problems.add(
                    place
                        .wrong(format!(
                            "ECS takes awslogs-create-group only as `true`, not as `{value}`"
                        ))
                        .hint("leave it out: without it no group is created"),
                );
            }
        }
    }
}

/// The containers that route logs (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/firelens-taskdef.html>: "A
/// log router container that contains a FireLens configuration"). "Tasks hosted on Fargate only support the file
/// configuration file type."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_FirelensConfiguration.html>)
fn routers(file: &File<'_>, fargate: bool, problems: &mut Problems) {
    let mut routers = file
        .containers
        .iter()
        .filter_map(|container| Some((container, container.place.get("firelensConfiguration")?)));
    let first = routers.clone().next();
    if let (Some((first, _)), Some((_, second))) = (first, routers.clone().nth(1)) {
        problems.add(
            second
                .odd(format!(
                    "the container `{}` routes the logs of the task already",
                    first.name
                ))
                .hint("a task has one log router: remove one of the two"),
        );
    }
    if fargate
        && let Some((place, kind)) = routers.find_map(|(_, router)| {
            let (place, kind) = router.get("options")?.text("config-file-type")?;
            (kind != "file").then_some((place, kind))
        })
    {
        problems.add(
            place
                .wrong(format!(
                    "on Fargate a log router reads its configuration from a file, not from {kind}"
                ))
                .hint("put the file into the image, and write `config-file-type: file`"),
        );
    }
}
