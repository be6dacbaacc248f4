//! Executions that hold no claim any more, and claims whose executions nobody knows any more.

use jiff::{SignedDuration, Timestamp};
use landfall::{
    desired::{Claim, DesiredState},
    hold::SetBy,
    record::Verdict,
    versioned::Versioned,
};
use landfall_aws::state_bucket::Change;
use landfall_tests::stage::{Stage, until, web};
use serde_json::{Value, json};

/// Every step that changes something, with an example of its input, and what it answers an execution without a claim.
const STEPS: [(&str, &str, &str); 7] = [
    (
        "ensure-cluster",
        include_str!("../../events/steps/ensure-cluster.json"),
        "Refused",
    ),
    (
        "ensure-discovery",
        include_str!("../../events/steps/ensure-discovery.json"),
        "Refused",
    ),
    (
        "ensure-ingress",
        include_str!("../../events/steps/ensure-ingress.json"),
        "Refused",
    ),
    (
        "update-service",
        include_str!("../../events/steps/update-service.json"),
        "Refused",
    ),
    (
        "ensure-scaling",
        include_str!("../../events/steps/ensure-scaling.json"),
        "Refused",
    ),
    (
        "run-task",
        include_str!("../../events/steps/run-task.json"),
        "superseded",
    ),
    (
        "roll-back",
        include_str!("../../events/steps/roll-back.json"),
        "nothing-to-undo",
    ),
];

/// Step Functions lets people redrive an execution that was stopped, up to 14 days later: it goes on at the step where it
/// stopped, when another has concluded its release long ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_an_execution_that_was_redriven_after_it_lost_its_claim_changes_nothing() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let release = stage.record(&service, 1).await.release;
    let seen = stage.requests();
    for (function, example, expected) in STEPS {
        let mut input: Value = serde_json::from_str(example).unwrap();
        input["release"] = json!(release);
        if input.get("applyService").is_some() {
            input["applyService"] = true.into();
        }
        match stage.invoke(function, input).await {
            Err((error, cause)) => {
                assert_eq!(error, expected, "{function}: {cause}");
                assert!(cause.contains("does not hold the claim"), "{cause}");
            }
            Ok(answer) => {
                let words = [&answer["outcome"], &answer["action"]];
                assert!(words.contains(&&json!(expected)), "{function}: {answer}");
            }
        }
    }
    assert_eq!(stage.changes_in_ecs(seen), Vec::<String>::new());
    stage.close().await;
}

/// Step Functions forgets an execution 90 days after its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claim_of_an_execution_that_step_functions_has_forgotten_is_taken_over() {
    let stage = Stage::open().await;
    let service = web("hello");
    stage.first_release(&service).await;
    let hold = |read: Versioned<DesiredState>| async move {
        let mut desired = read.into_value();
        desired.hold("a quarter".into(), SetBy::Operator, Timestamp::now());
        Ok(Change::Write(Box::new(desired), ()))
    };
    stage.state.change(&service, hold).await.unwrap();
    let pushed = stage.push("hello", "1.1.0").await;
    until("release 2", || async {
        let desired = stage.desired(&service).await;
        (desired.last_number == 2).then_some(())
    })
    .await;
    stage.at_rest(&service).await;
    let forgotten = stage
        .local
        .state_machine
        .replace(":stateMachine:", ":execution:");
    let forget = |read: Versioned<DesiredState>| {
        let execution = format!("{forgotten}:forgotten");
        async move {
            let mut desired = read.into_value();
            desired.hold = None;
            desired.claim = Some(Claim {
                execution,
                release: 2,
                attempt: 1,
                applied_file: None,
                taken_at: Some(Timestamp::now() - SignedDuration::from_hours(24 * 91)),
                spared: 0,
            });
            Ok(Change::Write(Box::new(desired), ()))
        }
    };
    stage.state.change(&service, forget).await.unwrap();

    let input = json!({"service": service, "restarts": 0}).to_string();
    let start = json!({"stateMachineArn": stage.local.state_machine, "input": input});
    stage.states("StartExecution", start).await;

    stage.verdict(&service, 2, Verdict::Succeeded).await;
    assert!(stage.live_image(&service).await.ends_with(&pushed));
    stage.close().await;
}
