//! Step `RollBack`, apart from its process.

use ensure_ingress::EnsureIngress;
use landfall::{
    desired::DesiredState,
    record::Diagnosis,
    service_id::ServiceId,
    step::{
        roll_back::{Input, Output, Plan, Unproven, plan},
        update_service::LiveService,
    },
};
use landfall_aws::{
    Fault,
    clock::Clock,
    config::{SdkConfig, Surroundings},
    desired::StateBucket,
    ecs::Ecs,
    lambda::step_span,
};

/// How many stopped tasks and service events a diagnosis holds, so that it fits into an event and a state.
const STOPPED_TASKS: usize = 5;
const SERVICE_EVENTS: usize = 10;

/// Undoes a bad release.
#[derive(Debug)]
pub struct RollBack {
    state: StateBucket,
    ecs: Ecs,
    ingress: EnsureIngress,
    clock: Clock,
}

/// What log lines are about.
pub fn span(input: &Input) -> tracing::Span {
    step_span(&input.service, input.release.number, &input.execution)
}

impl RollBack {
    /// The step in the surroundings that the environment names.
    ///
    /// # Errors
    /// Unexpected if the environment lacks something.
    pub fn from_environment(config: SdkConfig) -> Result<Self, Fault> {
        Ok(Self::new(&Surroundings::from_environment(config)?))
    }

    /// The step in these surroundings.
    pub fn new(surroundings: &Surroundings) -> Self {
        Self {
            state: StateBucket::named(&surroundings.sdk, &surroundings.state_bucket),
            ecs: Ecs::new(&surroundings.sdk),
            ingress: EnsureIngress::new(surroundings),
            clock: surroundings.clock(),
        }
    }

    /// Gathers what can be known of the release, then gives the service what was good before it.
    ///
    /// # Errors
    /// As AWS answers.
    pub async fn handle(&self, input: Input) -> Result<Output, Fault> {
        let desired = self.state.read(&input.service).await?.desired;
        let live = self.ecs.service(&input.service).await?;
        let unproven = self
            .unproven(&input.service, &desired, live.as_ref())
            .await?;
        let plan = plan(&desired, live.as_ref(), input.failure.stage, &unproven);
        let diagnosis = self
            .diagnosis(&input, &desired, live.as_ref(), &plan)
            .await?;
        let file = match &plan {
            Plan::Revert {
                good,
                apply_service: true,
            } => Some(self.state.file(&good.content.file).await?),
            _ => None,
        };
        // The rule may be the bad release's: requests have to come as before first.
        let balancer = match &file {
            Some(file) => self.ingress.keep(file, &input.service).await?,
            None => None,
        };
        let body = plan.body(
            &input.service,
            file.as_ref(),
            balancer.as_ref(),
            live.as_ref(),
        );
        if let Some(body) = body {
            self.ecs.update_service(&body).await?;
        }
        tracing::warn!(
            reason = input.failure.reason,
            undone = diagnosis.undone,
            "the release is bad"
        );
        Ok(Output {
            action: plan.action(),
            verdict: plan.verdict(&desired, input.failure.stage),
            rollout: plan.rollout(self.clock.now()),
            diagnosis,
        })
    }

    async fn unproven(
        &self,
        service: &ServiceId,
        desired: &DesiredState,
        live: Option<&LiveService>,
    ) -> Result<Unproven, Fault> {
        let primary = live
            .and_then(LiveService::primary)
            .filter(|_| desired.last_good.is_none());
        let Some(primary) = primary else {
            return Ok(Unproven::default());
        };
        Ok(Unproven {
            adopted: self.state.adopted(service).await?,
            runs_ours: self.ecs.is_ours(&primary.task_definition, service).await?,
        })
    }

    async fn diagnosis(
        &self,
        input: &Input,
        desired: &DesiredState,
        live: Option<&LiveService>,
        plan: &Plan,
    ) -> Result<Diagnosis, Fault> {
        let since = input.release.created_at;
        let good = desired
            .last_good
            .as_ref()
            .map(|good| &*good.task_definition.arn);
        let mut stopped_tasks = match live {
            Some(_) => self.ecs.stopped_tasks(&input.service, since, good).await?,
            None => Vec::new(),
        };
        stopped_tasks.truncate(STOPPED_TASKS);
        let events = live
            .into_iter()
            .flat_map(|live| &live.events)
            .filter(|(at, _)| *at >= since);
        Ok(Diagnosis {
            stopped_tasks,
            service_events: events
                .take(SERVICE_EVENTS)
                .map(|(_, message)| message.clone())
                .collect(),
            probe: input.failure.probe.clone(),
            task: input.failure.task.clone(),
            undone: plan.told(plan.verdict(desired, input.failure.stage)),
        })
    }
}
