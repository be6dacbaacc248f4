import pytest

SERVICE = {"ServiceNamespace": "ecs", "ResourceId": "service/scaled/hello", "ScalableDimension": "ecs:service:DesiredCount"}
OF_SERVICE = {"ServiceNamespace": "ecs", "ResourceId": "service/scaled/hello"}
CPU = {"TargetValue": 60, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}


@pytest.fixture(scope="module")
def scaling(checked):
    return checked("application-autoscaling")


@pytest.fixture(scope="module")
def ecs(checked):
    ecs = checked("ecs")
    ecs.create_cluster(clusterName="scaled")
    container = {"name": "web", "image": "somewhere/else", "memory": 64}
    ecs.register_task_definition(family="scaled", containerDefinitions=[container])
    ecs.create_service(cluster="scaled", serviceName="hello", taskDefinition="scaled", desiredCount=1)
    return ecs


def count(ecs):
    return ecs.describe_services(cluster="scaled", services=["hello"])["services"][0]["desiredCount"]


def test_the_bounds_of_a_target_hold_the_desired_count(scaling, ecs, fails):
    elsewhere = dict(SERVICE, ResourceId="service/scaled/absent")
    assert fails(scaling.register_scalable_target, **elsewhere, MinCapacity=1, MaxCapacity=2) == "ValidationException"
    assert fails(scaling.register_scalable_target, **SERVICE) == "ValidationException"
    assert fails(scaling.put_scaling_policy, **SERVICE, PolicyName="a") == "ObjectNotFoundException"
    arn = scaling.register_scalable_target(**SERVICE, MinCapacity=2, MaxCapacity=5, Tags={"a": "b"})["ScalableTargetARN"]
    assert count(ecs) == 2
    assert fails(scaling.register_scalable_target, **SERVICE, Tags={"c": "d"}) == "ValidationException"
    ecs.update_service(cluster="scaled", service="hello", desiredCount=5)
    scaling.register_scalable_target(**SERVICE, MaxCapacity=3)
    assert count(ecs) == 3
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[SERVICE["ResourceId"]])["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (2, 3, arn)
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}


def test_policies_and_actions_are_kept_until_they_or_their_target_are_deleted(scaling, ecs, fails):
    scaling.register_scalable_target(**SERVICE, MinCapacity=1, MaxCapacity=5)
    tracking = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": CPU}
    first = scaling.put_scaling_policy(**SERVICE, PolicyName="cpu", **tracking)["PolicyARN"]
    assert scaling.put_scaling_policy(**SERVICE, PolicyName="cpu", **tracking)["PolicyARN"] == first
    requests = {"TargetValue": 9, "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}
    unlabelled = dict(tracking, TargetTrackingScalingPolicyConfiguration=requests)
    assert fails(scaling.put_scaling_policy, **SERVICE, PolicyName="requests", **unlabelled) == "ValidationException"
    step = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
    scaling.put_scaling_policy(**SERVICE, PolicyName="step", PolicyType="StepScaling", StepScalingPolicyConfiguration=step)
    pages = scaling.get_paginator("describe_scaling_policies").paginate(**OF_SERVICE, PaginationConfig={"PageSize": 1})
    found = [each for page in pages for each in page["ScalingPolicies"]]
    assert [each["PolicyName"] for each in found] == ["cpu", "step"]
    assert found[0]["TargetTrackingScalingPolicyConfiguration"] == CPU
    scaling.delete_scaling_policy(**SERVICE, PolicyName="step")
    assert fails(scaling.delete_scaling_policy, **SERVICE, PolicyName="step") == "ObjectNotFoundException"

    action = {"ScheduledActionName": "morning", "Schedule": "cron(0 8 * * ? *)", "ScalableTargetAction": {"MinCapacity": 2}}
    scaling.put_scheduled_action(**SERVICE, **action, Timezone="Europe/Berlin", StartTime="2030-01-01T00:00:00Z")
    assert fails(scaling.put_scheduled_action, **SERVICE, ScheduledActionName="b", Schedule="daily") == "ValidationException"
    scaling.put_scheduled_action(**SERVICE, ScheduledActionName="morning", Schedule="cron(0 9 * * ? *)")
    found = scaling.describe_scheduled_actions(**OF_SERVICE)["ScheduledActions"][0]
    assert (found["Schedule"], found["Timezone"]) == ("cron(0 9 * * ? *)", "Europe/Berlin")
    assert "StartTime" not in found
    scaling.delete_scheduled_action(**SERVICE, ScheduledActionName="morning")
    assert fails(scaling.delete_scheduled_action, **SERVICE, ScheduledActionName="morning") == "ObjectNotFoundException"

    scaling.deregister_scalable_target(**SERVICE)
    assert fails(scaling.deregister_scalable_target, **SERVICE) == "ObjectNotFoundException"
    assert scaling.describe_scaling_policies(**OF_SERVICE)["ScalingPolicies"] == []
