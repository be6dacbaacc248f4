"""Landfall, installed through CloudFormation into an emulator that this project did not write.

What ministack does not do, and what stands in for it here:

- An ECR push raises no event, and PutEvents rightly refuses `aws.*` sources: `image-pushed` is invoked with the envelope of
  events/image-pushed.json.
- "Object Created" has no version-id, although the bucket is versioned.
- ECS completes every deployment at once, runs nothing (there is no Docker) and sends no deployment events; its service
  deployments are empty. So nothing is rolled back here, and `rollout-changed` is not woken.
- It listens on plain HTTP and enforces aws:SecureTransport, so the policies' TLS-only statements are left out.
- The roles of the state machine and of the rules are not enforced; those of the functions are, but in statements about ECS and
  load balancers only the actions: it does not work out which resource a call is about. tests/permissions does.
- The state machine's own TimeoutSeconds is ignored.
- There are no target groups worth asking, so the service has no load balancer and no HTTP probe.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator import ACCOUNT, REGION
from installation import ROOT, functions_of

CHANGES_ECS = {
    "ecs:CreateCluster": {"EnsureClusterFunction"},
    "ecs:RegisterTaskDefinition": {"RegisterTaskDefinitionFunction", "RollBackFunction"},
    "ecs:DeregisterTaskDefinition": {"ConcludeReleaseFunction"},
    "ecs:DeleteTaskDefinitions": set(),
    "ecs:CreateService": {"UpdateServiceFunction"},
    "ecs:UpdateService": {"UpdateServiceFunction", "RollBackFunction", "EnsureScalingFunction"},
    "ecs:DeleteService": set(),
    "ecs:DeleteCluster": set(),
    "ecs:StopTask": {"RunTaskFunction"},
}


def test_a_service_file_and_two_pushes_become_two_verified_releases(landfall):
    key, service = "services/hello.yaml", "web/hello"
    landfall.put_service_file(key, service_file("hello"))
    status = landfall.until("the service file is accepted", lambda: landfall.status(key))
    assert status["status"] == "accepted", status
    assert "waiting for the first push of hello" in status["message"]

    landfall.ecr.create_repository(repositoryName="hello")
    for number, tag in enumerate(["1.0.0", "1.1.0"], start=1):
        digest = landfall.push("hello", tag)
        desired = landfall.until(f"release {number} is concluded", lambda: concluded(landfall, service, number))

        assert desired["concluded"]["verdict"] == "succeeded", f"{desired}\n{landfall.known()}"
        assert desired["lastGood"]["number"] == number
        assert desired["claim"] is None
        assert landfall.image_in_ecs(service) == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hello@{digest}"
        assert landfall.service(service)["taskDefinition"] == desired["lastGood"]["taskDefinition"]["arn"]
        record = landfall.record(service, number)
        assert (record["verdict"], record["release"]["cause"]["tag"]) == ("succeeded", tag)

    older = landfall.push("hello", "1.0.5")
    landfall.until("every execution ends", lambda: all(run["status"] == "SUCCEEDED" for run in landfall.executions()))
    assert older not in landfall.image_in_ecs(service), "an older version replaced a newer one"


def test_a_release_whose_execution_is_stopped_is_finished_by_another(landfall):
    service = "web/resumed"
    landfall.ecr.create_repository(repositoryName="resumed")
    landfall.put_service_file("services/resumed.yaml", service_file("resumed", bake="5s"))
    landfall.until("the service file is accepted", lambda: landfall.status("services/resumed.yaml"))
    landfall.push("resumed", "1.0.0")

    landfall.until("ECS was changed", lambda: in_ecs(landfall, service))
    holder = landfall.desired(service)["claim"]["execution"]
    landfall.emulator.client("stepfunctions").stop_execution(executionArn=holder)

    desired = landfall.until("the release is concluded", lambda: concluded(landfall, service, 1))
    assert desired["concluded"]["verdict"] == "succeeded", f"{desired}\n{landfall.known()}"
    assert landfall.record(service, 1)["execution"] != holder


def test_a_deleted_service_file_is_no_longer_followed(landfall):
    key, service = "services/left.yaml", "web/left"
    landfall.ecr.create_repository(repositoryName="left")
    landfall.put_service_file(key, service_file("left"))
    landfall.until("the service file is accepted", lambda: landfall.status(key))

    landfall.s3.delete_object(Bucket=landfall.config_bucket, Key=key)
    landfall.until("its status is gone", lambda: landfall.status(key) is None)
    landfall.push("left", "1.0.0")
    assert landfall.desired(service)["lastNumber"] == 0


def test_a_service_file_that_is_wrong_is_refused_beside_itself_with_line_and_hint(landfall):
    key = "services/wrong.yaml"
    landfall.put_service_file(key, service_file("wrong").replace("containerDefinitions", "cotainerDefinitions"))
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
    installed = {function["Properties"]["Handler"] for function in functions_of(template).values()}
    modules = {module.stem.replace("_", "-") for module in (ROOT / "functions").glob("*.rs")}
    assert installed == modules - {"lib", "bootstrap"}

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


def service_file(name: str, bake: str = "1s") -> str:
    """hello.yaml for another service, with a repository and a family of that name."""
    text = (Path(__file__).parent / "hello.yaml").read_text()
    return text.replace("hello", name).replace("bake: 1s", f"bake: {bake}")


def concluded(landfall, service: str, number: int) -> dict | None:
    """The desired state of `service`, once its release `number` has a verdict."""
    desired = landfall.desired(service)
    if desired and desired["concluded"] and desired["concluded"]["number"] == number:
        return desired
    return None


def in_ecs(landfall, service: str) -> bool:
    """Whether ECS has `cluster/service`."""
    cluster, name = service.split("/")
    try:
        return bool(landfall.ecs.describe_services(cluster=cluster, services=[name])["services"])
    except landfall.ecs.exceptions.ClusterNotFoundException:
        return False


def resource_of(action: str) -> str:
    """A resource of the kind that `action` changes."""
    if action.endswith("Cluster"):
        return "cluster/web"
    if action.endswith("TaskDefinition"):
        return "task-definition/hello:1"
    if action.endswith("Task"):
        return "task/web/0123456789abcdef0123456789abcdef"
    return "service/web/hello"
