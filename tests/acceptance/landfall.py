"""An installed Landfall from outside: what people and AWS put in, and what can be read of it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path

from botocore.exceptions import ClientError

from installation import STACK

WAIT_SECONDS = 150


class Landfall:
    """`outputs` are those of the stack, `events` is the folder of real event envelopes."""

    def __init__(self, emulator, outputs: dict[str, str], events: Path):
        self.emulator = emulator
        self.events = events
        self.config_bucket = outputs["ConfigBucketName"]
        self.state_bucket = outputs["StateBucketName"]
        self.state_machine = outputs["ReleaseStateMachineArn"]
        self.dead_letters = outputs["DeadLettersUrl"]
        self.s3 = emulator.client("s3")
        self.ecr = emulator.client("ecr")
        self.ecs = emulator.client("ecs")
        self.functions = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in emulator.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        }

    def put_service_file(self, key: str, text: str) -> None:
        """What a person does: S3, EventBridge and the template's rule do the rest."""
        self.s3.put_object(Bucket=self.config_bucket, Key=key, Body=text.encode())

    def push(self, repository: str, tag: str) -> str:
        """Push an image with `tag` and hand its event to image-pushed, because ministack's ECR raises none. The digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"version": tag}}}).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "size": len(config),
                    "digest": f"sha256:{hashlib.sha256(config).hexdigest()}",
                },
                "layers": [],
            }
        )
        pushed = self.ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=manifest)
        digest = pushed["image"]["imageId"]["imageDigest"]
        event = json.loads((self.events / "image-pushed.json").read_text())
        event["detail"] |= {"repository-name": repository, "image-tag": tag, "image-digest": digest}
        self.invoke("ImagePushedFunction", event)
        return digest

    def invoke(self, function: str, event: dict) -> object:
        """Invoke a function by logical id and return its answer; an error of the function is an assertion with its log."""
        answer = self.emulator.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(event), LogType="Tail"
        )
        payload = json.loads(answer["Payload"].read())
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        assert "FunctionError" not in answer, f"{function} failed: {payload}\n{log}"
        return payload

    def status(self, key: str) -> dict | None:
        """What Landfall says of the service file at `key`."""
        return self._json(self.config_bucket, f"status/{key}.json")

    def desired(self, service: str) -> dict | None:
        """The desired state of `cluster/service`."""
        return self._json(self.state_bucket, f"services/{service}/desired.json")

    def record(self, service: str, number: int) -> dict | None:
        """The record of one release of `cluster/service`."""
        return self._json(self.state_bucket, f"services/{service}/releases/{number:08}.json")

    def service(self, service: str) -> dict:
        """`cluster/service` as ECS describes it."""
        cluster, name = service.split("/")
        return self.ecs.describe_services(cluster=cluster, services=[name])["services"][0]

    def image_in_ecs(self, service: str) -> str:
        """The image of the only container of the task definition that `cluster/service` runs."""
        arn = self.service(service)["taskDefinition"]
        definition = self.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        [container] = definition["containerDefinitions"]
        return container["image"]

    def executions(self) -> list[dict]:
        """Every execution of the state machine, newest first."""
        client = self.emulator.client("stepfunctions")
        return client.list_executions(stateMachineArn=self.state_machine)["executions"]

    def until(self, what: str, ask):
        """Ask until the answer is true-ish, and return it. After WAIT_SECONDS, fail with all that is known."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = ask()
            if answer:
                return answer
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}\n{self.known()}"
            time.sleep(0.5)

    def known(self) -> str:
        """Executions with their last events, and the functions' last log lines, for a failure's message."""
        client = self.emulator.client("stepfunctions")
        lines = []
        for execution in self.executions()[:4]:
            lines.append(f"{execution['executionArn']} {execution['status']}")
            history = client.get_execution_history(
                executionArn=execution["executionArn"], reverseOrder=True, maxResults=8
            )
            for event in history["events"]:
                details = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
                lines.append(f"    {event['type']} {json.dumps(details)[:400]}")
        log = self.emulator.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{STACK}", limit=10_000)
        written = sorted(log["events"], key=lambda event: event["timestamp"])
        boring = ("START ", "END ", "REPORT ")
        lines += [line["message"][:600] for line in written if not line["message"].startswith(boring)][-40:]
        return "\n".join(lines)

    def _json(self, bucket: str, key: str) -> dict | None:
        try:
            return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
