"""What CloudFormation makes of template.yaml in one account: SAM's transform, then every condition and intrinsic function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
NO_VALUE = object()


@dataclass(frozen=True)
class Place:
    """A partition, and a Region in it. `dns_suffix` is what CloudFormation answers for AWS::URLSuffix."""

    partition: str
    region: str
    dns_suffix: str


HOME = Place("aws", "eu-west-1", "amazonaws.com")


class Installed:
    """The stack's resources in one place, without intrinsic functions; `definition` is the state machine's text."""

    def __init__(self, place: Place = HOME, stack: str = "landfall", **parameters: str):
        self.place, self.stack = place, stack
        template = self._template = _transformed(place)
        self.parameters = {name: parameter["Default"] for name, parameter in template["Parameters"].items()} | parameters
        self.resources = {
            name: self._resolve(resource) for name, resource in template["Resources"].items() if self._is_made(resource)
        }
        [machine] = self.of_type("AWS::StepFunctions::StateMachine").values()
        self.definition = (ROOT / "statemachine/release.asl.json").read_text()
        for name, value in machine["DefinitionSubstitutions"].items():
            self.definition = self.definition.replace("${%s}" % name, value)

    def of_type(self, kind: str) -> dict[str, dict]:
        """Properties by logical id."""
        return {name: made.get("Properties", {}) for name, made in self.resources.items() if made["Type"] == kind}

    def refusals(self) -> list[str]:
        """What CloudFormation says to parameters that break a rule, before it makes anything."""
        return [
            assertion["AssertDescription"]
            for rule in self._template["Rules"].values()
            if self._resolve(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._resolve(assertion["Assert"])
        ]

    def role_of(self, function: str) -> str:
        """The logical id of a function's role, by the function's handler: `claim-release`."""
        [name] = [name for name, made in self.of_type("AWS::Lambda::Function").items() if made["Handler"] == function]
        return f"{name}Role"

    def statements(self, role: str) -> list[dict]:
        """All statements that a role has, but for those of AWS's own managed policies."""
        properties = self.resources[role]["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for arn in properties.get("ManagedPolicyArns", []):
            of_stack = [name for name in self.of_type("AWS::IAM::ManagedPolicy") if self.arn(name) == arn]
            documents += [self.resources[name]["Properties"]["PolicyDocument"] for name in of_stack]
        return [statement for document in documents for statement in document["Statement"]]

    def _is_made(self, resource: dict) -> bool:
        return "Condition" not in resource or self._condition(resource["Condition"])

    def _condition(self, name: str) -> bool:
        return self._resolve(self._template["Conditions"][name])

    def _resolve(self, value):
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {name: self._resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NO_VALUE}

    def _call(self, name: str, argument):
        if name == "Ref":
            return self._reference(argument)
        if name == "Fn::If":
            condition, then, otherwise = argument
            return self._resolve(then if self._condition(condition) else otherwise)
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^}!]+)\}", lambda found: str(self._named(found[1])), argument)
        if name == "Fn::GetAtt":
            return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        argument = self._resolve(argument)
        if name == "Fn::Equals":
            return argument[0] == argument[1]
        if name == "Fn::Not":
            return not argument[0]
        if name == "Fn::EachMemberIn":
            return set(argument[0]) <= set(argument[1])
        if name == "Fn::Join":
            return argument[0].join(argument[1])
        raise NotImplementedError(f"{name} is used in template.yaml, and not known here")

    def _named(self, name: str):
        return self._attribute(*name.split(".", 1)) if "." in name else self._reference(name)

    def _reference(self, name: str):
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": self.place.partition,
            "AWS::Region": self.place.region,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": self.place.dns_suffix,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            value = self.parameters[name]
            is_list = self._template["Parameters"][name]["Type"] == "CommaDelimitedList"
            return value.split(",") if is_list else value
        return self._physical(name)

    def _attribute(self, resource: str, attribute: str):
        if attribute == "Arn":
            return self.arn(resource)
        if attribute == "QueueName":
            return self.generated(resource)
        raise NotImplementedError(f"{resource}.{attribute} is used in template.yaml, and not known here")

    def generated(self, resource: str) -> str:
        """A name that CloudFormation makes up: never longer than 64 characters, 63 for a bucket, whatever the stack's."""
        kind = self._template["Resources"][resource]["Type"]
        if kind == "AWS::S3::Bucket":
            return f"{self.stack}-{resource}".lower()[:50] + "-abcdefghijkl"
        return f"{self.stack}-{resource}"[:51] + "-ABCDEFGHIJKL"

    def _physical(self, resource: str) -> str:
        """What Ref is for a resource."""
        made = self._template["Resources"][resource]
        if made["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::StepFunctions::StateMachine"):
            return self.arn(resource)
        if made["Type"] == "AWS::Logs::LogGroup":
            return self._resolve(made["Properties"]["LogGroupName"])
        return self.generated(resource)

    def arn(self, resource: str) -> str:
        """A resource's ARN, by its logical id."""
        place, made = self.place, self._template["Resources"][resource]
        name = self.generated(resource)
        own, path = f"{place.region}:{ACCOUNT}", self.parameters["RolePath"]
        service, rest = {
            "AWS::Events::Rule": lambda: ("events", f"{own}:rule/{name}"),
            "AWS::IAM::ManagedPolicy": lambda: ("iam", f":{ACCOUNT}:policy{path}{name}"),
            "AWS::IAM::Role": lambda: ("iam", f":{ACCOUNT}:role{path}{name}"),
            "AWS::Lambda::Function": lambda: ("lambda", f"{own}:function:{name}"),
            "AWS::Logs::LogGroup": lambda: ("logs", f"{own}:log-group:{self._physical(resource)}:*"),
            "AWS::S3::Bucket": lambda: ("s3", f"::{name}"),
            "AWS::SQS::Queue": lambda: ("sqs", f"{own}:{name}"),
            "AWS::StepFunctions::StateMachine": lambda: (
                "states", f"{own}:stateMachine:{self._resolve(made['Properties']['StateMachineName'])}"
            ),
        }[made["Type"]]()
        return f"arn:{place.partition}:{service}:{rest}"


@cache
def _transformed(place: Place) -> dict:
    """The template after AWS::Serverless, as it is transformed in a Region."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://artefacts/functions.zip"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = "s3://artefacts/release.asl.json"
    session = boto3.Session(region_name=place.region)
    return Translator({}, Parser(), boto_session=session).translate(template, {})


def texts(value) -> list[str]:
    """Every text in a document, names included."""
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in [name, *texts(item)]]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []
