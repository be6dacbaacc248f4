"""The endpoint of `examples/serve.rs` has the state machine `waiting`: it hands a task token to a function and waits."""

import json
import time

import pytest

MACHINE = "arn:aws:states:eu-west-1:000000000000:stateMachine:waiting"


@pytest.fixture(scope="module")
def states(checked):
    client = checked("stepfunctions", inject_host_prefix=False)
    if MACHINE not in [each["stateMachineArn"] for each in client.list_state_machines()["stateMachines"]]:
        pytest.skip("the endpoint has no state machine `waiting`")
    return client


def start(states, **arguments):
    """Starts an execution and answers its ARN and the task token that it waits for."""
    arn = states.start_execution(stateMachineArn=MACHINE, **arguments)["executionArn"]
    for _ in range(100):
        for event in states.get_execution_history(executionArn=arn)["events"]:
            if event["type"] == "TaskScheduled":
                return arn, json.loads(event["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
        time.sleep(0.05)
    raise AssertionError("the task was not scheduled")


def ended(states, arn):
    for _ in range(100):
        described = states.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise AssertionError("the execution did not end")


def test_an_execution_goes_on_when_its_token_comes_back(states, fails):
    arn, token = start(states, name="first", input='{"n": 1}')
    assert states.start_execution(stateMachineArn=MACHINE, name="first", input='{"n": 1}')["executionArn"] == arn
    assert fails(states.start_execution, stateMachineArn=MACHINE, name="first", input='{"n": 2}') == "ExecutionAlreadyExists"
    states.send_task_success(taskToken=token, output='{"done": true}')
    described = ended(states, arn)
    assert (described["status"], json.loads(described["output"])) == ("SUCCEEDED", {"done": True})
    assert fails(states.send_task_success, taskToken=token, output="{}") in ("TaskTimedOut", "TaskDoesNotExist")
    history = states.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 3})
    events = [event for page in history for event in page["events"]]
    assert (events[0]["type"], events[-1]["type"]) == ("ExecutionStarted", "ExecutionSucceeded")
    assert arn in [each["executionArn"] for each in states.list_executions(stateMachineArn=MACHINE, statusFilter="SUCCEEDED")["executions"]]


def test_an_execution_times_out_or_is_stopped(states, fails):
    arn, _ = start(states)
    described = ended(states, arn)
    assert (described["status"], described["error"]) == ("FAILED", "States.Timeout")
    arn, _ = start(states)
    states.stop_execution(executionArn=arn, error="Stop", cause="a test")
    assert ended(states, arn)["status"] == "ABORTED"
    assert fails(states.describe_execution, executionArn=arn.replace("waiting", "never")) == "ExecutionDoesNotExist"
    assert fails(states.start_execution, stateMachineArn=MACHINE.replace("waiting", "never")) == "StateMachineDoesNotExist"
    assert fails(states.start_execution, stateMachineArn=MACHINE, input="{") == "InvalidExecutionInput"
    assert fails(states.send_task_success, taskToken="never", output="{}") in ("InvalidToken", "TaskDoesNotExist")


def test_an_execution_that_was_stopped_is_redriven(states, fails):
    arn, _ = start(states)
    assert fails(states.redrive_execution, executionArn=arn) == "ExecutionNotRedrivable"
    states.stop_execution(executionArn=arn)
    assert ended(states, arn)["status"] == "ABORTED"
    states.redrive_execution(executionArn=arn)
    assert states.describe_execution(executionArn=arn)["status"] == "RUNNING"
    assert ended(states, arn)["error"] == "States.Timeout"


def test_a_function_is_invoked(checked, states, fails):
    functions = checked("lambda")
    assert fails(functions.invoke, FunctionName="never") == "ResourceNotFoundException"
    answer = functions.invoke(FunctionName="echo", Payload=b'{"hello": "world"}')
    assert json.loads(answer["Payload"].read()) == {"hello": "world"}
