//! Which service or cluster is meant: by its name, or by its ARN as AWS shows it.

use landfall::service_id::ServiceId;

/// What files are to be written for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// One service.
    Service(ServiceId),
    /// All services of the cluster of this name.
    Cluster(String),
}

impl Subject {
    /// Reads what `--cluster` and `--service` say; `region` is the one that is asked.
    ///
    /// # Errors
    /// What does not fit together, and what to write.
    pub(super) fn read(
        cluster: Option<&str>,
        service: Option<&str>,
        region: Option<&str>,
    ) -> Result<Self, String> {
        let cluster = match cluster {
            Some(cluster) => Some(named("cluster", cluster, region)?),
            None => None,
        };
        let service = match service {
            Some(service) => Some((service, named("service", service, region)?)),
            None => None,
        };
        match (cluster, service) {
            (None, None) => {
                Err("which cluster? Pass --cluster, and for one of its services --service".into())
            }
            (Some(cluster), None) if cluster.contains('/') => {
                Err(format!("`{cluster}` is no name of a cluster"))
            }
            (Some(cluster), None) => Ok(Self::Cluster(cluster)),
            (cluster, Some((given, name))) => {
                let (of_service, name) = match name.rsplit_once('/') {
                    Some((of_service, name)) => (Some(of_service), name),
                    None => (None, &*name),
                };
                let cluster = match (&cluster, of_service) {
                    (Some(cluster), Some(of_service)) if cluster != of_service => {
                        return Err(format!(
                            "--cluster says {cluster}, and `{given}` is a service of the cluster {of_service}"
                        ));
                    }
                    (Some(cluster), _) => cluster,
                    (None, Some(of_service)) => of_service,
                    (None, None) => {
                        return Err(format!(
                            "`{given}` does not say of which cluster the service is: pass --cluster"
                        ));
                    }
                };
                let service = ServiceId::new(cluster, name).map_err(|refusal| refusal.0)?;
                Ok(Self::Service(service))
            }
        }
    }
}

/// The name that an ARN of the kind `what` ends with, `cluster/service` for a service's of today's format; what is no ARN is
/// a name already
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids>).
fn named(what: &str, given: &str, region: Option<&str>) -> Result<String, String> {
    if !given.starts_with("arn:") {
        return Ok(given.to_owned());
    }
    let parts: Vec<_> = given.splitn(6, ':').collect();
    let [_, _, "ecs", of, _, resource] = parts[..] else {
        return Err(format!("`{given}` is no ARN of ECS"));
    };
    let Some(name) = resource.strip_prefix(&format!("{what}/")) else {
        return Err(format!("`{given}` is no ARN of a {what}"));
    };
    match region {
        Some(region) if region != of => Err(format!(
            "`{given}` is in the Region {of}, and {region} is asked: pass AWS_REGION={of}"
        )),
        _ => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const OF_ECS: &str = "arn:aws:ecs:eu-west-1:123456789012:";

    fn read(cluster: &str, service: &str) -> String {
        let arn = |given: &str| given.replace("ARN:", OF_ECS);
        let (cluster, service) = (arn(cluster), arn(service));
        let cluster = Some(&*cluster).filter(|text| !text.is_empty());
        let service = Some(&*service).filter(|text| !text.is_empty());
        match Subject::read(cluster, service, Some("eu-west-1")) {
            Ok(Subject::Service(service)) => format!("service {service}"),
            Ok(Subject::Cluster(cluster)) => format!("cluster {cluster}"),
            Err(refusal) => refusal.replace(OF_ECS, "ARN:"),
        }
    }

    #[test]
    fn names_and_arns_of_both_formats_are_read() {
        for (cluster, service, expected) in [
            ("web", "hello", "service web/hello"),
            ("web", "", "cluster web"),
            ("ARN:cluster/web", "", "cluster web"),
            ("ARN:cluster/web", "hello", "service web/hello"),
            ("", "web/hello", "service web/hello"),
            ("", "ARN:service/web/hello", "service web/hello"),
            ("web", "ARN:service/web/hello", "service web/hello"),
            ("web", "ARN:service/hello", "service web/hello"),
            (
                "",
                "ARN:service/hello",
                "`ARN:service/hello` does not say of which cluster the service is: pass --cluster",
            ),
            (
                "other",
                "ARN:service/web/hello",
                "--cluster says other, and `ARN:service/web/hello` is a service of the cluster web",
            ),
            (
                "",
                "",
                "which cluster? Pass --cluster, and for one of its services --service",
            ),
            (
                "",
                "ARN:task-definition/hello:1",
                "`ARN:task-definition/hello:1` is no ARN of a service",
            ),
            ("web/hello", "", "`web/hello` is no name of a cluster"),
            (
                "web",
                "arn:aws:s3:::bucket",
                "`arn:aws:s3:::bucket` is no ARN of ECS",
            ),
            (
                "web",
                "arn:aws:ecs:us-east-1:123456789012:service/web/hello",
                "`arn:aws:ecs:us-east-1:123456789012:service/web/hello` is in the Region us-east-1, and eu-west-1 is asked: \
                 pass AWS_REGION=us-east-1",
            ),
        ] {
            assert_eq!(read(cluster, service), expected, "{cluster} {service}");
        }
    }
}
