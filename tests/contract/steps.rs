//! The steps: what each takes, with an example, and what each can answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use jiff::Timestamp;
use landfall::{
    evidence::Against,
    failure::{Failure, Stage},
    live::Rollout,
    look::Look,
    plan::Plan,
    probe::ProbeAnswer,
    record::{Diagnosis, Ending, TaskReport, Verdict},
    service_file::Phase,
    step::{
        check_rollout, claim_release, conclude_release, ensure_cluster, ensure_discovery,
        ensure_scaling, roll_back, run_task, verify_health,
    },
};
use landfall_aws::function::{Event, Function};
use landfall_functions::Visitor;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A step: an example of its input from `events/steps`, and whether a JSON document is its input or its answer.
pub(crate) struct Step {
    pub(crate) fixture: Value,
    pub(crate) is_input: fn(&Value) -> Result<(), String>,
    pub(crate) is_answer: fn(&Value) -> Result<(), String>,
}

/// All functions, by their names.
#[derive(Default)]
pub(crate) struct Functions {
    pub(crate) triggers: BTreeSet<String>,
    pub(crate) steps: BTreeMap<String, Step>,
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
            is_input: is_complete::<F::Input>,
            is_answer: is_complete::<F::Output>,
        };
        self.steps.insert(F::NAME.into(), step);
    }
}

pub(crate) static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
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
pub(crate) fn step(function: &str) -> &'static Step {
    let capitals = |letter: char| {
        if letter.is_ascii_uppercase() {
            format!("-{}", letter.to_ascii_lowercase())
        } else {
            letter.to_string()
        }
    };
    let name: String = function.chars().map(capitals).collect();
    let step = FUNCTIONS.steps.get(name.trim_start_matches('-'));
    step.unwrap_or_else(|| panic!("no step is called {function}"))
}

/// `document` has all the fields of a `T` and no others, however deep.
pub(crate) fn is_complete<T: Serialize + DeserializeOwned>(document: &Value) -> Result<(), String> {
    let parsed: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(parsed).map_err(|error| error.to_string())?;
    if written == *document {
        Ok(())
    } else {
        Err(format!("{document} comes back as {written}"))
    }
}

/// Every kind of answer that a step has to this input: all that differ in a field that the state machine may look at.
pub(crate) fn answers(function: &str, input: &Value) -> Vec<Value> {
    let of = |function: &str| step(function).fixture.clone();
    let release = of("EnsureCluster")["release"].clone();
    let rollout: Rollout = serde_json::from_value(of("CheckRollout")["rollout"].clone()).unwrap();
    match function {
        "ClaimRelease" => {
            use claim_release::Action::{Conclude, Deploy, GiveUp, Held, Joined, Settled, Wait};
            let all = [Deploy, GiveUp, Conclude, Joined, Wait, Settled, Held];
            let answers = all.iter().map(|action| {
                let has_claim = matches!(action, Deploy | GiveUp | Conclude);
                let ending = Ending {
                    verdict: Verdict::RolledBack,
                    reason: "the checks failed".into(),
                    task_definition: None,
                    diagnosis: Some(Diagnosis::default()),
                };
                json!(claim_release::Output {
                    action: *action,
                    release: has_claim.then(|| serde_json::from_value(release.clone()).unwrap()),
                    attempt: 1,
                    apply_service: true,
                    from_good: true,
                    last_good: None,
                    ending: (*action == Conclude).then_some(ending),
                    wait_seconds: 0,
                    claimed_at: has_claim.then_some(Timestamp::UNIX_EPOCH),
                })
            });
            answers.collect()
        }
        "EnsureCluster" => [0, 10]
            .map(|wait_seconds| {
                json!(ensure_cluster::Output {
                    arn: "arn:aws:ecs:eu-west-1:123456789012:cluster/web".into(),
                    created: false,
                    wait_seconds,
                })
            })
            .into(),
        "RegisterTaskDefinition" => plans().iter().map(|plan| json!(plan)).collect(),
        "RunTask" => {
            use run_task::Outcome::{Done, Failed, Superseded, Waiting};
            let stage = if input["phase"] == "before" {
                Stage::Task
            } else {
                Stage::Health
            };
            looks([Waiting, Done, Failed, Superseded], stage, &[Failed], ())
        }
        "CheckRollout" => {
            use check_rollout::Outcome::{Failed, InProgress, Replaced, Steady, Superseded};
            if input["purpose"] == "roll-back" {
                let all = [InProgress, Steady, Failed, Replaced];
                return looks(all, Stage::Rollout, &[], ());
            }
            let all = [InProgress, Steady, Failed, Replaced, Superseded];
            let mut answers = looks(all, Stage::Rollout, &[Failed, Replaced], ());
            // Only a paused deployment has the execution wait for longer than it sleeps anyway.
            let mut moving = answers[0].clone();
            moving["waitSeconds"] = json!(0);
            answers.push(moving);
            answers
        }
        "VerifyHealth" => {
            use verify_health::Outcome::{
                Healthy, Misaimed, Superseded, Unhealthy, Unproven, Waiting,
            };
            let all = [Waiting, Healthy, Unproven, Unhealthy, Misaimed, Superseded];
            let progress = verify_health::Progress::default();
            looks(all, Stage::Health, &[Unhealthy, Misaimed], progress)
        }
        "EnsureDiscovery" => vec![json!(ensure_discovery::Output {
            arn: "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1".into(),
            created: true,
        })],
        "EnsureIngress" => {
            if input["purpose"] == "keep" {
                vec![of("UpdateService")["balancer"].clone()]
            } else {
                vec![Value::Null]
            }
        }
        "UpdateService" => vec![json!(rollout)],
        "EnsureScaling" => vec![json!(ensure_scaling::Output {
            changes: vec!["RegisterScalableTarget".into()],
        })],
        "RollBack" => {
            use roll_back::Action::{LeftToEcs, NothingToUndo, Reverted, Stopped};
            let mut all = Vec::new();
            for (action, verdict) in [
                (Reverted, Verdict::RolledBack),
                (LeftToEcs, Verdict::RolledBack),
                (Stopped, Verdict::Failed),
                (NothingToUndo, Verdict::Rejected),
                (NothingToUndo, Verdict::Drifted),
            ] {
                let waits = action != NothingToUndo;
                for ingress in [false, true] {
                    all.push(json!(roll_back::Output {
                        action,
                        verdict,
                        rollout: waits.then(|| rollout.clone()),
                        diagnosis: Diagnosis::default(),
                        ingress,
                        again: ingress && action == LeftToEcs,
                    }));
                }
            }
            all
        }
        "ConcludeRelease" => [true, false]
            .map(|again| {
                json!(conclude_release::Output {
                    verdict: Verdict::Succeeded,
                    reason: "rolled out and verified".into(),
                    again,
                })
            })
            .into(),
        other => panic!("no step is called {other}"),
    }
}

