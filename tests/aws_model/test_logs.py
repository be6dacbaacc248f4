import pytest


@pytest.fixture(scope="module")
def logs(checked):
    return checked("logs")


def test_a_group_is_created_and_described(logs, fails):
    logs.create_log_group(logGroupName="/ecs/hello", tags={"a": "b"})
    assert fails(logs.create_log_group, logGroupName="/ecs/hello") == "ResourceAlreadyExistsException"
    assert fails(logs.create_log_group, logGroupName="no spaces") == "InvalidParameterException"
    logs.create_log_group(logGroupName="/ecs/other")
    logs.put_retention_policy(logGroupName="/ecs/hello", retentionInDays=14)
    assert fails(logs.put_retention_policy, logGroupName="/ecs/hello", retentionInDays=2) == "InvalidParameterException"
    assert fails(logs.put_retention_policy, logGroupName="/ecs/never", retentionInDays=14) == "ResourceNotFoundException"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/ecs/", PaginationConfig={"PageSize": 1})
    found = [each for page in pages for each in page["logGroups"]]
    assert [(each["logGroupName"], each.get("retentionInDays")) for each in found] == [("/ecs/hello", 14), ("/ecs/other", None)]
    assert logs.list_tags_for_resource(resourceArn=found[0]["logGroupArn"])["tags"] == {"a": "b"}


def test_events_are_found_in_order_and_in_pages(logs, fails):
    """`examples/serve.rs` has written five lines."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="/landfall/local", PaginationConfig={"PageSize": 2})
    events = [each for page in pages for each in page["events"]]
    assert [each["message"] for each in events] == [f'a line, number {number} of "five"' for number in range(5)]
    assert all(each["timestamp"] <= each["ingestionTime"] for each in events)
    found = logs.filter_log_events(logGroupName="/landfall/local", filterPattern='line "3 of"', logStreamNamePrefix="serve")["events"]
    assert [each["message"] for each in found] == [events[3]["message"]]
    assert logs.filter_log_events(logGroupName="/landfall/local", startTime=events[-1]["timestamp"] + 1)["events"] == []
    assert fails(logs.filter_log_events, logGroupName="/landfall/local", filterPattern="{ $.a = 1 }") == "InvalidParameterException"
    assert fails(logs.filter_log_events, logGroupName="never") == "ResourceNotFoundException"
