"""Landfall's own stack, by which the command finds it."""

import pytest
from botocore.exceptions import ClientError


def test_the_outputs_name_what_the_command_needs(checked):
    stacks = checked("cloudformation").describe_stacks(StackName="landfall")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    assert outputs["ConfigBucketName"] == "landfall-config"
    assert outputs["StateBucketName"] == "landfall-state"
    assert outputs["ReleaseStateMachineArn"].endswith(":stateMachine:landfall-release")
    # This machine has no dead-letter queue.
    assert "DeadLettersUrl" not in outputs


def test_a_stack_that_is_not_there_is_a_validation_error(checked):
    with pytest.raises(ClientError) as refused:
        checked("cloudformation").describe_stacks(StackName="landfal")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
