"""The stack in each partition, and with each of its parameters: every ARN, name and host is one that exists there."""

from __future__ import annotations

import json
import re

import pytest
from botocore.loaders import Loader

from installed import ACCOUNT, HOME, ROOT, Installed, Place, texts
from policy import allows, listed

# AWS's isolated partitions, which docs/operating.md says are not supported.
ISOLATED = ("aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f")
REGIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1", "aws-us-gov": "us-gov-west-1"}
PARTITIONS = {partition["id"]: partition for partition in Loader().load_data("partitions")["partitions"]}
PLACES = [Place(name, region, PARTITIONS[name]["outputs"]["dnsSuffix"]) for name, region in REGIONS.items()]

# Services by the name that IAM knows them by. It is the same in every partition, but for EC2's, which has two forms
# (https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonECS_FullAccess.html).
PRINCIPALS = {
    "ec2.amazonaws.com", "ec2.amazonaws.com.cn",
    "ecs-compute.amazonaws.com", "ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com",
    "events.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com",
}
# AWS's own policies that SAM gives the functions: logs, and traces. The one for traces has an older name in the partition `aws`
# (samtranslator/model/xray_utils.py).
LOGS, TRACES, OLD_TRACES = "service-role/AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess"
# And what it gives a function that may run in subnets.
SUBNETS = "service-role/AWSLambdaVPCAccessExecutionRole"
LONGEST_STACK_NAME = "s" + "x" * 57


def parameters(place: Place) -> dict[str, str]:
    """A value for every parameter that has to do with where the stack stands."""
    key = f"arn:{place.partition}:kms:{place.region}:{ACCOUNT}:key/"
    return {
        "PermissionsBoundary": f"arn:{place.partition}:iam::{ACCOUNT}:policy/boundary",
        "RolePath": "/delivery/",
        "ConfigBucketKeyArn": f"{key}11111111-12ab-34cd-56ef-1234567890ab",
        "StateBucketKeyArn": f"{key}22222222-12ab-34cd-56ef-1234567890ab",
        "ProbeSubnets": "subnet-1,subnet-2",
        "ProbeSecurityGroups": "sg-1",
    }


@pytest.fixture(params=PLACES, ids=lambda place: place.partition)
def place(request):
    return request.param


@pytest.fixture(params=["defaults", "everything"])
def stack(request, place):
    return Installed(place, **(parameters(place) if request.param == "everything" else {}))


def words(stack: Installed) -> list[str]:
    """Every text of the stack and of its state machine."""
    return texts(stack.resources) + texts(json.loads(stack.definition))


def test_every_partition_is_tested_or_named_as_not_supported():
    assert set(PARTITIONS) == set(REGIONS) | set(ISOLATED)
    page = (ROOT / "docs/operating.md").read_text()
    for name in PARTITIONS:
        assert f"`{name}`" in page, f"docs/operating.md does not speak of the partition {name}"


def test_every_arn_is_of_the_place_where_the_stack_stands(stack, place):
    arns = [arn for text in words(stack) for arn in re.findall(r"\barn:[^\s\"',}]+", text)]
    assert len(arns) > 150
    for arn in arns:
        _, partition, service, region, account, _ = arn.split(":", 5)
        assert partition == place.partition, arn
        assert region in ("", place.region), arn
        assert account in ("", "aws", ACCOUNT), arn


def test_every_host_is_a_service_as_iam_names_it(stack):
    hosts = {host for text in words(stack) for host in re.findall(r"[\w.-]*amazonaws[\w.-]*", text)}
    assert hosts == PRINCIPALS


def test_the_roles_have_these_policies_of_aws_and_no_others(stack, place):
    traces = OLD_TRACES if place.partition == "aws" else TRACES
    functions = {f"{name}Role": made["Handler"] for name, made in stack.of_type("AWS::Lambda::Function").items()}
    for name, role in stack.of_type("AWS::IAM::Role").items():
        of_aws = [arn for arn in role.get("ManagedPolicyArns", []) if ":iam::aws:" in arn]
        expected = {LOGS, traces} if name in functions else set()
        if functions.get(name) == "verify-health":
            expected.add(SUBNETS)
        assert {arn.removeprefix(f"arn:{place.partition}:iam::aws:policy/") for arn in of_aws} == expected, name


@pytest.mark.parametrize("mode", ["Active", "PassThrough"])
def test_nothing_is_traced_where_lambda_has_no_tracing(place, mode):
    stack, traced = Installed(place, Tracing=mode), mode == "Active"
    for name, made in stack.of_type("AWS::Lambda::Function").items():
        assert made["TracingConfig"] == {"Mode": mode}, name
    [machine] = stack.of_type("AWS::StepFunctions::StateMachine").values()
    assert machine["TracingConfiguration"] == {"Enabled": traced}
    # https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
    for action in ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets"):
        assert allows(stack.statements("ReleaseStateMachineRole"), f"xray:{action}", "*", {}) == traced, action


