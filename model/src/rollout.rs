//! The steps between claim and conclusion, call by call: `update-service`, `check-rollout`, `verify-health` and
//! `roll-back`.

use landfall::{
    change::Call,
    desired::DesiredState,
    drift::Whose,
    failure::Stage,
    live::{Rollout, TaskHealth},
    look,
    probe::{Finding, ProbeAnswer, Probed},
    record::Release,
    step::{
        check_rollout::{self, Outcome, Purpose},
        claim_release::Output,
        roll_back::{self, Files, Provenance},
        update_service::{self, Section, Seen},
        verify_health::{self, Observation},
    },
    versioned::Versioned,
};
use serde_json::{Map, Value};

use crate::{
    clock::{THEN, begun, now},
    ecs::{Service, revision},
    machine::{Known, Turn},
    protocol::Protocol,
    scenario::{Guard, Quality},
    state::{Back, Execution, State, Step, Way, arn},
};

const TIMEOUT_SECONDS: u64 = 900;

impl Protocol {
    /// Makes the next call of the execution `me`, which was given `claim`.
    pub(crate) fn call_of_step(
        &self,
        state: &mut State,
        me: usize,
        claim: Versioned<Output>,
        step: Step,
    ) -> Execution {
        let Some(release) = &claim.release else {
            return Execution::Done;
        };
        let late = self.lacks(Guard::StoreTheTokenBeforeTheLook);
        let step = match step {
            Step::DescribeForUpdate => Step::Update {
                live: state.service,
            },
            Step::Update { live } => {
                let way = self.update(state, me, &claim, live);
                let turn = self.turn("UpdateService", &claim, Known::default());
                return self.enter(me, claim, turn, Some(way));
            }
            Step::PutSleeper(way) => {
                if !late {
                    state.sleeper = Some(me);
                }
                Step::LookAtDesired {
                    way,
                    sleeping: true,
                }
            }
            Step::LookAtDesired { way, sleeping } => Step::LookAtService {
                way,
                sleeping,
                read: state.desired.clone(),
            },
            Step::LookAtService {
                way,
                sleeping,
                read,
            } => Step::LookAtDeployment {
                way,
                sleeping,
                read,
                live: state.service,
            },
            Step::LookAtDeployment {
                way,
                sleeping,
                read,
                live,
            } => {
                let looked = self.look(release, way, &read, live, state.service);
                match (looked.outcome, sleeping) {
                    (Outcome::InProgress, true) if late => Step::PutSleeperLate(way),
                    (Outcome::InProgress, true) => Step::Asleep(way),
                    (_, true) => {
                        state.void_tokens(me);
                        Step::LookAtDesired {
                            way,
                            sleeping: false,
                        }
                    }
                    (outcome, false) => {
                        let turn = self.rolled_out(&claim, way, outcome);
                        return self.enter(me, claim, turn, Some(way));
                    }
                }
            }
            Step::PutSleeperLate(way) => {
                state.sleeper = Some(me);
                Step::Asleep(way)
            }
            Step::Asleep(way) => Step::Asleep(way),
            Step::VerifyDesired => Step::VerifyService {
                read: state.desired.clone(),
            },
            Step::VerifyService { read } => {
                let outcome = self.verify(state, me, release, &read);
                let turn = self.verified(&claim, outcome);
                return self.enter(me, claim, turn, None);
            }
            Step::RollBackDesired(stage) => Step::RollBackService {
                stage,
                read: state.desired.clone(),
            },
            Step::RollBackService { stage, read } => {
                return self.undo(state, me, claim, stage, read, state.service, false);
            }
            Step::RollBackUpdate { stage, read, live } => {
                return self.undo(state, me, claim, stage, read, live, true);
            }
            Step::Conclude { ending, conclude } => {
                return self.call_of_conclude(state, me, claim, ending, conclude);
            }
        };
        Execution::Working { claim, step }
    }

    /// Whether AWS may go away now: at the first call of a step, which stands for all of them.
    pub(crate) fn may_be_unanswered(&self, execution: &Execution) -> bool {
        matches!(
            execution,
            Execution::Working {
                step: Step::DescribeForUpdate
                    | Step::LookAtDesired {
                        sleeping: false,
                        ..
                    }
                    | Step::VerifyDesired
                    | Step::RollBackDesired(_),
                ..
            }
        )
    }

    /// AWS does not answer a step for as long as it has patience: where the state machine leads then.
    pub(crate) fn unanswered(&self, me: usize, execution: Execution) -> Execution {
        let Execution::Working { claim, step } = execution else {
            return execution;
        };
        let failed = |stage| Known {
            look: Some((look::Outcome::Failed, Some(stage))),
            unanswered: true,
            ..Known::default()
        };
        let looked = |outcome| Known {
            look: Some((outcome, None)),
            unanswered: true,
            ..Known::default()
        };
        let (task, known) = match step {
            Step::DescribeForUpdate => {
                let known = Known {
                    unanswered: true,
                    ..Known::default()
                };
                ("UpdateService", known)
            }
            Step::LookAtDesired { way, .. } => match way.back {
                None => ("CheckRollout", looked(look::Outcome::InProgress)),
                Some(back) => {
                    let undone = Some((back.action, back.verdict));
                    let known = failed(back.stage);
                    ("CheckRollBack", Known { undone, ..known })
                }
            },
            Step::VerifyDesired => ("VerifyHealth", looked(look::Outcome::Steady)),
            Step::RollBackDesired(stage) => ("RollBack", failed(stage)),
            step => return Execution::Working { claim, step },
        };
        let turn = self.turn(task, &claim, known);
        self.enter(me, claim, turn, None)
    }

