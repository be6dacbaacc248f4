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
use landfall_aws::{
    Aws, Settings, config,
    function::{self, Entry, Event, Function},
};
use serde::{Serialize, de::DeserializeOwned};

/// What is done with each function, whose types differ.
pub trait Visitor {
    /// A trigger.
    fn trigger<F: Function<Input = Event, Output = ()>>(&mut self);

    /// A step. Its input and its answer can be read and written, so that they can be compared with the state machine.
    fn step<F>(&mut self)
    where
        F: Function<Input: Serialize + DeserializeOwned, Output: Serialize + DeserializeOwned>;
}

/// Shows every function to `visitor`: the one list of them.
pub fn each(visitor: &mut impl Visitor) {
    visitor.trigger::<config_changed::ConfigChanged>();
    visitor.trigger::<execution_ended::ExecutionEnded>();
    visitor.trigger::<image_pushed::ImagePushed>();
    visitor.trigger::<rollout_changed::RolloutChanged>();
    visitor.trigger::<sweep_due::SweepDue>();
    visitor.trigger::<watch_drift::WatchDrift>();

    visitor.step::<check_rollout::CheckRollout>();
    visitor.step::<claim_release::ClaimRelease>();
    visitor.step::<conclude_release::ConcludeRelease>();
    visitor.step::<ensure_cluster::EnsureCluster>();
    visitor.step::<ensure_discovery::EnsureDiscovery>();
    visitor.step::<ensure_ingress::EnsureIngress>();
    visitor.step::<ensure_scaling::EnsureScaling>();
    visitor.step::<register_task_definition::RegisterTaskDefinition>();
    visitor.step::<roll_back::RollBack>();
    visitor.step::<run_task::RunTask>();
    visitor.step::<update_service::UpdateService>();
    visitor.step::<verify_health::VerifyHealth>();
}

/// The function of this name, which is its `Handler` in `template.yaml`.
pub fn named(name: &str) -> Option<Entry> {
    struct Sought<'a> {
        name: &'a str,
        found: Option<Entry>,
    }
    impl Sought<'_> {
        fn look_at<F: Function>(&mut self) {
            if F::NAME == self.name {
                self.found = Some(Entry::of::<F>());
            }
        }
    }
    impl Visitor for Sought<'_> {
        fn trigger<F: Function<Input = Event, Output = ()>>(&mut self) {
            self.look_at::<F>();
        }

        fn step<F: Function>(&mut self) {
            self.look_at::<F>();
        }
    }
    let mut sought = Sought { name, found: None };
    each(&mut sought);
    sought.found
}

/// Serves the function that Lambda names in `_HANDLER`, until Lambda ends the process.
///
/// # Errors
/// If there is no such function, if its environment lacks something, or if the Runtime API cannot be reached.
pub async fn serve() -> Result<(), Error> {
    function::log_as_json();
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    let Some(function) = named(&handler) else {
        let error = format!(
            "there is no function `{handler}`: `_HANDLER` is the `Handler` of a function in template.yaml"
        );
        return Err(error.into());
    };
    let settings = Settings::from_environment()?;
    function::serve(function, Aws::new(config::of_function().await?, settings)).await
}
