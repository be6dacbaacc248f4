//! The way from step to step: the state machine is walked from a step's answer to the next call that the model makes.

use std::sync::PoisonError;

use landfall::{
    evidence::Against,
    failure::{Failure, Stage},
    live::Rollout,
    look::{self, Look},
    plan::Plan,
    record::{Diagnosis, Ending, Verdict},
    step::{claim_release, conclude_release, roll_back},
    versioned::Versioned,
};
use serde_json::{Value, json};

use crate::{
    clock::THEN,
    machine::{Known, Turn},
    protocol::Protocol,
};

impl Protocol {
    /// What comes after `task` has answered, for an execution with this claim. Whatever leads there, the state machine
    /// decides it; what is known is put under the names that it has for it.
    pub(crate) fn turn(
        &self,
        task: &'static str,
        claim: &Versioned<claim_release::Output>,
        known: Known,
    ) -> Turn {
        let key = (task, claim.etag().unwrap_or_default().to_owned(), known);
        let turns = || {
            let turns = self.machine.turns.lock();
            turns.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(turn) = turns().get(&key) {
            return turn.clone();
        }
        let turn = self.walk(task, claim, known);
        turns().insert(key, turn.clone());
        turn
    }

    fn walk(&self, task: &str, claim: &claim_release::Output, known: Known) -> Turn {
        let mut name = task.to_owned();
        let mut data = json!({"service": self.service});
        if task != "ClaimRelease" {
            data = self.machine.answered("ClaimRelease", &data, json!(claim)).0;
            data["plan"] = json!(self.plan(claim));
            data["look"] = json!(looked(known));
            data["rollBack"] = json!(undone(known));
        }
        let mut unanswered = known.unanswered;
        loop {
            if std::mem::take(&mut unanswered) {
                (data, name) = self.machine.caught(&name, &data);
                match self.arrived(&name, &data) {
                    Some(turn) => return turn,
                    None => panic!("after an error nothing is played on: {name}"),
                }
            }
            let answer = match &*name {
                "ClaimRelease" => json!(claim),
                "EnsureCluster" => json!({"arn": "web", "created": false, "waitSeconds": 0}),
                "RegisterTaskDefinition" => json!(self.plan(claim)),
                "UpdateService" => json!(rollout()),
                "CheckRollout" | "VerifyHealth" => json!(looked(known)),
                "RollBack" => json!(undone(known)),
                "CheckRollBack" => json!(known.back.map(|outcome| look(outcome, None))),
                "ConcludeRelease" => json!(conclude_release::Output {
                    verdict: Verdict::Succeeded,
                    reason: String::new(),
                    again: known.again,
                }),
                other => panic!("the model does not play {other}"),
            };
            let next;
            (data, next) = self.machine.answered(&name, &data, answer);
            name = next;
            if let Some(turn) = self.arrived(&name, &data) {
                return turn;
            }
        }
    }

    /// What an execution does next that has come to this state; none if the model does not tell its call apart from the next.
    fn arrived(&self, name: &str, data: &Value) -> Option<Turn> {
        Some(match name {
            "EnsureCluster" | "RegisterTaskDefinition" => return None,
            "ClaimRelease" => Turn::Claim,
            "UpdateService" => Turn::Update,
            "AwaitRollout" | "AwaitAction" | "AwaitRollBack" => Turn::Await,
            "VerifyHealth" => Turn::Verify,
            "RollBack" => {
                let input: roll_back::Input = self.machine.sent(name, data);
                Turn::RollBack(input.failure().stage)
            }
            "ConcludeRelease" => {
                let input: conclude_release::Input = self.machine.sent(name, data);
                // What people read makes no difference, and would make many states of one.
                let ending = Ending {
                    reason: String::new(),
                    diagnosis: None,
                    ..conclude_release::ending(&input.facts)
                };
                Turn::Conclude(self.endings.keep(ending))
            }
            "Done" => Turn::Done,
            other => panic!("the model does not play {other}"),
        })
    }

    fn plan(&self, claim: &claim_release::Output) -> Option<Plan> {
        let release = claim.release.as_ref()?;
        let file = &self.files[self.file_of(&release.content.file)].1;
        let definition = self.definitions[self.image_in(release)].clone();
        Some(Plan::new(definition, None, claim.apply_service, file, None))
    }
}

fn rollout() -> Rollout {
    Rollout {
        task_definition: None,
        started_at: THEN,
        timeout_seconds: 0,
        deployment: None,
        count_before: None,
    }
}

fn look(outcome: look::Outcome, stage: Option<Stage>) -> Look<look::Outcome> {
    Look {
        failure: stage.map(|stage| Failure {
            stage,
            against: Against::Release,
            reason: String::new(),
            probe: None,
            task: None,
        }),
        ..Look::of(outcome, "")
    }
}

fn looked(known: Known) -> Option<Look<look::Outcome>> {
    known.look.map(|(outcome, stage)| look(outcome, stage))
}

fn undone(known: Known) -> Option<roll_back::Output> {
    known.undone.map(|(action, verdict)| roll_back::Output {
        action,
        verdict,
        rollout: (action != roll_back::Action::NothingToUndo).then(rollout),
        diagnosis: Diagnosis::default(),
        ingress: false,
        // That is for two revisions side by side, which the model's ECS does not run.
        again: false,
    })
}
