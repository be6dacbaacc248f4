//! Where the log of a container is, by its definition.

use serde_json::{Map, Value};

/// Where what a container writes goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To CloudWatch Logs, by the driver `awslogs`.
    CloudWatch(AwsLogs),
    /// To wherever this driver sends it.
    Driver(String),
    /// The definition does not say: on an instance Docker keeps it, and on Fargate nobody does
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html>).
    Unsaid,
}

/// What the driver `awslogs` is told
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsLogs {
    /// `awslogs-group`
    pub group: String,
    /// `awslogs-region`; none where the group is in the Region of the task.
    pub region: Option<String>,
    /// `awslogs-stream-prefix`; none only on instances.
    pub prefix: Option<String>,
}

impl Destination {
    /// Where the log of a container with this definition goes.
    pub fn of(container: &Map<String, Value>) -> Self {
        let configuration = container.get("logConfiguration");
        let driver = configuration.and_then(|configuration| configuration.get("logDriver"));
        let Some(driver) = driver.and_then(Value::as_str) else {
            return Self::Unsaid;
        };
        let option = |name: &str| {
            let value = configuration?.get("options")?.get(name)?.as_str()?;
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        match option("awslogs-group") {
            Some(group) if driver == "awslogs" => Self::CloudWatch(AwsLogs {
                group,
                region: option("awslogs-region"),
                prefix: option("awslogs-stream-prefix"),
            }),
            _ => Self::Driver(driver.to_owned()),
        }
    }
}

impl AwsLogs {
    /// How the streams of a container begin; none without a prefix.
    pub fn streams_of(&self, container: &str) -> Option<String> {
        let prefix = self.prefix.as_ref()?;
        Some(format!("{prefix}/{container}/"))
    }

    /// The stream of a container of a task. With a prefix it is `prefix/container/task id`; without one it is named after the
    /// container's id in Docker, the `runtimeId` of `DescribeTasks`, if that is known
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>,
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html>).
    pub fn stream(&self, container: &str, task: &str, runtime_id: Option<&str>) -> Option<String> {
        match self.streams_of(container) {
            Some(start) => Some(start + task.rsplit('/').next()?),
            None => runtime_id.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn destination(configuration: Value) -> Destination {
        let container = json!({ "name": "web", "logConfiguration": configuration });
        Destination::of(container.as_object().unwrap())
    }

    #[test]
    fn a_container_says_where_its_log_is() {
        let task = "arn:aws:ecs:eu-west-1:123456789012:task/web/9f86d081884c7d65";
        let options = json!({ "awslogs-group": "/ecs/hello", "awslogs-stream-prefix": "ecs", "awslogs-region": "eu-west-1" });
        let named = destination(json!({ "logDriver": "awslogs", "options": options }));
        let Destination::CloudWatch(logs) = named else {
            panic!("{named:?}")
        };
        assert_eq!(logs.region.as_deref(), Some("eu-west-1"));
        assert_eq!(
            logs.stream("web", task, Some("docker")).unwrap(),
            "ecs/web/9f86d081884c7d65"
        );

        let options = json!({ "awslogs-group": "/ecs/hello" });
        let unnamed = destination(json!({ "logDriver": "awslogs", "options": options }));
        let Destination::CloudWatch(logs) = unnamed else {
            panic!("{unnamed:?}")
        };
        assert_eq!(logs.stream("web", task, Some("docker")).unwrap(), "docker");
        assert_eq!(logs.stream("web", task, None), None);

        for (configuration, expected) in [
            (json!(null), Destination::Unsaid),
            (
                json!({ "logDriver": "awsfirelens", "options": { "awslogs-group": "/ecs/hello" } }),
                Destination::Driver("awsfirelens".into()),
            ),
            (
                json!({ "logDriver": "awslogs" }),
                Destination::Driver("awslogs".into()),
            ),
        ] {
            assert_eq!(destination(configuration), expected);
        }
    }
}