def test_lambda_is_asked_for_json_and_a_level_only_where_it_has_them(stack, place):
    # https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html
    json_too = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO"} if place.partition == "aws" else {"LogFormat": "Text"}
    for name, made in stack.of_type("AWS::Lambda::Function").items():
        assert made["LoggingConfig"] == {"LogGroup": f"/aws/lambda/{stack.stack}"} | json_too, name
        assert made["Environment"]["Variables"]["LOG_LEVEL"] == "INFO", name


def test_the_state_machine_waits_for_tokens_by_an_integration_of_its_partition(stack, place):
    resources = {state["Resource"] for state in json.loads(stack.definition)["States"].values() if "Resource" in state}
    integrations = {resource for resource in resources if ":states:" in resource}
    assert integrations == {f"arn:{place.partition}:states:::lambda:invoke.waitForTaskToken"}
    assert "${" not in stack.definition


def test_the_state_machine_and_the_schedule_may_invoke_what_they_call_and_nothing_else(stack):
    called = set(re.findall(r"arn:[^\"]+:function:[^\"]+", stack.definition))
    [schedule] = stack.of_type("AWS::Scheduler::Schedule").values()
    scheduled = {schedule["Target"]["Arn"]}
    for role, functions in [("ReleaseStateMachineRole", called), ("SweepScheduleRole", scheduled)]:
        statements = stack.statements(role)
        for name in stack.of_type("AWS::Lambda::Function"):
            arn = stack.arn(name)
            assert allows(statements, "lambda:InvokeFunction", arn, {}) == (arn in functions), f"{role}: {name}"
    queue = schedule["Target"]["DeadLetterConfig"]["Arn"]
    assert allows(stack.statements("SweepScheduleRole"), "sqs:SendMessage", queue, {})


def test_nothing_that_is_installed_spells_a_partition_out():
    sources = [ROOT / "template.yaml", ROOT / "statemachine/release.asl.json", *ROOT.glob("examples/*/template.yaml")]
    for source in sources:
        assert not re.search(r"arn:aws\b", source.read_text()), source


def test_the_code_spells_no_partition_out():
    found = []
    for crate in ("crates/landfall/src", "crates/landfall-aws/src", "functions", "cli/src"):
        for source in (ROOT / crate).rglob("*.rs"):
            if source.name in ("tests.rs", "partition.rs", "sample.rs") or "tests" in source.parts:
                continue
            code, _, _ = source.read_text().partition("#[cfg(test)]")
            for line in code.splitlines():
                # Examples in comments and hints are of the partition that most people know.
                if line.strip().startswith("//") or ".hint(" in line:
                    continue
                for name in re.findall(r"arn:aws\b[^\"`]*|[\w.-]*amazonaws[\w.-]*", line):
                    if name not in PRINCIPALS:
                        found.append(f"{source.relative_to(ROOT)}: {name}")
    assert not found


def test_parameters_of_the_account_and_of_aws_can_be_placeholders(stack, place):
    own = f"arn:{place.partition}:ssm:{place.region}"
    for function in ("image-pushed", "config-changed", "sweep-due"):
        statements = stack.statements(stack.role_of(function))
        for parameter in (f"{own}:{ACCOUNT}:parameter/web/size", f"{own}::parameter/aws/service/global-infrastructure/regions"):
            assert allows(statements, "ssm:GetParameters", parameter, {}), f"{function} may not read {parameter}"


@pytest.mark.parametrize("name", ["landfall", LONGEST_STACK_NAME], ids=["short", "long"])
def test_names_fit_and_are_known_again(place, name):
    stack = Installed(place, name)
    limits = {
        ("AWS::Logs::LogGroup", "LogGroupName"): 512,
        ("AWS::Scheduler::Schedule", "Name"): 64,
        ("AWS::StepFunctions::StateMachine", "StateMachineName"): 80,
    }
    for (kind, member), most in limits.items():
        for properties in stack.of_type(kind).values():
            assert len(properties[member]) <= most, properties[member]
    cut = {
        "AWS::Events::Rule": "Name", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName",
        "AWS::Lambda::Function": "FunctionName", "AWS::S3::Bucket": "BucketName", "AWS::SQS::Queue": "QueueName",
    }
    for kind, member in cut.items():
        for logical_id, properties in stack.of_type(kind).items():
            assert member not in properties, f"{logical_id} has a name that nothing cuts to its limit"

    [machine] = stack.of_type("AWS::StepFunctions::StateMachine").values()
    execution = f"arn:{place.partition}:states:{place.region}:{ACCOUNT}:execution:{machine['StateMachineName']}:hello-1"
    for function in ("claim-release", "sweep-due"):
        assert allows(stack.statements(stack.role_of(function)), "states:DescribeExecution", execution, {})


