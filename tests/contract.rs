//! The state machine and the functions agree: on what each step is sent, on what it answers, and on the names of errors.

#![allow(clippy::unwrap_used)]

mod played;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jiff::{SignedDuration, Timestamp};
use landfall::{
    live::Rollout,
    record::{Diagnosis, Ending, TaskDefinition, TaskReport, Verdict},
    service_file::Phase,
    step::{
        check_rollout, claim_release, conclude_release, ensure_cluster, ensure_discovery,
        ensure_scaling, register_task_definition, roll_back, run_task, verify_health,
    },
    work::IngressWork,
};
use landfall_aws::{
    Fault,
    function::{Event, Function},
};
use landfall_functions::Visitor;
use landfall_local::{install, world::World};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

const ASL: &str = include_str!("../statemachine/release.asl.json");

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
    let (function, payload) = if resource.starts_with("arn:aws:states:::lambda:invoke") {
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

/// A step: an example of its input from `events/steps`, and whether a JSON document is its input or its answer.
struct Step {
    fixture: Value,
    is_input: fn(&Value) -> Result<(), String>,
    is_answer: fn(&Value) -> Result<(), String>,
}

/// All functions, by their names.
#[derive(Default)]
struct Functions {
    triggers: BTreeSet<String>,
    steps: BTreeMap<String, Step>,
}

impl Visitor for Functions {
    fn trigger<F: Function<Input = Event, Output = ()>>(&mut self) {
        self.triggers.insert(F::NAME.into());
    }

    fn step<F>(&mut self)
    where
        F: Function<Input: Serialize + DeserializeOwned, Output: Serialize + DeserializeOwned>,
    {
        let step = Step {
            fixture: read(&format!("../events/steps/{}.json", F::NAME)),
            is_input: is_whole::<F::Input>,
            is_answer: is_whole::<F::Output>,
        };
        self.steps.insert(F::NAME.into(), step);
    }
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let mut functions = Functions::default();
    landfall_functions::each(&mut functions);
    functions
});

