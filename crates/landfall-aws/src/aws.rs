//! What a function has at hand.

use std::sync::OnceLock;

use aws_config::SdkConfig;
use jiff::Timestamp;
use landfall::probe::Reach;

use crate::{
    Fault, bucket::Bucket, clock::Clock, cloud_map::CloudMap, cluster, descriptions::Descriptions,
    ecr::Ecr, ecs::Ecs, elb::Elb, events::Events, parameters::Parameters, scaling::Scaling,
    sfn::StepFunctions, state_bucket::StateBucket, sweep_memory::SweepMemory, web::Web,
};

/// The names that `template.yaml` puts into a function's environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bucket with the service files.
    pub config_bucket: String,
    /// The bucket with the desired states.
    pub state_bucket: String,
    /// The ARN of the release state machine; only the functions that start executions have it.
    pub state_machine: Option<String>,
    /// The parameters of the installation that service files may ask for, `NAME=value` between commas; only the functions
    /// that fill placeholders have them.
    pub file_parameters: String,
    /// What probes reach; only the functions that probe, or plan that, are told of subnets.
    pub probes_reach: Reach,
}

impl Settings {
    /// What the environment variables `CONFIG_BUCKET`, `STATE_BUCKET`, `STATE_MACHINE_ARN`, `FILE_PARAMETERS` and
    /// `PROBE_SUBNETS` say, and `PROBES_REACH_THIS_MACHINE`, which only this machine sets.
    ///
    /// # Errors
    /// Unexpected if a bucket is not named: the function was not installed by the template.
    pub fn from_environment() -> Result<Self, Fault> {
        Ok(Self {
            config_bucket: variable("CONFIG_BUCKET")?,
            state_bucket: variable("STATE_BUCKET")?,
            state_machine: variable("STATE_MACHINE_ARN").ok(),
            file_parameters: variable("FILE_PARAMETERS").unwrap_or_default(),
            probes_reach: match variable("PROBES_REACH_THIS_MACHINE") {
                Ok(_) => Reach::Machine,
                Err(_) => reach_from(&variable("PROBE_SUBNETS").unwrap_or_default()),
            },
        })
    }
}

/// AWS as a function calls it: one client for each service, built when it is first used, so that no function pays for a
/// service that it does not call.
#[derive(Debug)]
pub struct Aws {
    sdk: SdkConfig,
    settings: Settings,
    clock: Clock,
    web: Option<Web>,
    state: OnceLock<StateBucket>,
    files: OnceLock<Bucket>,
    sweeps: OnceLock<SweepMemory>,
    ecs: OnceLock<Ecs>,
    descriptions: OnceLock<Descriptions>,
    cluster_needs: OnceLock<cluster::ClusterNeeds>,
    ecr: OnceLock<Ecr>,
    elb: OnceLock<Elb>,
    cloud_map: OnceLock<CloudMap>,
    scaling: OnceLock<Scaling>,
    parameters: OnceLock<Parameters>,
    events: OnceLock<Events>,
    executions: OnceLock<StepFunctions>,
}

impl Aws {
    /// AWS as `sdk` reaches it.
    pub fn new(sdk: SdkConfig, settings: Settings) -> Self {
        Self {
            clock: Clock::of(&sdk),
            sdk,
            settings,
            web: None,
            state: OnceLock::new(),
            files: OnceLock::new(),
            sweeps: OnceLock::new(),
            ecs: OnceLock::new(),
            descriptions: OnceLock::new(),
            cluster_needs: OnceLock::new(),
            ecr: OnceLock::new(),
            elb: OnceLock::new(),
            cloud_map: OnceLock::new(),
            scaling: OnceLock::new(),
            parameters: OnceLock::new(),
            events: OnceLock::new(),
            executions: OnceLock::new(),
        }
    }

    /// The same where services are asked by `web`, and not over the network.
    pub fn with_web(self, web: Web) -> Self {
        Self {
            web: Some(web),
            ..self
        }
    }

    /// What probes reach from where they are sent.
    pub fn probes_reach(&self) -> Reach {
        self.settings.probes_reach
    }

    /// By what services are asked, if not over the network.
    pub fn web(&self) -> Option<&Web> {
        self.web.as_ref()
    }

    /// The present time, by which requests are signed.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The ARN of the release state machine.
    ///
    /// # Errors
    /// Unexpected if the template does not give it to this function.
    pub fn state_machine(&self) -> Result<&str, Fault> {
        let arn = self.settings.state_machine.as_deref();
        arn.ok_or_else(|| unset("STATE_MACHINE_ARN"))
    }

    /// The bucket with the desired states.
    pub fn state(&self) -> &StateBucket {
        self.state
            .get_or_init(|| StateBucket::named(&self.sdk, &self.settings.state_bucket))
    }

    /// The bucket with the service files and their statuses.
    pub fn files(&self) -> &Bucket {
        self.files
            .get_or_init(|| Bucket::new(&self.sdk, self.settings.config_bucket.clone()))
    }

    /// What sweeps remember, in the bucket with the desired states.
    pub fn sweeps(&self) -> &SweepMemory {
        self.sweeps
            .get_or_init(|| SweepMemory::named(&self.sdk, &self.settings.state_bucket))
    }

    /// ECS.
    pub fn ecs(&self) -> &Ecs {
        self.ecs.get_or_init(|| Ecs::new(&self.sdk))
    }

    /// ECS's descriptions of task definitions, as they are written.
    pub fn descriptions(&self) -> &Descriptions {
        self.descriptions
            .get_or_init(|| Descriptions::new(&self.sdk))
    }

    /// What a cluster needs besides itself.
    pub fn cluster_needs(&self) -> &cluster::ClusterNeeds {
        self.cluster_needs
            .get_or_init(|| cluster::ClusterNeeds::new(&self.sdk))
    }

    /// ECR.
    pub fn ecr(&self) -> &Ecr {
        self.ecr.get_or_init(|| Ecr::new(&self.sdk))
    }

    /// Elastic Load Balancing.
    pub fn elb(&self) -> &Elb {
        self.elb.get_or_init(|| Elb::new(&self.sdk))
    }

    /// Cloud Map.
    pub fn cloud_map(&self) -> &CloudMap {
        self.cloud_map.get_or_init(|| CloudMap::new(&self.sdk))
    }

    /// Application Auto Scaling.
    pub fn scaling(&self) -> &Scaling {
        self.scaling.get_or_init(|| Scaling::new(&self.sdk))
    }

    /// The values of placeholders.
    pub fn parameters(&self) -> &Parameters {
        self.parameters
            .get_or_init(|| Parameters::new(&self.sdk, &self.settings.file_parameters))
    }

    /// EventBridge, for Landfall's events.
    pub fn events(&self) -> &Events {
        self.events.get_or_init(|| Events::new(&self.sdk))
    }

    /// Step Functions.
    pub fn executions(&self) -> &StepFunctions {
        self.executions
            .get_or_init(|| StepFunctions::new(&self.sdk))
    }
}

/// What probes reach that are sent from these subnets, between commas; from none where the stack names none.
pub fn reach_from(subnets: &str) -> Reach {
    if subnets.is_empty() {
        Reach::Internet
    } else {
        Reach::Subnets
    }
}

fn variable(name: &str) -> Result<String, Fault> {
    std::env::var(name).map_err(|_| unset(name))
}

fn unset(name: &str) -> Fault {
    Fault::unexpected(format!(
        "the environment variable {name} is not set; template.yaml sets it"
    ))
}
