//! All ways through the state machine: every answer that a step can give, and every error that it can end with, in every
//! place. What AWS would only find when an execution gets there is found here: a path that names nothing, a step that is
//! sent something else than its Input, a rule that never holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use landfall::{
    failure::{NOT_YET, REFUSED},
    look::Outcome,
    record::Verdict,
    step::conclude_release::{self, ending},
};
use landfall_local::engine::{asl::Kind, failure::Failure, load, route::Walk};
use serde_json::{Value, json};

use super::{
    ASL,
    steps::{answers, step},
};

/// The state machine as it is installed, with the step's name as each function's name.
fn installed() -> String {
    let functions = "arn:aws:lambda:eu-west-1:123456789012:function:";
    ASL.replace("${Partition}", "aws")
        .replace("${", functions)
        .replace("FunctionArn}", "")
}

/// What may go wrong with a step: what its function says, and what Step Functions says of it.
fn failures() -> [Failure; 5] {
    let cause = r#"{"errorType":"Refused","errorMessage":"no such role"}"#;
    ["Refused", "Denied", "NotYet", "Transient", "States.Timeout"]
        .map(|name| Failure::new(name, cause))
}

fn context() -> Value {
    json!({
        "Execution": {
            "Id": "arn:aws:states:eu-west-1:123456789012:execution:landfall-release:1",
            "Input": {"service": "web/hello", "restarts": 0},
            "StartTime": "2026-11-16T01:54:35.4Z"
        },
        "State": {"RetryCount": 0},
    })
}

/// What tells two executions apart that are in the same state. Once `RollBack` has answered, nobody looks into what is known
/// of the way forward any more: that it is there is enough.
fn mark(data: &Value) -> String {
    let mut data = data.clone();
    if !data["rollBack"].is_null() || !data["back"]["error"].is_null() {
        for known in ["plan", "rollout", "look", "error"] {
            // Of an error, which one it is still says whether it speaks against the release.
            let error = data[known]["Error"].clone();
            data[known] = json!([data[known].is_null(), error]);
        }
    }
    data.to_string()
}

/// What an execution is given that concludes: the verdict fits the way that led there.
fn check_ending(payload: &Value) -> Verdict {
    let input: conclude_release::Input = serde_json::from_value(payload.clone()).unwrap();
    let facts = &input.facts;
    let ending = ending(facts);
    let went_back = facts.roll_back.is_some() || facts.back.error.is_some();
    let error = facts.course.error.as_ref().map(|error| &*error.error);
    if facts.ending.is_some() {
        return ending.verdict;
    }
    match ending.verdict {
        Verdict::Succeeded => {
            assert!(!went_back && facts.course.error.is_none(), "{payload}");
            assert!(ending.task_definition.is_some(), "{payload}");
        }
        Verdict::Unproven => {
            assert!(!went_back && facts.course.error.is_none(), "{payload}");
            assert!(ending.task_definition.is_some(), "{payload}");
        }
        Verdict::Superseded => assert!(!went_back && facts.course.error.is_none(), "{payload}"),
        Verdict::RolledBack | Verdict::Failed | Verdict::Rejected | Verdict::Drifted => {
            assert!(went_back, "no way leads here: {payload}");
            let is_refused = error == Some(REFUSED);
            let refused_long = error == Some(NOT_YET) && facts.course.rollout.is_none();
            assert!(
                error.is_none() || is_refused || refused_long,
                "no evidence: {payload}"
            );
        }
        // A refusal speaks against the release unless ECS has accepted it: then it may be a look that was refused.
        Verdict::Undecided => {
            let is_refusal = [Some(REFUSED), Some(NOT_YET)].contains(&error);
            let is_evidence = is_refusal && facts.course.rollout.is_none();
            let look = facts.course.look.as_ref();
            let is_misaimed = look.is_some_and(|look| look.outcome == Outcome::Misaimed);
            let is_blind = error.is_some() && !is_evidence;
            assert!(!went_back && (is_blind || is_misaimed), "{payload}");
        }
    }
    ending.verdict
}

#[test]
fn every_way_through_the_state_machine_has_what_it_needs_and_comes_to_a_verdict_that_fits() {
    let definition = load::load(&installed()).unwrap();
    let context = context();
    let walk = Walk {
        definition: &definition,
        context: &context,
    };
    let begin = (
        definition.start_at.as_str(),
        json!({"service": "web/hello", "restarts": 0}),
    );
    let mut open = vec![begin.clone()];
    let mut seen = HashSet::from([(begin.0, mark(&begin.1))]);
    let mut known = HashMap::new();
    let mut taken = BTreeSet::new();
    let mut verdicts = HashSet::new();
    while let Some((name, data)) = open.pop() {
        let mut ways = Vec::new();
        if let Some(task) = walk.task(name).unwrap() {
            let call = walk.call(task, &data);
            let call = call.unwrap_or_else(|failure| panic!("{name}: {failure:?} in {data}"));
            let function = call.function.rsplit(':').next().unwrap();
            let is_input = step(function).is_input;
            assert_eq!(is_input(&call.payload), Ok(()), "{name}");
            if name == "ConcludeRelease" {
                verdicts.insert(check_ending(&call.payload));
            }
            let all = known
                .entry(name)
                .or_insert_with(|| answers(function, &call.payload));
            for answer in all {
                let (data, next) = walk.answered(task, &data, answer.clone()).unwrap();
                ways.push((next, data));
            }
            for failure in failures() {
                let caught = walk.caught(task, &data, &failure).unwrap();
                let (data, next) = caught.unwrap_or_else(|| panic!("{name}: {failure:?}"));
                ways.push((next, data));
            }
        } else if let Kind::Fail(_) = &definition.states[name] {
            let is_text = |field: &str| data["error"][field].is_string();
            assert!(is_text("Error") && is_text("Cause"), "{name}: {data}");
        } else {
            let next = walk.next(name, &data);
            let next = next.unwrap_or_else(|failure| panic!("{name}: {failure:?} in {data}"));
            ways.extend(next.map(|next| (next, data)));
        }
        for (next, data) in ways {
            taken.insert((name, next));
            if seen.insert((next, mark(&data))) {
                open.push((next, data));
            }
        }
    }
    let every = definition.states.iter().flat_map(|(name, state)| {
        let ways: Vec<&str> = match state {
            Kind::Choice(choice) => {
                let rules = choice.rules.iter().map(|(_, next)| next.as_str());
                rules.chain([choice.default.as_str()]).collect()
            }
            Kind::Task(task) => task.catch.iter().map(|each| each.next.as_str()).collect(),
            _ => Vec::new(),
        };
        ways.into_iter().map(|next| (name.as_str(), next))
    });
    let never: Vec<_> = every.filter(|way| !taken.contains(way)).collect();
    assert!(never.is_empty(), "no execution goes {never:?}");
    let entered: BTreeSet<_> = taken.iter().map(|(_, next)| *next).collect();
    assert_eq!(entered.len(), definition.states.len());
    assert_eq!(verdicts.len(), 8, "{verdicts:?}");
    println!("{} pairs of state and data", seen.len());
}
