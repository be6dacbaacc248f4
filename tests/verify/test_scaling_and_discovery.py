"""The steps ensure-scaling and ensure-discovery against moto, which plays Application Auto Scaling and Cloud Map as somebody else reads
their documentation.

moto has no tags of scalable targets: whether one is Landfall's own is not asked here.
"""

import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

import boto3
import pytest

BINARIES = Path(os.environ.get("LANDFALL_BINARIES", "target/debug"))
EVENTS = Path(__file__).resolve().parents[2] / "events"
REGION = "eu-west-1"
STATE, CONFIG = "landfall-state", "landfall-config"
KEY = "services/hello.yaml"
FILE = """
cluster: { clusterName: web }
images: { web: { repository: hello, tag: "semver:^1" } }
taskDefinition:
  family: hello
  networkMode: awsvpc
  containerDefinitions: [{ name: web, memory: 64, portMappings: [{ containerPort: 8080 }] }]
service:
  serviceName: hello
  networkConfiguration: { awsvpcConfiguration: { subnets: [subnet-1] } }
"""
SCALED = """
autoscaling:
  min: 2
  max: %d
  targets:
    - { metric: ECSServiceAverageCPUUtilization, value: %d, scaleInCooldown: 5m, scaleOutCooldown: 1m }
  scheduled:
    - { name: morning, schedule: cron(0 8 ? * MON-FRI *), timezone: Europe/Berlin, min: 5 }
"""
DISCOVERED = """
discovery: { namespace: internal.example, name: hello, type: SRV, container: web, port: 8080, ttl: 30s }
"""


@pytest.fixture(scope="module")
def client(endpoint):
    def make(name):
        return boto3.client(
            name, region_name=REGION, endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
        )

    return make


@pytest.fixture(scope="module")
def steps(endpoint, client):
    """Runs functions, for a service file that is followed and a service that is there."""
    s3 = client("s3")
    for bucket in (STATE, CONFIG):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=CONFIG, VersioningConfiguration={"Status": "Enabled"})
    client("ecr").create_repository(repositoryName="hello")
    ecs = client("ecs")
    ecs.create_cluster(clusterName="web")
    ecs.register_task_definition(family="hello", containerDefinitions=[{"name": "web", "image": "hello", "memory": 64}])
    ecs.create_service(cluster="web", serviceName="hello", taskDefinition="hello", desiredCount=2)
    return Steps(endpoint, s3)


