import time

import pytest

FARGATE = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}}


@pytest.fixture(scope="module")
def ecs(checked):
    return checked("ecs")


@pytest.fixture
def cluster(ecs, request):
    name = request.node.name.replace("_", "-")[:60]
    ecs.create_cluster(clusterName=name)
    return name


def definition(ecs, family, image="public.ecr.aws/nginx/nginx:1", **container):
    return ecs.register_task_definition(
        family=family, cpu="256", memory="512", networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{
            "name": "web", "image": image, "essential": True, "portMappings": [{"containerPort": 80, "protocol": "tcp"}], **container,
        }],
    )["taskDefinition"]


def eventually(look, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def deployments(ecs, cluster, service, *statuses):
    listed = ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
    return [each for each in listed if each["status"] in statuses]


def test_a_cluster_is_created_and_described(ecs):
    created = ecs.create_cluster(
        clusterName="described", tags=[{"key": "a", "value": "b"}], settings=[{"name": "containerInsights", "value": "enabled"}],
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 1}],
    )["cluster"]
    assert created["clusterArn"] in ecs.list_clusters()["clusterArns"]
    described = ecs.describe_clusters(clusters=["described", "absent"], include=["TAGS", "SETTINGS", "STATISTICS"])
    assert described["clusters"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert described["clusters"][0]["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert [each["reason"] for each in described["failures"]] == ["MISSING"]
    ecs.tag_resource(resourceArn=created["clusterArn"], tags=[{"key": "c", "value": "d"}])
    ecs.untag_resource(resourceArn=created["clusterArn"], tagKeys=["a"])
    assert ecs.list_tags_for_resource(resourceArn=created["clusterArn"])["tags"] == [{"key": "c", "value": "d"}]


def test_a_task_definition_keeps_every_field(ecs, fails):
    given = {
        "environment": [{"name": "A", "value": "b"}], "dependsOn": [], "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
        "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 2, "startPeriod": 1},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}},
        "linuxParameters": {"initProcessEnabled": True}, "restartPolicy": {"enabled": True, "ignoredExitCodes": [0]},
    }
    first = definition(ecs, "kept", **given)
    described = ecs.describe_task_definition(taskDefinition="kept", include=["TAGS"])["taskDefinition"]
    assert {name: described["containerDefinitions"][0][name] for name in given} == given
    assert definition(ecs, "kept", **given)["revision"] == first["revision"] + 1
    assert len(ecs.list_task_definitions(familyPrefix="kept", sort="DESC")["taskDefinitionArns"]) == 2
    assert ecs.deregister_task_definition(taskDefinition="kept:1")["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.describe_task_definition(taskDefinition="kept:1")["taskDefinition"]["status"] == "INACTIVE"
    assert len(ecs.list_task_definitions(familyPrefix="kept")["taskDefinitionArns"]) == 1
    assert fails(ecs.describe_task_definition, taskDefinition="never") == "ClientException"
    assert fails(ecs.register_task_definition, family="none", containerDefinitions=[]) in ("ClientException", "InvalidParameterException")


def test_a_service_is_rolled_out_and_updated(ecs, cluster, fails):
    definition(ecs, "rolled")
    created = ecs.create_service(
        cluster=cluster, serviceName="s", taskDefinition="rolled", desiredCount=2, launchType="FARGATE",
        networkConfiguration=FARGATE, propagateTags="SERVICE", enableECSManagedTags=True, tags=[{"key": "a", "value": "b"}],
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100,
                                 "deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )["service"]
    assert (created["status"], created["desiredCount"]) == ("ACTIVE", 2)
    again = {"cluster": cluster, "serviceName": "s", "taskDefinition": "rolled", "desiredCount": 1, "networkConfiguration": FARGATE}
    assert fails(ecs.create_service, **again) == "InvalidParameterException"
    first = eventually(lambda: deployments(ecs, cluster, "s", "SUCCESSFUL"))
    described = ecs.describe_services(cluster=cluster, services=["s", "absent"], include=["TAGS"])
    assert [(each["runningCount"], each["deployments"][0]["rolloutState"]) for each in described["services"]] == [(2, "COMPLETED")]
    assert [each["reason"] for each in described["failures"]] == ["MISSING"]
    assert ecs.list_services(cluster=cluster)["serviceArns"] == [created["serviceArn"]]

    tasks = ecs.list_tasks(cluster=cluster, serviceName="s")["taskArns"]
    running = ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]
    assert [(each["lastStatus"], each["group"]) for each in running] == [("RUNNING", "service:s")] * 2
    assert ecs.stop_task(cluster=cluster, task=tasks[0], reason="a test")["task"]["desiredStatus"] == "STOPPED"

    second = definition(ecs, "rolled", image="public.ecr.aws/nginx/nginx:2")["taskDefinitionArn"]
    ecs.update_service(cluster=cluster, service="s", taskDefinition=second)
    both = eventually(lambda: len(deployments(ecs, cluster, "s", "SUCCESSFUL")) == 2 and deployments(ecs, cluster, "s", "SUCCESSFUL"))
    details = ecs.describe_service_deployments(serviceDeploymentArns=[each["serviceDeploymentArn"] for each in both])
    assert not details["failures"]
    assert first[0]["serviceDeploymentArn"] in [each["serviceDeploymentArn"] for each in details["serviceDeployments"]]
    revisions = [each["targetServiceRevision"]["arn"] for each in details["serviceDeployments"]]
    revisions = ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"]
    assert second in [each["taskDefinition"] for each in revisions]
    assert all(each["containerImages"][0]["imageDigest"].startswith("sha256:") for each in revisions)

    ecs.update_service(cluster=cluster, service="s", forceNewDeployment=True)
    moving = eventually(lambda: deployments(ecs, cluster, "s", "PENDING", "IN_PROGRESS"))[0]["serviceDeploymentArn"]
    ecs.stop_service_deployment(serviceDeploymentArn=moving, stopType="ROLLBACK")
    eventually(lambda: deployments(ecs, cluster, "s", "ROLLBACK_SUCCESSFUL"))
    assert fails(ecs.update_service, cluster=cluster, service="never", desiredCount=1) == "ServiceNotFoundException"
    assert fails(ecs.delete_service, cluster=cluster, service="s") == "InvalidParameterException"
    ecs.update_service(cluster=cluster, service="s", desiredCount=0)
    ecs.delete_service(cluster=cluster, service="s", force=True)
    assert fails(ecs.list_services, cluster="never") == "ClusterNotFoundException"


def test_a_task_runs_alone(ecs, cluster, fails):
    definition(ecs, "alone")
    answer = ecs.run_task(
        cluster=cluster, taskDefinition="alone", count=1, launchType="FARGATE", networkConfiguration=FARGATE, startedBy="a test")
    assert not answer["failures"]
    arn = answer["tasks"][0]["taskArn"]
    eventually(lambda: ecs.describe_tasks(cluster=cluster, tasks=[arn], include=["TAGS"])["tasks"][0]["lastStatus"] == "RUNNING")
    assert ecs.list_tasks(cluster=cluster, family="alone", desiredStatus="RUNNING")["taskArns"] == [arn]
    ecs.stop_task(cluster=cluster, task=arn)
    stopped = eventually(lambda: [each for each in ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"] if each["lastStatus"] == "STOPPED"])
    assert stopped[0]["stopCode"] == "UserInitiated"
    assert fails(ecs.stop_task, cluster=cluster, task="0" * 32) == "InvalidParameterException"


def test_a_task_is_asked_for_twice_and_runs_once(ecs, cluster, fails):
    definition(ecs, "once")
    request = {
        "cluster": cluster, "taskDefinition": "once", "launchType": "FARGATE", "networkConfiguration": FARGATE,
        "clientToken": "a" * 64, "startedBy": "landfall/1", "tags": [{"key": "a", "value": "b"}],
        "overrides": {"cpu": "512", "containerOverrides": [
            {"name": "web", "command": ["migrate"], "environment": [{"name": "SIMULATED_EXIT_AFTER", "value": "0.1"}, {"name": "SIMULATED_EXIT_CODE", "value": "3"}]}]},
    }
    first = ecs.run_task(**request)["tasks"][0]
    assert ecs.run_task(**request)["tasks"][0]["taskArn"] == first["taskArn"]
    assert first["overrides"]["containerOverrides"][0]["command"] == ["migrate"]
    assert fails(ecs.run_task, **dict(request, startedBy="landfall/2")) == "ConflictException"
    assert fails(ecs.list_tasks, cluster=cluster, startedBy="landfall/1", desiredStatus="STOPPED") == "InvalidParameterException"
    stopped = eventually(lambda: ecs.list_tasks(cluster=cluster, family="once", desiredStatus="STOPPED")["taskArns"])
    task = eventually(lambda: [each for each in ecs.describe_tasks(cluster=cluster, tasks=stopped)["tasks"] if each["lastStatus"] == "STOPPED"])[0]
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 3)


def test_an_image_that_is_missing_stops_the_task_with_a_reason(ecs, cluster):
    definition(ecs, "missing", image="000000000000.dkr.ecr.eu-west-1.amazonaws.com/never:1")
    arn = ecs.run_task(cluster=cluster, taskDefinition="missing", launchType="FARGATE", networkConfiguration=FARGATE)["tasks"][0]["taskArn"]
    stopped = eventually(lambda: [each for each in ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"] if each["lastStatus"] == "STOPPED"])
    assert "CannotPullContainer" in stopped[0]["stoppedReason"]


def test_capacity_providers_are_made_associated_and_used(ecs, cluster, fails):
    group = {"autoScalingGroupArn": "web", "managedScaling": {"status": "ENABLED", "targetCapacity": 100}}
    made = ecs.create_capacity_provider(name="model-ec2", autoScalingGroupProvider=group, tags=[{"key": "a", "value": "b"}])
    assert made["capacityProvider"]["status"] == "ACTIVE"
    assert fails(ecs.create_capacity_provider, name="model-ec2", autoScalingGroupProvider=group) == "ClientException"
    managed = {
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs",
        "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs", "networkConfiguration": {"subnets": ["subnet-1"]},
        },
    }
    ecs.create_capacity_provider(name="model-managed", cluster=cluster, managedInstancesProvider=managed)
    described = ecs.describe_capacity_providers(capacityProviders=["model-ec2", "FARGATE", "nobody"])
    assert [each["name"] for each in described["capacityProviders"]] == ["model-ec2", "FARGATE"]
    assert described["failures"][0]["reason"] == "MISSING"

    family = definition(ecs, "capacity")["taskDefinitionArn"]
    strategy = [{"capacityProvider": "model-ec2", "weight": 1}]
    used = dict(cluster=cluster, serviceName="used", taskDefinition=family, desiredCount=0, capacityProviderStrategy=strategy)
    assert fails(ecs.create_service, networkConfiguration=FARGATE, **used) == "InvalidParameterException"
    put = ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=["model-managed", "model-ec2"], defaultCapacityProviderStrategy=strategy,
    )["cluster"]
    assert put["capacityProviders"] == ["model-managed", "model-ec2"]
    service = ecs.create_service(networkConfiguration=FARGATE, **used)["service"]
    assert service["capacityProviderStrategy"][0]["capacityProvider"] == "model-ec2" and "launchType" not in service
    updated = ecs.update_cluster(cluster=cluster, settings=[{"name": "containerInsights", "value": "enhanced"}])["cluster"]
    assert updated["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert fails(ecs.put_cluster_capacity_providers, cluster=cluster, capacityProviders=["nobody"], defaultCapacityProviderStrategy=[]) \
        == "InvalidParameterException"


def test_requests_move_between_two_target_groups(ecs, checked, cluster):
    elb = checked("elbv2")
    groups = [
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip", HealthCheckIntervalSeconds=5)
        ["TargetGroups"][0]["TargetGroupArn"] for name in ("sides", "sides-b")
    ]
    balancer = elb.create_load_balancer(Name="sides", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]["LoadBalancerArn"]
    refuse = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=48125, DefaultActions=refuse)["Listeners"][0]["ListenerArn"]
    weighted = [{"TargetGroupArn": group, "Weight": weight} for group, weight in zip(groups, (100, 0))]
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
    )["Rules"][0]["RuleArn"]
    definition(ecs, "sides")
    ecs.create_service(
        cluster=cluster, serviceName="s", taskDefinition="sides", desiredCount=1, launchType="FARGATE", networkConfiguration=FARGATE,
        deploymentConfiguration={"strategy": "CANARY", "bakeTimeInMinutes": 0,
                                 "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1}},
        loadBalancers=[{
            "targetGroupArn": groups[0], "containerName": "web", "containerPort": 80,
            "advancedConfiguration": {"alternateTargetGroupArn": groups[1], "productionListenerRule": rule,
                                      "roleArn": "arn:aws:iam::000000000000:role/balancers"},
        }],
    )
    eventually(lambda: deployments(ecs, cluster, "s", "SUCCESSFUL"))
    health = elb.describe_target_health(TargetGroupArn=groups[0])["TargetHealthDescriptions"]
    assert health[0]["Target"]["Id"] and health[0]["TargetHealth"]["State"] == "healthy"
    second = definition(ecs, "sides", image="public.ecr.aws/nginx/nginx:2")["taskDefinitionArn"]
    ecs.update_service(cluster=cluster, service="s", taskDefinition=second)
    arn = ecs.list_service_deployments(cluster=cluster, service="s")["serviceDeployments"][0]["serviceDeploymentArn"]

    def described():
        return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]

    eventually(lambda: described()["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT")
    assert described()["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10.0
    eventually(lambda: described()["status"] == "SUCCESSFUL")
    revision = ecs.describe_services(cluster=cluster, services=["s"])["services"][0]["currentServiceRevisions"][0]["arn"]
    resolved = ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]["resolvedConfiguration"]
    assert resolved["loadBalancers"] == [{"targetGroupArn": groups[1], "productionListenerRule": rule}]
    served = elb.describe_rules(RuleArns=[rule])["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert {each["TargetGroupArn"]: each["Weight"] for each in served} == {groups[0]: 0, groups[1]: 100}


def test_a_deployment_is_paused_continued_and_rolled_back(ecs, cluster, fails):
    first = definition(ecs, "paused")["taskDefinitionArn"]
    ecs.create_service(
        cluster=cluster, serviceName="s", taskDefinition="paused", desiredCount=1, launchType="FARGATE", networkConfiguration=FARGATE,
    )
    eventually(lambda: deployments(ecs, cluster, "s", "SUCCESSFUL"))
    ecs.update_service(cluster=cluster, service="s", deploymentConfiguration={"lifecycleHooks": [{
        "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 10, "action": "CONTINUE"},
    }]})

    def awaited(image, action):
        given = definition(ecs, "paused", image=image)["taskDefinitionArn"]
        ecs.update_service(cluster=cluster, service="s", taskDefinition=given)
        arn = eventually(lambda: deployments(ecs, cluster, "s", "IN_PROGRESS"))[0]["serviceDeploymentArn"]

        def described():
            return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]

        hook = eventually(lambda: described().get("lifecycleHookDetails"))[0]
        assert (hook["targetType"], hook["status"], hook["timeoutAction"]) == ("PAUSE", "AWAITING_ACTION", "CONTINUE")
        assert described()["lifecycleStage"] == "PRE_SCALE_UP"
        assert ecs.continue_service_deployment(
            serviceDeploymentArn=arn, hookId=hook["hookId"], action=action)["serviceDeploymentArn"] == arn
        assert fails(ecs.continue_service_deployment, serviceDeploymentArn=arn, hookId=hook["hookId"]) == "InvalidParameterException"
        return given, described

    second, described = awaited("public.ecr.aws/nginx/nginx:2", "CONTINUE")
    eventually(lambda: described()["status"] == "SUCCESSFUL")
    assert described()["lifecycleHookDetails"][0]["status"] == "SUCCEEDED"
    _, described = awaited("public.ecr.aws/nginx/nginx:3", "ROLLBACK")
    eventually(lambda: described()["status"] == "ROLLBACK_SUCCESSFUL")
    assert described()["lifecycleHookDetails"][0]["status"] == "FAILED"
    assert ecs.describe_services(cluster=cluster, services=["s"])["services"][0]["taskDefinition"] == second != first
    assert fails(ecs.continue_service_deployment, serviceDeploymentArn="arn:never", hookId="h") == "ServiceDeploymentNotFoundException"
