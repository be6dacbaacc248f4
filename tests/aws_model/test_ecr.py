import hashlib
import json

import pytest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def ecr(checked):
    return checked("ecr")


@pytest.fixture
def repository(ecr, request):
    name = "r/" + hashlib.sha1(request.node.name.encode()).hexdigest()[:12]
    ecr.create_repository(repositoryName=name)
    return name


def manifest(number, **annotations):
    blob = {"mediaType": "application/octet-stream", "digest": "sha256:" + "0" * 64, "size": 10}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": [blob],
                       "annotations": {"number": str(number), **annotations}})


def test_a_repository_is_created_and_described(ecr, fails):
    created = ecr.create_repository(
        repositoryName="team/app", imageTagMutability="IMMUTABLE", tags=[{"Key": "a", "Value": "b"}],
        imageScanningConfiguration={"scanOnPush": True},
    )["repository"]
    assert created["repositoryUri"] == "000000000000.dkr.ecr.eu-west-1.amazonaws.com/team/app"
    assert fails(ecr.create_repository, repositoryName="team/app") == "RepositoryAlreadyExistsException"
    assert fails(ecr.create_repository, repositoryName="NO") == "InvalidParameterException"
    assert ecr.describe_repositories(repositoryNames=["team/app"])["repositories"] == [created]
    ecr.put_image(repositoryName="team/app", imageManifest=manifest(1), imageTag="1")
    assert fails(ecr.put_image, repositoryName="team/app", imageManifest=manifest(2), imageTag="1") == "ImageTagAlreadyExistsException"
    assert fails(ecr.describe_repositories, repositoryNames=["never"]) == "RepositoryNotFoundException"


def test_an_image_is_found_by_digest_and_tag(ecr, repository, fails):
    text = manifest(1)
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    pushed = ecr.put_image(repositoryName=repository, imageManifest=text, imageTag="1.0.0", imageManifestMediaType=MANIFEST)
    assert pushed["image"]["imageId"] == {"imageDigest": digest, "imageTag": "1.0.0"}
    assert fails(ecr.put_image, repositoryName=repository, imageManifest=text, imageTag="1.0.0") == "ImageAlreadyExistsException"
    assert fails(ecr.put_image, repositoryName=repository, imageManifest=text, imageDigest="sha256:0") == "ImageDigestDoesNotMatchException"
    assert fails(ecr.put_image, repositoryName=repository, imageManifest="{") == "InvalidParameterException"
    assert fails(ecr.put_image, repositoryName="absent", imageManifest=text) == "RepositoryNotFoundException"
    ecr.put_image(repositoryName=repository, imageManifest=text, imageTag="latest")
    found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": "latest"}])["imageDetails"]
    assert [(each["imageDigest"], each["imageTags"], each["imageSizeInBytes"], each["imageManifestMediaType"]) for each in found] == [
        (digest, ["1.0.0", "latest"], 20, MANIFEST)]
    got = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "1.0.0"}, {"imageTag": "absent"}])
    assert [each["imageManifest"] for each in got["images"]] == [text]
    assert [each["failureCode"] for each in got["failures"]] == ["ImageNotFound"]
    assert fails(ecr.describe_images, repositoryName=repository, imageIds=[{"imageTag": "absent"}]) == "ImageNotFoundException"


def test_a_tag_moves_to_the_image_that_was_pushed_last(ecr, repository):
    for number in (1, 2):
        ecr.put_image(repositoryName=repository, imageManifest=manifest(number), imageTag="main")
    assert len(ecr.describe_images(repositoryName=repository)["imageDetails"]) == 2
    untagged = ecr.list_images(repositoryName=repository, filter={"tagStatus": "UNTAGGED"})["imageIds"]
    tagged = ecr.describe_images(repositoryName=repository, filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert "imageTag" not in untagged[0] and len(untagged) == 1
    assert [each["imageDigest"] for each in tagged] != [untagged[0]["imageDigest"]]


def test_images_are_listed_in_pages(ecr, repository):
    for number in range(5):
        ecr.put_image(repositoryName=repository, imageManifest=manifest(number), imageTag=str(number))
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository, PaginationConfig={"PageSize": 2})
    assert [each["imageTags"] for page in pages for each in page["imageDetails"]] == [[str(n)] for n in range(5)]
    pages = ecr.get_paginator("list_images").paginate(repositoryName=repository, PaginationConfig={"PageSize": 2})
    assert [each["imageTag"] for page in pages for each in page["imageIds"]] == list("01234")


def test_a_local_image_must_exist(ecr, repository, fails, tmp_path):
    names = {"dev.landfall.local.directory": str(tmp_path / "absent"), "dev.landfall.local.command": '["./run"]'}
    assert fails(ecr.put_image, repositoryName=repository, imageManifest=manifest(1, **names)) == "InvalidParameterException"
    names["dev.landfall.local.directory"] = str(tmp_path)
    ecr.put_image(repositoryName=repository, imageManifest=manifest(1, **names), imageTag="1")


def test_an_image_is_deleted_by_digest_or_with_its_last_tag(ecr, repository):
    for number, tag in [(1, "1.0.0"), (1, "latest"), (2, "1.1.0")]:
        pushed = ecr.put_image(repositoryName=repository, imageManifest=manifest(number), imageTag=tag)["image"]["imageId"]
    deleted = ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "latest"}, {"imageTag": "absent"}])
    assert [each["imageTag"] for each in deleted["imageIds"]] == ["latest"]
    assert [each["failureCode"] for each in deleted["failures"]] == ["ImageNotFound"]
    left = ecr.describe_images(repositoryName=repository)["imageDetails"]
    assert [each["imageTags"] for each in left] == [["1.0.0"], ["1.1.0"]]
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageDigest": pushed["imageDigest"]}, {"imageTag": "1.0.0"}])
    assert ecr.describe_images(repositoryName=repository)["imageDetails"] == []
