"""What the functions announced in the journeys fits its JSON Schema in events/schemas/, and the schemas describe all of it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from copy import deepcopy
from datetime import datetime
from pathlib import Path

import pytest
from botocore.validate import ParamValidator
from jsonschema import Draft4Validator, FormatChecker, ValidationError

import generate
from recording import model

ROOT = Path(__file__).resolve().parents[2]
TYPES = sorted(generate.EVENTS)

formats = FormatChecker(formats=())
formats.checks("date-time", raises=ValueError)(
    lambda value: not isinstance(value, str) or value.endswith("Z") and bool(datetime.fromisoformat(value))
)


def closed(detail_type: str) -> Draft4Validator:
    """Takes no member and no word that the schema does not describe."""
    return Draft4Validator(generate.schema(detail_type, closed=True), format_checker=formats)


def committed(detail_type: str) -> Draft4Validator:
    """What is published, which takes what later versions add."""
    return Draft4Validator(json.loads(generate.path(detail_type).read_text()), format_checker=formats)


def example(detail_type: str) -> dict:
    return json.loads(generate.example(detail_type).read_text())


def misfits(validator: Draft4Validator, event: dict) -> set[str]:
    """What of the event does not fit, each once, and where to describe it."""
    found = set()
    for error in leaves(validator.iter_errors(event)):
        at = "".join("[]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".") or "the envelope"
        if error.validator == "additionalProperties":
            more = sorted(set(error.instance) - set(error.schema.get("properties", {})))
            what = f"has {', '.join(f'`{name}`' for name in more)}, which the schema does not describe"
        elif error.validator == "enum":
            what = f"is `{error.instance}`, which the schema does not describe"
        else:
            what = f"{error.message[:200]}"
        found.add(f"{event['detail-type']}: {at}: {what}: mend events/schemas/details.py, then run python3 events/schemas/generate.py")
    return found


def leaves(errors) -> list[ValidationError]:
    """The errors themselves, where a value may also be null and is not."""
    found = []
    for error in errors:
        found += leaves(each for each in error.context if each.schema_path[0] == 0) if error.context else [error]
    return found


@pytest.fixture(scope="session")
def put(requests) -> dict[str, list[dict]]:
    """The events of the journeys, by detail-type, as EventBridge delivers them; those that say the same once."""
    entries = [
        entry for request in requests if (request.service, request.operation) == ("events", "PutEvents")
        for entry in request.parameters["Entries"]
    ]
    assert entries, "the recording has no events"
    assert {entry["Source"] for entry in entries} == {generate.SOURCE}
    details = defaultdict(set)
    for entry in entries:
        details[entry["DetailType"]].add(entry["Detail"])
    return {
        detail_type: [{**example(TYPES[0]), "detail-type": detail_type, "detail": json.loads(detail)} for detail in sorted(of_type)]
        for detail_type, of_type in details.items()
    }


def test_there_is_a_schema_and_an_example_of_each_type_that_the_code_names():
    code = (ROOT / "crates/landfall-aws/src/events.rs").read_text()
    named = re.findall(r'^pub const [A-Z_]+: &str =\s+"(Landfall [^"]+)";$', code, re.MULTILINE)
    assert sorted(named) == TYPES
    assert {path.name for path in generate.HERE.glob("*.json")} == {generate.path(each).name for each in TYPES}
    assert set(generate.HERE.glob("examples/*")) == {generate.example(each) for each in TYPES}


def test_each_type_is_put_in_a_journey_and_no_other(put):
    assert sorted(put) == TYPES


@pytest.mark.parametrize("detail_type", TYPES)
def test_what_is_put_fits_its_schema(detail_type, put):
    validator = closed(detail_type)
    wrong = set().union(*(misfits(validator, event) for event in put.get(detail_type, [])))
    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("detail_type", TYPES)
def test_the_example_fits_its_schema(detail_type):
    event = example(detail_type)
    assert not misfits(closed(detail_type), event) | misfits(committed(detail_type), event)
    assert (event["detail-type"], event["account"]) == (detail_type, "000000000000")


@pytest.mark.parametrize("detail_type", TYPES)
def test_what_later_versions_add_fits_the_published_schema_and_is_told_here(detail_type):
    event = example(detail_type)
    places = list(objects(event, "", generate.schema(detail_type), detail_type))
    assert len(places) > 1
    for at, members in places:
        members["gravity"] = 9.81
        assert not misfits(committed(detail_type), event), at
        told = misfits(closed(detail_type), event)
        assert len(told) == 1 and f": {at or 'the envelope'}: has `gravity`, " in told.pop(), at
        del members["gravity"]
    assert not misfits(closed(detail_type), event)


def test_a_new_word_fits_the_published_schema_and_is_told_here():
    concluded, changed = "Landfall Release Concluded", "Landfall Release Stage Changed"
    for detail_type, at in [(concluded, "verdict"), (changed, "stage")]:
        event = example(detail_type)
        event["detail"][at] = "adrift"
        assert not misfits(committed(detail_type), event)
        [told] = misfits(closed(detail_type), event)
        assert f"{detail_type}: detail.{at}: is `adrift`, which the schema does not describe" in told


@pytest.mark.parametrize(("at", "value", "told"), [
    ("verdict", None, "None is not of type 'string'"),
    ("timeline", {}, "'createdAt' is a required property"),
    ("diagnosis", {"undone": "nothing"}, "'stoppedTasks' is a required property"),
    ("service", "hello", "'hello' does not match"),
])
def test_what_consumers_rest_on_is_held(at, value, told):
    event = example("Landfall Release Concluded")
    event["detail"][at] = value
    assert any(told in misfit for misfit in misfits(committed("Landfall Release Concluded"), event))


def test_a_time_is_in_utc():
    event = deepcopy(example("Landfall Service Drifted"))
    for wrong in ("yesterday", "2026-11-29T02:31:00+01:00"):
        event["detail"]["hold"]["since"] = wrong
        assert len(misfits(committed("Landfall Service Drifted"), event)) == 1


@pytest.mark.parametrize("detail_type", TYPES)
def test_eventbridge_takes_the_schema(detail_type):
    content = generate.path(detail_type).read_text()
    shape = model("schemas").operation_model("CreateSchema").input_shape
    request = {"RegistryName": "landfall", "SchemaName": generate.slug(detail_type), "Type": "JSONSchemaDraft4", "Content": content}
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    schema = json.loads(content)
    Draft4Validator.check_schema(schema)
    assert (schema["$schema"], schema["title"]) == ("http://json-schema.org/draft-04/schema#", detail_type)
    assert not list(badly_described(schema, schema, detail_type))


def badly_described(part, schema: dict, at: str):
    """Where a schema has no description, or a reference that leads nowhere or has something beside it, which Draft 4 ignores."""
    if reference := part.get("$ref"):
        name = reference.removeprefix("#/definitions/")
        if len(part) != 1 or name not in schema["definitions"]:
            yield f"{at}: {reference}"
        return
    if not part.get("description"):
        yield f"{at}: no description"
    inner = {**part.get("properties", {}), **part.get("definitions", {})}
    for keyword in ("items", "additionalProperties"):
        if keyword in part:
            inner[keyword] = part[keyword]
    for name, each in inner.items():
        yield from badly_described(each, schema, f"{at}.{name}")


def objects(value, at: str, part: dict, detail_type: str):
    """The objects of an event whose members the schema names, and where they are."""
    schema = generate.schema(detail_type)
    if "anyOf" in part:
        part = part["anyOf"][0]
    if reference := part.get("$ref"):
        part = schema["definitions"][reference.rpartition("/")[2]]
    if isinstance(value, dict):
        if "properties" in part:
            yield at, value
        for name, each in value.items():
            inner = part.get("properties", {}).get(name) or part["additionalProperties"]
            yield from objects(each, f"{at}.{name}".lstrip("."), inner, detail_type)
    elif isinstance(value, list):
        for each in value[:1]:
            yield from objects(each, f"{at}[]", part["items"], detail_type)
