import json

import pytest

FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:image-pushed"


@pytest.fixture(scope="module")
def events(checked):
    return checked("events")


def test_a_rule_gets_targets(events, fails):
    pattern = json.dumps({"source": ["aws.ecr"], "detail": {"action-type": ["PUSH"]}})
    made = events.put_rule(Name="pushes", EventPattern=pattern, Description="a push", Tags=[{"Key": "a", "Value": "b"}])
    assert made["RuleArn"].endswith(":rule/pushes")
    target = {"Id": "1", "Arn": FUNCTION, "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}}
    assert events.put_targets(Rule="pushes", Targets=[target])["FailedEntryCount"] == 0
    assert fails(events.put_targets, Rule="never", Targets=[target]) == "ResourceNotFoundException"


def test_what_would_be_ignored_is_refused(events, fails):
    refused = json.dumps({"detail": {"address": [{"cidr": "10.0.0.0/8"}]}})
    assert fails(events.put_rule, Name="r", EventPattern=refused) == "InvalidEventPatternException"
    assert fails(events.put_rule, Name="r", ScheduleExpression="rate(1 minute)") == "ValidationException"
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    queue = {"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:000000000000:queue"}
    assert fails(events.put_targets, Rule="r", Targets=[queue]) == "ValidationException"
    shaped = {"Id": "1", "Arn": FUNCTION, "InputPath": "$.detail"}
    assert fails(events.put_targets, Rule="r", Targets=[shaped]) == "ValidationException"


def test_each_bad_event_is_refused_on_its_own(events, fails):
    good = {"Source": "landfall", "DetailType": "Release Concluded", "Detail": '{"service": "web/hello"}'}
    answer = events.put_events(Entries=[
        good, dict(good, Source="aws.ecs"), dict(good, Detail="{"), dict(good, EventBusName="absent"), {"Source": "landfall"}])
    assert answer["FailedEntryCount"] == 4
    assert [each.get("ErrorCode") for each in answer["Entries"]] == [
        None, "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "InvalidArgument"]
    large = dict(good, Detail=json.dumps({"text": "x" * 256 * 1024}))
    assert fails(events.put_events, Entries=[large]) == "ValidationException"
