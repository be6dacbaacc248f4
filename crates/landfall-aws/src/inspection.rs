//! Looks whether what a service file takes for granted is there. Reads only.

mod image;

use aws_config::{Region, SdkConfig};
use landfall::prerequisites::{Finding, Thing, refused, trusts};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Fault,
    cloud_map::{CloudMap, ambiguous},
    ecr::Ecr,
    elb::Elb,
    raw::{
        AUTO_SCALING, EC2, ECS, IAM, JsonClient, LOGS, Members, QueryClient, SECRETS_MANAGER,
        SYSTEMS_MANAGER,
    },
};

/// Everything that has to be asked.
#[derive(Clone, Debug)]
pub struct Inspection {
    config: SdkConfig,
    iam: QueryClient,
    ec2: QueryClient,
    auto_scaling: QueryClient,
    ecs: JsonClient,
    secrets: JsonClient,
    parameters: JsonClient,
    logs: JsonClient,
    ecr: Ecr,
    elb: Elb,
    cloud_map: CloudMap,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRole {
    get_role_result: GetRoleResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRoleResult {
    role: Role,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    assume_role_policy_document: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeAutoScalingGroups {
    describe_auto_scaling_groups_result: AutoScalingGroups,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AutoScalingGroups {
    #[serde(default)]
    auto_scaling_groups: Members<Anything>,
}

impl AutoScalingGroups {
    fn is_empty(&self) -> bool {
        self.auto_scaling_groups.members.is_empty()
    }
}

/// An answer of which only its being there counts.
#[derive(Deserialize)]
struct Anything {}

impl Inspection {
    /// Clients of all services that are asked.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            config: config.clone(),
            iam: QueryClient::new(config, IAM),
            ec2: QueryClient::new(config, EC2),
            auto_scaling: QueryClient::new(config, AUTO_SCALING),
            ecs: JsonClient::new(config, ECS),
            secrets: JsonClient::new(config, SECRETS_MANAGER),
            parameters: JsonClient::new(config, SYSTEMS_MANAGER),
            logs: JsonClient::new(config, LOGS),
            ecr: Ecr::new(config),
            elb: Elb::new(config),
            cloud_map: CloudMap::new(config),
        }
    }

    /// Looks for one thing.
    pub async fn look(&self, thing: &Thing) -> Finding {
        match thing {
            Thing::Role(name, service) => self.role(name, service).await,
            Thing::InstanceProfile(name) => {
                let parameters = [("InstanceProfileName".to_owned(), name.clone())];
                let answer = self.iam.call::<Anything>("GetInstanceProfile", &parameters);
                let known = answer.await.map(|_| String::new());
                said(known, "iam:GetInstanceProfile", &["NoSuchEntity"], || {
                    "create the instance profile, or correct its name".into()
                })
            }
            Thing::Image(rule, platform) => self.image(rule, platform).await,
            Thing::WayBack(image) => self.way_back(image).await,
            Thing::Subnet(id) => {
                let known = self.described("DescribeSubnets", "SubnetId.1", id).await;
                let absent = ["InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed"];
                said(known, "ec2:DescribeSubnets", &absent, || {
                    format!("name a subnet of this Region; {id} is none")
                })
            }
            Thing::SecurityGroup(id) => {
                let known = self
                    .described("DescribeSecurityGroups", "GroupId.1", id)
                    .await;
                let absent = ["InvalidGroup.NotFound", "InvalidGroupId.Malformed"];
                said(known, "ec2:DescribeSecurityGroups", &absent, || {
                    format!("name a security group of this Region; {id} is none")
                })
            }
            Thing::TargetGroup(arn, wanted) => self.target_group(arn, wanted).await,
            Thing::Secret(arn) => {
                let input = json!({ "SecretId": arn });
                let known = self.secrets.call("DescribeSecret", &input).await;
                let absent = ["ResourceNotFoundException"];
                let known = known.map(|_| String::new());
                said(known, "secretsmanager:DescribeSecret", &absent, || {
                    "create the secret, or correct its ARN".into()
                })
            }
            Thing::Parameter(name) => self.parameter(name).await,
            Thing::LogGroup(name, region) => self.log_group(name, region.as_deref()).await,
            Thing::Listener(arn) => {
                let known = self.elb.listener(arn).await;
                let known = known
                    .map(|listener| format!("{} on port {}", listener.protocol, listener.port));
                let absent = ["ListenerNotFound", "ValidationError"];
                said(
                    known,
                    "elasticloadbalancing:DescribeListeners",
                    &absent,
                    || "create the listener, or correct its ARN".into(),
                )
            }
            Thing::Namespace(name) => match self.cloud_map.namespaces(name).await {
                Ok(named) => match named.as_slice() {
                    [] => Finding::Missing("create the namespace, or correct its name".into()),
                    [namespace] => Finding::Ok(namespace.kind.clone()),
                    several => Finding::Missing(ambiguous(name, several)),
                },
                Err(fault) => failed(&fault, "servicediscovery:ListNamespaces", &[], ""),
            },
            Thing::Registry(arn) => {
                let registry = json!({ "registryArn": arn });
                let known = self
                    .cloud_map
                    .discovery_of(&registry)
                    .await
                    .map(|_| String::new());
                said(
                    known,
                    "servicediscovery:GetService",
                    &["ServiceNotFound"],
                    || "create the Cloud Map service, or correct its ARN".into(),
                )
            }
            Thing::CapacityProvider(name, cluster) => self.capacity_provider(name, cluster).await,
            Thing::AutoScalingGroup(name) => self.auto_scaling_group(name).await,
        }
    }

    async fn role(&self, name: &str, service: &str) -> Finding {
        const CALL: &str = "iam:GetRole";
        let parameters = [("RoleName".to_owned(), name.to_owned())];
        let answer = self.iam.call::<GetRole>("GetRole", &parameters).await;
        let trusts = answer.map(|answer| {
            // The policy comes URL-encoded
            // (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>).
            let document = answer.get_role_result.role.assume_role_policy_document;
            let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(&format!(
                "policy={}",
                document.replace('+', "%2B")
            ));
            let text = pairs
                .ok()
                .and_then(|pairs| Some(pairs.into_iter().next()?.1));
            let policy = serde_json::from_str::<Value>(&text.unwrap_or_default());
            trusts(&policy.unwrap_or_default(), service)
        });
        match trusts {
            Ok(true) => Finding::Ok(format!("it trusts {service}")),
            Ok(false) => Finding::Missing(format!(
                "the role is there, but its trust policy does not let {service} assume it"
            )),
            Err(fault) => failed(
                &fault,
                CALL,
                &["NoSuchEntity"],
                "create the role, or correct its name",
            ),
        }
    }

    async fn described(
        &self,
        operation: &'static str,
        parameter: &str,
        id: &str,
    ) -> Result<String, Fault> {
        let parameters = [(parameter.to_owned(), id.to_owned())];
        let answer = self.ec2.call::<Anything>(operation, &parameters).await;
        answer.map(|_| String::new())
    }

    async fn target_group(&self, arn: &str, wanted: &str) -> Finding {
        match self.elb.target_type(arn).await {
            Ok(kind) if kind == wanted => {
                Finding::Ok(format!("its targets are of the type {kind}"))
            }
            Ok(kind) => Finding::Missing(format!(
                "its targets are of the type {kind}, and tasks of this network mode need {wanted}: name another one"
            )),
            Err(fault) => failed(
                &fault,
                "elasticloadbalancing:DescribeTargetGroups",
                &[
                    "TargetGroupNotFound",
                    "TargetGroupNotFoundException",
                    "ValidationError",
                ],
                "create the target group, or correct its ARN",
            ),
        }
    }

    /// Without decryption: whether it is there says nothing of its value.
    async fn parameter(&self, name: &str) -> Finding {
        let input = json!({ "Names": [name], "WithDecryption": false });
        match self.parameters.call("GetParameters", &input).await {
            Ok(answer)
                if answer["Parameters"]
                    .as_array()
                    .is_some_and(|found| !found.is_empty()) =>
            {
                Finding::Ok(String::new())
            }
            Ok(_) => Finding::Missing("create the parameter, or correct its name".into()),
            Err(fault) => failed(&fault, "ssm:GetParameters", &[], ""),
        }
    }

    /// A capacity provider that belongs to one cluster is only shown with it
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeCapacityProviders.html>).
    async fn capacity_provider(&self, name: &str, cluster: &str) -> Finding {
        const CALL: &str = "ecs:DescribeCapacityProviders";
        let absent = ["ClusterNotFoundException"];
        let hint = "create the capacity provider, describe it in the section capacity, or correct its name";
        let asked = json!({ "capacityProviders": [name] });
        let of_cluster = json!({ "capacityProviders": [name], "cluster": cluster });
        for input in [&asked, &of_cluster] {
            match self.ecs.call("DescribeCapacityProviders", input).await {
                Ok(answer) => {
                    let providers = answer["capacityProviders"].as_array();
                    let mut providers = providers.into_iter().flatten();
                    let is_there = |provider: &Value| {
                        provider["name"] == name && provider["status"] != "INACTIVE"
                    };
                    if providers.any(is_there) {
                        return Finding::Ok(String::new());
                    }
                }
                Err(fault) => return failed(&fault, CALL, &absent, hint),
            }
        }
        Finding::Missing(hint.into())
    }

    async fn auto_scaling_group(&self, name: &str) -> Finding {
        let parameters = [("AutoScalingGroupNames.member.1".to_owned(), name.to_owned())];
        let answer = self
            .auto_scaling
            .call::<DescribeAutoScalingGroups>("DescribeAutoScalingGroups", &parameters);
        match answer.await {
            Ok(answer) if answer.describe_auto_scaling_groups_result.is_empty() => {
                Finding::Missing("create the Auto Scaling group, or correct its ARN".into())
            }
            Ok(_) => Finding::Ok(String::new()),
            Err(fault) => failed(&fault, "autoscaling:DescribeAutoScalingGroups", &[], ""),
        }
    }

    async fn log_group(&self, name: &str, region: Option<&str>) -> Finding {
        let logs = match region {
            Some(region) => {
                let region = Region::new(region.to_owned());
                JsonClient::new(&self.config.to_builder().region(region).build(), LOGS)
            }
            None => self.logs.clone(),
        };
        let input = json!({ "logGroupNamePrefix": name });
        match logs.call("DescribeLogGroups", &input).await {
            Ok(answer) => {
                let groups = answer["logGroups"].as_array();
                let mut groups = groups.into_iter().flatten();
                if groups.any(|group| group["logGroupName"] == name) {
                    Finding::Ok(String::new())
                } else {
                    Finding::Missing(
                        "create the log group, or let ECS do it with the option awslogs-create-group: \"true\"".into(),
                    )
                }
            }
            Err(fault) => failed(&fault, "logs:DescribeLogGroups", &[], ""),
        }
    }
}

fn said(
    known: Result<String, Fault>,
    call: &str,
    absent: &[&str],
    hint: impl FnOnce() -> String,
) -> Finding {
    match known {
        Ok(detail) => Finding::Ok(detail),
        Err(fault) => failed(&fault, call, absent, &hint()),
    }
}

fn failed(fault: &Fault, call: &str, absent: &[&str], hint: &str) -> Finding {
    match &fault.code {
        Some(code) => refused(call, code, absent, hint),
        None => Finding::Unknown(fault.to_string()),
    }
}