def test_every_rule_and_no_other_delivers_to_the_dead_letters(place):
    stack = Installed(place, LONGEST_STACK_NAME)
    [policy] = stack.of_type("AWS::SQS::QueuePolicy").values()
    statements = policy["PolicyDocument"]["Statement"]
    [queue] = {resource for statement in statements for resource in listed(statement["Resource"])}
    over_tls = {"aws:SecureTransport": ["true"]}
    rules = [stack.arn(rule) for rule in stack.of_type("AWS::Events::Rule")]
    assert len(rules) == 6
    for rule in rules:
        assert allows(statements, "sqs:SendMessage", queue, over_tls | {"aws:SourceArn": [rule]}), rule
    other = f"arn:{place.partition}:events:{place.region}:{ACCOUNT}:rule/other"
    assert not allows(statements, "sqs:SendMessage", queue, over_tls | {"aws:SourceArn": [other]})


def test_every_role_is_bounded_and_has_the_path(place):
    given = parameters(place)
    stack = Installed(place, **given)
    roles = stack.of_type("AWS::IAM::Role")
    assert len(roles) == len(stack.of_type("AWS::Lambda::Function")) + 2
    for name, role in roles.items():
        assert role["PermissionsBoundary"] == given["PermissionsBoundary"], name
        assert role["Path"] == "/delivery/", name
    for name, policy in stack.of_type("AWS::IAM::ManagedPolicy").items():
        assert policy["Path"] == "/delivery/", name
    assert not any("PermissionsBoundary" in role for role in Installed(place).of_type("AWS::IAM::Role").values())


@pytest.mark.parametrize("bucket, key", [("ConfigBucket", "ConfigBucketKeyArn"), ("StateBucket", "StateBucketKeyArn")])
def test_whoever_may_read_or_write_a_bucket_may_use_its_key_and_nobody_else(bucket, key):
    given = parameters(HOME)
    stack = Installed(HOME, **given)
    [encryption] = stack.of_type("AWS::S3::Bucket")[bucket]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": given[key]}
    arn = stack.arn(bucket)
    paths = ["services/web/hello.yaml", "status/services/hello.yaml.json"]
    needs = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}
    for role in stack.of_type("AWS::IAM::Role"):
        statements = stack.statements(role)
        for action, of_key in needs.items():
            uses = any(allows(statements, action, f"{arn}/{path}", {}) for path in paths)
            for context in (arn, f"{arn}/{paths[0]}"):
                told = {"kms:EncryptionContext:aws:s3:arn": [context]}
                assert allows(statements, of_key, given[key], told) == uses, f"{role}: {of_key} for {action}"
            other = {"kms:EncryptionContext:aws:s3:arn": ["arn:aws:s3:::other"]}
            assert not allows(statements, of_key, given[key], other), role


def test_without_a_key_of_ones_own_nobody_asks_kms():
    stack = Installed()
    for properties in stack.of_type("AWS::S3::Bucket").values():
        [encryption] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert not [text for text in texts(stack.resources) if text.startswith("kms:")]


def test_only_the_function_that_probes_runs_in_subnets_and_only_if_asked():
    subnets = {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    inside = Installed(HOME, **parameters(HOME)).of_type("AWS::Lambda::Function")
    assert {made["Handler"]: made["VpcConfig"] for made in inside.values() if "VpcConfig" in made} == {"verify-health": subnets}
    assert not any("VpcConfig" in made for made in Installed().of_type("AWS::Lambda::Function").values())


def test_subnets_and_security_groups_come_together(place):
    subnets, groups = {"ProbeSubnets": "subnet-1,subnet-2"}, {"ProbeSecurityGroups": "sg-1"}
    assert Installed(place).refusals() == Installed(place, **subnets, **groups).refusals() == []
    assert Installed(place, **subnets).refusals() == ["ProbeSubnets needs ProbeSecurityGroups."]
    assert Installed(place, **groups).refusals() == ["ProbeSecurityGroups needs ProbeSubnets."]


def test_no_function_makes_network_interfaces_itself():
    stack = Installed()
    interface = f"arn:aws:ec2:eu-west-1:{ACCOUNT}:network-interface/*"
    # SAM gives any function that may run in subnets AWS's policy for that.
    of_aws = [{"Effect": "Allow", "Action": "ec2:CreateNetworkInterface", "Resource": "*"}]
    for name in stack.of_type("AWS::Lambda::Function"):
        role = stack.resources[f"{name}Role"]["Properties"]
        of_sam = any(arn.endswith("AWSLambdaVPCAccessExecutionRole") for arn in role["ManagedPolicyArns"])
        statements = stack.statements(f"{name}Role") + (of_aws if of_sam else [])
        by_code = {"lambda:SourceFunctionArn": [stack.arn(name)]}
        assert not allows(statements, "ec2:CreateNetworkInterface", interface, by_code), name
        assert allows(statements, "ec2:CreateNetworkInterface", interface, {}) == of_sam, name
