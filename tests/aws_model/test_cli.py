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
    folder = tmp_path / "files"
    folder.mkdir()
    small, large = folder / "small.yaml", folder / "large.bin"
    small.write_text("cluster: web\n")
    large.write_bytes(os.urandom(5 * 1024 * 1024))
    assert "cli-files" in aws("s3", "ls")
    aws("s3", "cp", str(small), "s3://cli-files/services/")
    assert aws("s3", "cp", "s3://cli-files/services/small.yaml", "-") == "cluster: web\n"
    aws("s3", "sync", str(folder), "s3://cli-files/services")
    listed = aws("s3", "ls", "--recursive", "s3://cli-files")
    assert [line.split()[-1] for line in listed.splitlines()] == ["services/large.bin", "services/small.yaml"]
    aws("s3", "cp", "s3://cli-files/services/large.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == large.read_bytes()
    url = aws("s3", "presign", "s3://cli-files/services/small.yaml").strip()
    assert subprocess.run(["curl", "-sS", url], capture_output=True, text=True).stdout == "cluster: web\n"
    aws("s3", "rm", "s3://cli-files/services/small.yaml")
    aws("s3", "rm", "--recursive", "s3://cli-files/services")
    assert "Contents" not in json.loads(aws("s3api", "list-objects-v2", "--bucket", "cli-files", "--prefix", "services/"))


def test_an_image_is_registered(aws):
    aws("ecr", "create-repository", "--repository-name", "cli")
    pushed = json.loads(aws("ecr", "put-image", "--repository-name", "cli", "--image-tag", "1", "--image-manifest", "{}"))
    assert pushed["image"]["imageId"]["imageTag"] == "1"


def test_a_cluster_and_its_services_are_looked_at(aws):
    assert json.loads(aws("sts", "get-caller-identity"))["Account"] == "000000000000"
    arn = json.loads(aws("ecs", "create-cluster", "--cluster-name", "cli"))["cluster"]["clusterArn"]
    assert arn in json.loads(aws("ecs", "list-clusters"))["clusterArns"]
    assert json.loads(aws("ecs", "list-services", "--cluster", "cli"))["serviceArns"] == []
    assert json.loads(aws("elbv2", "describe-target-groups"))["TargetGroups"] is not None
    assert "a line" in aws("logs", "filter-log-events", "--log-group-name", "/landfall/local")
