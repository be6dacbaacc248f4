//! `landfall continue` and `landfall abort`: what becomes of a deployment that ECS has paused.

use clap::Args;
use landfall::live::HookAction;
use miette::{Result, miette};

use crate::{hold::AgainArguments, output::confirms, view::Reader};

/// Whose deployment.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    again: AgainArguments,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Has it go on, or back.
pub(crate) async fn run(arguments: Arguments, answer: HookAction) -> Result<()> {
    let (landfall, service) = arguments.again.target.find().await?;
    let reader = Reader::of(&landfall);
    let view = reader.one(&service, 0).await;
    let view = view.map_err(|fault| landfall.report(fault))?;
    let paused = view.and_then(|view| view.desired.paused);
    let paused = paused.ok_or_else(|| miette!("no release of {service} is paused"))?;
    let (number, sentence) = (paused.release, paused.pause.sentence());
    let goes_on = answer == HookAction::Continue;
    let question = match goes_on {
        true => format!("Let release {number} of {service} go on?"),
        false => format!("Have release {number} of {service} go back to what ran before it?"),
    };
    println!("{service} release {number}: {sentence}.");
    if !arguments.yes && !confirms(&question)? {
        return Err(miette!("nothing was changed"));
    }
    let operator = landfall.operator();
    let answered = operator.answer_pause(&service, &answer, arguments.again.reason.as_deref());
    answered.await.map_err(|fault| landfall.report(fault))?;
    println!(
        "Release {number} {}. To see how it ends: landfall watch {service}",
        if goes_on { "goes on" } else { "goes back" }
    );
    Ok(())
}