    fn update(&self, state: &mut State, me: usize, claim: &Output, live: Option<Service>) -> Way {
        let Some(release) = &claim.release else {
            unreachable!("nobody updates without a release");
        };
        let image = self.image_in(release);
        let input = update_service::Input {
            claimed_at: claim.claimed_at,
            execution: arn(me),
            service: self.service.clone(),
            release: release.clone(),
            cluster: "web".into(),
            task_definition: self.definitions[image].arn.clone(),
            apply_service: claim.apply_service,
            from_good: claim.from_good,
            last_good: claim.last_good.clone(),
            timeout_seconds: TIMEOUT_SECONDS,
            balancer: None,
            base: None,
            before: false,
        };
        let file = &self.files[self.file_of(&release.content.file)].1;
        let seen = match live {
            None => Seen::Absent {
                file: Box::new(file.clone()),
            },
            Some(live) => Seen::Present {
                went_back: false,
                live: Box::new(live.described()),
                whose: Some(Whose::OurAttempt),
                section: input.apply_service.then(|| {
                    Box::new(Section {
                        file: file.clone(),
                        previous: None,
                        given: vec![],
                        shown_count: Some(live.described().desired_count),
                    })
                }),
            },
        };
        let body = match update_service::plan(&input, &seen, THEN).map(|change| change.call) {
            Ok(Call::Create(body) | Call::Update(body)) => body,
            Ok(Call::Nothing) | Err(_) => {
                unreachable!("the model's service is active and ECS's own")
            }
        };
        self.check_rollout_of(state, release);
        let began = self.change(state, me, &body);
        Way {
            back: None,
            image: Some(image),
            after_newest: !began,
        }
    }

    /// ECS takes a change; answers whether that began a service deployment.
    fn change(&self, state: &mut State, me: usize, body: &Map<String, Value>) -> bool {
        self.check_writer(state, me);
        let before = state.service;
        state.service = Service::after(before, body);
        let began =
            state.service != before && state.service.is_some_and(|service| service.is_moving());
        if began {
            for execution in &mut state.executions {
                if let Execution::Working {
                    step:
                        Step::PutSleeper(way)
                        | Step::PutSleeperLate(way)
                        | Step::Asleep(way)
                        | Step::LookAtDesired { way, .. }
                        | Step::LookAtService { way, .. }
                        | Step::LookAtDeployment { way, .. },
                    ..
                } = execution
                {
                    way.after_newest = false;
                }
            }
        }
        began
    }

    fn look(
        &self,
        release: &Release,
        way: Way,
        read: &DesiredState,
        live: Option<Service>,
        newest: Option<Service>,
    ) -> check_rollout::Output {
        let input = check_rollout::Input {
            service: self.service.clone(),
            execution: String::new(),
            release: release.clone(),
            purpose: match way.back {
                None => Purpose::Release,
                Some(_) => Purpose::RollBack,
            },
            rollout: Rollout {
                task_definition: way.image.map(revision),
                started_at: begun(way.after_newest),
                timeout_seconds: TIMEOUT_SECONDS,
                deployment: None,
                count_before: None,
            },
            look: Some(None),
            task_token: None,
        };
        let live = live.map(|live| live.described());
        let newest = newest.map(|newest| newest.newest_deployment());
        check_rollout::look(&input, read, live.as_ref(), newest.as_ref(), now())
    }

    /// Whether an execution that sleeps would find that there is nothing to sleep for. To wake it otherwise would
    /// change nothing.
    pub(crate) fn would_see_something(&self, state: &State, execution: &Execution) -> bool {
        let Execution::Working {
            claim,
            step: Step::Asleep(way),
        } = execution
        else {
            return false;
        };
        let Some(release) = &claim.release else {
            return false;
        };
        let looked = self.look(release, *way, &state.desired, state.service, state.service);
        looked.outcome != Outcome::InProgress
    }

