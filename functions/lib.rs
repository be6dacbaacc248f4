//! Landfall's Lambda functions: one module each, named as the function. Triggers (named in the past tense) take an event and change
//! the desired state; steps (named in the imperative) are the Task states of `statemachine/release.asl.json`.

pub mod check_rollout;
pub mod claim_release;
pub mod conclude_release;
pub mod config_changed;
pub mod ensure_cluster;
pub mod ensure_discovery;
pub mod ensure_ingress;
pub mod ensure_scaling;
pub mod execution_ended;
pub mod image_pushed;
pub mod register_task_definition;
pub mod roll_back;
pub mod rollout_changed;
pub mod run_task;
pub mod sweep_due;
pub mod update_service;
pub mod verify_health;
pub mod watch_drift;

use lambda_runtime::Error;
use landfall_aws::{config, lambda};

/// Serves the function that Lambda names in `_HANDLER`, until Lambda ends the process.
///
/// # Errors
/// If there is no such function, if its environment lacks something, or if the Runtime API cannot be reached.
pub async fn serve() -> Result<(), Error> {
    lambda::log_as_json();
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    macro_rules! step {
        ($module:ident, $step:ident) => {{
            let step = $module::$step::from_environment(config::load().await)?;
            lambda::serve($module::span, |event| step.handle(event.payload)).await
        }};
    }
    macro_rules! trigger {
        ($module:ident, $trigger:ident) => {{
            let trigger = $module::$trigger::from_environment(config::load().await)?;
            lambda::serve_event($module::span, |event| trigger.handle(event)).await
        }};
    }
    match &*handler {
        "config-changed" => trigger!(config_changed, ConfigChanged),
        "execution-ended" => trigger!(execution_ended, ExecutionEnded),
        "image-pushed" => trigger!(image_pushed, ImagePushed),
        "rollout-changed" => trigger!(rollout_changed, RolloutChanged),
        "sweep-due" => trigger!(sweep_due, SweepDue),
        "watch-drift" => trigger!(watch_drift, WatchDrift),
        "check-rollout" => step!(check_rollout, CheckRollout),
        "claim-release" => step!(claim_release, ClaimRelease),
        "conclude-release" => step!(conclude_release, ConcludeRelease),
        "ensure-cluster" => step!(ensure_cluster, EnsureCluster),
        "ensure-discovery" => step!(ensure_discovery, EnsureDiscovery),
        "ensure-ingress" => step!(ensure_ingress, EnsureIngress),
        "ensure-scaling" => step!(ensure_scaling, EnsureScaling),
        "register-task-definition" => step!(register_task_definition, RegisterTaskDefinition),
        "roll-back" => step!(roll_back, RollBack),
        "run-task" => step!(run_task, RunTask),
        "update-service" => step!(update_service, UpdateService),
        "verify-health" => step!(verify_health, VerifyHealth),
        other => Err(format!("there is no function `{other}`: `_HANDLER` is the `Handler` of a function in template.yaml").into()),
    }
}
