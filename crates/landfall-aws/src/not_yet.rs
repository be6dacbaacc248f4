//! Answers that mean "not yet": AWS says them with a status of 400, as it says that something is wrong, and a while later
//! takes the same call.
//!
//! Each row is a belief about AWS, with its source. Elsewhere nothing is decided by an error's text.

use crate::fault::kind::Kind;

/// An answer that passes by itself.
struct Row {
    /// The calls that are answered so.
    calls: &'static [&'static str],
    /// The error code; none where no source tells it, and the message stands for itself.
    code: Option<&'static str>,
    /// A part of the message, where the code alone does not say it.
    part: Option<&'static str>,
    /// How patiently the call is repeated: [`Kind::NotYet`] for minutes, [`Kind::Transient`] where it may take longer.
    kind: Kind,
    /// Where the answer is described.
    #[cfg_attr(not(test), expect(dead_code, reason = "for people, and a test"))]
    source: &'static str,
}

/// A row of minutes.
const fn soon(
    calls: &'static [&'static str],
    code: &'static str,
    part: Option<&'static str>,
    source: &'static str,
) -> Row {
    Row {
        calls,
        code: Some(code),
        part,
        kind: Kind::NotYet,
        source,
    }
}

/// A row of ECS's answer that EC2 throttles what it asks it.
const fn throttled_by_ec2(part: &'static str, source: &'static str) -> Row {
    Row {
        calls: IN_NETWORK,
        code: Some("InvalidParameterException"),
        part: Some(part),
        kind: Kind::Transient,
        source,
    }
}

/// Calls that give ECS's service a load balancer or a role.
const SERVICE: &[&str] = &["ecs:CreateService", "ecs:UpdateService"];
/// Calls that give tasks a network, whose subnets and security groups ECS looks up in EC2. Throttling is reported of
/// `RunTask`; that `CreateService` looks them up too shows its answer for one that is not there
/// (<https://github.com/eddmann/serverless-fargate/issues/20>), and `UpdateService` takes the same member.
const IN_NETWORK: &[&str] = &["ecs:CreateService", "ecs:RunTask", "ecs:UpdateService"];
/// Calls that pass a role to ECS. The first is the one that reports are about; IAM answers all of them alike.
const WITH_ROLE: &[&str] = &[
    "ecs:RegisterTaskDefinition",
    "ecs:CreateCapacityProvider",
    "ecs:CreateService",
    "ecs:RunTask",
    "ecs:UpdateService",
];
/// Calls that name a cluster which may be new.
const IN_CLUSTER: &[&str] = &[
    "ecs:CreateService",
    "ecs:RunTask",
    "ecs:CreateCapacityProvider",
    "ecs:PutClusterCapacityProviders",
    "ecs:UpdateCluster",
];
/// Calls that change a cluster.
const OF_CLUSTER: &[&str] = &["ecs:PutClusterCapacityProviders", "ecs:UpdateCluster"];
/// Calls that associate capacity providers with a cluster. The last is the one that the report is about.
const WITH_CAPACITY: &[&str] = &[
    "ecs:CreateCluster",
    "ecs:UpdateCluster",
    "ecs:PutClusterCapacityProviders",
];
/// Calls that name a target group which may be new. Reports are about attributes and tags; the other calls find the group in
/// the same place. A group that is really gone is reported after the minutes.
const OF_GROUP: &[&str] = &[
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:ModifyRule",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
];
/// Calls that change how a service is scaled.
const SCALING: &[&str] = &[
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
];
/// The same, on a scalable target that is there.
const OF_TARGET: &[&str] = &[
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
];
/// Calls that change a log group.
const LOG_GROUP: &[&str] = &["logs:CreateLogGroup", "logs:PutRetentionPolicy"];
/// Calls that write objects.
const OBJECT: &[&str] = &["s3:PutObject", "s3:DeleteObject"];

