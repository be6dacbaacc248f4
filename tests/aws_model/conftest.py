"""A running endpoint, and clients whose every answer is checked."""

import os
import pathlib
import signal
import subprocess

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import model

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "eu-west-1"}


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    given = os.environ.get("LANDFALL_ENDPOINT")
    if given:
        yield given
        return
    # Of the whole workspace, so that what they share is built as everywhere else.
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--example", "serve"], cwd=REPOSITORY, check=True)
    program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug/examples/serve"
    server = subprocess.Popen([program, "0", tmp_path_factory.mktemp("data")], stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)


@pytest.fixture(scope="session")
def checked(endpoint):
    """Makes a client; a raw answer that the API's model does not allow fails the test that caused it."""
    def make(service, **options):
        config = Config(retries={"max_attempts": 1, "mode": "standard"}, **options)
        client = boto3.client(service, endpoint_url=endpoint, config=config, **CREDENTIALS)

        def check(response_dict, event_name, **_):
            if response_dict is None:
                return
            operation = event_name.rpartition(".")[2]
            body = response_dict["body"]
            raw = dict(response_dict, body=body if isinstance(body, bytes) else b"")
            found = model.problems(client, operation, raw)
            assert not found, "\n".join(found)

        client.meta.events.register("response-received", check)
        return client

    return make


@pytest.fixture(scope="session")
def fails():
    """Runs a call that must fail, and answers the error's code."""
    def run(call, **arguments):
        with pytest.raises(ClientError) as failure:
            call(**arguments)
        return failure.value.response["Error"]["Code"]

    return run
