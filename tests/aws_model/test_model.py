"""The checker itself: it must find what AWS's models do not allow."""

import pathlib
import re

import boto3
import pytest
from botocore import xform_name

import model


@pytest.mark.parametrize("service, operation, status, body, problem", [
    ("ecr", "DescribeImages", 200, b'{"imageDetails": [{"imagePushedAt": "now"}]}', "is no timestamp"),
    ("ecr", "DescribeImages", 200, b'{"images": []}', "DescribeImages.images is unknown"),
    ("ecr", "DescribeImages", 400, b'{"__type": "NoSuchKey", "message": "m"}', "NoSuchKey is none of"),
    ("sts", "GetCallerIdentity", 200, b"<GetCallerIdentityResponse/>", "no GetCallerIdentityResult"),
    ("s3", "ListObjectsV2", 200, b"<ListBucketResult><Contents><Size>big</Size></Contents></ListBucketResult>", "is no number"),
    ("s3", "ListObjectsV2", 200, b"<ListBucketResult><Keys/></ListBucketResult>", "ListObjectsV2.Keys is unknown"),
    ("s3", "ListBuckets", 200, b"<R><Buckets><Item/></Buckets></R>", "Item is no Bucket"),
])
def test_a_wrong_answer_is_found(service, operation, status, body, problem):
    client = boto3.client(service, region_name="eu-west-1")
    found = model.problems(client, operation, {"status_code": status, "body": body, "headers": {}})
    assert len(found) == 1 and problem in found[0], found


def test_every_operation_that_is_played_is_driven():
    here = pathlib.Path(__file__).parent
    sources = here.parents[1] / "crates/landfall-local/src"
    source = "".join(each.read_text() for each in [*sources.glob("cloud/*.rs"), sources / "engine/api.rs"])
    tables = re.findall(r"operations: &\[(.*?)\],\n\};|const OPERATIONS: .*?= &\[(.*?)\n\];", source, re.DOTALL)
    operations = re.findall(r'\(\s*"([A-Z]\w+)",\s', "".join("".join(table) for table in tables))
    tests = "".join(each.read_text() for each in here.glob("test_*.py"))
    undriven = [each for each in operations if f".{xform_name(each)}" not in tests and f'get_paginator("{xform_name(each)}")' not in tests]
    assert len(tables) == 12 and operations and not undriven
