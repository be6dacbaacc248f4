//! A whole Landfall on this machine: what `template.yaml` installs into AWS, installed into the embedded cloud.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    cloud::{
        Cloud, Settings as CloudSettings,
        events::dispatcher::Deliver,
        store::{DataDir, StoreError},
    },
    courier::Courier,
    engine::LoadError,
    install::{self, InstallError, Installation, InstalledFunction},
    lambda::{Function, Program},
    rough::Rough,
    schedule,
    serve::{self, ServeError},
    world::World,
};

/// The account id of the embedded cloud.
pub const ACCOUNT: &str = "000000000000";
/// The Region of the embedded cloud.
pub const REGION: &str = "eu-west-1";

/// The bucket of service files, as the installation names it.
pub const CONFIG_BUCKET: &str = "landfall-config";
/// The bucket of desired states, as the installation names it.
pub const STATE_BUCKET: &str = "landfall-state";
/// The ARN of the release state machine in [`ACCOUNT`] and [`REGION`].
pub const STATE_MACHINE: &str =
    "arn:aws:states:eu-west-1:000000000000:stateMachine:landfall-release";

/// What is installed: the texts of `template.yaml` and of the state machine that it names.
#[derive(Clone, Copy, Debug)]
pub struct Definition<'a> {
    /// `template.yaml`
    pub template: &'a str,
    /// `statemachine/release.asl.json`
    pub state_machine: &'a str,
}

/// Where and from what a Landfall runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port of 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// Where state is kept; none to forget everything.
    pub data_dir: Option<PathBuf>,
    /// The executable that holds the functions, and becomes the one that `_HANDLER` names.
    pub functions: PathBuf,
    /// The template's parameter `FileParameters`.
    pub file_parameters: String,
    /// What AWS does to everybody now and then; none if it always answers, and at once.
    pub rough: Option<Rough>,
}

/// The environment variable that holds the parameter `FileParameters`.
const FILE_PARAMETERS: &str = "FILE_PARAMETERS";

/// The environment variable by which probes may be sent to the loopback address, where the embedded load balancers listen.
const PROBES_REACH: &str = "PROBES_REACH_THIS_MACHINE";

/// Why a Landfall did not start.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The port.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The data dir.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The template.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The state machine.
    #[error("statemachine/release.asl.json: {0}")]
    StateMachine(#[from] LoadError),
    /// A call that sets the installation up.
    #[error("the embedded cloud refused {call}: {message}")]
    Refused {
        /// The call.
        call: String,
        /// What it said.
        message: String,
    },
}

/// A Landfall that runs.
pub struct Local {
    /// The embedded cloud.
    pub cloud: Arc<Cloud>,
    /// Who carries its events.
    pub courier: Courier,
    /// The ARN of the release state machine.
    pub state_machine: String,
    endpoint: String,
    port: u16,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
}

/// This machine's account, at the present time and with fresh randomness.
fn world() -> World {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    World::new(ACCOUNT, REGION, Timestamp::now(), seed)
}

