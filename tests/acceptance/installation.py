"""Installs template.yaml into the emulator the way `sam build` and `sam deploy` do: zips, an artefact bucket, CloudFormation."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

import yaml

from emulator import REGION

ROOT = Path(__file__).resolve().parents[2]
STACK = "landfall"
ARTEFACTS = "landfall-artefacts"
STACK_SECONDS = 180


class InstallationFailed(RuntimeError):
    """The stack did not stand up; the message has every event that CloudFormation gave a reason for."""


class _Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms (!Ref, !GetAtt, !Sub, …) as their long ones."""


def _long_form(loader: yaml.Loader, tag: str, node: yaml.Node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Template.add_multi_constructor("!", _long_form)


def read_template(path: Path) -> dict:
    """The template as CloudFormation sees it, with long-form intrinsics."""
    return yaml.load(path.read_text(), Loader=_Template)


def functions_of(template: dict) -> dict[str, dict]:
    """The template's functions by logical id."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def package(emulator, template: dict, binaries: Path) -> dict:
    """Upload what CodeUri and DefinitionUri name, and return the template that points at the uploads.

    `binaries` is the folder in which Cargo leaves the executable of the functions. If it is missing, the error says which command
    builds it.
    """
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=ARTEFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
    packaged = json.loads(json.dumps(template))
    _allow_plain_http(packaged)
    _widen_resources(packaged)
    [name] = {resource["Metadata"]["BuildProperties"]["Binary"] for resource in functions_of(packaged).values()}
    executable = binaries / name
    if not executable.is_file():
        raise InstallationFailed(f"{executable} does not exist. Build the functions first: cargo build --workspace")
    s3.put_object(Bucket=ARTEFACTS, Key=f"{executable.name}.zip", Body=bootstrap_zip(executable))
    for resource in functions_of(packaged).values():
        resource["Properties"]["CodeUri"] = f"s3://{ARTEFACTS}/{executable.name}.zip"
        # What is to be probed listens on this machine, as ministack's load balancers do.
        environment = resource["Properties"].setdefault("Environment", {}).setdefault("Variables", {})
        environment["PROBES_REACH_THIS_MACHINE"] = "true"
    for name, resource in packaged["Resources"].items():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            source = ROOT / resource["Properties"]["DefinitionUri"]
            key = f"{name}.asl.json"
            s3.put_object(Bucket=ARTEFACTS, Key=key, Body=source.read_bytes())
            resource["Properties"]["DefinitionUri"] = f"s3://{ARTEFACTS}/{key}"
    return packaged


def _allow_plain_http(template: dict) -> None:
    """Take the statements that ask for TLS out: ministack enforces them, and here it is reached over plain HTTP."""
    resources = template["Resources"]
    for name, resource in list(resources.items()):
        policy = resource["Properties"].get("PolicyDocument")
        if not policy:
            continue
        policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != "OnlyOverTls"]
        if not policy["Statement"]:
            del resources[name]


def _widen_resources(template: dict) -> None:
    """Let statements about ECS and load balancers name any resource, whatever its tags.

    ministack takes every ECS call for one on its cluster or on no resource at all, and every call of Elastic Load Balancing, whose
    parameters are in the body, for one on no resource. So of these statements only the actions are held to. Resources and conditions
    are held to by tests/permissions: every request of the journeys has to be allowed by the statements as they are written.
    """
    policies = [policy for function in functions_of(template).values() for policy in function["Properties"]["Policies"]]
    policies += [
        resource["Properties"]["PolicyDocument"]
        for resource in template["Resources"].values() if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    for policy in policies:
        for statement in policy.get("Statement", []):
            # One with a condition of the template, about a key of one's own, is as it is.
            actions = _listed(statement.get("Action", []))
            if actions and all(action.startswith(("ecs:", "elasticloadbalancing:")) for action in actions):
                statement["Resource"] = "*"
                statement.pop("Condition", None)


def _listed(one_or_more) -> list:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def bootstrap_zip(binary: Path) -> bytes:
    """A deployment package for provided.al2023: the executable under the name `bootstrap`, without debug information."""
    with tempfile.TemporaryDirectory() as scratch:
        bootstrap = Path(scratch) / "bootstrap"
        shutil.copy(binary, bootstrap)
        if shutil.which("strip"):
            subprocess.run(["strip", bootstrap], stderr=subprocess.DEVNULL, check=False)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, bootstrap.read_bytes())
        return buffer.getvalue()


def deploy(emulator, packaged: dict) -> dict[str, str]:
    """Create the stack through a change set, as `sam deploy` does, and return its outputs."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName="install",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(packaged),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": "Architecture", "ParameterValue": machine()}],
    )
    settled = ("CREATE_COMPLETE", "FAILED")
    change_set = _wait(
        lambda: cloudformation.describe_change_set(StackName=STACK, ChangeSetName="install"),
        lambda answer: answer["Status"] in settled,
    )
    if change_set["Status"] == "FAILED":
        raise InstallationFailed(f"the change set failed: {change_set.get('StatusReason')}")
    cloudformation.execute_change_set(StackName=STACK, ChangeSetName="install")
    stack = _wait(
        lambda: cloudformation.describe_stacks(StackName=STACK)["Stacks"][0],
        lambda answer: answer["StackStatus"] not in ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"),
    )
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = [
            f"  {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if event.get("ResourceStatusReason")
        ]
        raise InstallationFailed("\n".join([f"the stack ended as {stack['StackStatus']}", *reasons]))
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def machine() -> str:
    """This machine's architecture by Lambda's name for it: the functions run here, not on Graviton."""
    return {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[os.uname().machine]


def _wait(ask, done):
    deadline = time.monotonic() + STACK_SECONDS
    while True:
        answer = ask()
        if done(answer):
            return answer
        if time.monotonic() > deadline:
            raise InstallationFailed(f"no end after {STACK_SECONDS} s; CloudFormation's last answer: {answer}")
        time.sleep(0.5)
