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


@pytest.mark.parametrize("dispatch", ["cloud/ecr.rs", "cloud/ecs.rs", "cloud/elb.rs", "cloud/events.rs", "cloud/logs.rs",
                                      "cloud/s3.rs", "cloud/sts.rs", "engine/api.rs"])
def test_every_operation_that_is_implemented_is_driven(dispatch):
    here = pathlib.Path(__file__).parent
    source = (here.parents[1] / "crates/landfall-local/src" / dispatch).read_text()
    operations = re.findall(r'^\s+"([A-Z]\w+)" =>', source, re.MULTILINE)
    tests = "".join(each.read_text() for each in here.glob("test_*.py"))
    # S3's bucket configurations go by one name each there: test_s3.py drives a sample of them.
    undriven = [each for each in operations if not each.endswith("BucketConfiguration") and f".{xform_name(each)}" not in tests
                and f'get_paginator("{xform_name(each)}")' not in tests]
    assert operations and not undriven
