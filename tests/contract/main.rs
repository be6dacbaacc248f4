//! The state machine and the functions agree: on what each step is sent, on what it answers, and on the names of errors.

#![allow(clippy::unwrap_used)]

mod circles;
mod language;
mod played;
mod steps;
mod template;
mod walk;

use std::{collections::BTreeSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use landfall::{failure, last_call::LAST_CALL, look, record::Verdict};
use landfall_aws::{Fault, sfn::LONGEST_EXECUTION};
use landfall_functions::conclude_release::log;
use landfall_local::{install, local, world::World};
use serde_json::{Map, Value, json};

use self::steps::{FUNCTIONS, Functions, Step, answers, step};

const ASL: &str = include_str!("../../statemachine/release.asl.json");

fn states() -> Map<String, Value> {
    let asl: Value = serde_json::from_str(ASL).unwrap();
    asl["States"].as_object().unwrap().clone()
}

/// The states of one type.
fn states_of_type(kind: &str) -> Vec<(String, Value)> {
    let of_type = states()
        .into_iter()
        .filter(|(_, state)| state["Type"] == kind);
    of_type.collect()
}

/// The function that a Task calls and what it is sent.
fn call(state: &Value) -> (String, Value) {
    let resource = state["Resource"].as_str().unwrap();
    let (function, payload) = if resource.starts_with("arn:${Partition}:states:::lambda:invoke") {
        let parameters = &state["Parameters"];
        (
            parameters["FunctionName"].as_str().unwrap(),
            &parameters["Payload"],
        )
    } else {
        (resource, &state["Parameters"])
    };
    let name = function
        .strip_prefix("${")
        .and_then(|name| name.strip_suffix("FunctionArn}"));
    let name = name.unwrap_or_else(|| panic!("{function} is no placeholder for a function's ARN"));
    (name.to_owned(), payload.clone())
}

/// The data of an execution in which every step has answered, under the names where the state machine puts the answers.
fn data() -> Value {
    let first = |function: &str| answers(function, &step(function).fixture)[0].clone();
    let error = json!({"Error": "Refused", "Cause": "{\"errorType\":\"Refused\",\"errorMessage\":\"no such role\"}"});
    json!({
        "claim": first("ClaimRelease"), "cluster": first("EnsureCluster"),
        "plan": first("RegisterTaskDefinition"), "balancer": first("EnsureIngress"), "rollout": first("UpdateService"),
        "look": first("VerifyHealth"), "error": error, "rollBack": first("RollBack"),
        "back": {"look": first("CheckRollout"), "error": error}, "verdict": first("ConcludeRelease"),
    })
}

/// The functions whose answer a Choice state may find at this path, and the rest of the path inside of the answer.
fn answerers(choice: &str, variable: &str) -> (Vec<String>, String) {
    if let Some(rest) = variable.strip_prefix("$.claim") {
        return (vec!["ClaimRelease".into()], pointer(rest));
    }
    let mut before = Vec::new();
    let mut all = Vec::new();
    let mut rest = "";
    for (_, state) in states_of_type("Task") {
        let path = state["ResultPath"].as_str().unwrap_or_default();
        let inside = variable.strip_prefix(path);
        if let Some(inside) = inside.filter(|inside| path != "$" && inside.starts_with('.')) {
            rest = inside;
            let function = call(&state).0;
            if state["Next"] == choice {
                before.push(function.clone());
            }
            all.push(function);
        }
    }
    // Looks are all kept under one name: here it is the one just before.
    let answerers = if before.is_empty() { all } else { before };
    (answerers, pointer(rest))
}

fn pointer(path: &str) -> String {
    path.trim_start_matches('$').replace('.', "/")
}

/// What a path or context path of the state machine stands for.
fn resolve(expression: &str) -> Result<Value, String> {
    let named = |document: &Value, path: &str| {
        let found = document.pointer(&pointer(path)).cloned();
        found.ok_or_else(|| format!("{expression} names nothing"))
    };
    if expression.starts_with("$$") {
        let context = json!({
            "Execution": {
                "Id": "arn:aws:states:eu-west-1:123456789012:execution:landfall-release:1",
                "Input": {"service": "web/hello", "restarts": 0},
                "StartTime": "2026-11-16T01:54:35.4Z"
            },
            "State": {"RetryCount": 0},
            "Task": {"Token": "AQCEAAAAKgAAAAMAAAAA"}
        });
        return named(&context, expression);
    }
    named(&data(), expression)
}

/// A payload template with all its paths replaced.
fn fill(template: &Value) -> Result<Value, String> {
    let Value::Object(fields) = template else {
        return Ok(template.clone());
    };
    let filled = fields
        .iter()
        .map(|(name, value)| match name.strip_suffix(".$") {
            Some(name) => Ok((name.to_owned(), resolve(value.as_str().unwrap())?)),
            None => Ok((name.clone(), fill(value)?)),
        });
    filled
        .collect::<Result<Map<_, _>, String>>()
        .map(Value::Object)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_template_installs_every_function() {
    let world = World::new("123456789012", "eu-west-1", Timestamp::UNIX_EPOCH, 0);
    let installation = install::read(include_str!("../../template.yaml"), &world).unwrap();
    let installed = installation.functions.into_iter();
    let installed: BTreeSet<_> = installed.map(|function| function.name).collect();
    let Functions { triggers, steps } = &*FUNCTIONS;
    let known: BTreeSet<_> = triggers.iter().chain(steps.keys()).cloned().collect();
    assert_eq!(installed, known);
    for name in known {
        assert_eq!(landfall_functions::named(&name).unwrap().name, name);
    }
    assert!(landfall_functions::named("").is_none());
}

#[test]
fn there_is_an_example_of_every_steps_input() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/steps")).unwrap();
    let examples = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let steps = FUNCTIONS.steps.keys();
    let expected: BTreeSet<_> = steps.map(|step| format!("{step}.json")).collect();
    assert_eq!(examples.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_state_machine_calls_every_step() {
    let tasks = states_of_type("Task");
    let called: BTreeSet<_> = tasks.iter().map(|(_, state)| call(state).0).collect();
    assert_eq!(called.len(), FUNCTIONS.steps.len(), "{called:?}");
}

#[test]
fn each_example_of_a_steps_input_is_complete() {
    for (name, state) in states_of_type("Task") {
        let Step {
            fixture, is_input, ..
        } = step(&call(&state).0);
        assert_eq!(is_input(fixture), Ok(()), "{name}");
    }
}

#[test]
fn each_step_is_sent_exactly_its_input() {
    for (name, state) in states_of_type("Task") {
        let (function, payload) = call(&state);
        let Step {
            fixture, is_input, ..
        } = step(&function);
        let sent = fill(&payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            keys(&sent),
            keys(fixture),
            "{name}: payload and Input differ"
        );
        assert_eq!(is_input(&sent), Ok(()), "{name}");
    }
}

#[test]
fn the_example_answers_are_complete() {
    for (name, state) in states_of_type("Task") {
        let (function, payload) = call(&state);
        for answer in answers(&function, &payload) {
            assert_eq!((step(&function).is_answer)(&answer), Ok(()), "{name}");
        }
    }
}

#[test]
fn every_step_that_looks_answers_in_one_shape() {
    for (name, state) in states_of_type("Task") {
        let path = state["ResultPath"].as_str().unwrap_or_default();
        if path == "$.look" || path == "$.back.look" {
            let (function, payload) = call(&state);
            for answer in answers(&function, &payload) {
                let is_look = steps::is_complete::<look::Look<look::Outcome, Value>>;
                assert_eq!(is_look(&answer), Ok(()), "{name}");
            }
        }
    }
}

#[test]
fn every_error_that_is_caught_or_retried_is_one_that_a_step_can_end_with() {
    for (name, state) in states_of_type("Task") {
        let rules = ["Retry", "Catch"]
            .iter()
            .filter_map(|kind| state[kind].as_array())
            .flatten();
        for error in rules.flat_map(|rule| rule["ErrorEquals"].as_array().unwrap()) {
            let error = error.as_str().unwrap();
            let of_aws = ["States.", "Lambda.", "Sandbox.", "Runtime."]
                .iter()
                .any(|prefix| error.starts_with(prefix));
            assert!(
                of_aws || Fault::NAMES.contains(&error),
                "{name}: no function answers {error}"
            );
        }
    }
}

/// Whether the execution sleeps on a token in this state.
fn sleeps(state: &Value) -> bool {
    let resource = state["Resource"].as_str().unwrap();
    resource.ends_with(".waitForTaskToken")
}

#[test]
fn every_task_retries_what_is_transient_and_catches_everything_else() {
    let names = |state: &Value, kind: &str, error: &str| {
        let rules = state[kind].as_array().into_iter().flatten();
        rules
            .flat_map(|rule| rule["ErrorEquals"].as_array().unwrap())
            .any(|name| name == error)
    };
    for (name, state) in states_of_type("Task") {
        // Whatever goes wrong before it sleeps, the execution looks in a while.
        let looked_for: &[&str] = if sleeps(&state) {
            &["States.TaskFailed"]
        } else {
            &["Transient", "NotYet", "Denied"]
        };
        for error in looked_for {
            assert!(names(&state, "Retry", error), "{name}: {error}");
        }
        for error in ["Refused", "Unexpected", "States.ALL", "States.Timeout"] {
            // A refused roll-back leaves a bad release where it is, and a refused look says nothing.
            let again = match name.as_str() {
                "RollBack" | "CheckRollout" | "CheckRollBack" | "VerifyHealth" => {
                    error == "Refused"
                }
                _ => false,
            };
            assert_eq!(names(&state, "Retry", error), again, "{name}: {error}");
        }
        assert!(
            names(&state, "Catch", "States.ALL"),
            "{name} does not catch States.ALL"
        );
    }
}

/// For how many seconds a step is repeated after `error`: what is waited for altogether, and the longest wait, both without
/// jitter.
fn waits(state: &Value, error: &str) -> (f64, f64) {
    let mut rules = state["Retry"].as_array().into_iter().flatten();
    let is_of = |rule: &&Value| {
        rule["ErrorEquals"]
            .as_array()
            .unwrap()
            .contains(&error.into())
    };
    let rule = rules.find(is_of).unwrap();
    let number = |member: &str| rule[member].as_f64().unwrap();
    let (mut wait, mut waited, mut longest) = (number("IntervalSeconds"), 0.0, 0.0_f64);
    for _ in 0..rule["MaxAttempts"].as_u64().unwrap() {
        let next = wait.min(number("MaxDelaySeconds"));
        waited += next;
        longest = longest.max(next);
        wait *= number("BackoffRate");
    }
    (waited, longest)
}

#[test]
fn what_passes_by_itself_is_waited_for_for_five_minutes() {
    for (name, state) in states_of_type("Task") {
        if sleeps(&state) {
            continue;
        }
        let (waited, longest) = waits(&state, "NotYet");
        assert!((300.0..360.0).contains(&waited), "{name}: {waited}");
        assert!(longest <= 30.0, "{name}: {longest}");
        let rules = state["Retry"].as_array().unwrap().iter();
        let mut exact = rules.filter(|rule| rule["ErrorEquals"] == json!(["NotYet"]));
        assert!(exact.all(|rule| rule["JitterStrategy"].is_null()), "{name}");
    }
}

/// ECS registers 20 task definitions at once and then one a second, for all services of an account and Region
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>). With full jitter half of each
/// wait passes on average. As long as more registrations wait than come by, none is wasted: some try every second.
#[test]
fn a_push_that_a_thousand_services_follow_is_within_the_patience_with_which_each_registers() {
    let (services, at_once, a_second) = (1000.0, 20.0, 1.0);
    let (waited, longest) = waits(&states()["RegisterTaskDefinition"], "Transient");
    let until_the_last = (services - at_once) / a_second + longest;
    assert!(waited / 2.0 > 1.5 * until_the_last, "{waited}");
}

/// How many seconds an element of `Retry` lasts on average: with full jitter each delay is a random part of what it would be
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
fn patience(retry: &Value) -> f64 {
    let of = |field: &str| retry[field].as_f64().unwrap();
    let attempts = 0..retry["MaxAttempts"].as_i64().unwrap();
    let delay = |attempt: i64| {
        let delay = of("IntervalSeconds") * of("BackoffRate").powi(i32::try_from(attempt).unwrap());
        delay.min(of("MaxDelaySeconds"))
    };
    let most: f64 = attempts.map(delay).sum();
    assert_eq!(retry["JitterStrategy"], "FULL");
    most / 2.0
}

#[test]
fn every_step_waits_about_an_hour_for_aws_and_for_functions_that_die() {
    let mut waiting = 0;
    for (name, state) in states_of_type("Task") {
        if sleeps(&state) {
            continue;
        }
        let retries = state["Retry"].as_array().unwrap();
        for (errors, minutes) in [
            ("Transient", 55.0..60.0),
            ("Lambda.TooManyRequestsException", 55.0..60.0),
            ("Lambda.ClientExecutionTimeoutException", 55.0..60.0),
            ("Sandbox.Timedout", 55.0..60.0),
            ("Runtime.ExitError", 55.0..60.0),
            ("Lambda.Unknown", 55.0..60.0),
        ] {
            let matches = |retry: &&Value| {
                let mut names = retry["ErrorEquals"].as_array().unwrap().iter();
                names.any(|name| name == errors)
            };
            let retry = retries.iter().find(matches);
            let retry = retry.unwrap_or_else(|| panic!("{name} does not retry {errors}"));
            let average = patience(retry) / 60.0;
            assert!(minutes.contains(&average), "{name}, {errors}: {average}");
            waiting += 1;
        }
    }
    assert!(waiting > 60, "{waiting}");
}

#[test]
fn an_execution_sleeps_no_longer_than_a_look_takes_for_sight() {
    let mut tasks = states_of_type("Task");
    tasks.retain(|(_, state)| sleeps(state));
    assert_eq!(tasks.len(), 3);
    for (name, state) in tasks {
        if name == "AwaitAction" {
            // The look itself says for how long.
            assert_eq!(state["TimeoutSecondsPath"], "$.look.waitSeconds");
        } else {
            assert_eq!(state["TimeoutSeconds"], look::SLEEP, "{name}");
        }
    }
}

#[test]
fn only_a_refusal_leads_to_the_roll_back_and_never_one_of_a_look() {
    let mut leading = BTreeSet::new();
    for (name, state) in states_of_type("Task") {
        for catch in state["Catch"].as_array().unwrap() {
            if catch["Next"] == "RollBack" {
                // Once ECS has accepted the change, what is not ready says nothing about the release.
                let after = ["RunAfter", "EnsureScaling"].contains(&&*name);
                let expected = if after {
                    json!(["Refused"])
                } else {
                    json!(["Refused", "NotYet"])
                };
                assert_eq!(catch["ErrorEquals"], expected, "{name}");
                leading.insert(name.clone());
            }
        }
    }
    let expected = [
        "EnsureCluster",
        "EnsureDiscovery",
        "EnsureIngress",
        "EnsureScaling",
        "RegisterTaskDefinition",
        "RunAfter",
        "RunBefore",
        "UpdateService",
    ];
    assert!(leading.iter().eq(expected), "{leading:?}");
}

#[test]
fn every_choice_compares_with_what_a_step_can_answer() {
    for (name, state) in states_of_type("Choice") {
        let rules = state["Choices"].as_array().unwrap().iter();
        let tests = rules.flat_map(|rule| match rule["And"].as_array() {
            Some(all) => all.iter().collect(),
            None => vec![rule],
        });
        for rule in tests {
            let variable = rule["Variable"].as_str().unwrap();
            let compared = ["StringEquals", "BooleanEquals", "NumericGreaterThan"]
                .iter()
                .find_map(|operator| rule.get(operator));
            let compared =
                compared.unwrap_or_else(|| panic!("{name}: unknown comparison in {rule}"));
            let (functions, rest) = answerers(&name, variable);
            assert!(!functions.is_empty(), "{name}: nobody answers {variable}");
            for function in functions {
                let mut answer = answers(&function, &step(&function).fixture)[0].clone();
                let place = answer
                    .pointer_mut(&rest)
                    .unwrap_or_else(|| panic!("{name}: no {variable}"));
                *place = compared.clone();
                assert_eq!(
                    (step(&function).is_answer)(&answer),
                    Ok(()),
                    "{name}: {variable} is never {compared}"
                );
            }
        }
    }
}

#[test]
fn every_path_outside_a_payload_names_something_too() {
    for (name, state) in states() {
        for field in ["SecondsPath", "ErrorPath", "CausePath"] {
            if let Some(path) = state[field].as_str() {
                assert!(resolve(path).is_ok(), "{name}: {path} names nothing");
            }
        }
    }
}

#[test]
fn every_state_that_is_not_a_call_says_what_it_is_for() {
    for (name, state) in states() {
        let speaks_for_itself =
            ["Task", "Wait", "Succeed"].contains(&state["Type"].as_str().unwrap());
        assert!(
            speaks_for_itself || state["Comment"].is_string(),
            "{name} has no Comment"
        );
    }
}

/// `VerifyHealth` only asks.
#[test]
fn no_function_that_changes_something_outlives_the_wait_for_the_last_call_of_a_dead_execution() {
    let world = World::new("123456789012", "eu-west-1", Timestamp::UNIX_EPOCH, 0);
    let installation = install::read(include_str!("../../template.yaml"), &world).unwrap();
    let mut called: BTreeSet<_> = states_of_type("Task")
        .iter()
        .map(|(_, state)| call(state).0 + "Function")
        .collect();
    called.remove("VerifyHealthFunction");
    for function in installation.functions {
        let changes = called.remove(&function.logical_id);
        let is_over = SignedDuration::try_from(function.timeout).unwrap() < LAST_CALL;
        assert!(!changes || is_over, "{}", function.logical_id);
    }
    assert!(called.is_empty(), "{called:?}");
}

#[test]
fn a_refusal_is_known_by_its_name() {
    for name in [failure::REFUSED, failure::NOT_YET] {
        assert!(Fault::NAMES.contains(&name), "{name}");
    }
}

#[test]
fn an_execution_lasts_no_longer_than_the_sweep_looks_back() {
    let asl: Value = serde_json::from_str(ASL).unwrap();
    assert_eq!(asl["TimeoutSeconds"], LONGEST_EXECUTION);
}

#[test]
fn the_alarms_on_releases_count_the_lines_that_conclude_release_writes_at_any_level() {
    for verdict in [Verdict::Failed, Verdict::Undecided] {
        is_counted(verdict);
    }
}

fn is_counted(verdict: Verdict) {
    let lines = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::ERROR)
        .with_writer(Arc::new(lines.reopen().unwrap()))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        log(Verdict::RolledBack, "the checks failed");
        log(verdict, "nothing works");
    });
    // Whatever level people choose, the line has to be there: the highest lets only that of this release through.
    let line: Value = serde_json::from_slice(&std::fs::read(lines.path()).unwrap()).unwrap();
    let (message, verdict) = (&line["message"], &line["verdict"]);
    let template = include_str!("../../template.yaml");
    let pattern = format!("'{{ $.message = {message} && $.verdict = {verdict} }}'");
    assert!(template.contains(&format!("FilterPattern: {pattern}")));
}

#[test]
fn the_installation_on_this_machine_has_the_names_that_command_and_tests_use() {
    let world = World::new(local::ACCOUNT, local::REGION, Timestamp::UNIX_EPOCH, 0);
    let installation = install::read(include_str!("../../template.yaml"), &world).unwrap();
    let buckets: Vec<_> = installation
        .buckets
        .iter()
        .map(|bucket| bucket.name.as_str())
        .collect();
    assert_eq!(buckets, [local::CONFIG_BUCKET, local::STATE_BUCKET]);
    let machines: Vec<_> = installation
        .state_machines
        .iter()
        .map(|machine| world.arn("states", &format!("stateMachine:{}", machine.name)))
        .collect();
    assert_eq!(machines, [local::STATE_MACHINE]);
}
