import hashlib
import urllib.request

import pytest


@pytest.fixture(scope="module")
def s3(checked):
    return checked("s3")


@pytest.fixture
def bucket(s3, request):
    name = "b-" + hashlib.sha1(request.node.name.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return name


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_a_bucket_is_created_described_and_deleted(s3, bucket, fails):
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-west-1"
    assert fails(s3.create_bucket, Bucket=bucket) == "BucketAlreadyOwnedByYou"
    assert fails(s3.create_bucket, Bucket="x.", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}) == "InvalidBucketName"
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    assert fails(s3.delete_bucket, Bucket=bucket) == "BucketNotEmpty"
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)
    assert fails(s3.head_bucket, Bucket=bucket) == "404"
    assert fails(s3.list_objects_v2, Bucket=bucket) == "NoSuchBucket"


def test_a_buckets_configuration_is_given_back_as_it_came(s3, bucket, fails):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert fails(s3.get_bucket_policy, Bucket=bucket) == "NoSuchBucketPolicy"
    s3.put_bucket_policy(Bucket=bucket, Policy='{"Statement": []}')
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == '{"Statement": []}'
    s3.delete_bucket_policy(Bucket=bucket)
    assert fails(s3.get_public_access_block, Bucket=bucket) == "NoSuchPublicAccessBlockConfiguration"
    blocked = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    encrypted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encrypted)
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == encrypted
    tags = [{"Key": "a", "Value": "<b>"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)


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


def test_part_of_an_object_can_be_read(s3, bucket, fails):
    s3.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    part = s3.get_object(Bucket=bucket, Key="a", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"], part["ContentLength"]) == (b"234", "bytes 2-4/10", 3)
    assert fails(s3.get_object, Bucket=bucket, Key="a", Range="bytes=10-") == "InvalidRange"


def test_a_wrong_digest_is_refused(s3, bucket, fails):
    assert fails(s3.put_object, Bucket=bucket, Key="a", Body=b"x", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==") == "BadDigest"
    assert fails(s3.put_object, Bucket=bucket, Key="a", Body=b"x", ChecksumSHA256="AAAA") == "BadDigest"
    assert fails(s3.get_object, Bucket=bucket, Key="a") == "NoSuchKey"


def test_of_two_writers_with_the_same_condition_one_wins(s3, versioned, fails):
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"1", IfNoneMatch="*")
    assert fails(s3.put_object, Bucket=versioned, Key="a", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    s3.put_object(Bucket=versioned, Key="a", Body=b"2", IfMatch=first["ETag"])
    assert fails(s3.put_object, Bucket=versioned, Key="a", Body=b"3", IfMatch=first["ETag"]) == "PreconditionFailed"
    assert fails(s3.put_object, Bucket=versioned, Key="absent", Body=b"3", IfMatch=first["ETag"]) == "NoSuchKey"
    s3.delete_object(Bucket=versioned, Key="a")
    s3.put_object(Bucket=versioned, Key="a", Body=b"4", IfNoneMatch="*")


def test_a_conditional_read_spares_the_body(s3, bucket, fails):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["ETag"]
    assert fails(s3.get_object, Bucket=bucket, Key="a", IfNoneMatch=etag) == "304"
    assert fails(s3.get_object, Bucket=bucket, Key="a", IfMatch='"other"') == "PreconditionFailed"
    assert s3.get_object(Bucket=bucket, Key="a", IfMatch=etag)["Body"].read() == b"1"


def test_versions_are_kept_until_they_are_deleted(s3, versioned, fails):
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="a", Body=b"2")["VersionId"]
    assert s3.get_object(Bucket=versioned, Key="a", VersionId=first)["Body"].read() == b"1"
    marker = s3.delete_object(Bucket=versioned, Key="a")
    assert marker["DeleteMarker"] is True
    assert fails(s3.get_object, Bucket=versioned, Key="a") == "NoSuchKey"
    assert fails(s3.get_object, Bucket=versioned, Key="a", VersionId=marker["VersionId"]) == "MethodNotAllowed"
    assert fails(s3.get_object, Bucket=versioned, Key="a", VersionId="0" * 32) == "NoSuchVersion"
    listed = s3.list_object_versions(Bucket=versioned)
    assert [each["VersionId"] for each in listed["Versions"]] == [second, first]
    assert [each["IsLatest"] for each in listed["DeleteMarkers"]] == [True]
    assert s3.list_objects_v2(Bucket=versioned)["KeyCount"] == 0
    s3.delete_object(Bucket=versioned, Key="a", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=versioned, Key="a")["Body"].read() == b"2"


def test_suspended_versioning_overwrites_the_null_version(s3, versioned):
    kept = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=versioned, Key="a", Body=b"2")
    assert s3.put_object(Bucket=versioned, Key="a", Body=b"3")["VersionId"] == "null"
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket=versioned)["Versions"]] == ["null", kept]


