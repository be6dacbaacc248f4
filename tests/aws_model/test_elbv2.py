import pytest


@pytest.fixture(scope="module")
def elb(checked):
    return checked("elbv2")


def arn_of(answer, plural, name):
    return answer[plural][0][name]


def test_a_load_balancer_with_its_listener_rule_and_targets(elb, fails):
    made = elb.create_load_balancer(Name="web", Subnets=["subnet-1", "subnet-2"], Tags=[{"Key": "a", "Value": "b"}])
    balancer = arn_of(made, "LoadBalancers", "LoadBalancerArn")
    assert elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["LoadBalancerArn"] == balancer
    made = elb.create_target_group(
        Name="hello", Protocol="HTTP", Port=8080, VpcId="vpc-1", TargetType="ip", HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, Matcher={"HttpCode": "200-299"},
    )
    group = arn_of(made, "TargetGroups", "TargetGroupArn")
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/")
    assert elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["HealthCheckPath"] == "/"
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": "1"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])
    assert attribute in elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]

    forward = [{"Type": "forward", "TargetGroupArn": group}]
    refuse = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "none"}}]
    listener = arn_of(elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=48123, DefaultActions=refuse),
                      "Listeners", "ListenerArn")
    assert elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"] == listener
    conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["hello.example.com"]}}]
    rule = arn_of(elb.create_rule(ListenerArn=listener, Priority=10, Conditions=conditions, Actions=forward), "Rules", "RuleArn")
    assert fails(elb.create_rule, ListenerArn=listener, Priority=10, Conditions=conditions, Actions=forward) == "PriorityInUse"
    elb.modify_rule(RuleArn=rule, Actions=forward)
    assert [each["Priority"] for each in elb.describe_rules(ListenerArn=listener)["Rules"]] == ["10", "default"]
    moved = elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": 11}])["Rules"]
    assert [each["Priority"] for each in moved] == ["11"]
    other = arn_of(elb.create_rule(ListenerArn=listener, Priority=10, Conditions=conditions, Actions=forward), "Rules", "RuleArn")
    assert fails(elb.set_rule_priorities, RulePriorities=[{"RuleArn": other, "Priority": 11}]) == "PriorityInUse"
    elb.delete_rule(RuleArn=other)
    assert fails(elb.describe_tags, ResourceArns=[other]) == "RuleNotFound"
    elsewhere = arn_of(elb.create_load_balancer(Name="other", Subnets=["subnet-1", "subnet-2"]), "LoadBalancers", "LoadBalancerArn")
    there = arn_of(elb.create_listener(LoadBalancerArn=elsewhere, Protocol="HTTP", Port=48124, DefaultActions=refuse),
                   "Listeners", "ListenerArn")
    assert fails(elb.create_rule, ListenerArn=there, Priority=1, Conditions=conditions, Actions=forward) == "TargetGroupAssociationLimit"
    assert elb.describe_tags(ResourceArns=[balancer])["TagDescriptions"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] == []

    assert fails(elb.delete_target_group, TargetGroupArn=group) == "ResourceInUse"
    elb.delete_rule(RuleArn=rule)
    elb.delete_target_group(TargetGroupArn=group)
    assert fails(elb.describe_target_groups, TargetGroupArns=[group]) == "TargetGroupNotFound"
    assert fails(elb.describe_load_balancers, Names=["never"]) == "LoadBalancerNotFound"
    assert fails(elb.describe_rules, ListenerArn=listener.replace("web", "never")) == "ListenerNotFound"
