//! All of Landfall in this process: the template's rules, buckets and state machine, and its functions as they are.

use std::{future::Future, sync::Arc};

use lambda_runtime::{Context, LambdaEvent};
use landfall_aws::{Fault, config::Surroundings};
use landfall_local::{
    install::{self, InstalledFunction, InstalledSchedule},
    lambda::{FunctionError, Handler, Program},
    local,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    invocation::{CURRENT, Invocation},
    wire::{self, Wire},
};

/// The bucket of the service files, as the embedded cloud names it.
pub const CONFIG_BUCKET: &str = "landfall-config";
/// The bucket of the desired states.
pub const STATE_BUCKET: &str = "landfall-state";

const TEMPLATE: &str = include_str!("../../template.yaml");
const STATE_MACHINE: &str = include_str!("../../statemachine/release.asl.json");

/// Where the post tells a trigger the id of its invocation, which stays the same when Lambda repeats it.
pub const REQUEST_ID: &str = "simulationRequestId";

/// Why Landfall could not be installed: the template or the state machine has something that this machine does not play.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// The template.
    #[error(transparent)]
    Template(#[from] install::InstallError),
    /// The embedded cloud.
    #[error(transparent)]
    Local(#[from] local::LocalError),
    /// A function.
    #[error("{0}")]
    Function(#[from] Fault),
    /// The template has a function that the simulation does not know.
    #[error(
        "the function {0} is in template.yaml but not in the simulation: add it to simulation/src/installation.rs"
    )]
    Unknown(String),
}

/// Installs everything and answers the ARN of the state machine, and the schedules, which nobody keeps yet.
///
/// # Errors
/// When the template has something that the simulation does not play.
pub async fn install(wire: &Wire) -> Result<(String, Vec<InstalledSchedule>), InstallationError> {
    let cloud = &wire.cloud;
    let installation = install::read(TEMPLATE, &cloud.world)?;
    let mut handlers = std::collections::BTreeMap::new();
    for function in &installation.functions {
        handlers.insert(function.name.clone(), handler(wire, function)?);
    }
    let program = |function: &InstalledFunction| Program::Inline(handlers[&function.name].clone());
    let state_machine = local::install(cloud, &installation, STATE_MACHINE, program).await?;
    Ok((state_machine, installation.schedules))
}

/// What runs as the function of this name, for whoever put something else in its place.
///
/// # Errors
/// As [`install`]; also when there is no function of this name.
pub fn inline(wire: &Wire, name: &str) -> Result<Program, InstallationError> {
    let installation = install::read(TEMPLATE, &wire.cloud.world)?;
    let mut functions = installation.functions.iter();
    let function = functions
        .find(|function| function.name == name)
        .ok_or_else(|| InstallationError::Unknown(name.into()))?;
    Ok(Program::Inline(handler(wire, function)?))
}

