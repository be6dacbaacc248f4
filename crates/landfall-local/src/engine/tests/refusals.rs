//! Definitions that the engine refuses, by state and field.

use super::*;

fn task(more: Value) -> Value {
    machine(claim(more))
}

/// A state machine in which a choice has this rule.
fn rule(rule: Value) -> Value {
    let rule = extended(rule, json!({"Next": "Done"}));
    machine(json!({"Type": "Choice", "Choices": [rule], "Default": "Done"}))
}

#[test]
fn whatever_is_not_implemented_is_refused_by_state_and_field() {
    let catch = |more: Value| {
        let catcher = catch_all("$")[0].clone();
        task(json!({"Catch": [extended(catcher, more)]}))
    };
    let retry = |more: Value| task(json!({"Retry": [retrier(more)]}));
    let token = |parameters: Value| {
        let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        task(json!({"Resource": resource, "TimeoutSeconds": 60, "Parameters": parameters}))
    };
    let computed = |expression: &str| task(json!({"Parameters": {"t.$": expression}}));
    let top = |more: Value| extended(machine(claim(json!({}))), more);
    let is_b = || json!({"Variable": "$.a", "StringEquals": "b"});
    for (definition, named) in [
        (
            machine(json!({"Type": "Parallel", "Branches": [], "Next": "Done"})),
            vec!["`Only`", "`Parallel`"],
        ),
        (
            machine(json!({"Type": "Map", "Next": "Done"})),
            vec!["`Only`", "`Map`"],
        ),
        (
            machine(json!({"Type": "Pass", "Result": 1, "Next": "Done"})),
            vec!["`Only`", "`Type`", "`Pass`"],
        ),
        (machine(json!({"Next": "Done"})), vec!["`Only`", "`Type`"]),
        (
            task(json!({"Credentials": {"RoleArn": "x"}})),
            vec!["`Only`", "`Credentials`"],
        ),
        (
            task(json!({"QueryLanguage": "JSONata"})),
            vec!["`Only`", "`QueryLanguage`"],
        ),
        (
            task(json!({"Assign": {"a": 1}})),
            vec!["`Only`", "`Assign`"],
        ),
        (
            task(json!({"Arguments": {}})),
            vec!["`Only`", "`Arguments`"],
        ),
        (
            task(json!({"InputPath": "$.a"})),
            vec!["`Only`", "`InputPath`"],
        ),
        (
            task(json!({"OutputPath": "$.a"})),
            vec!["`Only`", "`OutputPath`"],
        ),
        (
            task(json!({"Resource": "arn:aws:states:::ecs:runTask.sync"})),
            vec!["`Only`", "`Resource`", "ecs:runTask.sync"],
        ),
        (
            token(json!({"Payload": {"t.$": "$$.Task.Token"}})),
            vec!["`Only`", "`Parameters`", "`FunctionName`"],
        ),
        (
            token(
                json!({"FunctionName": "a", "Payload": {"t.$": "$$.Task.Token"}, "InvocationType": "Event"}),
            ),
            vec!["`Only`", "`InvocationType`"],
        ),
        (
            token(json!({"FunctionName": "a", "Payload": {}})),
            vec!["`Only`", "`Parameters`", "$$.Task.Token"],
        ),
        (
            computed("$$.Task.Token"),
            vec!["`Only`", "`Parameters`", "waitForTaskToken"],
        ),
        (
            computed("$$.Map.Item.Value"),
            vec!["`Only`", "`t.$`", "$$.Map.Item.Value"],
        ),
        (
            computed("$$.State.Name"),
            vec!["`Only`", "`t.$`", "$$.State.Name"],
        ),
        (
            computed("States.Format('{}', $.a)"),
            vec!["`Only`", "`t.$`", "intrinsic function `States.Format`"],
        ),
        (computed("$.a[*]"), vec!["`Only`", "`Parameters`", "`t.$`"]),
        (computed("$.a[0]"), vec!["`Only`", "`Parameters`", "`t.$`"]),
        (
            task(json!({"Parameters": {"a": {"b": [{"c.$": "$"}]}}})),
            vec!["`Only`", "`Parameters`", "`b`", "arrays"],
        ),
        (
            task(json!({"Parameters": "$"})),
            vec!["`Only`", "`Parameters`"],
        ),
        (
            task(json!({"ResultPath": "$$.Execution.Input"})),
            vec!["`Only`", "`ResultPath`"],
        ),
        (
            task(json!({"HeartbeatSeconds": 5})),
            vec!["`Only`", "`HeartbeatSeconds`"],
        ),
        (
            task(json!({"TimeoutSeconds": 5})),
            vec!["`Only`", "`TimeoutSeconds`"],
        ),
        (
            task(json!({"TimeoutSecondsPath": "$.t"})),
            vec!["`Only`", "`TimeoutSecondsPath`"],
        ),
        (task(json!({"End": true})), vec!["`Only`", "`End`"]),
        (
            catch(json!({"Output": {}})),
            vec!["`Only`", "`Catch` 0", "`Output`"],
        ),
        (
            catch(json!({"Next": "Nowhere"})),
            vec!["`Only`", "`Catch`", "`Nowhere`"],
        ),
        (
            catch(json!({"ErrorEquals": ["States.Timeout"]})),
            vec!["`Only`", "`ErrorEquals`", "`States.Timeout`"],
        ),
        (
            retry(json!({"JitterStrategy": "NONE"})),
            vec!["`Only`", "`Retry` 0", "`JitterStrategy`"],
        ),
        (
            retry(json!({"BackoffRate": 0.5})),
            vec!["`Only`", "`BackoffRate`"],
        ),
        (
            retry(json!({"MaxDelaySeconds": 2})),
            vec!["`Only`", "`MaxDelaySeconds`"],
        ),
        (
            retry(json!({"ErrorEquals": ["States.ALL", "More"]})),
            vec!["`Only`", "`ErrorEquals`"],
        ),
        (
            rule(json!({"Variable": "$.a", "StringContains": "b"})),
            vec!["`Only`", "rule 0", "`StringContains`"],
        ),
        (
            rule(json!({"Variable": "$.a", "IsPresent": true})),
            vec!["`Only`", "rule 0", "`IsPresent`"],
        ),
        (
            rule(json!({"Variable": "$.a", "NumericGreaterThan": "1"})),
            vec!["`Only`", "rule 0", "`NumericGreaterThan`"],
        ),
        (
            rule(json!({"Variable": "a", "StringEquals": "b"})),
            vec!["`Only`", "rule 0", "`Variable`"],
        ),
        (
            rule(extended(is_b(), json!({"BooleanEquals": true}))),
            vec!["`Only`", "rule 0", "`BooleanEquals`"],
        ),
        (
            rule(extended(is_b(), json!({"Comment": "why"}))),
            vec!["`Only`", "rule 0", "`Comment`"],
        ),
        (
            rule(json!({"Or": [is_b()]})),
            vec!["`Only`", "rule 0", "`Or`"],
        ),
        (
            rule(json!({"Not": is_b()})),
            vec!["`Only`", "rule 0", "`Not`"],
        ),
        (
            rule(json!({"And": [is_b(), extended(is_b(), json!({"Next": "Done"}))]})),
            vec!["`Only`", "rule 0", "`And` 1", "`Next`"],
        ),
        (
            rule(json!({"Condition": "{% true %}"})),
            vec!["`Only`", "rule 0", "`Condition`"],
        ),
        (
            machine(
                json!({"Type": "Choice", "Choices": [extended(is_b(), json!({"Next": "Done"}))]}),
            ),
            vec!["`Only`", "`Default`"],
        ),
        (
            machine(json!({"Type": "Wait", "Next": "Done"})),
            vec!["`Only`", "`SecondsPath`"],
        ),
        (
            machine(json!({"Type": "Wait", "Seconds": 1, "Next": "Done"})),
            vec!["`Only`", "`Seconds`"],
        ),
        (
            machine(json!({"Type": "Wait", "Timestamp": "today", "Next": "Done"})),
            vec!["`Only`", "`Timestamp`"],
        ),
        (
            machine(json!({"Type": "Fail", "Error": "A"})),
            vec!["`Only`", "`Error`"],
        ),
        (
            machine(
                json!({"Type": "Fail", "ErrorPath": "$.a", "CausePath": "States.Format('{}', $.a)"}),
            ),
            vec!["`Only`", "`CausePath`", "`States.Format`"],
        ),
        (
            machine(json!({"Type": "Succeed", "Next": "Done"})),
            vec!["`Only`", "`Next`"],
        ),
        (
            task(json!({"Next": "Nowhere"})),
            vec!["`Only`", "`Next`", "`Nowhere`"],
        ),
        (
            machine(json!({"Type": "Succeed"})),
            vec!["`Done`", "never run"],
        ),
        (
            json!({"TimeoutSeconds": 60, "States": {"A": {"Type": "Succeed"}}}),
            vec!["`StartAt`"],
        ),
        (top(json!({"StartAt": "B"})), vec!["`StartAt`", "`B`"]),
        (
            top(json!({"QueryLanguage": "JSONata"})),
            vec!["the top level", "`QueryLanguage`"],
        ),
        (
            top(json!({"TimeoutSeconds": "5"})),
            vec!["the top level", "`TimeoutSeconds`"],
        ),
        (
            top(json!({"ProcessorConfig": {}})),
            vec!["the top level", "`ProcessorConfig`"],
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

#[test]
fn every_field_is_there_that_the_state_machine_always_has() {
    let task = machine(claim(
        json!({"Retry": [retrier(json!({}))], "Catch": catch_all("$")}),
    ));
    load(&task.to_string()).unwrap();
    for place in [
        "/TimeoutSeconds",
        "/States/Only/Resource",
        "/States/Only/Parameters",
        "/States/Only/ResultPath",
        "/States/Only/Next",
        "/States/Only/Retry/0/ErrorEquals",
        "/States/Only/Retry/0/IntervalSeconds",
        "/States/Only/Retry/0/MaxAttempts",
        "/States/Only/Retry/0/BackoffRate",
        "/States/Only/Catch/0/ErrorEquals",
        "/States/Only/Catch/0/ResultPath",
        "/States/Only/Catch/0/Next",
    ] {
        let mut without = task.clone();
        let (object, field) = place.rsplit_once('/').unwrap();
        let object = without.pointer_mut(object).unwrap();
        object.as_object_mut().unwrap().remove(field).unwrap();
        let error = load(&without.to_string()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{field}`")), "{place}: {error}");
    }
}
