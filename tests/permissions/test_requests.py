"""What the functions ask AWS for in the journeys is well-formed, allowed by their roles, and all that these allow."""

from __future__ import annotations

from collections import defaultdict

import pytest
from botocore.validate import ParamValidator

from needs import Needs
from policy import allows, applying, listed

# Fields that AWS does not have, which a journey's service file has on purpose: they are sent as they are written.
MADE_UP = {"gravity", "antennas"}

# What no journey needs of a role: function and action, and when it is needed. Journeys that need it from now on make no entry
# wrong: its reason may just be less rare than it says.
NOT_IN_A_JOURNEY = {
    ("check-rollout", "ecs:ContinueServiceDeployment"): "a pause hook holds the way back: simulation/tests/sweep/pauses.rs",
    ("check-rollout", "s3:GetObject"): "a pause is told beside the service file: docs/fault-matrix.md has the call",
    ("check-rollout", "s3:ListBucket"): "a pause is told beside the service file: docs/fault-matrix.md has the call",
    ("check-rollout", "s3:PutObject"): "a pause is told beside the service file: docs/fault-matrix.md has the call",
    ("config-changed", "ecr:BatchGetImage"): "an index of images for several platforms comes: simulation/tests/sweep/tags.rs",
    ("ensure-scaling", "elasticloadbalancing:DescribeTargetGroups"): "a service is scaled by requests: the metric names the load balancer",
    ("image-pushed", "ecr:BatchGetImage"): "an index of images for several platforms comes: simulation/tests/sweep/tags.rs",
    ("image-pushed", "events:PutEvents"): "images are gone from ECR, so that the way back is in danger",
    ("register-task-definition", "elasticloadbalancing:DescribeTargetGroups"): "the probe goes to a group that `service` names itself",
    ("roll-back", "ecs:UntagResource"): "the bad release tagged the service with what the good one does not",
    ("roll-back", "elasticloadbalancing:AddTags"): "the good release's group or rule is gone, and made again",
    ("roll-back", "elasticloadbalancing:CreateRule"): "the good release's group or rule is gone, and made again",
    ("roll-back", "elasticloadbalancing:CreateTargetGroup"): "the good release's group or rule is gone, and made again",
    ("roll-back", "iam:PassRole"): "the good release's section `service` or its deregistered revision names roles",
    ("roll-back", "servicediscovery:ListNamespaces"): "the good release has a section `discovery`",
    ("roll-back", "servicediscovery:ListServices"): "the good release has a section `discovery`",
    ("run-task", "ecs:ListTasks"): "an execution died after it had started the task",
    ("sweep-due", "cloudformation:ListExports"): "a sweep makes a release of a file with placeholders of exports",
    ("sweep-due", "ecr:BatchGetImage"): "an index of images for several platforms comes: simulation/tests/sweep/tags.rs",
    ("sweep-due", "s3:DeleteObject"): "a sweep finds that a service file was deleted",
    ("sweep-due", "ssm:GetParameters"): "a sweep makes a release of a file with placeholders of parameters",
    ("verify-health", "elasticloadbalancing:DescribeTargetGroups"): "the probe goes to a group that `service` names itself",
}
# What functions have for somebody else.
OF_OTHERS = {"sqs:SendMessage": "Lambda, which sends events to the dead letters that a function failed on, as that function"}


def test_the_recording_is_of_all_functions(requests, stack):
    functions = {made["Handler"] for made in stack.of_type("AWS::Lambda::Function").values()}
    assert {request.function for request in requests} == functions
    assert len(requests) > 1000


def test_every_request_is_one_that_aws_has(requests):
    validator = ParamValidator()
    wrong = set()
    for request in requests:
        where = f"{request.function}: {request.service} {request.operation}"
        wrong |= {f"{where}: {name} is unknown" for name in request.unknown}
        shape = request.model.input_shape
        if shape is None:
            continue
        report = validator.validate(_without(request.parameters, MADE_UP), shape)
        if report.has_errors():
            wrong.add(f"{where}: {report.generate_report()}")
        wrong |= {f"{where}: {name} is none of its values" for name in _odd_values(request.parameters, shape, "")}
    assert not wrong, "\n".join(sorted(wrong))


def _without(value, names: set[str]):
    """The value without the members of these names, at any depth."""
    if isinstance(value, dict):
        return {name: _without(item, names) for name, item in value.items() if name not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _odd_values(value, shape, path: str) -> list[str]:
    """Unknown enumerated values, which botocore's validator takes."""
    if shape.type_name == "structure":
        inner = [(shape.members[name], item, f"{path}.{name}") for name, item in value.items() if name in shape.members]
    elif shape.type_name == "list":
        inner = [(shape.member, item, f"{path}[]") for item in value]
    elif shape.type_name == "map":
        inner = [(shape.value, item, f"{path}.{name}") for name, item in value.items()]
    else:
        odd = getattr(shape, "enum", None) and value not in shape.enum
        return [f"{path.lstrip('.')} `{value}`"] if odd else []
    return [odd for member, item, at in inner for odd in _odd_values(item, member, at)]


@pytest.fixture(scope="session")
def needed(requests, stack):
    """By function, what it needed, each once."""
    needs = Needs(stack, requests)
    found = defaultdict(dict)
    for request in requests:
        for need in needs.of(request):
            found[request.function][need.action, need.resource, str(need.context)] = need
    return {function: list(asked.values()) for function, asked in found.items()}


def test_every_request_is_allowed_by_the_role_of_its_function(needed, stack):
    denied = []
    for function, needs in needed.items():
        statements = stack.statements(stack.role_of(function))
        denied += [
            f"{function} may not {need.action} on {need.resource} with {need.context}"
            for need in needs if not allows(statements, *need)
        ]
    assert not denied, "\n".join(sorted(denied))


def test_whatever_a_role_allows_is_needed_or_justified(needed, stack):
    allowed, unused = set(), set()
    for made in stack.of_type("AWS::Lambda::Function").values():
        function = made["Handler"]
        statements = [each for each in stack.statements(stack.role_of(function)) if each["Effect"] == "Allow"]
        used = {
            (number, need.action)
            for need in needed.get(function, [])
            for number, statement in enumerate(statements)
            if applying([statement], *need)
        }
        of_function = {(number, action) for number, each in enumerate(statements) for action in listed(each["Action"])}
        allowed |= {(function, action) for _, action in of_function}
        unused |= {(function, action) for _, action in of_function - used if action not in OF_OTHERS}
    more = sorted(unused - set(NOT_IN_A_JOURNEY))
    assert not more, "no journey needs:\n" + "\n".join(f"{function}: {action}" for function, action in more)
    # What a journey needs now and then stays in the table.
    gone = set(NOT_IN_A_JOURNEY) - allowed
    assert not gone, f"no role allows these any more, so their reasons can go: {sorted(gone)}"