impl Local {
    /// Installs `definition` and serves.
    ///
    /// # Errors
    /// When the port is taken, the data dir is damaged or in use, or the definition cannot be installed.
    pub async fn start(settings: Settings, definition: Definition<'_>) -> Result<Self, LocalError> {
        let world = Arc::new(world());
        let installation = install::read(definition.template, &world)?;
        let listener = serve::bind(settings.port).await?;
        let address = listener.local_addr();
        let address = address.map_err(|reason| ServeError::Listen {
            port: settings.port,
            reason,
        })?;
        let endpoint = format!("http://{address}");
        let data_dir = settings
            .data_dir
            .as_deref()
            .map(DataDir::open)
            .transpose()?;
        let mut cloud = CloudSettings::new(&endpoint, data_dir);
        if let Some(rough) = settings.rough {
            rough.settle(&mut cloud);
        }
        let cloud = Cloud::open(world, cloud).await?;
        let state_machine = install(
            &cloud,
            &installation,
            definition.state_machine,
            |function| {
                let mut environment = function.environment.clone();
                if let Some(value) = environment.get_mut(FILE_PARAMETERS) {
                    value.clone_from(&settings.file_parameters);
                }
                environment.insert(PROBES_REACH.into(), "true".into());
                Program::Process {
                    path: settings.functions.clone(),
                    environment,
                }
            },
        )
        .await?;
        let courier = Courier::new(cloud.functions.clone());
        let carrier = courier.clone();
        let delivering = cloud
            .deliver_events(Arc::new(move |function, event| {
                carrier.carry(function, event)
            }))
            .map_err(|error| LocalError::Refused {
                call: "the delivery of events".into(),
                message: error.to_string(),
            })?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve::serve(cloud.clone(), listener, async move {
            // Dropped without a word, it stops as well.
            let _ = stopped.await;
        }));
        let mut background = vec![delivering, cloud.keep_saved()];
        for schedule in installation.schedules {
            let carrier = courier.clone();
            let deliver: Deliver = Arc::new(move |function, event| carrier.carry(function, event));
            background.push(schedule::keep(schedule, cloud.world.clone(), deliver));
        }
        Ok(Self {
            cloud,
            courier,
            state_machine,
            endpoint,
            port: address.port(),
            stop,
            serving,
            background,
        })
    }

    /// The URL of the embedded cloud.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port of this machine that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every task and process and saves everything.
    ///
    /// # Errors
    /// When the data dir cannot be written.
    pub async fn stop(self) -> Result<(), StoreError> {
        for task in self.background {
            task.abort();
        }
        // The receiver is gone only if serving ended already.
        let _ = self.stop.send(());
        let _ = self.serving.await;
        self.cloud.functions.stop();
        self.cloud.ecs.shutdown().await;
        self.cloud.save()
    }
}

/// Makes what the template describes: `state_machine` is the text of the state machine that it names, `program` what runs
/// as a function. What is there from an earlier start is replaced or kept. Answers the ARN of the state machine.
///
/// # Errors
/// When the template names no state machine, or the engine or EventBridge refuses a definition.
pub async fn install(
    cloud: &Cloud,
    installation: &Installation,
    state_machine: &str,
    program: impl Fn(&InstalledFunction) -> Program,
) -> Result<String, LocalError> {
    for function in &installation.functions {
        cloud.functions.register(Function {
            name: function.name.clone(),
            program: program(function),
            timeout: function.timeout,
            memory_size: function.memory_size,
        });
    }
    let stack = &installation.stack;
    cloud
        .cloud_formation
        .put_stack(stack, &installation.outputs);
    for bucket in installation
        .buckets
        .iter()
        .filter(|bucket| bucket.versioned)
    {
        cloud.s3.ensure_bucket(&bucket.name);
    }
    for rule in &installation.rules {
        let input = json!({ "Name": rule.name, "EventPattern": rule.pattern.to_string() });
        events(cloud, "PutRule", input).await?;
        let target = json!({ "Id": rule.function, "Arn": cloud.functions.arn(&rule.function) });
        events(
            cloud,
            "PutTargets",
            json!({ "Rule": rule.name, "Targets": [target] }),
        )
        .await?;
    }
    let mut arn = None;
    for machine in &installation.state_machines {
        let text = machine.definition(state_machine)?;
        arn = Some(
            cloud
                .executions
                .create_state_machine(&machine.name, &text)?,
        );
    }
    arn.ok_or_else(|| LocalError::Refused {
        call: "the installation".into(),
        message: "template.yaml has no state machine".into(),
    })
}

async fn events(cloud: &Cloud, operation: &str, input: Value) -> Result<(), LocalError> {
    let answer = cloud.events.call(operation, input).await;
    answer.map(drop).map_err(|fault| LocalError::Refused {
        call: format!("events:{operation}"),
        message: fault.to_string(),
    })
}
