"""Checks raw answers against botocore's API models."""

import base64
import json
import re
from xml.etree import ElementTree

# botocore does not model S3's errors per operation: these are the codes of
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html that the embedded cloud uses, and the bare status
# codes that botocore makes of answers without a body (HEAD, 304).
S3_ERRORS = {
    "304", "400", "403", "404", "405", "412",
    "BadDigest", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "IllegalLocationConstraintException", "InvalidArgument",
    "InvalidBucketName", "InvalidPart", "InvalidPartOrder", "InvalidRange", "InvalidRequest", "KeyTooLongError",
    "MalformedPolicy", "MalformedXML", "MethodNotAllowed", "NoSuchBucket", "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration", "NoSuchKey", "NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet", "NoSuchUpload", "NoSuchVersion", "NotImplemented", "OwnershipControlsNotFoundError",
    "PreconditionFailed", "ServerSideEncryptionConfigurationNotFoundError", "XAmzContentSHA256Mismatch",
}
# Errors that every AWS JSON service can answer with without modelling them.
COMMON_ERRORS = {"ValidationException", "UnknownOperationException", "SerializationException", "InvalidAction"}

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def problems(client, operation, response):
    """Everything about a raw response that AWS's model of the operation does not allow."""
    model = client.meta.service_model.operation_model(operation)
    protocol = client.meta.service_model.protocol
    status, body = response["status_code"], response["body"]
    if status >= 300:
        return _error_problems(model, protocol, response)
    if protocol == "json":
        found = _json(model.output_shape, json.loads(body), operation)
    elif protocol == "query":
        root = ElementTree.fromstring(body)
        expected = f"{operation}Response"
        found = [] if _name(root) == expected else [f"{operation}: the root is {_name(root)}, not {expected}"]
        if model.output_shape is not None:
            wrapper = model.output_shape.serialization.get("resultWrapper")
            result = next((child for child in root if _name(child) == wrapper), None)
            found += [f"{operation}: no {wrapper}"] if result is None else _xml(model.output_shape, result, operation)
    else:
        found = _rest_xml(model, response, operation)
    return found


def _error_problems(model, protocol, response):
    name, status, body = model.name, response["status_code"], response["body"]
    if protocol == "rest-xml":
        if not body:
            return []
        root = ElementTree.fromstring(body)
        code = root.findtext("Code")
        if _name(root) != "Error" or code not in S3_ERRORS or not root.findtext("Message"):
            return [f"{name}: {status} with {body!r} is no S3 error"]
        return []
    if protocol == "rest-json":
        code, message = response["headers"].get("x-amzn-errortype"), json.loads(body).get("Message")
    elif protocol == "json":
        error = json.loads(body)
        code, message = error.get("__type"), error.get("message")
    else:
        root = ElementTree.fromstring(body)
        namespace = {"": root.tag[1:].partition("}")[0]} if root.tag.startswith("{") else {}
        code, message = root.findtext("Error/Code", namespaces=namespace), root.findtext("Error/Message", namespaces=namespace)
    modelled = {shape.error_code for shape in model.error_shapes} | {shape.name for shape in model.error_shapes}
    if code not in modelled | COMMON_ERRORS:
        return [f"{name}: the error {code} is none of {sorted(modelled)}"]
    return [] if message else [f"{name}: the error {code} has no message"]


def _json(shape, value, path):
    if shape is None:
        return [] if value in (None, {}) else [f"{path}: {value!r} where nothing is expected"]
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no object"]
        found = [f"{path}.{name} is unknown" for name in value if name not in shape.members]
        found += [f"{path}.{name} is required" for name in shape.required_members if name not in value]
        for name, member in shape.members.items():
            if name in value:
                found += _json(member, value[name], f"{path}.{name}")
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [problem for index, item in enumerate(value) for problem in _json(shape.member, item, f"{path}[{index}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        return [problem for key, item in value.items() for problem in _json(shape.value, item, f"{path}.{key}")]
    if kind == "blob":
        try:
            base64.b64decode(value, validate=True)
            return []
        except (TypeError, ValueError):
            return [f"{path}: {value!r} is not base64"]
    right = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "long": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "double": isinstance(value, (int, float)) and not isinstance(value, bool),
        "timestamp": isinstance(value, (int, float)) and not isinstance(value, bool),
    }[kind]
    if not right:
        return [f"{path}: {value!r} is no {kind}"]
    return _enum(shape, value, path)


def _enum(shape, value, path):
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path}: {value!r} is none of {shape.enum}"]
    return []


def _rest_xml(model, response, path):
    shape, body = model.output_shape, response["body"]
    if shape is None:
        return [f"{path}: a body where none is expected"] if body else []
    payload = shape.serialization.get("payload")
    if payload:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            return []
        return _xml(member, ElementTree.fromstring(body), path) if body else []
    in_body = {name: member for name, member in shape.members.items() if "location" not in member.serialization}
    if not in_body:
        return [f"{path}: a body where none is expected"] if body else []
    if model.name == "GetBucketLocation":
        root = ElementTree.fromstring(body)
        return [] if _name(root) == "LocationConstraint" else [f"{path}: the root is {_name(root)}"]
    return _xml(shape, ElementTree.fromstring(body), path)


def _xml(shape, element, path):
    kind = shape.type_name
    if kind == "structure":
        known, found, seen = {}, [], set()
        for name, member in shape.members.items():
            if "location" in member.serialization:
                continue
            flat = member.type_name == "list" and member.serialization.get("flattened")
            written = member.serialization.get("name", name)
            if flat and "name" not in member.serialization:
                written = member.member.serialization.get("name", name)
            known[written] = (name, member, flat)
        for child in element:
            if _name(child) not in known:
                found.append(f"{path}.{_name(child)} is unknown")
                continue
            name, member, flat = known[_name(child)]
            if not flat and name in seen:
                found.append(f"{path}.{name} stands there twice")
            seen.add(name)
            found += _xml(member.member if flat else member, child, f"{path}.{name}")
        found += [f"{path}.{name} is required" for name, _, _ in known.values()
                  if name in shape.required_members and name not in seen]
        return found
    if kind == "list":
        written = shape.member.serialization.get("name", "member")
        found = [f"{path}: {_name(child)} is no {written}" for child in element if _name(child) != written]
        return found + [problem for index, child in enumerate(element) for problem in _xml(shape.member, child, f"{path}[{index}]")]
    text = element.text or ""
    if len(element):
        return [f"{path}: elements where a {kind} is expected"]
    if kind == "boolean":
        return [] if text in ("true", "false") else [f"{path}: {text!r} is no boolean"]
    if kind in ("integer", "long"):
        return [] if re.fullmatch(r"-?\d+", text) else [f"{path}: {text!r} is no number"]
    if kind == "timestamp":
        return [] if RFC_3339.fullmatch(text) else [f"{path}: {text!r} is no time"]
    return _enum(shape, text, path)


def _name(element):
    return element.tag.rpartition("}")[2]