fn read(path: &str) -> Value {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The step with this function, as the state machine names it: `ClaimRelease`.
fn step(function: &str) -> &'static Step {
    let capitals = |letter: char| match letter.is_ascii_uppercase() {
        true => format!("-{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    };
    let name: String = function.chars().map(capitals).collect();
    let step = FUNCTIONS.steps.get(name.trim_start_matches('-'));
    step.unwrap_or_else(|| panic!("no step is called {function}"))
}

/// `document` has all the fields of a `T` and no others, however deep.
fn is_whole<T: Serialize + DeserializeOwned>(document: &Value) -> Result<(), String> {
    let parsed: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(parsed).map_err(|error| error.to_string())?;
    if written == *document {
        Ok(())
    } else {
        Err(format!("{document} comes back as {written}"))
    }
}

/// The data of an execution in which every step has answered, under the names where the state machine puts the answers.
fn data() -> Value {
    let of = |function: &str| step(function).fixture.clone();
    let release = of("EnsureCluster")["release"].clone();
    let last_good = of("RegisterTaskDefinition")["lastGood"].clone();
    let task_definition: TaskDefinition =
        serde_json::from_value(last_good["taskDefinition"].clone()).unwrap();
    let ending: Ending = serde_json::from_value(of("ConcludeRelease")["ending"].clone()).unwrap();
    let rollout: Rollout = serde_json::from_value(of("CheckRollout")["rollout"].clone()).unwrap();
    let claim = claim_release::Output {
        action: claim_release::Action::Deploy,
        release: Some(serde_json::from_value(release).unwrap()),
        attempt: 1,
        apply_service: true,
        last_good: Some(serde_json::from_value(last_good).unwrap()),
        ending: Some(ending.clone()),
        wait_seconds: 0,
    };
    let cluster = ensure_cluster::Output {
        arn: "arn:aws:ecs:eu-west-1:123456789012:cluster/web".into(),
        created: false,
        wait_seconds: 0,
    };
    let registered = register_task_definition::Output {
        task_definition,
        base: None,
        timeout_seconds: 900,
        before: true,
        after: true,
        ingress: IngressWork::Ensure,
        balancer: serde_json::from_value(of("UpdateService")["balancer"].clone()).unwrap(),
        discovery: true,
        scaling: true,
    };
    let discovery = ensure_discovery::Output {
        arn: "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1".into(),
        created: true,
    };
    let scaling = ensure_scaling::Output {
        changes: vec!["RegisterScalableTarget".into()],
    };
    let looked = check_rollout::Output {
        outcome: check_rollout::Outcome::InProgress,
        reason: "1 of 3 tasks run".into(),
    };
    let health = verify_health::Output {
        outcome: verify_health::Outcome::Waiting,
        reason: "2 of 3 targets are healthy".into(),
        wait_seconds: 5,
        progress: verify_health::Progress::default(),
        probe: ending
            .diagnosis
            .as_ref()
            .and_then(|diagnosis| diagnosis.probe.clone()),
    };
    let tasks = run_task::Output {
        outcome: run_task::Outcome::Failed,
        reason: "the task `migrate` before the rollout failed: container web exited with 3".into(),
        wait_seconds: 2,
        task: Some(TaskReport {
            name: "migrate".into(),
            phase: Phase::Before,
            task: Some("arn:aws:ecs:eu-west-1:123456789012:task/web/1".into()),
            reason: "container web exited with 3".into(),
            exit_code: Some(3),
            log: None,
        }),
    };
    let roll_back = roll_back::Output {
        ingress: true,
        again: true,
        action: roll_back::Action::Reverted,
        verdict: Verdict::RolledBack,
        rollout: Some(rollout.clone()),
        diagnosis: Diagnosis::default(),
    };
    let verdict = conclude_release::Output {
        verdict: Verdict::Succeeded,
        reason: "rolled out and verified".into(),
        again: false,
    };
    json!({
        "service": "web/hello", "claim": claim, "cluster": cluster, "taskDefinition": registered, "update": rollout,
        "discovery": discovery, "rollout": looked, "health": health, "before": tasks, "after": tasks, "scaling": scaling,
        "rollBack": roll_back, "verdict": verdict, "ending": ending,
        "failure": of("RollBack")["failure"],
        "error": {"Error": "Refused", "Cause": "{\"errorType\":\"Refused\",\"errorMessage\":\"no such role\"}"}
    })
}

/// Whether `value` is what every Task answers that puts its answer under this name in the execution's data.
fn is_answer(name: &str, value: &Value) -> Result<(), String> {
    let place = format!("$.{name}");
    let mut tasks = states_of_type("Task");
    tasks.retain(|(_, state)| state["ResultPath"] == *place);
    if tasks.is_empty() {
        return Err(format!("no step answers under {name}"));
    }
    tasks
        .iter()
        .try_for_each(|(_, state)| (step(&call(state).0).is_answer)(value))
}

fn pointer(path: &str) -> String {
    path.trim_start_matches('$').replace('.', "/")
}

/// What a path, context path or intrinsic function of the state machine stands for.
fn resolve(expression: &str) -> Result<Value, String> {
    let named = |document: &Value, path: &str| {
        let found = document.pointer(&pointer(path)).cloned();
        found.ok_or_else(|| format!("{expression} names nothing"))
    };
    if let Some(arguments) = expression.strip_prefix("States.Format(") {
        for path in arguments
            .trim_end_matches(')')
            .split(", ")
            .filter(|part| part.starts_with("$."))
        {
            if !named(&data(), path)?.is_string() {
                return Err(format!("{path} is no text"));
            }
        }
        return Ok("formatted".into());
    }
    if expression.starts_with("$$") {
        let context = json!({
            "Execution": {
                "Id": "arn:aws:states:eu-west-1:123456789012:execution:landfall-release:1",
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
    let installation = install::read(include_str!("../template.yaml"), &world).unwrap();
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
fn each_example_of_a_steps_input_is_a_whole_one() {
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
fn the_example_answers_are_whole_and_stand_where_the_state_machine_puts_them() {
    let data = data();
    for (name, state) in states_of_type("Task") {
        if let Some(path) = state["ResultPath"].as_str() {
            let answer = path.trim_start_matches("$.");
            let found = data.pointer(&pointer(path)).unwrap();
            assert_eq!(is_answer(answer, found), Ok(()), "{name}");
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

#[test]
fn every_task_retries_what_is_transient_and_catches_everything_else() {
    let names = |state: &Value, kind: &str, error: &str| {
        let rules = state[kind].as_array().into_iter().flatten();
        rules
            .flat_map(|rule| rule["ErrorEquals"].as_array().unwrap())
            .any(|name| name == error)
    };
    for (name, state) in states_of_type("Task") {
        assert!(
            names(&state, "Retry", "Transient"),
            "{name} does not retry Transient"
        );
        for error in ["Refused", "Unexpected", "States.ALL", "States.Timeout"] {
            // Only of the way back a refusal is asked again: what comes of it is a bad release that stays.
            let again = (name.as_str(), error) == ("RollBack", "Refused");
            assert_eq!(names(&state, "Retry", error), again, "{name}: {error}");
        }
        assert!(
            names(&state, "Catch", "States.ALL"),
            "{name} does not catch States.ALL"
        );
    }
}

#[test]
fn every_choice_compares_with_what_a_step_can_answer() {
    for (name, state) in states_of_type("Choice") {
        let choices = state["Choices"].as_array().unwrap();
        let comparisons = choices.iter().flat_map(|rule| match &rule["And"] {
            Value::Array(all) => all.iter().collect(),
            _ => vec![rule],
        });
        for rule in comparisons {
            let variable = rule["Variable"].as_str().unwrap();
            let compared = ["StringEquals", "BooleanEquals", "NumericGreaterThan"]
                .iter()
                .find_map(|operator| rule.get(operator));
            let compared =
                compared.unwrap_or_else(|| panic!("{name}: unknown comparison in {rule}"));
            let mut data = data();
            let place = data
                .pointer_mut(&pointer(variable))
                .unwrap_or_else(|| panic!("{name}: no {variable}"));
            *place = compared.clone();
            let answer = variable.trim_start_matches("$.").split('.').next().unwrap();
            assert_eq!(
                is_answer(answer, &data[answer]),
                Ok(()),
                "{name}: {variable} is never {compared}"
            );
        }
    }
}

#[test]
fn every_pass_builds_what_the_steps_after_it_take() {
    for (name, state) in states_of_type("Pass") {
        let built = match state.get("Parameters") {
            Some(template) => fill(template),
            None => resolve(state["InputPath"].as_str().unwrap()),
        };
        let built = built.unwrap_or_else(|error| panic!("{name}: {error}"));
        let checked = match state["ResultPath"].as_str().unwrap() {
            "$.ending" => is_whole::<Ending>(&built),
            "$.failure" => is_whole::<roll_back::Failure>(&built),
            "$.health" => is_whole::<verify_health::Progress>(&built["progress"]),
            other => Err(format!("nothing is known of {other}")),
        };
        assert_eq!(checked, Ok(()), "{name}");
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
    let installation = install::read(include_str!("../template.yaml"), &world).unwrap();
    let mut called: BTreeSet<_> = states_of_type("Task")
        .iter()
        .map(|(_, state)| call(state).0 + "Function")
        .collect();
    called.remove("VerifyHealthFunction");
    for function in installation.functions {
        let changes = called.remove(&function.logical_id);
        let is_over =
            SignedDuration::try_from(function.timeout).unwrap() < claim_release::LAST_CALL;
        assert!(!changes || is_over, "{}", function.logical_id);
    }
    assert!(called.is_empty(), "{called:?}");
}

#[test]
fn the_alarm_on_failed_releases_counts_the_lines_that_conclude_release_writes_at_any_level() {
    let template = include_str!("../template.yaml");
    let function = include_str!("../functions/conclude_release.rs");
    let pattern = format!(
        "'{{ $.message = \"concluded\" && $.verdict = \"{}\" }}'",
        Verdict::Failed
    );
    assert!(template.contains(&format!("FilterPattern: {pattern}")));
    assert!(function.contains("tracing::error!(%verdict, reason, \"concluded\")"));
}
