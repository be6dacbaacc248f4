"""The example stacks, installed into the emulator, and the service file that uses one of them.

ministack starts no tasks without Docker, so a server of this process stands in for them, and is registered in the target group as
ECS would do. It makes no NAT gateways and no key pairs, so tasks stay in the public subnets and the pair is one by name; the image of the instances comes from a parameter of
its own, because nobody may write AWS's public ones.
"""

from __future__ import annotations

import http.server
import re
import threading
import time

import pytest

from installation import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def network(emulator):
    return create(emulator, "network", {})


def create(emulator, example: str, parameters: dict[str, str]) -> dict[str, str]:
    """Create the stack of an example and return its outputs."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=example,
        TemplateBody=(EXAMPLES / example / "template.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    deadline = time.monotonic() + 60
    while True:
        stack = cloudformation.describe_stacks(StackName=example)["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        assert time.monotonic() < deadline, stack
        time.sleep(0.5)
    events = cloudformation.describe_stack_events(StackName=example)["StackEvents"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", [event.get("ResourceStatusReason") for event in events]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_instances_stand_in_the_subnets_of_the_network_example(emulator, network):
    emulator.client("ssm").put_parameter(Name="/images/ecs", Value="ami-0123456789abcdef0", Type="String")
    outputs = create(emulator, "ec2-capacity", {
        "VpcId": network["VpcId"],
        "Subnets": network["TaskSubnets"],
        "LoadBalancerSecurityGroupId": network["LoadBalancerSecurityGroupId"],
        "ImageId": "/images/ecs",
        "KeyName": "mine",
    })
    groups = emulator.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    [group] = [each for each in groups if each["AutoScalingGroupName"] == outputs["AutoScalingGroupName"]]
    assert group["VPCZoneIdentifier"] == network["TaskSubnets"]


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers like the example's application."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Hello, World!\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def task():
    """The port of a running application."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_the_service_file_of_the_network_example_is_rolled_out_and_answers_at_its_url(emulator, landfall, network, task):
    elb = emulator.client("elbv2")
    listener = elb.describe_listeners(ListenerArns=[network["ListenerArn"]])["Listeners"][0]
    balancer = elb.describe_load_balancers(LoadBalancerArns=[listener["LoadBalancerArn"]])["LoadBalancers"][0]
    # Names of load balancers are in no DNS here.
    url = f"{emulator.endpoint}/_alb/{balancer['LoadBalancerName']}/"
    text = (EXAMPLES / "network" / "hello.yaml").read_text().replace("serviceName: hello", "serviceName: networked")
    text = text.replace("repository: hello", "repository: networked").replace("family: hello", "family: networked")
    text = text.replace("http: { path: /,", f"http: {{ url: {url}, interval: 1s,")
    assert url in text
    text = re.sub(r"(: )(\[?)[^\n]*?(\]?)  # output: (\w+)", lambda match: match[1] + match[2] + network[match[4]] + match[3], text)
    assert "123456789012:role/web-task-execution" in text and "f2f7dc8efc522ab2" not in text
    landfall.put_service_file("services/networked.yaml", text)
    status = landfall.until("the service file is accepted", lambda: landfall.status("services/networked.yaml"))
    assert status["status"] == "accepted", status

    landfall.ecr.create_repository(repositoryName="networked")
    landfall.push("networked", "1.0.0")
    group = landfall.until("the service has a target group", lambda: target_group(landfall, "web/networked"))
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": host, "Port": task} for host in ("127.0.0.1", "localhost")])
    record = landfall.until("release 1 is concluded", lambda: landfall.record("web/networked", 1))
    assert record["verdict"] == "succeeded", record["reason"]

    assert landfall.service("web/networked")["runningCount"] == 2
    rules = elb.describe_rules(ListenerArn=network["ListenerArn"])["Rules"]
    [rule] = [each for each in rules if each["Priority"] != "default"]
    assert rule["Actions"][0]["TargetGroupArn"] == group
    groups = emulator.client("logs").describe_log_groups(logGroupNamePrefix="/ecs/hello")["logGroups"]
    assert [group["retentionInDays"] for group in groups] == [30]


def target_group(landfall, service: str) -> str | None:
    """The target group that ECS was told of, if the service is there already."""
    try:
        balancers = landfall.service(service)["loadBalancers"]
    except (IndexError, landfall.ecs.exceptions.ClusterNotFoundException):
        return None
    return balancers[0]["targetGroupArn"] if balancers else None
