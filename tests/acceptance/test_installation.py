"""Landfall, installed through CloudFormation into an emulator that this project did not write.

What ministack does not do, and what stands in for it here:

- An ECR push raises no event, and PutEvents rightly refuses `aws.*` sources: `image-pushed` is invoked with the envelope of
  events/image-pushed.json.
- "Object Created" has no version-id, although the bucket is versioned.
- ECS completes every deployment at once, runs nothing (there is no Docker) and sends no deployment events; its service
  deployments are empty. So nothing is rolled back here, and `rollout-changed` is not woken.
- The roles of the state machine and of the rules are not enforced; those of the functions are.
- The state machine's own TimeoutSeconds is ignored.
- There are no target groups worth asking, so the service has no load balancer and no HTTP probe.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator import ACCOUNT, REGION
from installation import ROOT, functions_of

SERVICE = "web/hello"
FILE = "services/hello.yaml"

CHANGES_ECS = {
    "ecs:CreateCluster": {"EnsureClusterFunction"},
    "ecs:RegisterTaskDefinition": {"RegisterTaskDefinitionFunction"},
    "ecs:CreateService": {"UpdateServiceFunction"},
    "ecs:UpdateService": {"UpdateServiceFunction", "RollBackFunction"},
    "ecs:DeleteService": set(),
    "ecs:DeleteCluster": set(),
    "ecs:StopTask": set(),
}


def test_a_service_file_and_two_pushes_become_two_verified_releases(landfall):
    landfall.put_service_file(FILE, (Path(__file__).parent / "hello.yaml").read_text())
    status = landfall.until("the service file is accepted", lambda: landfall.status(FILE))
    assert status["status"] == "accepted", status
    assert "waiting for the first push of hello" in status["message"]

    landfall.ecr.create_repository(repositoryName="hello")
    for number, tag in enumerate(["1.0.0", "1.1.0"], start=1):
        digest = landfall.push("hello", tag)
        desired = landfall.until(f"release {number} is concluded", lambda: concluded(landfall, number))

        assert desired["concluded"]["verdict"] == "succeeded", f"{desired}\n{landfall.known()}"
        assert desired["lastGood"]["number"] == number
        assert desired["claim"] is None
        assert landfall.image_in_ecs(SERVICE) == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hello@{digest}"
        assert landfall.service(SERVICE)["taskDefinition"] == desired["lastGood"]["taskDefinition"]["arn"]
        record = landfall.record(SERVICE, number)
        assert (record["verdict"], record["release"]["cause"]["tag"]) == ("succeeded", tag)

    older = landfall.push("hello", "1.0.5")
    assert older not in landfall.image_in_ecs(SERVICE), "an older version replaced a newer one"
    landfall.until(
        "every execution ends", lambda: all(run["status"] == "SUCCEEDED" for run in landfall.executions())
    )


def test_a_service_file_that_is_wrong_is_refused_beside_itself_with_line_and_hint(landfall):
    key = "services/wrong.yaml"
    right = (Path(__file__).parent / "hello.yaml").read_text()
    landfall.put_service_file(key, right.replace("containerDefinitions", "cotainerDefinitions"))
    status = landfall.until("the service file is rejected", lambda: landfall.status(key))
    assert status["status"] == "rejected", status
    [problem] = [problem for problem in status["problems"] if problem["path"] == "taskDefinition.containerDefinitions"]
    assert problem["line"] == 6 and problem["hint"], status


def test_an_event_that_a_trigger_cannot_read_ends_in_the_dead_letter_queue(landfall):
    landfall.emulator.client("lambda").invoke(
        FunctionName=landfall.functions["ImagePushedFunction"], InvocationType="Event", Payload=b'{"detail": "odd"}'
    )
    queue = landfall.emulator.client("sqs")
    letters = landfall.until(
        "the event is in the dead-letter queue",
        lambda: queue.receive_message(QueueUrl=landfall.dead_letters, WaitTimeSeconds=1).get("Messages"),
    )
    assert "odd" in letters[0]["Body"]


def test_every_function_of_the_workspace_is_installed_and_the_state_machine_calls_no_others(landfall, template):
    installed = {function["Metadata"]["BuildProperties"]["Binary"] for function in functions_of(template).values()}
    assert installed == {manifest.parent.name for manifest in (ROOT / "functions").glob("*/Cargo.toml")}

    client = landfall.emulator.client("stepfunctions")
    definition = client.describe_state_machine(stateMachineArn=landfall.state_machine)["definition"]
    called = set(re.findall(r"arn:aws:lambda:[^\"]+:function:([^\"]+)", definition))
    assert called <= set(landfall.functions.values())
    assert "${" not in definition, "a placeholder of the state machine has no DefinitionSubstitutions entry"


@pytest.mark.parametrize("action", CHANGES_ECS)
def test_only_the_step_for_it_may_change_ecs(landfall, action):
    iam = landfall.emulator.client("iam")
    client = landfall.emulator.client("lambda")
    allowed = set()
    for logical_id, name in landfall.functions.items():
        role = client.get_function_configuration(FunctionName=name)["Role"]
        answer = iam.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[action],
            ResourceArns=[f"arn:aws:ecs:{REGION}:{ACCOUNT}:{resource_of(action)}"],
        )
        [result] = answer["EvaluationResults"]
        if result["EvalDecision"] == "allowed":
            allowed.add(logical_id)
    assert allowed == CHANGES_ECS[action]


def concluded(landfall, number: int) -> dict | None:
    """The desired state, once its release `number` has a verdict."""
    desired = landfall.desired(SERVICE)
    if desired and desired["concluded"] and desired["concluded"]["number"] == number:
        return desired
    return None


def resource_of(action: str) -> str:
    """A resource of the kind that `action` changes."""
    if action.endswith("Cluster"):
        return "cluster/web"
    if action.endswith("TaskDefinition"):
        return "task-definition/hello:1"
    if action.endswith("Task"):
        return "task/web/0123456789abcdef0123456789abcdef"
    return "service/web/hello"