fn handler(wire: &Wire, function: &InstalledFunction) -> Result<Handler, InstallationError> {
    let variable = |name: &str| function.environment.get(name).cloned();
    let surroundings = &Surroundings {
        sdk: wire::sdk(wire.clone()),
        config_bucket: variable("CONFIG_BUCKET").unwrap_or_default(),
        state_bucket: variable("STATE_BUCKET").unwrap_or_default(),
        state_machine: variable("STATE_MACHINE_ARN"),
        file_parameters: variable("FILE_PARAMETERS").unwrap_or_default(),
    };
    let arn = wire.cloud.functions.arn(&function.name);
    macro_rules! step {
        ($step:expr) => {{
            let step = Arc::new($step);
            invocable(wire, &function.name, move |payload, _| {
                let step = step.clone();
                async move { step.handle(payload).await }
            })
        }};
    }
    macro_rules! trigger {
        ($trigger:expr) => {{
            let trigger = Arc::new($trigger);
            invocable(wire, &function.name, move |payload: Value, request_id| {
                let (trigger, arn) = (trigger.clone(), arn.clone());
                async move {
                    let mut context = Context::default();
                    context.request_id = request_id;
                    context.invoked_function_arn = arn;
                    trigger.handle(LambdaEvent { payload, context }).await
                }
            })
        }};
    }
    Ok(match &*function.name {
        "image-pushed" => trigger!(landfall_functions::image_pushed::ImagePushed::new(
            surroundings
        )?),
        "config-changed" => trigger!(landfall_functions::config_changed::ConfigChanged::new(
            surroundings
        )?),
        "rollout-changed" => trigger!(landfall_functions::rollout_changed::RolloutChanged::new(
            surroundings
        )),
        "watch-drift" => trigger!(landfall_functions::watch_drift::WatchDrift::new(
            surroundings
        )),
        "execution-ended" => trigger!(landfall_functions::execution_ended::ExecutionEnded::new(
            surroundings
        )?),
        "sweep-due" => trigger!(landfall_functions::sweep_due::SweepDue::new(surroundings)?),
        "claim-release" => step!(landfall_functions::claim_release::ClaimRelease::new(
            surroundings
        )),
        "ensure-cluster" => step!(landfall_functions::ensure_cluster::EnsureCluster::new(
            surroundings
        )),
        "ensure-discovery" => step!(landfall_functions::ensure_discovery::EnsureDiscovery::new(
            surroundings
        )),
        "ensure-scaling" => step!(landfall_functions::ensure_scaling::EnsureScaling::new(
            surroundings
        )),
        "ensure-ingress" => step!(landfall_functions::ensure_ingress::EnsureIngress::new(
            surroundings
        )),
        "register-task-definition" => {
            step!(
                landfall_functions::register_task_definition::RegisterTaskDefinition::new(
                    surroundings
                )
            )
        }
        "run-task" => step!(landfall_functions::run_task::RunTask::new(surroundings)),
        "update-service" => step!(landfall_functions::update_service::UpdateService::new(
            surroundings
        )),
        "check-rollout" => step!(landfall_functions::check_rollout::CheckRollout::new(
            surroundings
        )),
        "verify-health" => step!(landfall_functions::verify_health::VerifyHealth::new(
            surroundings
        )),
        "roll-back" => step!(landfall_functions::roll_back::RollBack::new(surroundings)),
        "conclude-release" => step!(landfall_functions::conclude_release::ConcludeRelease::new(
            surroundings
        )),
        other => return Err(InstallationError::Unknown(other.into())),
    })
}

/// Runs `handle` as Lambda runs a function: typed input and output, error names, and a process that can die.
fn invocable<I, O, H, F>(wire: &Wire, function: &str, handle: H) -> Handler
where
    I: DeserializeOwned + Send,
    O: Serialize + Send,
    H: Fn(I, String) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Fault>> + Send + 'static,
{
    let (journal, function) = (wire.journal.clone(), function.to_owned());
    Arc::new(move |mut payload: Value| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let execution = text(&payload["execution"]);
        let release = payload["release"]["number"].as_u64();
        let request_id = text(&payload[REQUEST_ID].take()).unwrap_or_default();
        let invocation = Invocation {
            function: function.clone(),
            execution,
            release,
            kill: Arc::new(Notify::new()),
        };
        let journal = journal.clone();
        let input = serde_json::from_value::<I>(payload);
        let work = input.map(|input| handle(input, request_id));
        Box::pin(async move {
            let unreadable =
                |error: serde_json::Error| FunctionError::new("Unreadable", error.to_string());
            let work = work.map_err(unreadable)?;
            let name = invocation.name();
            let kill = invocation.kill.clone();
            let answer = tokio::select! {
                biased;
                () = kill.notified() => Err(FunctionError::new("Runtime.ExitError", "the process was killed")),
                answer = CURRENT.scope(invocation, Box::pin(work)) => match answer {
                    Ok(output) => serde_json::to_value(output).map_err(unreadable),
                    Err(fault) => Err(FunctionError::new(fault.name(), fault.to_string())),
                },
            };
            match &answer {
                Ok(output) => journal.note(&name, format!("→ {}", told(output))),
                Err(error) => journal.note(&name, format!("→ {error}")),
            }
            answer
        })
    })
}

/// What of an answer a timeline needs.
fn told(output: &Value) -> String {
    const MEMBERS: [&str; 6] = ["action", "outcome", "verdict", "reason", "again", "arn"];
    let members: Vec<_> = MEMBERS
        .iter()
        .filter_map(|member| Some(format!("{member} {}", output.get(*member)?)))
        .collect();
    let release = output["release"]["number"]
        .as_u64()
        .map(|number| format!("release {number}"));
    let told: Vec<_> = members.into_iter().chain(release).collect();
    match told.is_empty() {
        true => output.to_string(),
        false => told.join(", "),
    }
}
