"""The emulator that the acceptance test installs Landfall into: ministack, as a process of its own.

ministack was not written by this project, so it holds the template, the policies and the functions' calls against somebody
else's reading of AWS. It is started with AUTH=true: every function runs with the credentials of its own role, and a call that
the role does not allow is denied.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config

ACCOUNT = "123456789012"
REGION = "eu-west-1"
START_SECONDS = 60


class EmulatorFailed(RuntimeError):
    """ministack did not start; the message has the end of its log."""


class Emulator:
    """A running ministack, with clients that speak to it as the account's root.

    `directory` receives its log and whatever it keeps on disk.
    """

    def __init__(self, directory: Path):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = directory / "ministack.log"
        scratch = directory / "scratch"
        scratch.mkdir(parents=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "S3_DATA_DIR": str(scratch / "s3"),
            "STATE_DIR": str(scratch / "state"),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # Lambda waits one and two minutes before it tries an event again; here the story is what counts.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
            # Without Docker, tasks would be tried and refused; this socket does not exist on purpose.
            "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def client(self, service: str, **credentials: str):
        """A boto3 client for `service`; `credentials` replace the root's."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": 3}, s3={"addressing_style": "path"}),
            **({"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials),
        )

    def stop(self) -> None:
        """End ministack, and with it the functions' processes."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
        raise EmulatorFailed(f"ministack does not answer on {self.endpoint}; the end of {self.log}:\n{tail}")


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
