"""What a call asks of IAM: actions, on which resources, with which condition keys.

The pairs are those of the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html). Where it and
denials that were seen differ, it is the denials; the places say so.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Callable, Iterator, NamedTuple

from installed import ACCOUNT, HOME, Installed
from recording import Request, arns_in

TAG = "landfall:service"


class Need(NamedTuple):
    """One question to IAM."""

    action: str
    resource: str
    context: dict[str, list[str]]


class Needs:
    """Knows what the calls of a recording made, as far as later calls depend on it."""

    def __init__(self, stack: Installed, requests: list[Request]):
        self.buckets = {"landfall-config": stack.arn("ConfigBucket"), "landfall-state": stack.arn("StateBucket")}
        self.tagged = {
            arn
            for request in requests
            if request.operation in ("CreateRule", "CreateTargetGroup") and _has_tag(request.parameters)
            for member in ("RuleArn", "TargetGroupArn")
            for arn in arns_in(request, member)
        }
        self.roles = defaultdict(set)
        for request in requests:
            if request.operation == "RegisterTaskDefinition":
                self.roles[request.parameters["family"]] |= set(_roles_of_task(request.parameters))

    def of(self, request: Request) -> list[Need]:
        """What a request asks for, together with what AWS asks for on the way as its caller."""
        by_service: dict[str, Callable[[Request], Iterator]] = {
            "application-autoscaling": self._scaling,
            "cloudformation": lambda request: _anything("cloudformation", request),
            "ecr": lambda request: _one("ecr", request, f"repository/{request.parameters['repositoryName']}"),
            "ecs": self._ecs,
            "elbv2": self._balancing,
            "events": self._events,
            "logs": self._logs,
            "s3": self._objects,
            "servicediscovery": self._discovery,
            "ssm": self._parameters,
            "stepfunctions": self._executions,
        }
        return [Need(*need) if len(need) == 3 else Need(*need, {}) for need in by_service[request.service](request)]

    def _ecs(self, request: Request):
        given, operation = request.parameters, request.operation
        action = f"ecs:{operation}"
        cluster = _last(given.get("cluster", "default"))
        service = lambda name: name if name.startswith("arn:") else _arn("ecs", f"service/{cluster}/{name}")
        made = None
        if operation in ("CreateCluster", "CreateCapacityProvider", "RegisterTaskDefinition"):
            # Denials name no resource: https://github.com/aws/containers-roadmap/issues/929
            yield action, "*"
            kind, name = {
                "CreateCluster": ("cluster", given.get("clusterName")),
                "CreateCapacityProvider": ("capacity-provider", given.get("name")),
                "RegisterTaskDefinition": ("task-definition", f"{given.get('family')}:1"),
            }[operation]
            made = _arn("ecs", f"{kind}/{name}")
        elif operation in ("DescribeTaskDefinition", "DeregisterTaskDefinition", "ListTaskDefinitions", "ListTasks"):
            yield action, "*"
        elif operation in ("DescribeClusters", "PutClusterCapacityProviders", "UpdateCluster"):
            for name in given.get("clusters", [cluster]):
                yield action, _arn("ecs", f"cluster/{_last(name)}")
        elif operation == "DescribeCapacityProviders":
            for name in given["capacityProviders"]:
                yield action, _arn("ecs", f"capacity-provider/{_last(name)}")
        elif operation == "DescribeServices":
            for name in given["services"]:
                yield action, service(name)
        elif operation in ("CreateService", "UpdateService", "ListServiceDeployments"):
            made = service(given.get("serviceName") or given["service"])
            yield action, made
        elif operation in ("DescribeServiceDeployments", "DescribeServiceRevisions"):
            for arn in given.get("serviceDeploymentArns") or given["serviceRevisionArns"]:
                yield action, arn
        elif operation in ("StopServiceDeployment", "ContinueServiceDeployment"):
            yield action, given["serviceDeploymentArn"]
        elif operation == "RunTask":
            yield action, given["taskDefinition"]
            made = _arn("ecs", f"task/{cluster}/0123456789abcdef0123456789abcdef")
        elif operation in ("DescribeTasks", "StopTask"):
            for task in given.get("tasks") or [given["task"]]:
                yield action, _arn("ecs", f"task/{cluster}/{_last(task)}")
        elif operation in ("TagResource", "UntagResource"):
            yield action, given["resourceArn"]
        else:
            raise NotImplementedError(f"which resource is {action} about?")
        if given.get("tags") and operation not in ("TagResource", "UntagResource"):
            yield "ecs:TagResource", made, {"ecs:CreateAction": [operation]}
        yield from self._passed_by_ecs(request)
        if operation in ("CreateCluster", "CreateService"):
            yield _linked("ecs.amazonaws.com", "AWSServiceRoleForECS")
        if operation == "CreateCapacityProvider" and "managedInstancesProvider" in given:
            yield _linked("ecs-compute.amazonaws.com", "AWSServiceRoleForECSCompute")
        if operation == "CreateCapacityProvider" and "autoScalingGroupProvider" in given:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
            yield "autoscaling:DescribeAutoScalingGroups", "*"
            yield "autoscaling:CreateOrUpdateTags", given["autoScalingGroupProvider"]["autoScalingGroupArn"]
            yield "autoscaling-plans:CreateScalingPlan", "*"
            yield "autoscaling-plans:DescribeScalingPlans", "*"

    def _passed_by_ecs(self, request: Request):
        """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html, PassRole."""
        given = request.parameters
        if request.operation == "RegisterTaskDefinition":
            yield from (_passed(role, "ecs-tasks.amazonaws.com") for role in _roles_of_task(given))
        if request.operation == "RunTask":
            family = _last(given["taskDefinition"]).split(":")[0]
            roles = self.roles[family] | set(_roles_of_task(given.get("overrides", {})))
            yield from (_passed(role, "ecs-tasks.amazonaws.com") for role in sorted(roles))
        if managed := given.get("managedInstancesProvider"):
            yield _passed(managed["infrastructureRoleArn"], "ecs.amazonaws.com")
            profile = managed.get("instanceLaunchTemplate", {}).get("ec2InstanceProfileArn")
            if profile:
                yield _passed(profile.replace(":instance-profile/", ":role/"), "ec2.amazonaws.com")
        of_ecs = [given.get("role")]
        of_ecs += [volume.get("managedEBSVolume", {}).get("roleArn") for volume in given.get("volumeConfigurations") or []]
        of_ecs += [
            (balancer.get("advancedConfiguration") or {}).get("roleArn") for balancer in given.get("loadBalancers") or []
        ]
        yield from (_passed(role, "ecs.amazonaws.com") for role in of_ecs if role)

    def _balancing(self, request: Request):
        given, operation = request.parameters, request.operation
        action = f"elasticloadbalancing:{operation}"
        if operation.startswith("Describe"):
            yield action, "*"
        elif operation in ("CreateRule", "CreateTargetGroup"):
            if operation == "CreateRule":
                yield action, given["ListenerArn"]
                made = given["ListenerArn"].replace(":listener/", ":listener-rule/") + "/0123456789abcdef"
            else:
                made = _arn("elasticloadbalancing", f"targetgroup/{given['Name']}/0123456789abcdef")
                yield action, made
            if given.get("Tags"):
                yield "elasticloadbalancing:AddTags", made, {"elasticloadbalancing:CreateAction": [operation]}
        elif operation == "SetRulePriorities":
            for rule in given["RulePriorities"]:
                # IAM is told no tags here.
                yield action, rule["RuleArn"]
        else:
            arn = given.get("RuleArn") or given["TargetGroupArn"]
            yield action, arn, {f"aws:ResourceTag/{TAG}": ["web/hello"]} if arn in self.tagged else {}

    def _scaling(self, request: Request):
        given, operation = request.parameters, request.operation
        action = f"application-autoscaling:{operation}"
        target = _arn("application-autoscaling", "scalable-target/0ec5f8c1a2b34d5e6f70")
        if operation.startswith("Describe"):
            yield action, "*"
            return
        if operation == "ListTagsForResource":
            yield action, given["ResourceARN"]
            return
        yield action, target, {
            "application-autoscaling:service-namespace": [given["ServiceNamespace"]],
            "application-autoscaling:scalable-dimension": [given["ScalableDimension"]],
        }
        if given.get("Tags"):
            yield "application-autoscaling:TagResource", target
        # https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
        service = _arn("ecs", given["ResourceId"])
        alarm = _arn("cloudwatch", "alarm:TargetTracking-service/web/hello-AlarmHigh-0123")
        if operation == "RegisterScalableTarget":
            yield _linked("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService")
            yield "ecs:DescribeServices", service
            yield "ecs:UpdateService", service
        if operation == "PutScalingPolicy":
            yield "cloudwatch:PutMetricAlarm", alarm
            yield "cloudwatch:DescribeAlarms", alarm
        if operation == "DeleteScalingPolicy":
            yield "cloudwatch:DeleteAlarms", alarm

    def _objects(self, request: Request):
        given, operation = request.parameters, request.operation
        bucket = self.buckets[given["Bucket"]]
        action = {
            "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "PutObject": "s3:PutObject",
            "DeleteObject": "s3:DeleteObject", "ListObjectsV2": "s3:ListBucket",
        }[operation]
        if given.get("VersionId"):
            action += "Version"
        yield action, bucket if operation == "ListObjectsV2" else f"{bucket}/{given['Key']}"
        if operation in ("GetObject", "HeadObject"):
            # Without it an absent key is answered with 403, not with 404.
            yield "s3:ListBucket", bucket

    def _discovery(self, request: Request):
        action = f"servicediscovery:{request.operation}"
        if request.operation != "CreateService":
            yield action, "*"
            return
        namespace = request.parameters.get("NamespaceId") or request.parameters["DnsConfig"]["NamespaceId"]
        yield action, _arn("servicediscovery", f"namespace/{namespace}")
        yield action, _arn("servicediscovery", "service/srv-0123456789abcdef")
        if request.parameters.get("Tags"):
            yield "servicediscovery:TagResource", "*"

    def _parameters(self, request: Request):
        for name in request.parameters["Names"]:
            account = "" if name.startswith("/aws/") else ACCOUNT
            own = f"arn:{HOME.partition}:ssm:{HOME.region}:{account}:parameter/{name.lstrip('/')}"
            yield f"ssm:{request.operation}", name if name.startswith("arn:") else own

    def _executions(self, request: Request):
        given = request.parameters
        about = given.get("stateMachineArn") or given.get("executionArn") or "*"
        yield f"states:{request.operation}", about

    def _events(self, request: Request):
        for entry in request.parameters["Entries"]:
            yield f"events:{request.operation}", _arn("events", f"event-bus/{entry.get('EventBusName', 'default')}")

    def _logs(self, request: Request):
        given, operation = request.parameters, request.operation
        if operation == "DescribeLogGroups":
            yield f"logs:{operation}", "*"
            return
        group = given.get("resourceArn") or _arn("logs", f"log-group:{given['logGroupName']}")
        yield f"logs:{operation}", group
        if given.get("tags"):
            yield "logs:TagResource", group


def _anything(service: str, request: Request):
    yield f"{service}:{request.operation}", "*"


def _one(service: str, request: Request, resource: str):
    yield f"{service}:{request.operation}", _arn(service, resource)


def _arn(service: str, resource: str) -> str:
    return f"arn:{HOME.partition}:{service}:{HOME.region}:{ACCOUNT}:{resource}"


def _last(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]


def _roles_of_task(given: dict) -> list[str]:
    return [given[member] for member in ("taskRoleArn", "executionRoleArn") if given.get(member)]


def _role(name_or_arn: str) -> str:
    return name_or_arn if name_or_arn.startswith("arn:") else f"arn:{HOME.partition}:iam::{ACCOUNT}:role/{name_or_arn}"


def _passed(role: str, service: str):
    return "iam:PassRole", _role(role), {"iam:PassedToService": [service]}


def _linked(service: str, name: str):
    resource = f"arn:{HOME.partition}:iam::{ACCOUNT}:role/aws-service-role/{service}/{name}"
    return "iam:CreateServiceLinkedRole", resource, {"iam:AWSServiceName": [service]}


def _has_tag(given: dict) -> bool:
    return any(tag["Key"] == TAG for tag in given.get("Tags") or [])
