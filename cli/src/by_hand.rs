//! `landfall rollback` and `landfall deploy`: an operator says what runs.

use clap::Args;
use landfall::{desired::DesiredState, record::Record, service_id::ServiceId};
use landfall_aws::operator::by_hand::Given;
use miette::Result;

use crate::{
    hold::{AgainArguments, waits_for},
    steering::Done,
    view::tags,
};

/// What to go back to, and why.
#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    #[command(flatten)]
    again: AgainArguments,
    /// The number of a release that succeeded. Without it, that is what ran before.
    #[arg(long, value_name = "RELEASE")]
    to: Option<u64>,
}

/// What to deploy, and why.
#[derive(Debug, Args)]
pub(crate) struct DeployArguments {
    #[command(flatten)]
    again: AgainArguments,
    /// A tag, also one that no follow rule admits. Without it, what the rules admit is looked for.
    #[arg(long)]
    tag: Option<String>,
}

/// Goes back, and stays.
pub(crate) async fn roll_back(arguments: RollbackArguments) -> Result<()> {
    let RollbackArguments { again, to } = arguments;
    let (landfall, service) = again.target.find().await?;
    let operator = landfall.operator();
    let back = operator.goes_back_to(&service, to).await;
    let back = back.map_err(|fault| landfall.report(fault))?;
    let (changed, message) = match back {
        None => (
            false,
            format!(
                "{service} was taken back already, and stays there until `landfall resume {service}`. To go back further, \
                 name a release with --to: landfall history {service}"
            ),
        ),
        Some(record) => {
            let number = record.release.number;
            let plan = || async { Ok(vec![will_go_back(&service, &record)]) };
            let question = format!("Take {service} back to release {number}?");
            again.manner.agree(plan, &question).await?;
            let reason = again.reason.as_deref();
            let state_machine = landfall.state_machine.as_deref();
            let given = operator.roll_back(&service, Some(number), reason, state_machine);
            let given = given.await.map_err(|fault| landfall.report(fault))?;
            (given.made.is_some(), went_back(&given, &record))
        }
    };
    let done = Done {
        verb: "rollback",
        changed,
        message,
    };
    again.manner.tell(&landfall, &service, done).await
}

/// Deploys.
pub(crate) async fn deploy(arguments: DeployArguments) -> Result<()> {
    let DeployArguments { again, tag } = arguments;
    let (landfall, service) = again.target.find().await?;
    let will = match &tag {
        Some(tag) => format!(
            "{service} is given {tag}. If that is not what comes by itself, it stays there, on hold, whatever is pushed or \
             uploaded."
        ),
        None => format!("{service} is given the newest images that its follow rules admit."),
    };
    let plan = || async { Ok(vec![will]) };
    let question = format!("Deploy to {service}?");
    again.manner.agree(plan, &question).await?;
    let operator = landfall.operator();
    let reason = again.reason.as_deref();
    let state_machine = landfall.state_machine.as_deref();
    let given = operator.deploy(&service, tag.as_deref(), reason, state_machine);
    let given = given.await.map_err(|fault| landfall.report(fault))?;
    let done = Done {
        verb: "deploy",
        changed: given.made.is_some(),
        message: deployed(&given),
    };
    again.manner.tell(&landfall, &service, done).await
}

fn went_back(given: &Given, record: &Record) -> String {
    let service = &given.desired.service;
    let number = record.release.number;
    let mut lines = vec![match given.made {
        Some(made) => format!(
            "Release {made} takes {service} back to release {number} ({}) and is on its way.",
            tags(&record.release.content)
        ),
        None => format!("{service} was taken back to release {number} already."),
    }];
    if given.made.is_some() {
        lines.push(follow(service));
    }
    lines.push(how_to_go_on(service));
    lines.join("\n")
}

fn will_go_back(service: &ServiceId, record: &Record) -> String {
    format!(
        "{service} is given what release {} ran: {}, with the service file of then. It stays there, on hold, whatever is \
         pushed or uploaded.",
        record.release.number,
        tags(&record.release.content)
    )
}

fn deployed(given: &Given) -> String {
    let Given { desired, made } = given;
    let service = &desired.service;
    let mut lines = vec![what_was_deployed(desired, *made)];
    if made.is_some() && desired.next_release().is_some() {
        lines.push(follow(service));
    }
    if desired.hold.as_ref().is_some_and(|hold| hold.at.is_some()) {
        lines.push(how_to_go_on(service));
    }
    lines.join("\n")
}

fn what_was_deployed(desired: &DesiredState, made: Option<u64>) -> String {
    let service = &desired.service;
    let next = desired.next_release();
    match (made, next) {
        (Some(made), Some(release)) if release.number == made => format!(
            "Release {made} of {service} is on its way: {} ({}).",
            tags(&release.content),
            release.cause
        ),
        (Some(made), _) => {
            format!("{service} is on hold: release {made} waits for `landfall resume {service}`.")
        }
        (None, Some(release)) => format!(
            "Nothing newer is there: release {} of {service} is on its way with it.",
            release.number
        ),
        (None, None) => match waits_for(desired) {
            Some(pushes) => format!("{service} waits for {pushes}."),
            None if !desired.left_out().is_empty() => format!(
                "Nothing newer is there than what was no success: `landfall retry {service}` tries that again."
            ),
            None => format!("{service} was given that already."),
        },
    }
}

fn follow(service: &ServiceId) -> String {
    format!("To see how it ends: landfall watch {service}")
}

fn how_to_go_on(service: &ServiceId) -> String {
    format!("{service} stays there, on hold. To deploy the newest again: landfall resume {service}")
}
