"""The ordinary AWS CLI, as people type it."""

import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture
def aws(endpoint, tmp_path):
    environment = dict(
        os.environ, AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="eu-west-1",
        AWS_PAGER="", AWS_CONFIG_FILE=str(tmp_path / "none"),
    )
    program = pathlib.Path(sys.executable).with_name("aws")

    def run(*arguments):
        done = subprocess.run([program, "--endpoint-url", endpoint, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_files_go_to_s3_and_come_back(aws, tmp_path):
    small, large = tmp_path / "small.yaml", tmp_path / "large.bin"
    small.write_text("cluster: web\n")
    large.write_bytes(os.urandom(20 * 1024 * 1024))
    aws("s3", "mb", "s3://cli-files")
    aws("s3api", "put-bucket-versioning", "--bucket", "cli-files", "--versioning-configuration", "Status=Enabled")
    aws("s3", "cp", str(small), "s3://cli-files/services/")
    aws("s3", "cp", str(large), "s3://cli-files/large.bin")
    listed = aws("s3", "ls", "--recursive", "s3://cli-files")
    assert [line.split()[-1] for line in listed.splitlines()] == ["large.bin", "services/small.yaml"]
    aws("s3", "cp", "s3://cli-files/large.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == large.read_bytes()
    url = aws("s3", "presign", "s3://cli-files/services/small.yaml").strip()
    assert subprocess.run(["curl", "-sS", url], capture_output=True, text=True).stdout == "cluster: web\n"
    aws("s3", "rm", "--recursive", "s3://cli-files/services")
    assert "services" not in aws("s3", "ls", "s3://cli-files")
    versions = json.loads(aws("s3api", "list-object-versions", "--bucket", "cli-files", "--prefix", "services/"))
    assert len(versions["Versions"]) == len(versions["DeleteMarkers"]) == 1


def test_an_image_is_registered(aws):
    aws("ecr", "create-repository", "--repository-name", "cli")
    pushed = json.loads(aws("ecr", "put-image", "--repository-name", "cli", "--image-tag", "1", "--image-manifest", "{}"))
    assert pushed["image"]["imageId"]["imageTag"] == "1"
