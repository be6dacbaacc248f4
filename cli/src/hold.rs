//! `landfall hold` and `landfall resume`: a service stays as it is, until it may change again.

use clap::Args;
use landfall::{desired::DesiredState, follow::FollowRule, service_id::ServiceId};
use landfall_aws::{config, operator::Operator};
use landfall_local::local::{CONFIG_BUCKET, REGION, STATE_BUCKET, STATE_MACHINE};
use miette::{Result, miette};

use crate::clients::{PORT, report};

/// Which service, of which Landfall.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The service, as cluster/service.
    service: String,
    /// The state bucket in AWS, instead of the Landfall on this machine.
    #[arg(long)]
    state_bucket: Option<String>,
    /// The config bucket in AWS: with it, the status beside the service file tells of the hold too.
    #[arg(long, requires = "state_bucket")]
    config_bucket: Option<String>,
    /// The port that `landfall local` listens on.
    #[arg(long, default_value_t = PORT, conflicts_with = "state_bucket")]
    port: u16,
}

/// What to hold, and why.
#[derive(Debug, Args)]
pub(crate) struct HoldArguments {
    #[command(flatten)]
    target: Target,
    /// Why, for whoever looks at the status.
    #[arg(long)]
    reason: String,
}

/// What to resume.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    executions: Executions,
}

/// How an execution is started.
#[derive(Debug, Args)]
pub(crate) struct Executions {
    /// The ARN of the release state machine in AWS. Without it, that of the service's last record is taken.
    #[arg(long, requires = "state_bucket")]
    state_machine: Option<String>,
}

/// Holds a service.
pub(crate) async fn hold(arguments: HoldArguments) -> Result<()> {
    let (operator, service) = arguments.target.operator().await?;
    let desired = operator
        .hold(&service, &arguments.reason)
        .await
        .map_err(report)?;
    if let Some(hold) = &desired.hold {
        println!("{service} is on hold: {}", hold.reason);
    }
    if let Some(release) = desired.next_release() {
        println!(
            "Release {} was begun and is brought to its end.",
            release.number
        );
    }
    println!("To let it change again: landfall resume {service}");
    Ok(())
}

/// Ends a hold.
pub(crate) async fn resume(arguments: ResumeArguments) -> Result<()> {
    let (operator, service) = arguments.target.operator().await?;
    let state_machine = arguments.executions.state_machine(&arguments.target);
    let desired = operator
        .resume(&service, state_machine)
        .await
        .map_err(report)?;
    println!("{}", resumed(&desired));
    Ok(())
}

fn resumed(desired: &DesiredState) -> String {
    let service = &desired.service;
    match desired.next_release() {
        Some(release) => format!(
            "{service} may change again: release {} is on its way ({}).",
            release.number, release.cause
        ),
        None => match waits_for(desired) {
            Some(pushes) => format!("{service} may change again. It waits for {pushes}."),
            None => format!("{service} may change again. Nothing is left to deploy."),
        },
    }
}

/// The pushes without which nothing can be released, if any are missing.
pub(crate) fn waits_for(desired: &DesiredState) -> Option<String> {
    let pushes = desired.waiting_for().into_iter();
    let pushes = pushes.map(|(container, rule)| {
        let FollowRule {
            repository, tag, ..
        } = rule;
        format!("a push of {repository}:{tag} (container {container})")
    });
    let pushes: Vec<_> = pushes.collect();
    (!pushes.is_empty()).then(|| pushes.join(" and "))
}

impl Executions {
    /// The state machine, if it is known.
    pub(crate) fn state_machine(&self, target: &Target) -> Option<&str> {
        match &target.state_bucket {
            Some(_) => self.state_machine.as_deref(),
            None => Some(STATE_MACHINE),
        }
    }
}

impl Target {
    /// The operator of that Landfall, and the service.
    pub(crate) async fn operator(&self) -> Result<(Operator, ServiceId)> {
        let service = self
            .service
            .parse::<ServiceId>()
            .map_err(|refusal| miette!("{refusal}"))?;
        let operator = match &self.state_bucket {
            Some(bucket) => {
                Operator::new(&config::load().await, bucket, self.config_bucket.clone())
            }
            None => {
                let endpoint = format!("http://127.0.0.1:{}", self.port);
                let config = config::local(&endpoint, REGION).await;
                Operator::new(&config, STATE_BUCKET, Some(CONFIG_BUCKET.into()))
            }
        };
        Ok((operator, service))
    }
}
