//! Step `ConcludeRelease`: one verdict, one record, one event, and the claim given up.
//!
//! In: `Input`, from every ending. Out: `Output`, whether there may be more to do.
//! Fails with `Transient`, which the state machine retries.

use landfall::{
    drift::Revision,
    protocol::{
        Guards,
        conclude::{Answer, Ask, Conclude},
    },
    record::Verdict,
    revocation::{is_revoked, registered_after, revision_in_service},
    service_id::ServiceId,
    step::conclude_release::{Input, Output, ending, is_overtaken},
    task_definition::family,
};
use landfall_aws::{
    Aws, Fault, drift,
    events::{RELEASE_CONCLUDED, SERVICE_DRIFTED},
    function::{Function, step_span},
    status_file::StatusFile,
};

/// What 409 says of a record that is not there: another write of it is under way, or was given up
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
const UNSEEN: &str = "S3 has not written the record, and does not have it yet";

/// Gives a release its verdict.
#[derive(Debug)]
pub struct ConcludeRelease;

impl Function for ConcludeRelease {
    const NAME: &'static str = "conclude-release";
    type Input = Input;
    type Output = Output;

    fn span(input: &Input) -> tracing::Span {
        step_span(&input.service, input.release.number, &input.execution)
    }

    /// Writes the records and sends their events, then writes the verdict and gives up the claim in one
    /// compare-and-swap.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let service = &input.service;
        let mut conclude = Conclude::begin(Guards::all(), &input);
        loop {
            let answer = match conclude.ask(&input) {
                Ask::Look => Answer::Seen(foreign_revision(aws, &input).await?),
                Ask::ReadDesired => Answer::Desired(aws.state().read(service).await?),
                Ask::PutRecord(record) => Answer::Written(aws.state().put_record(&record).await?),
                Ask::ReadRecord(number) => {
                    let record = aws.state().read_record(service, number).await?;
                    let unseen = || Fault::transient(UNSEEN);
                    Answer::Record(record.ok_or_else(unseen)?)
                }
                Ask::Announce(record) => {
                    aws.events().put(RELEASE_CONCLUDED, &*record).await?;
                    Answer::Done
                }
                Ask::Report(report) => {
                    aws.events().put(SERVICE_DRIFTED, &*report).await?;
                    Answer::Done
                }
                Ask::NoteUnproven => {
                    aws.state().note_unproven(service).await?;
                    Answer::Done
                }
                Ask::NoteUndecided(number) => {
                    aws.sweeps().note_undecided(service, number).await?;
                    Answer::Done
                }
                Ask::Revoke(number) => {
                    match revoke(aws, service, number).await {
                        // Without a verdict the service would stay claimed.
                        Err(fault) if fault.is_refused() => {
                            tracing::error!(reason = %fault, "a bad revision may be the newest of its family");
                        }
                        revoked => revoked?,
                    }
                    Answer::Done
                }
                Ask::WriteDesired { over, desired } => {
                    Answer::Written(aws.state().write(over, &desired).await?)
                }
                Ask::KeepStatus(desired) => {
                    StatusFile::update(aws.files(), &desired).await?;
                    Answer::Done
                }
            };
            if let Some(output) = conclude.on(&input, answer, aws.now()) {
                log(output.verdict, &output.reason);
                return Ok(output);
            }
        }
    }
}

/// The foreign revision that the service was given since the release was verified, if it was.
async fn foreign_revision(aws: &Aws, input: &Input) -> Result<Option<String>, Fault> {
    let live = match aws.ecs().service(&input.service).await {
        // Without a verdict the service would stay claimed: a look that fails must not keep it from being written.
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "nobody knows what the service runs by now");
            return Ok(None);
        }
        other => other?,
    };
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Ok(None);
    };
    let Some(arn) = live.primary().map(|primary| &primary.task_definition) else {
        return Ok(None);
    };
    let ending = ending(&input.facts);
    let given = ending.task_definition.as_ref();
    if given.is_none_or(|given| given.arn == *arn) {
        return Ok(None);
    }
    let desired = aws.state().read(&input.service).await?;
    let content = &input.release.content.file;
    let file = aws.state().file(content).await?;
    let mut revision = Revision::of_file(arn, &file);
    let (state, ecs) = (aws.state(), aws.ecs());
    let whose = drift::whose(state, ecs, &desired, &live, &mut revision, content).await?;
    Ok(is_overtaken(whose, &file).then(|| arn.clone()))
}

/// Deregisters the revisions that were registered for releases of the service up to this one, after the one that the
/// service runs. Those of others stay.
async fn revoke(aws: &Aws, service: &ServiceId, bad: u64) -> Result<(), Fault> {
    let live = aws.ecs().service(service).await?;
    let Some(kept) = revision_in_service(live.as_ref()) else {
        return Ok(());
    };
    let Some(family) = family(kept) else {
        return Ok(());
    };
    let listed = aws.ecs().newest_revisions(family).await?;
    for arn in registered_after(kept, &listed) {
        if is_revoked(aws.ecs().registered_for(arn, service).await?, bad) {
            aws.ecs().deregister_task_definition(arn).await?;
            tracing::info!(
                arn,
                "deregistered the revision of a release that came to nothing"
            );
        }
    }
    Ok(())
}

/// Logs a verdict. The template's metric filters count the lines that say `failed` and `undecided`, so no log level may
/// leave them out.
pub fn log(verdict: Verdict, reason: &str) {
    if matches!(verdict, Verdict::Failed | Verdict::Undecided) {
        tracing::error!(%verdict, reason, "concluded");
    } else {
        tracing::info!(%verdict, reason, "concluded");
    }
}