/// What Terraform's provider, which has met these answers for years, repeats of ECS's services.
const TERRAFORM_SERVICE: &str =
    "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/service.go";
/// The same of clusters' capacity providers.
const TERRAFORM_CAPACITY: &str = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/cluster_capacity_providers.go";
/// The same of scalable targets.
const TERRAFORM_TARGET: &str = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/appautoscaling/target.go";
/// The same of scaling policies.
const TERRAFORM_POLICY: &str = "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/appautoscaling/policy.go";

const ROWS: &[Row] = &[
    // The first call of ECS in an account creates the role AWSServiceRoleForECS, and does not wait for it.
    soon(
        &[
            "ecs:CreateCluster",
            "ecs:CreateService",
            "ecs:PutClusterCapacityProviders",
        ],
        "InvalidParameterException",
        Some("Unable to assume the service linked role"),
        "https://github.com/aws/containers-roadmap/issues/2614",
    ),
    // A role that was made a moment ago.
    soon(
        SERVICE,
        "InvalidParameterException",
        Some("verify that the ECS service role being passed has the proper permissions"),
        TERRAFORM_SERVICE,
    ),
    soon(
        SERVICE,
        "InvalidParameterException",
        Some("Unable to assume role and validate the listeners"),
        "https://github.com/hashicorp/terraform/issues/4375",
    ),
    soon(
        &["ecs:RegisterTaskDefinition", "ecs:RunTask"],
        "ClientException",
        Some("Role is not valid"),
        "https://github.com/bradford-hamilton/terraform-ecs-fargate/issues/8",
    ),
    soon(
        &["ecs:RunTask"],
        "ClientException",
        Some("ECS was unable to assume the role"),
        "https://github.com/pulumi/pulumi-awsx/issues/927",
    ),
    // IAM does not know yet that a role may be passed which was made a moment ago, though the policy is there.
    soon(
        WITH_ROLE,
        "AccessDeniedException",
        Some("iam:PassRole"),
        "https://github.com/terraform-aws-modules/terraform-aws-ecs/issues/414",
    ),
    soon(
        IN_NETWORK,
        "InvalidParameterException",
        Some("unable to assume the configured ECS Infrastructure Role"),
        "https://github.com/hashicorp/terraform-provider-aws/issues/38538",
    ),
    // EC2's throttling, in ECS's words. EC2 has two codes for it.
    throttled_by_ec2(
        "(ErrorCode: Throttling)",
        "https://github.com/dagster-io/dagster/issues/33439",
    ),
    throttled_by_ec2(
        "(ErrorCode: RequestLimitExceeded)",
        "https://github.com/dask/dask-cloudprovider/issues/56",
    ),
    // A listener, a target group or a rule that was made a moment ago. (A listener that is not there is refused by
    // `DescribeListeners`, which comes before.)
    soon(
        &["elasticloadbalancing:CreateRule"],
        "ListenerNotFound",
        None,
        "https://github.com/kubernetes-sigs/aws-load-balancer-controller/pull/1472",
    ),
    soon(
        OF_GROUP,
        "TargetGroupNotFound",
        None,
        "https://github.com/hashicorp/terraform-provider-aws/issues/19920",
    ),
    soon(
        &[
            "elasticloadbalancing:ModifyRule",
            "elasticloadbalancing:SetRulePriorities",
        ],
        "RuleNotFound",
        None,
        "https://github.com/hashicorp/terraform-provider-aws/issues/20442",
    ),
    // A listener's rule that was made a moment ago.
    soon(
        SERVICE,
        "InvalidParameterException",
        Some("does not have an associated load balancer"),
        TERRAFORM_SERVICE,
    ),
    // A cluster that was made a moment ago, or is being changed.
    soon(
        IN_CLUSTER,
        "ClusterNotFoundException",
        None,
        TERRAFORM_SERVICE,
    ),
    soon(
        OF_CLUSTER,
        "UpdateInProgressException",
        None,
        TERRAFORM_CAPACITY,
    ),
    soon(
        OF_CLUSTER,
        "ResourceInUseException",
        None,
        TERRAFORM_CAPACITY,
    ),
    soon(
        OF_CLUSTER,
        "ClientException",
        Some("Cluster was not ACTIVE"),
        TERRAFORM_CAPACITY,
    ),
    // A capacity provider that is being made. (One that the cluster does not have is another answer, and a mistake.)
    soon(
        WITH_CAPACITY,
        "InvalidParameterException",
        Some("is not in an ACTIVE state"),
        "https://github.com/hashicorp/terraform-provider-aws/issues/45693",
    ),
    // Another service's release made it a moment ago, and ECS did not show it yet: the step looks again. (One that was
    // deleted keeps its name, and is refused in the end.)
    soon(
        &["ecs:CreateCapacityProvider"],
        "ClientException",
        Some("The specified capacity provider already exists"),
        "https://github.com/aws/containers-roadmap/issues/688",
    ),
    // A service that was deleted a moment ago, and is still shown: the step looks again, and makes it anew.
    soon(
        &["ecs:UpdateService"],
        "ServiceNotActiveException",
        None,
        "https://github.com/alchemy-run/alchemy/pull/1581",
    ),
    // A service that was made a moment ago.
    soon(
        &["ecs:UpdateService"],
        "ServiceNotFoundException",
        None,
        "https://github.com/hashicorp/terraform/pull/15073",
    ),
    // It is there by now, and ECS did not show it yet: the step looks again, and updates it.
    soon(
        &["ecs:CreateService"],
        "InvalidParameterException",
        Some("Creation of service was not idempotent"),
        "https://github.com/hashicorp/terraform-provider-aws/issues/2283",
    ),
    // One of this name that was deleted drains for as long as its target group and its containers want.
    Row {
        calls: &["ecs:CreateService"],
        code: Some("InvalidParameterException"),
        part: Some("still Draining"),
        kind: Kind::Transient,
        source: "https://github.com/spinnaker/spinnaker/issues/5476",
    },
    // Five deployments are carried out whose tasks have not all stopped; ECS did not show them, or counts them otherwise than
    // `LiveService::takes_no_deployment_besides` does.
    Row {
        calls: &["ecs:UpdateService"],
        code: None,
        part: Some("unable to create new deployment"),
        kind: Kind::Transient,
        source: "https://github.com/aws/containers-roadmap/issues/2836",
    },
    // Two registrations of one family at once.
    soon(
        &["ecs:RegisterTaskDefinition"],
        "ClientException",
        Some("Too many concurrent attempts to create a new revision"),
        "https://github.com/aws/containers-roadmap/issues/1010",
    ),
    soon(
        SCALING,
        "ValidationException",
        Some("Unable to assume IAM role"),
        TERRAFORM_TARGET,
    ),
    soon(
        SCALING,
        "ValidationException",
        Some("ECS service doesn't exist"),
        TERRAFORM_TARGET,
    ),
    // Application Auto Scaling calls CloudWatch and ECS itself, perhaps with a role that it has just made.
    soon(
        SCALING,
        "FailedResourceAccessException",
        None,
        TERRAFORM_POLICY,
    ),
    // To describe a policy it asks CloudWatch for its alarms.
    Row {
        calls: &["application-autoscaling:DescribeScalingPolicies"],
        code: Some("FailedResourceAccessException"),
        part: None,
        kind: Kind::Transient,
        source: "https://github.com/hashicorp/terraform-provider-aws/issues/1428",
    },
    // A scalable target that was made a moment ago.
    soon(OF_TARGET, "ObjectNotFoundException", None, TERRAFORM_POLICY),
    // Another call changes the same log group.
    soon(
        LOG_GROUP,
        "OperationAbortedException",
        None,
        "https://github.com/aws/aws-cdk/pull/17688",
    ),
    // Another call writes the same object. (What a condition is about has lost: `Bucket::put`.)
    soon(
        OBJECT,
        "ConditionalRequestConflict",
        None,
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
    ),
    soon(
        OBJECT,
        "OperationAborted",
        None,
        "https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html",
    ),
];

