//! `landfall continue` and `landfall abort`: what becomes of a deployment that ECS has paused.

use landfall::live::HookAction;
use miette::{Result, miette};

use crate::{
    hold::AgainArguments,
    steering::{Done, described},
};

/// Has it go on, or back.
pub(crate) async fn run(arguments: AgainArguments, answer: HookAction) -> Result<()> {
    let (landfall, service) = arguments.target.find().await?;
    let manner = &arguments.manner;
    let paused = described(&landfall, &service).await?.paused;
    let paused = paused.ok_or_else(|| {
        miette!(
            help = format!("where it is: landfall status {service}"),
            "no release of {service} is paused"
        )
    })?;
    let number = paused.release;
    let goes_on = answer == HookAction::Continue;
    let question = if goes_on {
        format!("Let release {number} of {service} go on?")
    } else {
        format!("Have release {number} of {service} go back to what ran before it?")
    };
    let sentence = format!("{service} release {number}: {}.", paused.pause.sentence());
    let plan = || async { Ok(vec![sentence]) };
    manner.agree(plan, &question).await?;
    let operator = landfall.operator();
    let answered = operator.answer_pause(&service, &answer, arguments.reason.as_deref());
    answered.await.map_err(|fault| landfall.report(fault))?;
    let (verb, goes) = if goes_on {
        ("continue", "goes on")
    } else {
        ("abort", "goes back")
    };
    let done = Done {
        verb,
        changed: true,
        message: format!(
            "Release {number} of {service} {goes}. To see how it ends: landfall watch {service}"
        ),
    };
    manner.tell(&landfall, &service, done).await
}
