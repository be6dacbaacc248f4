"""Every service file of the repository, held against the JSON Schema and against botocore's own check of parameters."""

import datetime
import json
import pathlib

import botocore.loaders
import botocore.model
import botocore.validate
import jsonschema
import pytest
import yaml

import generate

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILES = sorted([*ROOT.glob("tests/service-files/*.yaml"), *ROOT.glob("examples/**/*.yaml")])
FILES += [ROOT / "crates/landfall/tests/sections" / name for name in ("everything.yaml", "least.yaml")]
FILES = [path for path in FILES if "cluster:" in path.read_text() and "AWSTemplateFormatVersion" not in path.read_text()]
SCHEMA = json.loads((ROOT / "schema/service-file.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ECS = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("ecs", "service-2"))
OPERATIONS = {"cluster": "CreateCluster", "taskDefinition": "RegisterTaskDefinition", "service": "CreateService"}


def document(path):
    return yaml.safe_load(path.read_text())


def problems(found):
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(found)]


def as_sent(value, shape):
    """Numbers and booleans become text where the model has text, as Landfall sends them."""
    if shape.type_name == "string" and isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if shape.type_name == "list" and isinstance(value, list):
        return [as_sent(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: as_sent(item, shape.value) for key, item in value.items()}
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return {key: as_sent(item, shape.members[key]) if key in shape.members else item for key, item in value.items()}
    return value


def unknown(value, shape, path=""):
    """Names and enum values that the model does not have, which botocore's own check of structures lets pass."""
    if shape.type_name == "list":
        return [found for index, item in enumerate(value) for found in unknown(item, shape.member, f"{path}[{index}]")]
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        return [f"{path}.{name}" for name in value if name not in shape.members] + [
            found for name, item in value.items() if name in shape.members for found in unknown(item, shape.members[name], f"{path}.{name}")
        ]
    if shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path}={value}"]
    return []


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_collection_is_large():
    assert len([path for path in FILES if "service-files" in path.parts]) >= 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_service_file_is_valid(path):
    assert problems(document(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_botocore_takes_its_ecs_sections(path):
    found = document(path)
    for section, operation in OPERATIONS.items():
        if section not in found:
            continue
        shape = ECS.operation_model(operation).input_shape
        body = as_sent(found[section], shape)
        report = botocore.validate.ParamValidator().validate(body, shape)
        assert not report.has_errors(), f"{section}: {report.generate_report()}"
        assert unknown(body, shape, section) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"verify": {"htp": {}}}, ["verify: Additional properties are not allowed ('htp' was unexpected)"]),
        ({"sevrice": {}}, [": 'sevrice' does not match any of the regexes: '^x-'"]),
        ({"service": {"serviceName": "a", "desiredCount": "two"}}, ["service/desiredCount: 'two' is not valid under any of the given schemas"]),
        ({"service": {"serviceName": "a", "desiredCount": "${ssm:/count}", "tomorrow": {"is": "here"}, "launchType": "MOON"}}, []),
        ({"x-anything": [1]}, []),
        ({"taskDefinition": {"family": "a", "cpu": 256, "containerDefinitions": [{"name": "a"}]}}, []),
        ({"taskDefinition": {"family": "a"}}, ["taskDefinition: 'containerDefinitions' is a required property"]),
    ],
)
def test_mistakes_are_found_and_tomorrow_is_not_one(change, found):
    base = document(ROOT / "tests/service-files/smallest.yaml")
    assert problems({**base, **change}) == found


def test_every_section_has_a_description():
    assert all("description" in section for section in SCHEMA["properties"].values())


def test_a_description_with_a_word_that_nobody_reads_is_refused():
    with pytest.raises(SystemExit, match="no such words in a description: least_"):
        generate.own_field({"type": "integer", "least_": 1})


def test_the_committed_files_are_what_the_generator_makes():
    version, date, services = generate.models()
    assert generate.TABLE.read_text() == generate.table(version, date, services)
    assert json.loads(generate.SCHEMA.read_text()) == generate.json_schema(services)


def test_the_models_are_not_older_than_90_days():
    _, published, _ = generate.models()
    age = datetime.date.today() - datetime.date.fromisoformat(published)
    assert age.days <= 90, (
        f"the API table is of {published}: pin the newest botocore in schema/requirements.txt, with the day it was published, "
        "run `just schema`, and read what is new in the difference of crates/landfall/src/api/table.txt"
    )
