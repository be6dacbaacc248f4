//! All of Landfall in this process: the template's rules, buckets and state machine, and its functions as they are.

use std::sync::Arc;

use landfall_aws::{Aws, Settings, reach_from, web::Web};
use landfall_local::{
    install::{self, InstalledFunction, InstalledSchedule},
    lambda::{FunctionError, Handler, Program},
    local,
};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    invocation::{CURRENT, Invocation},
    wire::{self, Wire},
};

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
    /// The template has a function that is none.
    #[error("the function {0} is in template.yaml but not in functions/lib.rs: add it there")]
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
    let faults = Arc::downgrade(&wire.faults);
    cloud.functions.throttle(Arc::new(move || {
        let faults = faults.upgrade();
        faults.is_some_and(|faults| faults.throttles_lambda())
    }));
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
    let entry = landfall_functions::named(&function.name)
        .ok_or_else(|| InstallationError::Unknown(function.name.clone()))?;
    let variable = |name: &str| function.environment.get(name).cloned();
    let settings = Settings {
        config_bucket: variable("CONFIG_BUCKET").unwrap_or_default(),
        state_bucket: variable("STATE_BUCKET").unwrap_or_default(),
        state_machine: variable("STATE_MACHINE_ARN"),
        file_parameters: variable("FILE_PARAMETERS").unwrap_or_default(),
        probes_reach: reach_from(&variable("PROBE_SUBNETS").unwrap_or_default()),
    };
    let aws = Aws::new(wire::sdk(wire.clone()), settings).with_web(Web::new(wire.clone()));
    let aws = Arc::new(aws);
    let arn = wire.cloud.functions.arn(&function.name);
    let (journal, world, timeout) = (
        wire.journal.clone(),
        wire.cloud.world.clone(),
        function.timeout,
    );
    Ok(Arc::new(move |mut payload: Value| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let invocation = Invocation {
            function: entry.name.to_owned(),
            service: payload["service"]
                .as_str()
                .and_then(|service| service.parse().ok()),
            execution: text(&payload["execution"]),
            release: payload["release"]["number"].as_u64(),
            kill: Arc::new(Notify::new()),
        };
        let payload = landfall_aws::function::Invocation {
            request_id: text(&payload[REQUEST_ID].take()).unwrap_or_default(),
            function_arn: arn.clone(),
            payload,
            deadline: world.now() + timeout,
        };
        let (aws, journal) = (aws.clone(), journal.clone());
        Box::pin(async move {
            let name = invocation.name();
            let kill = invocation.kill.clone();
            let work = (entry.invoke)(&aws, payload);
            let answer = tokio::select! {
                biased;
                () = kill.notified() => Err(FunctionError::new("Runtime.ExitError", "the process was killed")),
                answer = CURRENT.scope(invocation, work) => {
                    answer.map_err(|fault| FunctionError::new(fault.name(), fault.to_string()))
                }
            };
            match &answer {
                Ok(output) => journal.note(&name, format!("→ {}", describe(output))),
                Err(error) => journal.note(&name, format!("→ {error}")),
            }
            answer
        })
    }))
}

/// What of an answer a timeline needs.
fn describe(output: &Value) -> String {
    const MEMBERS: [&str; 6] = ["action", "outcome", "verdict", "reason", "again", "arn"];
    let members: Vec<_> = MEMBERS
        .iter()
        .filter_map(|member| Some(format!("{member} {}", output.get(*member)?)))
        .collect();
    let release = output["release"]["number"]
        .as_u64()
        .map(|number| format!("release {number}"));
    let words: Vec<_> = members.into_iter().chain(release).collect();
    if words.is_empty() {
        output.to_string()
    } else {
        words.join(", ")
    }
}
