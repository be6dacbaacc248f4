import json

import pytest

FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:image-pushed"


@pytest.fixture(scope="module")
def events(checked):
    return checked("events")


def test_a_rule_and_its_targets_are_kept_and_given_back(events, fails):
    pattern = json.dumps({"source": ["aws.ecr"], "detail": {"action-type": ["PUSH"]}})
    events.put_rule(Name="pushes", EventPattern=pattern, Description="a push", Tags=[{"Key": "a", "Value": "b"}])
    events.put_rule(Name="pulls", EventPattern=pattern, State="DISABLED")
    described = events.describe_rule(Name="pushes")
    assert (described["EventPattern"], described["State"], described["Description"]) == (pattern, "ENABLED", "a push")
    pages = events.get_paginator("list_rules").paginate(NamePrefix="pu", PaginationConfig={"PageSize": 1})
    assert [each["Name"] for page in pages for each in page["Rules"]] == ["pulls", "pushes"]
    events.disable_rule(Name="pushes")
    events.enable_rule(Name="pushes")
    target = {"Id": "1", "Arn": FUNCTION, "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}}
    assert events.put_targets(Rule="pushes", Targets=[target])["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule="pushes")["Targets"] == [target]
    assert fails(events.delete_rule, Name="pushes") == "ValidationException"
    events.remove_targets(Rule="pushes", Ids=["1"])
    for name in ("pushes", "pulls"):
        events.delete_rule(Name=name)
    assert fails(events.describe_rule, Name="pushes") == "ResourceNotFoundException"
    assert fails(events.put_targets, Rule="pushes", Targets=[target]) == "ResourceNotFoundException"


def test_what_would_be_ignored_is_refused(events, fails):
    refused = json.dumps({"detail": {"address": [{"cidr": "10.0.0.0/8"}]}})
    assert fails(events.put_rule, Name="r", EventPattern=refused) == "InvalidEventPatternException"
    assert fails(events.put_rule, Name="r", ScheduleExpression="rate(1 minute)") == "ValidationException"
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    queue = {"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:000000000000:queue"}
    assert fails(events.put_targets, Rule="r", Targets=[queue]) == "ValidationException"
    shaped = {"Id": "1", "Arn": FUNCTION, "InputPath": "$.detail"}
    assert fails(events.put_targets, Rule="r", Targets=[shaped]) == "ValidationException"
    events.delete_rule(Name="r")


def test_each_bad_event_is_refused_on_its_own(events, fails):
    good = {"Source": "landfall", "DetailType": "Release Concluded", "Detail": '{"service": "web/hello"}'}
    answer = events.put_events(Entries=[
        good, dict(good, Source="aws.ecs"), dict(good, Detail="{"), dict(good, EventBusName="absent"), {"Source": "landfall"}])
    assert answer["FailedEntryCount"] == 4
    assert [each.get("ErrorCode") for each in answer["Entries"]] == [
        None, "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "InvalidArgument"]
    large = dict(good, Detail=json.dumps({"text": "x" * 256 * 1024}))
    assert fails(events.put_events, Entries=[large]) == "ValidationException"


def test_a_pattern_can_be_tried(events):
    event = json.dumps({"id": "1", "account": "1", "source": "a.b", "time": "2026-01-01T00:00:00Z", "region": "eu-west-1",
                        "resources": [], "detail-type": "t", "detail": {}})
    assert events.test_event_pattern(EventPattern='{"source": [{"prefix": "a."}]}', Event=event)["Result"] is True
    assert events.test_event_pattern(EventPattern='{"source": ["a"]}', Event=event)["Result"] is False
