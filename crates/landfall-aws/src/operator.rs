//! What operators do to a service: they hold it, resume it, have it tried again, and say what it runs.

pub mod by_hand;

use std::collections::BTreeMap;

use landfall::{
    act::{Act, Verb},
    desired::DesiredState,
    hold::SetBy,
    live::{HookAction, LiveService},
    pause::PausedRelease,
    refusal::Refusal,
    service_id::ServiceId,
    versioned::Versioned,
};

use crate::{
    Fault,
    bucket::Bucket,
    caller,
    clock::Clock,
    config::SdkConfig,
    ecr::Ecr,
    ecs::Ecs,
    fitting::Fitting,
    sfn::StepFunctions,
    state_bucket::{Change, StateBucket},
    status_file::StatusFile,
};

/// What an operator does, with the operator's own credentials.
#[derive(Debug)]
pub struct Operator {
    state: StateBucket,
    files: Option<Bucket>,
    ecr: Ecr,
    ecs: Ecs,
    executions: StepFunctions,
    clock: Clock,
    config: SdkConfig,
}

impl Operator {
    /// An operator of the Landfall with this state bucket. With its config bucket, the status beside the service file
    /// is kept up to date too.
    pub fn new(config: &SdkConfig, state_bucket: &str, config_bucket: Option<String>) -> Self {
        Self {
            state: StateBucket::named(config, state_bucket),
            files: config_bucket.map(|name| Bucket::new(config, name)),
            ecr: Ecr::new(config),
            ecs: Ecs::new(config),
            executions: StepFunctions::new(config),
            clock: Clock::of(config),
            config: config.clone(),
        }
    }

    /// Puts a service on hold and answers its desired state. A hold that is there already stays.
    ///
    /// # Errors
    /// Refused if Landfall does not know the service.
    pub async fn hold(&self, service: &ServiceId, reason: &str) -> Result<DesiredState, Fault> {
        let act = self.act(Verb::Hold, Some(reason)).await;
        let act = &act;
        let hold = |mut desired: DesiredState| async move {
            desired.hold(reason.into(), SetBy::Operator, act.at);
            desired.note(act.clone());
            Ok(desired)
        };
        self.change(service, hold).await
    }

    /// Ends the hold of a service, permits Landfall to replace the revision that the service runs, and starts an
    /// execution if a release is open; answers the desired state. Followed images whose digest is gone from ECR give way
    /// before. Without `state_machine`, the one whose execution concluded the service's last release is taken.
    ///
    /// # Errors
    /// Refused if Landfall does not know the service, or if no state machine is named and none ever worked on it; and as
    /// AWS answers.
    pub async fn resume(
        &self,
        service: &ServiceId,
        reason: Option<&str>,
        state_machine: Option<&str>,
    ) -> Result<DesiredState, Fault> {
        let state_machine = self.state_machine(service, state_machine).await?;
        let live = self.live_revision(service).await?;
        let act = self.act(Verb::Resume, reason).await;
        let resume = |desired: &mut DesiredState| desired.resume(live.as_deref(), act.at);
        let desired = self.change_images(service, &act, &resume).await?;
        self.start("resume", &state_machine, &desired).await?;
        Ok(desired)
    }

    /// Has the newest images tried again, also those that made a release bad, and starts an execution if a release is open;
    /// answers the desired state. Images that are gone and the state machine are treated as in [`Self::resume`].
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub async fn retry(
        &self,
        service: &ServiceId,
        reason: Option<&str>,
        state_machine: Option<&str>,
    ) -> Result<DesiredState, Fault> {
        let state_machine = self.state_machine(service, state_machine).await?;
        let act = self.act(Verb::Retry, reason).await;
        let retry = |desired: &mut DesiredState| desired.retry(act.at);
        let desired = self.change_images(service, &act, &retry).await?;
        self.start("retry", &state_machine, &desired).await?;
        Ok(desired)
    }

    /// The ARN of the revision that the service runs.
    async fn live_revision(&self, service: &ServiceId) -> Result<Option<String>, Fault> {
        let live = self.ecs.service(service).await?;
        let live = live.filter(LiveService::is_active);
        let primary = live.as_ref().and_then(LiveService::primary);
        Ok(primary.map(|primary| primary.task_definition.clone()))
    }

    /// What is done now, by whom. Who cannot be named is no reason to keep somebody from holding a service.
    async fn act(&self, verb: Verb, reason: Option<&str>) -> Act {
        let by = caller::arn(&self.config).await;
        Act {
            verb,
            by: by.unwrap_or_else(|fault| format!("somebody unknown, because {fault}")),
            reason: reason.map(str::to_owned),
            at: self.clock.now(),
        }
    }

    async fn start(
        &self,
        verb: &str,
        state_machine: &str,
        desired: &DesiredState,
    ) -> Result<(), Fault> {
        let request_id = format!("{verb}-{}", self.clock.now().as_nanosecond());
        self.executions
            .start_open(state_machine, desired, &request_id)
            .await
    }