/// How patiently `call`, e.g. `ecs:CreateService`, is repeated after this answer; none if it does not pass by itself.
pub(crate) fn patience(call: &str, code: Option<&str>, message: &str) -> Option<Kind> {
    let row = ROWS.iter().find(|row| {
        row.calls.contains(&call)
            && row.code.is_none_or(|expected| code == Some(expected))
            && row.part.is_none_or(|part| message.contains(part))
    });
    row.map(|row| row.kind)
}

/// Errors by which `RunTask` says that there is no room for a task, which it otherwise says in an answer: code, message, source.
///
/// A cluster without instances is said to have none also where the request names no launch type and no capacity provider, and
/// Fargate was meant. That does not pass, and ends with the task's time.
const NO_ROOM: [(&str, &str, &str); 2] = [
    (
        "InvalidParameterException",
        "No Container Instances were found in your cluster",
        "https://github.com/boto/boto3/issues/2862",
    ),
    (
        "ClientException",
        "Tasks provisioning capacity limit exceeded",
        "https://github.com/DIAGNijmegen/rse-grand-challenge/pull/2013",
    ),
];

/// Whether this answer to `ecs:RunTask` says that there is no room for the task now.
pub(crate) fn is_no_room(code: Option<&str>, message: &str) -> bool {
    let mut known = NO_ROOM.iter();
    known.any(|(expected, part, _)| code == Some(expected) && message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_passes_by_itself_is_known_by_call_code_and_text() {
        let role = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        let group =
            "The target group with targetGroupArn arn:… does not have an associated load balancer.";
        let draining = "Unable to Start a service that is still Draining.";
        let twice =
            "Too many concurrent attempts to create a new revision of the specified family.";
        let (soon, long) = (Some(Kind::NotYet), Some(Kind::Transient));
        let wrong = "InvalidParameterException";
        let denied = "AccessDeniedException";
        let pass_role =
            "User: … is not authorized to perform: iam:PassRole on resource: arn:…:role/hello";
        let five = "5 active deployments exist, unable to create new deployment.";
        for (call, code, message, expected) in [
            ("ecs:CreateCluster", wrong, role, soon),
            ("ecs:CreateService", wrong, role, soon),
            ("ecs:UpdateService", wrong, group, soon),
            ("ecs:CreateService", wrong, "no such subnet", None),
            ("ecs:CreateService", wrong, draining, long),
            (
                "ecs:CreateService",
                wrong,
                "Creation of service was not idempotent.",
                soon,
            ),
            ("ecs:CreateService", "ClusterNotFoundException", "", soon),
            ("ecs:DescribeServices", "ClusterNotFoundException", "", None),
            ("ecs:UpdateService", "ServiceNotFoundException", "", soon),
            ("ecs:UpdateCluster", "UpdateInProgressException", "", soon),
            ("ecs:RegisterTaskDefinition", "ClientException", twice, soon),
            (
                "ecs:RegisterTaskDefinition",
                "ClientException",
                "Container.image should not be empty.",
                None,
            ),
            // A quota, which no repetition mends.
            ("ecs:CreateService", "LimitExceededException", "", None),
            (
                "application-autoscaling:RegisterScalableTarget",
                "ValidationException",
                "ECS service doesn't exist: service/web/hello",
                soon,
            ),
            (
                "application-autoscaling:RegisterScalableTarget",
                "ValidationException",
                "max capacity cannot be less than min capacity",
                None,
            ),
            (
                "application-autoscaling:DeleteScalingPolicy",
                "ObjectNotFoundException",
                "",
                None,
            ),
            (
                "logs:CreateLogGroup",
                "OperationAbortedException",
                "A conflicting operation is currently in progress against this resource. Please try again.",
                soon,
            ),
            ("s3:PutObject", "OperationAborted", "", soon),
            ("ecs:RegisterTaskDefinition", denied, pass_role, soon),
            ("ecs:RunTask", denied, pass_role, soon),
            (
                "ecs:RegisterTaskDefinition",
                denied,
                "User: … is not authorized to perform: ecs:RegisterTaskDefinition on resource: *",
                None,
            ),
            ("ecs:DescribeServices", denied, pass_role, None),
            (
                "ecs:CreateService",
                wrong,
                "ECS was unable to assume the configured ECS Infrastructure Role 'arn:…'. Please verify that the role being \
                 passed has the proper trust relationship with Amazon ECS.",
                soon,
            ),
            (
                "ecs:RunTask",
                wrong,
                "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)",
                long,
            ),
            (
                "ecs:UpdateService",
                wrong,
                "Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: \
                 RequestLimitExceeded)",
                long,
            ),
            (
                "ecs:CreateService",
                wrong,
                "Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does not exist (ErrorCode: \
                 InvalidSubnetID.NotFound)",
                None,
            ),
            (
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "TargetGroupNotFound",
                "",
                soon,
            ),
            (
                "elasticloadbalancing:DescribeTargetGroups",
                "TargetGroupNotFound",
                "",
                None,
            ),
            (
                "elasticloadbalancing:CreateRule",
                "ListenerNotFound",
                "",
                soon,
            ),
            (
                "elasticloadbalancing:DescribeListeners",
                "ListenerNotFound",
                "",
                None,
            ),
            ("elasticloadbalancing:ModifyRule", "RuleNotFound", "", soon),
            (
                "ecs:PutClusterCapacityProviders",
                wrong,
                "The specified capacity provider 'cluster-cp' is not in an ACTIVE state. Specify a valid capacity provider \
                 and try again.",
                soon,
            ),
            (
                "ecs:PutClusterCapacityProviders",
                wrong,
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated with \
                 the cluster.",
                None,
            ),
            ("ecs:UpdateService", "ServiceNotActiveException", "", soon),
            ("ecs:UpdateService", wrong, five, long),
            ("ecs:UpdateService", "ClientException", five, long),
            ("ecs:CreateService", wrong, five, None),
            (
                "application-autoscaling:DescribeScalingPolicies",
                "FailedResourceAccessException",
                "Unable to retrieve alarms for scaling policy arn:… due to reason: Rate exceeded",
                long,
            ),
            ("logs:CreateLogGroup", "ClientException", twice, None),
        ] {
            let found = patience(call, Some(code), message);
            assert_eq!(found, expected, "{call}: {code}: {message}");
        }
        assert_eq!(patience("ecs:CreateCluster", None, role), None);
    }

    #[test]
    fn run_task_says_in_errors_too_that_there_is_no_room() {
        let nowhere = "No Container Instances were found in your cluster.";
        let full = "Tasks provisioning capacity limit exceeded.";
        let (wrong, client) = ("InvalidParameterException", "ClientException");
        assert!(is_no_room(Some(wrong), nowhere) && is_no_room(Some(client), full));
        assert!(!is_no_room(Some(client), "TaskDefinition not found."));
        assert!(!is_no_room(Some(wrong), full) && !is_no_room(None, full));
        assert!(
            NO_ROOM
                .iter()
                .all(|(_, _, source)| source.starts_with("https://"))
        );
    }

    #[test]
    fn every_row_has_its_source_and_none_hides_another() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(row.source.starts_with("https://"), "{:?}", row.code);
            for call in row.calls {
                let same = ROWS[..index].iter().filter(|other| {
                    other.calls.contains(call)
                        && (other.code.is_none() || other.code == row.code)
                        && (other.part.is_none() || other.part == row.part)
                });
                assert_eq!(same.count(), 0, "{call}: {:?}: {:?}", row.code, row.part);
            }
        }
    }
}
