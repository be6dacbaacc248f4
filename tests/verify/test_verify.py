"""`landfall verify` against moto, which plays the services that the embedded AWS does not."""

import json
import os
import subprocess
from pathlib import Path

import boto3
import pytest

LANDFALL = Path(os.environ.get("LANDFALL_BINARIES", "target/debug")) / "landfall"
REGION = "eu-west-1"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/none/0123456789abcdef/0123456789abcdef"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
FILE = """
cluster: {{ clusterName: web, capacityProviders: [{provider}] }}
capacity: [{{ name: ours, autoScalingGroupProvider: {{ autoScalingGroupArn: {instance_group} }} }}]
images: {{ web: {{ repository: hello, tag: "semver:^1" }} }}
taskDefinition:
  family: hello
  networkMode: awsvpc
  requiresCompatibilities: [FARGATE]
  cpu: "256"
  memory: "512"
  executionRoleArn: arn:aws:iam::123456789012:role/{role}
  runtimePlatform: {{ cpuArchitecture: {architecture} }}
  containerDefinitions:
    - name: web
      portMappings: [{{ containerPort: 8080 }}]
      secrets:
        - {{ name: A, valueFrom: "{secret}" }}
        - {{ name: B, valueFrom: "{parameter}" }}
      logConfiguration:
        logDriver: awslogs
        options: {{ awslogs-group: {log_group}, awslogs-region: us-east-1, awslogs-stream-prefix: web }}
service:
  serviceName: hello
  launchType: FARGATE
  networkConfiguration: {{ awsvpcConfiguration: {{ subnets: [{subnet}], securityGroups: [{group}] }} }}
  loadBalancers: [{{ targetGroupArn: "{target_group}", containerName: web, containerPort: 8080 }}]
ingress: {{ listenerArn: "{listener}", container: web, port: 8080, path: "/*" }}
discovery: {{ namespace: {namespace}, name: hello }}
"""


@pytest.fixture(scope="module")
def environment(endpoint):
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="module")
def there(endpoint):
    """Everything that a service file takes for granted, and what to call it."""

    def client(name, region=REGION):
        return boto3.client(
            name, region_name=region, endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
        )

    for name, trust in [("execution", TRUST), ("distrustful", {**TRUST, "Statement": []})]:
        client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    secret = client("secretsmanager").create_secret(Name="db", SecretString="hunter2")["ARN"]
    client("ssm").put_parameter(Name="/hello/key", Value="hunter2", Type="SecureString")
    # In the Region of the service Landfall makes log groups.
    client("logs", "us-east-1").create_log_group(logGroupName="/ecs/hello")
    client("servicediscovery").create_private_dns_namespace(Name="internal.example", Vpc=vpc)
    scaling = client("autoscaling")
    scaling.create_launch_configuration(LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchConfigurationName="web", MinSize=0, MaxSize=0, VPCZoneIdentifier=subnet
    )
    group_arn = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    client("ecs").create_capacity_provider(name="theirs", autoScalingGroupProvider={"autoScalingGroupArn": group_arn})
    balancing = client("elbv2")
    groups = {
        kind: balancing.create_target_group(
            Name=f"hello-{kind}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType=kind
        )["TargetGroups"][0]["TargetGroupArn"]
        for kind in ["ip", "instance"]
    }
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="eu-west-1b")["Subnet"]["SubnetId"]
    balancer = balancing.create_load_balancer(Name="web", Subnets=[subnet, other])["LoadBalancers"][0]["LoadBalancerArn"]
    forward = [{"Type": "forward", "TargetGroupArn": groups["ip"]}]
    listener = balancing.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    ecr = client("ecr")
    ecr.create_repository(repositoryName="hello")
    images = {"os": "linux", "architecture": "amd64"}
    part = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "1" * 64, "size": 1}
    kind = "application/vnd.oci.image.index.v1+json"
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": [{**part, "platform": images}]}
    ecr.put_image(
        repositoryName="hello", imageTag="1.0.0", imageManifest=json.dumps(index), imageManifestMediaType=kind
    )
    return {
        "role": "execution",
        "architecture": "X86_64",
        "secret": f"{secret}:password::",
        "parameter": "arn:aws:ssm:eu-west-1:123456789012:parameter/hello/key",
        "log_group": "/ecs/hello",
        "subnet": subnet,
        "group": group,
        "target_group": groups["ip"],
        "instances": groups["instance"],
        "listener": listener["Listeners"][0]["ListenerArn"],
        "namespace": "internal.example",
        "provider": "theirs",
        "instance_group": group_arn,
    }


def verify(tmp_path, environment, names):
    file = tmp_path / "hello.yaml"
    file.write_text(FILE.format(**names))
    done = subprocess.run([LANDFALL, "verify", "--json", file], env=environment, capture_output=True, text=True)
    assert done.stdout, done.stderr
    assert "hunter2" not in done.stdout
    found = json.loads(done.stdout)
    return done.returncode, {one["path"].rsplit(".", 1)[-1]: (one["state"], one["about"]) for one in found}


def test_everything_that_is_there_is_found(tmp_path, environment, there):
    code, found = verify(tmp_path, environment, there)
    assert {state for state, _ in found.values()} == {"ok"}, found
    assert code == 0
    assert len(found) == 12
    assert found["executionRoleArn"][1] == "it trusts ecs-tasks.amazonaws.com"


@pytest.mark.parametrize(
    "changed, where, hint",
    [
        ({"role": "nobody"}, "executionRoleArn", "create the role"),
        ({"role": "distrustful"}, "executionRoleArn", "does not let ecs-tasks.amazonaws.com assume it"),
        ({"architecture": "ARM64"}, "web", "not for linux/arm64"),
        ({"secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:none-AbCdEf"}, "secrets[0]", "create the secret"),
        ({"parameter": "nothing"}, "secrets[1]", "create the parameter"),
        ({"log_group": "/ecs/hell"}, "logConfiguration", "create the log group"),
        ({"subnet": "subnet-0123456789abcdef0"}, "subnets", "name a subnet"),
        ({"group": "sg-0123456789abcdef0"}, "securityGroups", "name a security group"),
        ({"target_group": "instances"}, "loadBalancers[0]", "need ip"),
        ({"listener": LISTENER}, "listenerArn", "create the listener"),
        ({"namespace": "external.example"}, "namespace", "create the namespace"),
        ({"provider": "nobodys"}, "capacityProviders", "create the capacity provider"),
        ({"instance_group": "none"}, "autoScalingGroupProvider", "create the Auto Scaling group"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(tmp_path, environment, there, changed, where, hint):
    names = {**there, **changed}
    if names["target_group"] == "instances":
        names["target_group"] = there["instances"]
    code, found = verify(tmp_path, environment, names)
    state, about = found[where]
    assert state == "missing", found
    assert hint in about
    assert code == 1
    assert [state for state, _ in found.values()].count("missing") == 1
