//! Looks whether what a service file takes for granted is there. Reads only.

use aws_config::SdkConfig;
use landfall::{
    follow::FollowRule,
    prerequisites::{Finding, Platform, Thing, refused, runs_on, trusts_tasks},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Fault,
    ecr::Ecr,
    elb::Elb,
    raw::{EC2, IAM, JsonClient, LOGS, QueryClient, SECRETS_MANAGER, SYSTEMS_MANAGER},
};

/// Everything that has to be asked.
#[derive(Clone, Debug)]
pub struct Inspection {
    iam: QueryClient,
    ec2: QueryClient,
    secrets: JsonClient,
    parameters: JsonClient,
    logs: JsonClient,
    ecr: Ecr,
    elb: Elb,
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

/// An answer of which only its being there counts.
#[derive(Deserialize)]
struct Anything {}

impl Inspection {
    /// Clients of all services that are asked.
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            iam: QueryClient::new(config, IAM),
            ec2: QueryClient::new(config, EC2),
            secrets: JsonClient::new(config, SECRETS_MANAGER),
            parameters: JsonClient::new(config, SYSTEMS_MANAGER),
            logs: JsonClient::new(config, LOGS),
            ecr: Ecr::new(config),
            elb: Elb::new(config),
        }
    }

    /// Looks for one thing.
    pub async fn look(&self, thing: &Thing) -> Finding {
        match thing {
            Thing::Role(name) => self.role(name).await,
            Thing::Image(rule, platform) => self.image(rule, platform).await,
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
            Thing::LogGroup(name) => self.log_group(name).await,
        }
    }

    async fn role(&self, name: &str) -> Finding {
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
            trusts_tasks(&policy.unwrap_or_default())
        });
        match trusts {
            Ok(true) => Finding::Ok("it trusts ecs-tasks.amazonaws.com".into()),
            Ok(false) => Finding::Missing(
                "the role is there, but its trust policy does not let ecs-tasks.amazonaws.com assume it".into(),
            ),
            Err(fault) => failed(&fault, CALL, &["NoSuchEntity"], "create the role, or correct its name"),
        }
    }

    async fn image(&self, rule: &FollowRule, platform: &Platform) -> Finding {
        let image = match self.ecr.latest(rule).await {
            Ok(Some(image)) => image,
            Ok(None) => {
                return Finding::Missing(format!(
                    "push one to {} that {} admits; until then no release is made",
                    rule.repository, rule.tag
                ));
            }
            Err(fault) => return failed(&fault, "ecr:DescribeImages", &[], ""),
        };
        let name = format!("{}:{}", image.repository, image.tag);
        let manifest = match self.ecr.manifest(&image.repository, &image.digest).await {
            Ok(manifest) => manifest.unwrap_or_default(),
            Err(fault) => return failed(&fault, "ecr:BatchGetImage", &[], ""),
        };
        let manifest = serde_json::from_str(&manifest).unwrap_or_default();
        match runs_on(&manifest, platform) {
            Some(true) => Finding::Ok(format!(
                "{name}, also for {}/{}",
                platform.os, platform.architecture
            )),
            Some(false) => Finding::Missing(format!(
                "{name} is there, but not for {}/{}: build it for that, or set taskDefinition.runtimePlatform",
                platform.os, platform.architecture
            )),
            None => Finding::Ok(format!(
                "{name}, for one platform; which one its manifest does not say"
            )),
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

    async fn log_group(&self, name: &str) -> Finding {
        let input = json!({ "logGroupNamePrefix": name });
        match self.logs.call("DescribeLogGroups", &input).await {
            Ok(answer) => {
                let groups = answer["logGroups"].as_array();
                let mut groups = groups.into_iter().flatten();
                match groups.any(|group| group["logGroupName"] == name) {
                    true => Finding::Ok(String::new()),
                    false => Finding::Missing(
                        "create the log group, or let ECS do it with the option awslogs-create-group: \"true\"".into(),
                    ),
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
    match fault.code() {
        Some(code) => refused(call, code, absent, hint),
        None => Finding::Unknown(fault.to_string()),
    }
}
