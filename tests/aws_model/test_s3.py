import hashlib
import urllib.request

import pytest


@pytest.fixture(scope="module")
def s3(checked):
    return checked("s3")


@pytest.fixture(scope="module")
def bucket():
    """The bucket of `examples/serve.rs`; nothing here makes one."""
    return "model"


@pytest.fixture
def key(request):
    """A key of the test's own."""
    return f"{request.node.name}/a"


def test_buckets_are_listed(s3, bucket, fails):
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert fails(s3.list_objects_v2, Bucket="never") == "NoSuchBucket"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_an_object_comes_back_as_it_was_put(s3, bucket, algorithm):
    put = s3.put_object(
        Bucket=bucket, Key="dir/a b+ü.yaml", Body=b"Hello, World!", ContentType="application/yaml",
        Metadata={"who": "me"}, CacheControl="no-cache", ChecksumAlgorithm=algorithm,
    )
    got = s3.get_object(Bucket=bucket, Key="dir/a b+ü.yaml", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"Hello, World!"
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(b"Hello, World!").hexdigest()}"'
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == ("application/yaml", {"who": "me"}, "no-cache")
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    head = s3.head_object(Bucket=bucket, Key="dir/a b+ü.yaml")
    assert (head["ContentLength"], head["Metadata"]) == (13, {"who": "me"})


def test_a_wrong_digest_is_refused(s3, bucket, key, fails):
    assert fails(s3.put_object, Bucket=bucket, Key=key, Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==") == "BadDigest"
    assert fails(s3.put_object, Bucket=bucket, Key=key, Body=b"x", ChecksumSHA256="AAAA") == "BadDigest"
    assert fails(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"
    assert fails(s3.head_object, Bucket=bucket, Key=key) == "404"


def test_of_two_writers_with_the_same_condition_one_wins(s3, bucket, key, fails):
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*")
    assert fails(s3.put_object, Bucket=bucket, Key=key, Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    s3.put_object(Bucket=bucket, Key=key, Body=b"2", IfMatch=first["ETag"])
    assert fails(s3.put_object, Bucket=bucket, Key=key, Body=b"3", IfMatch=first["ETag"]) == "PreconditionFailed"
    assert fails(s3.put_object, Bucket=bucket, Key=key + "/absent", Body=b"3", IfMatch=first["ETag"]) == "NoSuchKey"
    s3.delete_object(Bucket=bucket, Key=key)
    s3.put_object(Bucket=bucket, Key=key, Body=b"4", IfNoneMatch="*")


def test_a_conditional_read_spares_the_body(s3, bucket, key, fails):
    etag = s3.put_object(Bucket=bucket, Key=key, Body=b"1")["ETag"]
    assert fails(s3.get_object, Bucket=bucket, Key=key, IfNoneMatch=etag) == "304"
    assert fails(s3.get_object, Bucket=bucket, Key=key, IfMatch='"other"') == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"].read() == b"1"


def test_versions_are_kept_until_they_are_deleted(s3, bucket, key, fails):
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key=key, Body=b"2")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key=key, VersionId=first)["Body"].read() == b"1"
    marker = s3.delete_object(Bucket=bucket, Key=key)
    assert marker["DeleteMarker"] is True
    assert fails(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"
    assert fails(s3.get_object, Bucket=bucket, Key=key, VersionId=marker["VersionId"]) == "MethodNotAllowed"
    assert fails(s3.get_object, Bucket=bucket, Key=key, VersionId="0" * 32) == "NoSuchVersion"
    assert s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 0
    s3.delete_object(Bucket=bucket, Key=key, VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key=key)["VersionId"] == second


def test_listings_come_in_pages_and_folders(s3, bucket):
    keys = ["l/a/1", "l/a/2", "l/b c", "l/d/1", "l/d/e/2", "l/z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="l/", PaginationConfig={"PageSize": 2})
    assert [each["Key"] for page in pages for each in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 1})
    assert list(pages.search("[Contents[].Key, CommonPrefixes[].Prefix][][]")) == ["l/a/", "l/b c", "l/d/", "l/z"]
    under = s3.list_objects_v2(Bucket=bucket, Prefix="l/d/", Delimiter="/", StartAfter="l/d/0")
    assert ([each["Key"] for each in under["Contents"]], under["CommonPrefixes"]) == (["l/d/1"], [{"Prefix": "l/d/e/"}])


def test_presigned_links_work_without_credentials(s3, bucket):
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"})
    urllib.request.urlopen(urllib.request.Request(put, data=b"linked", method="PUT")).read()
    got = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"})
    with urllib.request.urlopen(got) as answer:
        assert answer.read() == b"linked"


def test_what_is_not_played_says_so(s3, bucket, key, fails):
    s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    assert fails(s3.get_object_torrent, Bucket=bucket, Key=key) == "NotImplemented"
    assert fails(s3.put_object_tagging, Bucket=bucket, Key=key, Tagging={"TagSet": []}) == "NotImplemented"
    assert fails(s3.copy_object, Bucket=bucket, Key="copied", CopySource=f"{bucket}/{key}") == "NotImplemented"
    assert fails(s3.create_multipart_upload, Bucket=bucket, Key=key) == "NotImplemented"
    assert fails(s3.create_bucket, Bucket="another", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}) == "NotImplemented"
