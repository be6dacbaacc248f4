"""The checker itself: it must find what AWS's models do not allow."""

import boto3
import pytest

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
