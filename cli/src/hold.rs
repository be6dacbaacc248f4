//! `landfall hold` and `landfall resume`: a service stays as it is, until it may change again.

use clap::Args;
use landfall::{desired::DesiredState, follow::FollowRule, service_id::ServiceId};
use miette::Result;

use crate::which::{self, Landfall, Which};

/// Which service, of which Landfall.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The service, as cluster/service.
    service: String,
    #[command(flatten)]
    which: Which,
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

/// What is let go on or tried again, and why.
#[derive(Debug, Args)]
pub(crate) struct AgainArguments {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Why, for the record of the release.
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

/// Holds a service.
pub(crate) async fn hold(arguments: HoldArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let held = landfall.operator().hold(&service, &arguments.reason).await;
    let desired = held.map_err(|fault| landfall.report(fault))?;
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
pub(crate) async fn resume(arguments: AgainArguments) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let state_machine = landfall.state_machine.as_deref();
    let reason = arguments.reason.as_deref();
    let operator = landfall.operator();
    let changed = operator.resume(&service, reason, state_machine).await;
    let desired = changed.map_err(|fault| landfall.report(fault))?;
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

impl Target {
    /// That Landfall, and the service.
    pub(crate) async fn find(&self) -> Result<(Landfall, ServiceId)> {
        let service = which::service(&self.service)?;
        Ok((self.which.find().await?, service))
    }
}
