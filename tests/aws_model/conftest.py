"""A running endpoint, and clients whose every answer is checked."""

import os
import pathlib
import re
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
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    program = target / "debug" / "landfall"
    if not program.exists():
        pytest.exit(f"{program} does not exist. Build it first: cargo build --workspace", returncode=1)
    command = [program, "local", "--port", "0", "--data-dir", tmp_path_factory.mktemp("data")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
        try:
            first = server.stdout.readline()
            listens = re.search(r"http://[0-9.]+:[0-9]+", first)
            assert listens, f"landfall local did not say where it listens: {first!r}"
            yield listens.group()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


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