def test_listings_come_in_pages_and_folders(s3, bucket):
    keys = ["a/1", "a/2", "b c", "d/1", "d/e/2", "z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [each["Key"] for page in pages for each in page["Contents"]] == keys
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1})
    assert list(pages.search("[Contents[].Key, CommonPrefixes[].Prefix][][]")) == ["a/", "b c", "d/", "z"]
    under = s3.list_objects_v2(Bucket=bucket, Prefix="d/", Delimiter="/", StartAfter="d/0")
    assert ([each["Key"] for each in under["Contents"]], under["CommonPrefixes"]) == (["d/1"], [{"Prefix": "d/e/"}])
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [each["Key"] for page in pages for each in page["Contents"]] == keys
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    assert [each["Key"] for page in pages for each in page["Versions"]] == keys


def test_many_objects_are_deleted_at_once(s3, versioned):
    for key in "ab":
        s3.put_object(Bucket=versioned, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "absent"}]})
    assert [each["Key"] for each in answer["Deleted"]] == ["a", "b", "absent"]
    assert s3.list_objects_v2(Bucket=versioned)["KeyCount"] == 0


def test_a_copy_has_the_content_and_the_metadata_asked_for(s3, versioned, fails):
    first = s3.put_object(Bucket=versioned, Key="a b", Body=b"1", Metadata={"k": "v"})["VersionId"]
    s3.put_object(Bucket=versioned, Key="a b", Body=b"2")
    s3.copy_object(Bucket=versioned, Key="c", CopySource={"Bucket": versioned, "Key": "a b", "VersionId": first})
    copied = s3.get_object(Bucket=versioned, Key="c")
    assert (copied["Body"].read(), copied["Metadata"]) == (b"1", {"k": "v"})
    assert fails(s3.copy_object, Bucket=versioned, Key="c", CopySource={"Bucket": versioned, "Key": "c"}) == "InvalidRequest"
    s3.copy_object(Bucket=versioned, Key="c", CopySource=f"{versioned}/c", MetadataDirective="REPLACE", Metadata={"n": "1"})
    assert s3.head_object(Bucket=versioned, Key="c")["Metadata"] == {"n": "1"}


@pytest.mark.parametrize("checksum", [{}, {"ChecksumAlgorithm": "CRC32"}, {"ChecksumAlgorithm": "CRC64NVME"}])
def test_a_large_object_is_put_in_parts(s3, versioned, fails, checksum):
    upload = s3.create_multipart_upload(Bucket=versioned, Key="big", ContentType="text/plain", **checksum)["UploadId"]
    where = {"Bucket": versioned, "Key": "big", "UploadId": upload}
    bodies = [b"a" * 5 * 1024 * 1024, b"b"]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=body, **checksum)["ETag"]}
             for number, body in enumerate(bodies, start=1)]
    assert [each["Size"] for each in s3.list_parts(**where)["Parts"]] == [5 * 1024 * 1024, 1]
    assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=versioned)["Uploads"]] == [upload]
    assert fails(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts[::-1]}) == "InvalidPartOrder"
    wrong = [dict(parts[0], ETag='"0"')]
    assert fails(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": wrong}) == "InvalidPart"
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"')
    got = s3.get_object(Bucket=versioned, Key="big", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ContentType"], got["VersionId"]) == (b"".join(bodies), "text/plain", done["VersionId"])
    assert fails(s3.list_parts, **where) == "NoSuchUpload"
    upload = s3.create_multipart_upload(Bucket=versioned, Key="big")["UploadId"]
    s3.abort_multipart_upload(Bucket=versioned, Key="big", UploadId=upload)
    assert fails(s3.abort_multipart_upload, Bucket=versioned, Key="big", UploadId=upload) == "NoSuchUpload"


def test_presigned_links_work_without_credentials(s3, bucket):
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b"})
    urllib.request.urlopen(urllib.request.Request(put, data=b"linked", method="PUT")).read()
    got = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b", "ResponseContentType": "text/x"})
    with urllib.request.urlopen(got) as answer:
        assert (answer.read(), answer.headers["content-type"]) == (b"linked", "text/x")


def test_what_is_not_implemented_says_so(s3, bucket, fails):
    assert fails(s3.get_object_torrent, Bucket=bucket, Key="a") in ("NotImplemented", "NoSuchKey")
    assert fails(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": []}) == "NotImplemented"
