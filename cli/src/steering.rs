//! What commands that change a service say before and after.

use clap::Args;
use landfall::{desired::DesiredState, service_id::ServiceId};
use miette::{Result, miette};
use serde_json::json;

use crate::{
    output::{asks, confirms, print, width, wrapped},
    status::{self, undescribed},
    view::Reader,
    which::Landfall,
};

/// How many of the newest releases are told as JSON, as `landfall status` does.
const RELEASES: usize = 5;

/// How a change is agreed to and told.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Print JSON: what was done, and the service as `landfall status --json` has it.
    #[arg(long)]
    json: bool,
}

/// What was done.
pub(crate) struct Done {
    /// The verb of the command.
    pub(crate) verb: &'static str,
    /// Whether it changed anything: done twice, it does not.
    pub(crate) changed: bool,
    /// The same in sentences.
    pub(crate) message: String,
}

impl Manner {
    /// As [`agree`].
    pub(crate) async fn agree<F>(&self, plan: impl FnOnce() -> F, question: &str) -> Result<()>
    where
        F: Future<Output = Result<Vec<String>>>,
    {
        agree(self.yes, plan, question).await
    }

    /// Tells what was done to the service.
    ///
    /// # Errors
    /// If it cannot be printed, or for JSON if the service cannot be read.
    pub(crate) async fn tell(
        &self,
        landfall: &Landfall,
        service: &ServiceId,
        done: Done,
    ) -> Result<()> {
        let Done {
            verb,
            changed,
            message,
        } = done;
        if !self.json {
            return print(&format!("{message}\n"));
        }
        let view = Reader::of(landfall).one(service, RELEASES).await;
        let view = view.map_err(|fault| landfall.report(fault))?;
        let document = json!({
            "verb": verb,
            "changed": changed,
            "message": message,
            "service": view.as_ref().map(status::object),
        });
        print(&format!("{document:#}\n"))
    }
}

/// Says what `plan` finds will be done, and asks, where somebody sits at a terminal and has not said `yes` already.
///
/// # Errors
/// If the answer is no, and as `plan`.
pub(crate) async fn agree<F>(yes: bool, plan: impl FnOnce() -> F, question: &str) -> Result<()>
where
    F: Future<Output = Result<Vec<String>>>,
{
    if yes || !asks() {
        return Ok(());
    }
    let plan = plan().await?.join("\n") + "\n";
    eprint!("{}", wrapped(&plan, "", width()));
    if confirms(question)? {
        Ok(())
    } else {
        Err(miette!(help = "--yes does not ask", "nothing was changed"))
    }
}

/// What is desired of a service before it is changed.
///
/// # Errors
/// If nothing has described it, and as S3 answers.
pub(crate) async fn described(landfall: &Landfall, service: &ServiceId) -> Result<DesiredState> {
    let view = Reader::of(landfall).last(service).await;
    let view = view.map_err(|fault| landfall.report(fault))?;
    Ok(view.ok_or_else(|| undescribed(service))?.desired)
}
