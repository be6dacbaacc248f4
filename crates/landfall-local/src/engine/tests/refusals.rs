//! Definitions that the engine refuses, by state and field.

use serde_json::{Value, json};

use super::super::load::load;

/// A state machine in which the state `Odd` is as given.
fn with(odd: Value) -> Value {
    json!({"StartAt": "Odd", "States": {"Odd": odd, "Done": {"Type": "Succeed"}}})
}

fn task(more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:000000000000:function:claim", "Next": "Done"});
    state
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    with(state)
}

#[test]
fn whatever_is_not_implemented_is_refused_by_state_and_field() {
    let catch = |more: Value| {
        let mut element = json!({"ErrorEquals": ["States.ALL"], "Next": "Done"});
        element
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        task(json!({"Catch": [element]}))
    };
    let retry = |more: Value| {
        let mut element = json!({"ErrorEquals": ["States.ALL"]});
        element
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        task(json!({"Retry": [element]}))
    };
    for (definition, named) in [
        (
            with(json!({"Type": "Parallel", "Branches": [], "Next": "Done"})),
            vec!["`Odd`", "`Parallel`"],
        ),
        (
            with(json!({"Type": "Map", "Next": "Done"})),
            vec!["`Odd`", "`Map`"],
        ),
        (
            task(json!({"Credentials": {"RoleArn": "x"}})),
            vec!["`Odd`", "`Credentials`"],
        ),
        (
            task(json!({"QueryLanguage": "JSONata"})),
            vec!["`Odd`", "`QueryLanguage`"],
        ),
        (task(json!({"Assign": {"a": 1}})), vec!["`Odd`", "`Assign`"]),
        (task(json!({"Arguments": {}})), vec!["`Odd`", "`Arguments`"]),
        (
            task(json!({"Resource": "arn:aws:states:::ecs:runTask.sync"})),
            vec!["`Resource`", "ecs:runTask.sync"],
        ),
        (
            task(
                json!({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                        "Parameters": {"token.$": "$$.Task.Token"}}),
            ),
            vec!["`Parameters`", "`FunctionName`"],
        ),
        (
            task(
                json!({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                        "Parameters": {"FunctionName": "a", "Payload": {"t.$": "$$.Task.Token"}, "InvocationType": "Event"}}),
            ),
            vec!["`InvocationType`"],
        ),
        (
            task(
                json!({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": "a"}}),
            ),
            vec!["`Parameters`", "$$.Task.Token"],
        ),
        (
            task(json!({"Parameters": {"t.$": "$$.Task.Token"}})),
            vec!["`Parameters`", "waitForTaskToken"],
        ),
        (
            task(json!({"Parameters": {"t.$": "$$.Map.Item.Value"}})),
            vec!["$$.Map.Item.Value"],
        ),
        (
            task(json!({"Parameters": {"t.$": "States.MathRandom(1, 2)"}})),
            vec!["`t.$`", "States.MathRandom"],
        ),
        (
            task(json!({"Parameters": {"t.$": "$.a[*]"}})),
            vec!["`t.$`"],
        ),
        (
            task(json!({"ResultPath": "$$.State"})),
            vec!["`ResultPath`"],
        ),
        (
            task(json!({"HeartbeatSeconds": 5})),
            vec!["`HeartbeatSeconds`"],
        ),
        (
            task(json!({"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"})),
            vec!["`TimeoutSecondsPath`"],
        ),
        (
            task(json!({"TimeoutSeconds": "5"})),
            vec!["`TimeoutSeconds`"],
        ),
        (task(json!({"End": true})), vec!["`End`", "`Next`"]),
        (
            catch(json!({"Output": {}})),
            vec!["`Odd`", "`Catch` 0", "`Output`"],
        ),
        (
            catch(json!({"Next": "Nowhere"})),
            vec!["`Catch`", "`Nowhere`"],
        ),
        (
            retry(json!({"JitterStrategy": "SOME"})),
            vec!["`JitterStrategy`"],
        ),
        (retry(json!({"BackoffRate": 0.5})), vec!["`BackoffRate`"]),
        (
            retry(json!({"MaxDelaySeconds": 1})),
            vec!["`MaxDelaySeconds`"],
        ),
        (
            retry(json!({"ErrorEquals": ["States.ALL", "More"]})),
            vec!["`ErrorEquals`"],
        ),
        (
            with(
                json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "StringContains": "b", "Next": "Done"}]}),
            ),
            vec!["`Odd`", "rule 0", "`StringContains`"],
        ),
        (
            with(
                json!({"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Done"}]}),
            ),
            vec!["rule 0", "`Condition`"],
        ),
        (
            with(json!({"Type": "Wait", "Next": "Done"})),
            vec!["`Odd`", "`Seconds`"],
        ),
        (
            with(json!({"Type": "Wait", "Timestamp": "today", "Next": "Done"})),
            vec!["`Timestamp`"],
        ),
        (
            with(
                json!({"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "Next": "Done"}),
            ),
            vec!["`Timestamp`"],
        ),
        (
            with(json!({"Type": "Fail", "Error": "A", "Next": "Done"})),
            vec!["`Odd`", "`Next`"],
        ),
        (
            with(json!({"Type": "Pass", "Next": "Nowhere"})),
            vec!["`Odd`", "`Next`", "`Nowhere`"],
        ),
        (
            with(json!({"Type": "Pass", "End": true})),
            vec!["`Done`", "never run"],
        ),
        (with(json!({"Type": "Pass"})), vec!["`Odd`", "`Next`"]),
        (
            json!({"States": {"A": {"Type": "Succeed"}}}),
            vec!["`StartAt`"],
        ),
        (
            json!({"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}),
            vec!["`StartAt`", "`B`"],
        ),
        (
            json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}, "QueryLanguage": "JSONata"}),
            vec!["JSONata"],
        ),
        (
            json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}, "ProcessorConfig": {}}),
            vec!["`ProcessorConfig`"],
        ),
    ] {
        let error = load(&definition.to_string()).unwrap_err().to_string();
        for name in named {
            assert!(
                error.contains(name),
                "{definition}\n  should name {name}: {error}"
            );
        }
    }
}

#[test]
fn a_definition_that_is_not_json_says_where() {
    let error = load("{\n  \"StartAt\": }").unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}