    /// Answers the hooks at which ECS has paused the deployment of a release: it goes on, or back to what ran before. Answers which
    /// release that was.
    ///
    /// # Errors
    /// Refused if no release of the service is paused, and if ECS does not wait any more.
    pub async fn answer_pause(
        &self,
        service: &ServiceId,
        answer: &HookAction,
        reason: Option<&str>,
    ) -> Result<PausedRelease, Fault> {
        let verb = match answer {
            HookAction::Continue => Verb::Continue,
            _ => Verb::Abort,
        };
        let act = self.act(verb, reason).await;
        let act = &act;
        let none = || Fault::refused(format!("no release of {service} is paused"));
        let note = |mut desired: DesiredState| async move {
            if desired.paused.is_none() {
                return Err(none());
            }
            desired.note(act.clone());
            Ok(desired)
        };
        // Noted before it is done: once it is, the release may be concluded at any moment.
        let desired = self.change(service, note).await?;
        let paused = desired.paused.ok_or_else(none)?;
        if let Err(fault) = self.answer_hooks(&paused, answer).await {
            let forget = |mut desired: DesiredState| async move {
                desired.forget_act(act);
                Ok(desired)
            };
            self.change(service, forget).await?;
            return Err(fault);
        }
        Ok(paused)
    }

    async fn answer_hooks(&self, paused: &PausedRelease, answer: &HookAction) -> Result<(), Fault> {
        let deployment = &paused.pause.deployment;
        for hook in &paused.pause.hooks {
            self.ecs
                .continue_service_deployment(deployment, &hook.id, answer)
                .await?;
            // The first refusal takes the whole deployment back.
            if *answer != HookAction::Continue {
                break;
            }
        }
        Ok(())
    }

    /// Does `change` with the images that are there: no release is made of a digest that is gone.
    async fn change_images(
        &self,
        service: &ServiceId,
        act: &Act,
        change: &impl Fn(&mut DesiredState),
    ) -> Result<DesiredState, Fault> {
        let change = |mut desired: DesiredState| async move {
            let gone = match &desired.file {
                Some(file) => {
                    let fitting = Fitting::of_stored(&self.ecr, &self.state, file);
                    let searches = desired.searches_for_known();
                    fitting.search_gone(searches).await?
                }
                None => BTreeMap::new(),
            };
            let (held, last) = (desired.hold.is_some(), desired.last_number);
            desired.change_without(&gone, act.at, change);
            if desired.last_number > last || desired.hold.is_some() != held {
                desired.note(act.clone());
            }
            Ok(desired)
        };
        self.change(service, change).await
    }

    async fn change<F>(
        &self,
        service: &ServiceId,
        change: impl Fn(DesiredState) -> F,
    ) -> Result<DesiredState, Fault>
    where
        F: Future<Output = Result<DesiredState, Fault>>,
    {
        let change = &change;
        let change = |desired: DesiredState| async move { Ok((change(desired).await?, ())) };
        let (desired, ()) = self.change_and_say(service, change).await?;
        Ok(desired)
    }

    /// Does `change`, with what it says about that.
    async fn change_and_say<T, F>(
        &self,
        service: &ServiceId,
        change: impl Fn(DesiredState) -> F,
    ) -> Result<(DesiredState, T), Fault>
    where
        F: Future<Output = Result<(DesiredState, T), Fault>>,
    {
        let change = &change;
        let change = |read: Versioned<DesiredState>| async move {
            refuse_unknown(&read)?;
            let (desired, said) = change(read.into_value()).await?;
            Ok(Change::Write(Box::new(desired), said))
        };
        let (desired, said) = self.state.change(service, change).await?;
        if let Some(files) = &self.files {
            StatusFile::update(files, &desired).await?;
        }
        Ok((desired, said))
    }

    async fn state_machine(
        &self,
        service: &ServiceId,
        named: Option<&str>,
    ) -> Result<String, Fault> {
        match named {
            Some(named) => Ok(named.to_owned()),
            None => self.last_state_machine(service).await,
        }
    }

    async fn last_state_machine(&self, service: &ServiceId) -> Result<String, Fault> {
        let desired = self.state.read(service).await?;
        let record = match &desired.concluded {
            Some(concluded) => self.state.record(service, concluded.number).await?,
            None => None,
        };
        let execution = record.and_then(|record| record.execution);
        let state_machine = execution.and_then(|execution| state_machine_of(&execution));
        let unknown = || {
            Refusal::new(format!(
                "no release of {service} has been concluded yet, so its state machine is not known: name it with \
                 --state-machine"
            ))
        };
        Ok(state_machine.ok_or_else(unknown)?)
    }
}

fn refuse_unknown(desired: &DesiredState) -> Result<(), Refusal> {
    if desired.file.is_none() && desired.last_number == 0 && desired.hold.is_none() {
        return Err(Refusal::new(format!(
            "no service file has described {} yet; `landfall status` lists the services",
            desired.service
        )));
    }
    Ok(())
}

/// The state machine of an execution, `arn:…:execution:<state machine>:<name>`
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html>).
fn state_machine_of(execution: &str) -> Option<String> {
    let (start, rest) = execution.split_once(":execution:")?;
    let (name, _) = rest.split_once(':')?;
    Some(format!("{start}:stateMachine:{name}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_execution_names_its_state_machine() {
        let execution = "arn:aws:states:eu-west-1:000000000000:execution:landfall-release:hello-1";
        assert_eq!(
            state_machine_of(execution).unwrap(),
            "arn:aws:states:eu-west-1:000000000000:stateMachine:landfall-release"
        );
        assert_eq!(state_machine_of("hello-1"), None);
    }
}