/// A plan with nothing in it, with each single thing, with tasks and each single thing, and with everything.
fn plans() -> Vec<Plan> {
    let good = &step("RegisterTaskDefinition").fixture["lastGood"];
    let task_definition = serde_json::from_value(good["taskDefinition"].clone()).unwrap();
    let nothing = Plan {
        task_definition,
        base: None,
        timeout_seconds: 900,
        before: false,
        discovery: false,
        ingress: false,
        after: false,
        scaling: false,
        tidy: false,
    };
    let with = |change: &dyn Fn(&mut Plan)| {
        let mut plan = nothing.clone();
        change(&mut plan);
        plan
    };
    let everything = with(&|plan| {
        (plan.before, plan.discovery, plan.ingress) = (true, true, true);
        (plan.after, plan.scaling, plan.tidy) = (true, true, true);
    });
    vec![
        with(&|_| {}),
        with(&|plan| plan.before = true),
        with(&|plan| plan.discovery = true),
        with(&|plan| plan.ingress = true),
        with(&|plan| (plan.before, plan.ingress) = (true, true)),
        with(&|plan| plan.after = true),
        with(&|plan| (plan.after, plan.tidy) = (true, true)),
        with(&|plan| plan.scaling = true),
        with(&|plan| plan.tidy = true),
        everything,
    ]
}

/// A look of each outcome. Those that are `bad` say what is wrong with the release, and where.
fn looks<O: Copy + PartialEq + Serialize, P: Clone + Default + Serialize, const N: usize>(
    outcomes: [O; N],
    stage: Stage,
    bad: &[O],
    progress: P,
) -> Vec<Value> {
    let look = |outcome: O| {
        let failure = bad.contains(&outcome).then(|| Failure {
            stage,
            against: Against::Release,
            reason: "it is bad".into(),
            probe: (stage == Stage::Health).then(|| ProbeAnswer {
                url: "http://hello.example.com/".into(),
                status: Some(500),
                body: "Internal Server Error".into(),
                error: None,
                milliseconds: None,
            }),
            task: (stage == Stage::Task).then(|| TaskReport {
                name: "migrate".into(),
                phase: Phase::Before,
                task: None,
                reason: "container web exited with 3".into(),
                exit_code: Some(3),
                log: None,
            }),
        });
        json!(Look {
            wait_seconds: 2,
            failure,
            progress: progress.clone(),
            seen_at: Some(Timestamp::UNIX_EPOCH),
            ..Look::of(outcome, "it was looked at")
        })
    };
    outcomes.map(look).into()
}
