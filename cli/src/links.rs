//! Pages of the AWS console about what a command shows.

use landfall::{partition::Partition, service_id::ServiceId};

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
    let region = region(arn)?;
    let console = Partition::of(region).console()?;
    let (cluster, name) = (service.cluster(), service.service());
    Some(format!(
        "https://{region}.{console}/ecs/v2/clusters/{cluster}/services/{name}?region={region}"
    ))
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
        assert_eq!(execution("hello-1"), None);
        assert_eq!(
            execution(&arn.replace("cn-north-1", "eusc-de-east-1")),
            None
        );
    }
}
