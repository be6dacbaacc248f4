//! Pages of the AWS console about what a command shows.

use landfall::{
    container_log::Destination, partition::Partition, record::Record, service_file::ServiceFile,
    service_id::ServiceId, task_definition::containers,
};

use crate::{view::Reader, which::Landfall};

/// The pages about a release that has ended: what is to be seen there, and the address. None for a Landfall on this machine; without
/// those of its logs if its file cannot be read.
pub(crate) async fn pages(
    landfall: &Landfall,
    reader: &Reader,
    record: &Record,
) -> Vec<(String, String)> {
    if landfall.is_here {
        return Vec::new();
    }
    let file = reader.file(&record.release.content).await.ok();
    of_release(record, file.as_ref())
}

/// The same of a release with this file, for the logs of containers that write to CloudWatch Logs.
fn of_release(record: &Record, file: Option<&ServiceFile>) -> Vec<(String, String)> {
    let Some(arn) = record.execution.as_deref() else {
        return Vec::new();
    };
    let mut groups: Vec<(String, Option<String>)> = Vec::new();
    for container in file
        .into_iter()
        .flat_map(|file| containers(&file.task_definition))
    {
        if let Destination::CloudWatch(logs) = Destination::of(container) {
            let group = (logs.group, logs.region);
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    let logs = groups.into_iter().map(|(group, region)| {
        let page = log(arn, region.as_deref(), &group, None);
        (format!("log {group}"), page)
    });
    let pages = [
        ("execution".to_owned(), execution(arn)),
        ("deployments".to_owned(), deployments(&record.service, arn)),
    ];
    let pages = pages.into_iter().chain(logs);
    pages
        .filter_map(|(what, page)| Some((what, page?)))
        .collect()
}

/// The page of an execution, by its ARN; none where no source says what the console's hosts are called.
pub(crate) fn execution(arn: &str) -> Option<String> {
    let region = region(arn)?;
    let console = Partition::of(region).console()?;
    Some(format!(
        "https://{region}.{console}/states/home?region={region}#/v2/executions/details/{arn}"
    ))
}

/// The page of a service, in the Region of something else's ARN; none as of [`execution`].
pub(crate) fn service(service: &ServiceId, arn: &str) -> Option<String> {
    part_of_service(service, arn, "")
}

/// The page of a service's deployments, likewise.
fn deployments(service: &ServiceId, arn: &str) -> Option<String> {
    part_of_service(service, arn, "/deployments")
}

fn part_of_service(service: &ServiceId, arn: &str, part: &str) -> Option<String> {
    let region = region(arn)?;
    let console = Partition::of(region).console()?;
    let (cluster, name) = (service.cluster(), service.service());
    Some(format!(
        "https://{region}.{console}/ecs/v2/clusters/{cluster}/services/{name}{part}?region={region}"
    ))
}

/// The page of a log group, or of one of its streams, in this Region or else in that of something's ARN; none as of [`execution`].
pub(crate) fn log(
    arn: &str,
    region_of_group: Option<&str>,
    group: &str,
    stream: Option<&str>,
) -> Option<String> {
    let region = region_of_group.or_else(|| region(arn))?;
    let console = Partition::of(region).console()?;
    let stream = stream.map(|stream| format!("/{}", twice_encoded(stream)));
    Some(format!(
        "https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}/log-events{}",
        twice_encoded(group),
        stream.unwrap_or_default()
    ))
}

/// The console encodes names twice, and writes `$` for the first `%` (<https://stackoverflow.com/a/60818699>).
fn twice_encoded(name: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("$25{byte:02X}"),
    };
    name.bytes().map(encoded).collect()
}

/// `arn:<partition>:<service>:<Region>:…`
fn region(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_pages_of_a_release_are_those_of_its_execution_deployments_and_logs() {
        let example = include_str!("../../events/schemas/examples/release-concluded.json");
        let example: serde_json::Value = serde_json::from_str(example).unwrap();
        let record: Record = serde_json::from_value(example["detail"].clone()).unwrap();
        let log = "logConfiguration: { logDriver: awslogs, options: { awslogs-group: hello, awslogs-stream-prefix: ecs } }";
        let file = format!(
            "cluster: {{ clusterName: web }}\nservice: {{ serviceName: hello }}\ntaskDefinition:\n  family: hello\n  \
             containerDefinitions:\n    - {{ name: web, image: hello, memory: 64, {log} }}\n    \
             - {{ name: proxy, image: proxy, memory: 64, {log} }}\n"
        );
        let file = ServiceFile::parse(file.as_bytes()).unwrap();
        let pages = of_release(&record, Some(&file));
        let of: Vec<_> = pages.iter().map(|(what, _)| &**what).collect();
        assert_eq!(of, ["execution", "deployments", "log hello"]);
        assert!(
            pages[1]
                .1
                .ends_with("/services/hello/deployments?region=eu-west-1"),
            "{pages:?}"
        );
        assert_eq!(of_release(&record, None).len(), 2);
    }

    #[test]
    fn pages_are_those_of_the_partition() {
        let arn = "arn:aws-cn:states:cn-north-1:000000000000:execution:landfall-release:hello-1";
        assert_eq!(
            execution(arn).unwrap(),
            format!(
                "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/{arn}"
            )
        );
        let hello = ServiceId::new("web", "hello").unwrap();
        assert_eq!(
            service(&hello, &arn.replace("cn-north-1", "eu-west-1")).unwrap(),
            "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/web/services/hello?region=eu-west-1"
        );
        assert_eq!(
            log(arn, Some("us-east-1"), "/ecs/hello", Some("ecs/web/9f86")).unwrap(),
            "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/\
             $252Fecs$252Fhello/log-events/ecs$252Fweb$252F9f86"
        );
        assert!(
            log(arn, None, "hello", None)
                .unwrap()
                .ends_with("/hello/log-events")
        );
        assert_eq!(execution("hello-1"), None);
        assert_eq!(
            execution(&arn.replace("cn-north-1", "eusc-de-east-1")),
            None
        );
    }
}
