import time

import pytest


@pytest.fixture(scope="module")
def logs(checked):
    return checked("logs")


def test_a_group_is_created_described_and_deleted(logs, fails):
    logs.create_log_group(logGroupName="/ecs/hello", tags={"a": "b"})
    assert fails(logs.create_log_group, logGroupName="/ecs/hello") == "ResourceAlreadyExistsException"
    assert fails(logs.create_log_group, logGroupName="no spaces") == "InvalidParameterException"
    logs.create_log_group(logGroupName="/ecs/other")
    logs.put_retention_policy(logGroupName="/ecs/hello", retentionInDays=14)
    assert fails(logs.put_retention_policy, logGroupName="/ecs/hello", retentionInDays=2) == "InvalidParameterException"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/ecs/", PaginationConfig={"PageSize": 1})
    found = [each for page in pages for each in page["logGroups"]]
    assert [(each["logGroupName"], each.get("retentionInDays")) for each in found] == [("/ecs/hello", 14), ("/ecs/other", None)]
    arn = found[0]["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"c": "d"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
    logs.delete_retention_policy(logGroupName="/ecs/hello")
    for name in ("/ecs/hello", "/ecs/other"):
        logs.delete_log_group(logGroupName=name)
    assert fails(logs.delete_log_group, logGroupName="/ecs/hello") == "ResourceNotFoundException"


def test_events_are_read_back_in_order_and_in_pages(logs, fails):
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s/1")
    assert fails(logs.create_log_stream, logGroupName="g", logStreamName="s/1") == "ResourceAlreadyExistsException"
    where = {"logGroupName": "g", "logStreamName": "s/1"}
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": f"line {number} of \"five\""} for number in range(5)]
    assert "rejectedLogEventsInfo" not in logs.put_log_events(**where, logEvents=events)
    old = logs.put_log_events(**where, logEvents=[{"timestamp": 1, "message": "ancient"}])
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert fails(logs.put_log_events, **where, logEvents=events[::-1]) == "InvalidParameterException"
    assert fails(logs.put_log_events, logGroupName="g", logStreamName="absent", logEvents=events) == "ResourceNotFoundException"
    first = logs.get_log_events(**where, startFromHead=True, limit=3)
    rest = logs.get_log_events(**where, nextToken=first["nextForwardToken"])
    assert [each["message"][5] for each in first["events"] + rest["events"]] == list("01234")
    end = logs.get_log_events(**where, nextToken=rest["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], rest["nextForwardToken"])
    back = logs.get_log_events(**where, nextToken=rest["nextBackwardToken"])
    assert [each["message"][5] for each in back["events"]] == list("012")
    found = logs.filter_log_events(logGroupName="g", filterPattern='line "3 of"', logStreamNamePrefix="s/")["events"]
    assert [each["timestamp"] for each in found] == [now + 3]
    assert fails(logs.filter_log_events, logGroupName="g", filterPattern="{ $.a = 1 }") == "InvalidParameterException"
    assert [each["lastEventTimestamp"] for each in logs.describe_log_streams(logGroupName="g")["logStreams"]] == [now + 4]
