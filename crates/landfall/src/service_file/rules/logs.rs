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
                let at = options.as_ref().unwrap_or(&logs);
                problems.add(at.odd("awslogs has no awslogs-group to write to"));
            }
        }
    }
}