class Steps:
    def __init__(self, endpoint, s3):
        self.s3 = s3
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "CONFIG_BUCKET": CONFIG,
            "STATE_BUCKET": STATE,
            "STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:landfall-release",
        }

    def follow(self, text):
        """Takes a service file up, and answers its hash."""
        self.s3.put_object(Bucket=CONFIG, Key=KEY, Body=text.encode())
        event = json.loads((EVENTS / "service-file-created.json").read_text())
        event["detail"]["bucket"]["name"] = CONFIG
        event["detail"]["object"]["key"] = KEY
        self.run("config-changed", event)
        desired = self.s3.get_object(Bucket=STATE, Key="services/web/hello/desired.json")["Body"].read()
        return json.loads(desired)["file"]["content"]

    def step(self, function, text):
        """The answer of a step for a release of this service file."""
        event = json.loads((EVENTS / "steps" / f"{function}.json").read_text())
        event["release"]["file"] = self.follow(text)
        self.claim(event)
        if "lastGood" in event:
            event["lastGood"] = None
        return self.run(function, event)

    def claim(self, event):
        """Gives the claim for the release to the execution that the event is from: no other changes anything."""
        place = {"Bucket": STATE, "Key": "services/web/hello/desired.json"}
        desired = json.loads(self.s3.get_object(**place)["Body"].read())
        desired["claim"] = {"execution": event["execution"], "release": event["release"]["number"], "attempt": 1}
        self.s3.put_object(**place, Body=json.dumps(desired).encode())

    def run(self, function, event):
        """Invokes a function once, over Lambda's runtime API."""
        answers = []
        done = threading.Event()

        class Runtime(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if answers or done.is_set():
                    done.wait()
                body = json.dumps(event).encode()
                self.send_response(200)
                for name, value in [
                    ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                    ("lambda-runtime-deadline-ms", "32503680000000"),
                    ("lambda-runtime-invoked-function-arn", f"arn:aws:lambda:{REGION}:123456789012:function:{function}"),
                    ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
                    ("content-type", "application/json"),
                    ("content-length", str(len(body))),
                ]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"] or 0)) if self.headers["content-length"] else self.chunks()
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()
                answers.append((self.path, body))
                done.set()

            def chunks(self):
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Runtime)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            **self.environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "_HANDLER": function,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
        }
        process = subprocess.Popen([BINARIES / "bootstrap"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        answered = done.wait(60)
        process.kill()
        log = process.communicate()[0]
        server.shutdown()
        assert answered, log
        path, body = answers[0]
        assert path.endswith("/response"), f"{body.decode()}\n{log}"
        return json.loads(body)


def test_the_service_is_scaled_as_its_file_says_and_a_repetition_changes_nothing(client, steps):
    scaling = client("application-autoscaling")
    by_service = {"ServiceNamespace": "ecs", "ResourceId": "service/web/hello"}
    for most, cpu in [(10, 60), (12, 70)]:
        text = FILE + SCALED % (most, cpu)
        changes = steps.step("ensure-scaling", text)["changes"]
        assert [change.split(" ")[0] for change in changes][:2] == ["RegisterScalableTarget", "PutScalingPolicy"], changes
        [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/web/hello"])["ScalableTargets"]
        assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableDimension"]) == (2, most, "ecs:service:DesiredCount")
        [policy] = scaling.describe_scaling_policies(**by_service)["ScalingPolicies"]
        assert policy["PolicyType"] == "TargetTrackingScaling"
        assert policy["TargetTrackingScalingPolicyConfiguration"] == {
            "TargetValue": cpu,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            "ScaleInCooldown": 300,
            "ScaleOutCooldown": 60,
            "DisableScaleIn": False,
        }
        [action] = scaling.describe_scheduled_actions(**by_service)["ScheduledActions"]
        assert (action["Schedule"], action["Timezone"]) == ("cron(0 8 ? * MON-FRI *)", "Europe/Berlin")
        assert action["ScalableTargetAction"]["MinCapacity"] == 5
        assert steps.step("ensure-scaling", text)["changes"] == []


def test_what_the_file_scales_by_no_longer_goes(client, steps):
    scaling = client("application-autoscaling")
    steps.step("ensure-scaling", FILE + SCALED % (10, 60))
    bounds = "\nautoscaling: { min: 2, max: 10, targets: [{ metric: ECSServiceAverageMemoryUtilization, value: 50 }] }\n"
    steps.step("ensure-scaling", FILE + bounds)
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId="service/web/hello")["ScalingPolicies"]
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
    assert metric["PredefinedMetricType"] == "ECSServiceAverageMemoryUtilization"
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs", ResourceId="service/web/hello")["ScheduledActions"] == []


def test_the_cloud_map_service_is_made_once_in_its_namespace(client, steps):
    cloud_map = client("servicediscovery")
    cloud_map.create_private_dns_namespace(Name="internal.example", Vpc="vpc-1")
    [namespace] = cloud_map.list_namespaces()["Namespaces"]
    first = steps.step("ensure-discovery", FILE + DISCOVERED)
    [made] = cloud_map.list_services()["Services"]
    assert (first["created"], first["arn"]) == (True, made["Arn"])
    whole = cloud_map.get_service(Id=made["Id"])["Service"]
    assert whole["NamespaceId"] == namespace["Id"]
    assert whole["DnsConfig"]["DnsRecords"] == [{"Type": "SRV", "TTL": 30}]
    again = steps.step("ensure-discovery", FILE + DISCOVERED)
    assert (again["created"], again["arn"]) == (False, made["Arn"])
