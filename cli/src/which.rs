//! Which Landfall a command speaks to: one in AWS, or the one on this machine.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use clap::Args;
use landfall::service_id::ServiceId;
use landfall_aws::{
    Fault, Kind, bucket::Bucket, config, config::SdkConfig, ecr::Ecr, ecs::Ecs,
    installation::Installation, operator::Operator, sfn::StepFunctions, state_bucket::StateBucket,
};
use landfall_local::local::{CONFIG_BUCKET, REGION, STATE_BUCKET, STATE_MACHINE};
use miette::{Report, Result, miette};

use crate::clients::{PORT, report, report_aws};

/// How long it is tried whether a Landfall listens on this machine.
const LISTENS_WITHIN: Duration = Duration::from_millis(200);

/// Which Landfall.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Which Landfall")]
pub(crate) struct Which {
    /// The name of its CloudFormation stack. Without any of these options it is the Landfall that listens on this machine, and
    /// else the one in the account and Region of the environment.
    #[arg(long, conflicts_with_all = ["port", "state_bucket"])]
    stack: Option<String>,
    /// Its state bucket in AWS, for whom the stack's outputs are not to be read.
    #[arg(long, value_name = "BUCKET", conflicts_with = "port")]
    state_bucket: Option<String>,
    /// Its config bucket in AWS, where the status beside the service files is.
    #[arg(long, value_name = "BUCKET", requires = "state_bucket")]
    config_bucket: Option<String>,
    /// The ARN of its release state machine. Without it, that of the service's last record is taken.
    #[arg(long, value_name = "ARN", requires = "state_bucket")]
    state_machine: Option<String>,
    /// The port that `landfall local` listens on.
    #[arg(long)]
    port: Option<u16>,
}

/// A Landfall that was found.
#[derive(Debug)]
pub(crate) struct Landfall {
    pub(crate) config: SdkConfig,
    state_bucket: String,
    config_bucket: Option<String>,
    /// Its state machine, if it is known without asking.
    pub(crate) state_machine: Option<String>,
    /// Whether it is the one on this machine.
    pub(crate) is_here: bool,
}

impl Which {
    /// Finds it.
    ///
    /// # Errors
    /// What to write, if there is none, or more than one.
    pub(crate) async fn find(&self) -> Result<Landfall> {
        if let Some(bucket) = &self.state_bucket {
            return Ok(Landfall {
                config: config::load().await,
                state_bucket: bucket.clone(),
                config_bucket: self.config_bucket.clone(),
                state_machine: self.state_machine.clone(),
                is_here: false,
            });
        }
        if let Some(stack) = &self.stack {
            let config = config::load().await;
            let found = Installation::named(&config, stack).await;
            return Ok(Landfall::installed(config, found.map_err(report_aws)?));
        }
        match self.port {
            Some(port) => Ok(Landfall::here(port).await),
            None if listens(PORT) => Ok(Landfall::here(PORT).await),
            None => Landfall::in_aws().await,
        }
    }
}

fn listens(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, LISTENS_WITHIN).is_ok()
}

impl Landfall {
    /// The one that listens on this machine at this port.
    pub(crate) async fn here(port: u16) -> Self {
        let endpoint = format!("http://127.0.0.1:{port}");
        Self {
            config: config::local(&endpoint, REGION).await,
            state_bucket: STATE_BUCKET.into(),
            config_bucket: Some(CONFIG_BUCKET.into()),
            state_machine: Some(STATE_MACHINE.into()),
            is_here: true,
        }
    }

    async fn in_aws() -> Result<Self> {
        let config = config::load().await;
        let found = Installation::all(&config).await.map_err(|fault| {
            let mut help = format!("no Landfall listens on this machine at port {PORT} either");
            match fault.kind {
                Kind::Denied => help += "; --state-bucket and --config-bucket need no permission for stacks",
                _ => help += ". For one in AWS set AWS_PROFILE and AWS_REGION; for one here run `landfall local`",
            }
            miette!(help = help, "{fault}")
        })?;
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(Self::installed(config, only)),
            (None, _) => Err(miette!(
                help = "`landfall local` runs one here; README.md says how to install it in AWS",
                "no Landfall listens on this machine at port {PORT}, and no stack in this account and Region is one"
            )),
            (Some(one), Some(other)) => {
                let names = [one, other].into_iter().chain(found);
                let names: Vec<_> = names.map(|each| each.stack).collect();
                Err(miette!(
                    help = format!("name one: --stack {}", names[0]),
                    "there is more than one Landfall: the stacks {}",
                    names.join(", ")
                ))
            }
        }
    }

    fn installed(config: SdkConfig, installation: Installation) -> Self {
        Self {
            config,
            state_bucket: installation.state_bucket,
            config_bucket: Some(installation.config_bucket),
            state_machine: Some(installation.state_machine),
            is_here: false,
        }
    }

    /// Its desired states and records.
    pub(crate) fn state(&self) -> StateBucket {
        StateBucket::named(&self.config, &self.state_bucket)
    }

    /// Its service files and their statuses, if they are known.
    pub(crate) fn files(&self) -> Option<Bucket> {
        let name = self.config_bucket.clone()?;
        Some(Bucket::new(&self.config, name))
    }

    /// The ECS that it deploys to.
    pub(crate) fn ecs(&self) -> Ecs {
        Ecs::new(&self.config)
    }

    /// The ECR whose repositories its services follow.
    pub(crate) fn ecr(&self) -> Ecr {
        Ecr::new(&self.config)
    }

    /// Its executions.
    pub(crate) fn executions(&self) -> StepFunctions {
        StepFunctions::new(&self.config)
    }

    /// Somebody who steers it.
    pub(crate) fn operator(&self) -> Operator {
        Operator::new(&self.config, &self.state_bucket, self.config_bucket.clone())
    }

    /// A failed call as the user sees it.
    pub(crate) fn report(&self, fault: Fault) -> Report {
        if self.is_here {
            report(fault)
        } else {
            report_aws(fault)
        }
    }
}

/// A service as a command is given it.
///
/// # Errors
/// How it has to be written.
pub(crate) fn service(text: &str) -> Result<ServiceId> {
    text.parse().map_err(|refusal| miette!("{refusal}"))
}
