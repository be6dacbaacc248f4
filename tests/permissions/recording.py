"""Reads what the embedded cloud recorded (crates/landfall-local/src/cloud/recording.rs) as calls of botocore's models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from installed import ACCOUNT

# The account of the embedded cloud.
LOCAL_ACCOUNT = "000000000000"

SERVICES = (
    "application-autoscaling", "cloudformation", "ecr", "ecs", "elbv2", "events", "logs", "s3", "servicediscovery", "ssm",
    "stepfunctions",
)
# Headers that say nothing about the call: of HTTP, of the signature and of the SDK.
OF_TRANSPORT = {
    "accept", "accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "connection", "content-encoding", "content-length",
    "content-type", "expect", "host", "traceparent", "transfer-encoding", "user-agent", "x-amz-content-sha256", "x-amz-date",
    "x-amz-decoded-content-length", "x-amz-security-token", "x-amz-target", "x-amz-trailer", "x-amz-user-agent", "x-amzn-trace-id",
}
# A query parameter with which the SDKs name the operation.
NAMES_OPERATION = {"x-id"}


@dataclass
class Request:
    """One call: by which function, what it is, and what came back. `unknown` are parts of it that the model does not have."""

    function: str
    service: str
    operation: str
    parameters: dict
    unknown: list[str]
    status: int
    answer: str

    @property
    def model(self) -> OperationModel:
        return model(self.service).operation_model(self.operation)


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def read(path: Path) -> list[Request]:
    """Every request of the file."""
    text = path.read_text().replace(LOCAL_ACCOUNT, ACCOUNT)
    return [_request(json.loads(line)) for line in text.splitlines()]


def _request(line: dict) -> Request:
    headers, body = line["headers"], line["body"]
    url = urlsplit(line["uri"])
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    if target := headers.get("x-amz-target"):
        prefix, operation = target.rsplit(".", 1)
        [service] = [name for name in SERVICES if model(name).metadata.get("targetPrefix") == prefix]
        parameters, unknown = json.loads(body or "{}"), []
    elif body.startswith("Action=") or "&Action=" in body:
        form = dict(parse_qsl(body, keep_blank_values=True))
        operation, version = form.pop("Action"), form.pop("Version")
        [service] = [
            name for name in SERVICES
            if model(name).protocol == "query" and model(name).api_version == version
        ]
        shape = model(service).operation_model(operation).input_shape
        parameters = _form(shape, "", form) if shape else {}
        unknown = sorted(set(form) - _read(shape, "", form))
    else:
        service = "s3"
        operation, parameters, unknown = _object_storage(line["method"], url.path, query, headers)
    return Request(line["function"], service, operation, parameters, unknown, line["status"], line["answer"])


def _form(shape: Shape, prefix: str, form: dict[str, str]):
    """A value of the Query protocol, whose names have dots: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            inside = f"{prefix}{member.serialization.get('name', name)}"
            if inside in form or any(key.startswith(f"{inside}.") for key in form):
                found[name] = _form(member, inside if member.type_name not in ("structure",) else f"{inside}.", form)
        return found
    if shape.type_name == "list":
        items = []
        while any(key == (at := f"{prefix}.member.{len(items) + 1}") or key.startswith(f"{at}.") for key in form):
            items.append(_form(shape.member, f"{at}." if shape.member.type_name == "structure" else at, form))
        return items
    text = form[prefix]
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text]
    return text


def _read(shape: Shape | None, prefix: str, form: dict[str, str]) -> set[str]:
    """The fields of a form that its model knows."""
    if shape is None:
        return set()
    if shape.type_name == "structure":
        parts = [
            _read(member, f"{prefix}{member.serialization.get('name', name)}" + "." * (member.type_name == "structure"), form)
            for name, member in shape.members.items()
        ]
        return set().union(*parts)
    if shape.type_name == "list":
        known, number = set(), 1
        while any(key == (at := f"{prefix}.member.{number}") or key.startswith(f"{at}.") for key in form):
            known |= _read(shape.member, f"{at}." if shape.member.type_name == "structure" else at, form)
            number += 1
        return known
    return {prefix} & set(form)


def _object_storage(method: str, path: str, query: dict[str, str], headers: dict[str, str]) -> tuple[str, dict, list[str]]:
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    operation = {
        ("GET", True): "GetObject", ("HEAD", True): "HeadObject", ("PUT", True): "PutObject", ("DELETE", True): "DeleteObject",
        ("GET", False): "ListObjectsV2", ("HEAD", False): "HeadBucket",
    }[method, bool(key)]
    given = {"uri": {"Bucket": bucket, "Key": key}, "header": dict(headers), "querystring": dict(query)}
    parameters = {}
    for name, member in model("s3").operation_model(operation).input_shape.members.items():
        place = given.get(member.serialization.get("location"))
        text = place.pop(member.serialization["name"], place.pop(member.serialization["name"].lower(), None)) if place else None
        if text is not None:
            parameters[name] = int(text) if member.type_name in ("integer", "long") else text
    left = set(given["querystring"]) - NAMES_OPERATION - {"list-type"}
    left |= {name for name in given["header"] if name not in OF_TRANSPORT and not name.startswith("x-amz-checksum")}
    return operation, parameters, sorted(left)


def arns_in(request: Request, member: str) -> list[str]:
    """The texts under a name in an answer of the Query protocol, e.g. of `RuleArn`."""
    if not request.answer.startswith("<"):
        return []
    return [found.text for found in ElementTree.fromstring(request.answer).iter() if found.tag.rpartition("}")[2] == member]