    /// Where the state machine goes after `CheckRollout` or `CheckRollBack`.
    fn rolled_out(&self, claim: &Versioned<Output>, way: Way, outcome: Outcome) -> Turn {
        let (seen, is_bad) = match outcome {
            Outcome::InProgress => (look::Outcome::InProgress, false),
            Outcome::Steady => (look::Outcome::Steady, false),
            Outcome::Superseded => (look::Outcome::Superseded, false),
            Outcome::Failed => (look::Outcome::Failed, true),
            Outcome::Replaced => (look::Outcome::Replaced, true),
        };
        match way.back {
            None => {
                let known = Known {
                    look: Some((seen, is_bad.then_some(Stage::Rollout))),
                    ..Known::default()
                };
                self.turn("CheckRollout", claim, known)
            }
            Some(back) => {
                let known = Known {
                    look: Some((look::Outcome::Failed, Some(back.stage))),
                    undone: Some((back.action, back.verdict)),
                    back: Some(seen),
                    ..Known::default()
                };
                self.turn("CheckRollBack", claim, known)
            }
        }
    }

    /// Where it goes after `VerifyHealth`.
    fn verified(&self, claim: &Versioned<Output>, outcome: verify_health::Outcome) -> Turn {
        let seen = match outcome {
            verify_health::Outcome::Waiting => (look::Outcome::Waiting, None),
            verify_health::Outcome::Healthy => (look::Outcome::Healthy, None),
            verify_health::Outcome::Unproven => (look::Outcome::Unproven, None),
            verify_health::Outcome::Unhealthy => (look::Outcome::Unhealthy, Some(Stage::Health)),
            verify_health::Outcome::Misaimed => (look::Outcome::Misaimed, None),
            verify_health::Outcome::Superseded => (look::Outcome::Superseded, None),
        };
        let known = Known {
            look: Some(seen),
            ..Known::default()
        };
        self.turn("VerifyHealth", claim, known)
    }

    fn verify(
        &self,
        state: &State,
        me: usize,
        release: &Release,
        read: &DesiredState,
    ) -> verify_health::Outcome {
        let image = self.image_in(release);
        let input = verify_health::Input {
            service: self.service.clone(),
            execution: arn(me),
            release: release.clone(),
            task_definition: self.definitions[image].arn.clone(),
            rollout: None,
            look: None,
            progress: None,
        };
        let observation = Observation {
            service: state.service.map(|service| service.described()),
            tasks: self.tasks(state),
            ended: Vec::new(),
            targets: Vec::new(),
            probes: vec![self.probe(state)],
        };
        let verify = &self.files[self.file_of(&release.content.file)].1.verify;
        verify_health::decide(&input, verify, read, observation, now()).outcome
    }

    fn tasks(&self, state: &State) -> Vec<TaskHealth> {
        let running = state
            .service
            .filter(|service| service.is_steady() && service.wanted);
        let task = running.map(|service| TaskHealth {
            task: String::new(),
            task_definition: revision(service.primary),
            health_status: "UNKNOWN".into(),
        });
        task.into_iter().collect()
    }

    fn probe(&self, state: &State) -> Probed {
        let running = state.service.filter(Service::is_steady);
        let is_good = running
            .is_some_and(|service| self.scenario.images[service.primary].quality == Quality::Good);
        let (status, finding) = if is_good {
            (200, Finding::Good)
        } else {
            (500, Finding::Wrong("it answered 500".into()))
        };
        Probed {
            answer: ProbeAnswer {
                url: String::new(),
                status: Some(status),
                body: String::new(),
                error: None,
                milliseconds: None,
            },
            finding,
        }
    }

    /// `roll-back` after its reads; `acts` once it is about to call `UpdateService`.
    #[allow(clippy::too_many_arguments)]
    fn undo(
        &self,
        state: &mut State,
        me: usize,
        claim: Versioned<Output>,
        stage: Stage,
        read: Versioned<DesiredState>,
        live: Option<Service>,
        acts: bool,
    ) -> Execution {
        let described = live.map(|live| live.described());
        let provenance = Provenance {
            whose: described.as_ref().map(|_| Whose::OurAttempt),
            way_back: None,
            fails: live
                .is_some_and(|live| self.scenario.images[live.primary].quality != Quality::Good),
        };
        let way = roll_back::way_back(&read, described.as_ref(), stage, &provenance);
        let files = Files {
            good: match &way {
                roll_back::Way::Revert {
                    good,
                    apply_service: true,
                } => Some(self.files[self.file_of(&good.content.file)].1.clone()),
                _ => None,
            },
            ..Files::default()
        };
        let undo = roll_back::plan(&read, described.as_ref(), stage, way, &files, THEN);
        let action = undo.way.action();
        let call = undo.change.as_ref().map(|change| &change.call);
        if let Some(Call::Update(body)) = call {
            if !acts {
                let step = Step::RollBackUpdate { stage, read, live };
                return Execution::Working { claim, step };
            }
            self.change(state, me, body);
        }
        let known = Known {
            look: Some((look::Outcome::Failed, Some(stage))),
            undone: Some((action, undo.verdict)),
            ..Known::default()
        };
        let way = undo.change.map(|change| Way {
            back: Some(Back {
                stage,
                action,
                verdict: undo.verdict,
            }),
            image: change
                .rollout
                .task_definition
                .and_then(|arn| self.definitions.iter().position(|known| known.arn == arn)),
            after_newest: true,
        });
        let turn = self.turn("RollBack", &claim, known);
        self.enter(me, claim, turn, way)
    }
}
