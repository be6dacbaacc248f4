//! Step `ConcludeRelease`: one verdict, one record, one event, and the claim given up.
//!
//! In: `Input`, from every ending. Out: `Output`, whether there may be more to do.
//! Fails with `Transient`, which the state machine retries.

use std::collections::BTreeSet;

use landfall::{
    desired::DesiredState,
    drift::{Revision, told},
    record::{Ending, Record, Verdict},
    step::conclude_release::{Input, Output, ending, is_open, is_overtaken, overtaken, records},
};
use landfall_aws::{
    Aws, Fault,
    bucket::Written,
    drift,
    events::{RELEASE_CONCLUDED, SERVICE_DRIFTED},
    function::{Function, step_span},
};

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

    /// Writes the records and tells the world, then writes the verdict and gives up the claim in one compare-and-swap.
    ///
    /// Records go first: should this execution die in between, the next one finds the record and only finishes.
    ///
    /// # Errors
    /// As AWS answers.
    async fn handle(aws: &Aws, input: Input) -> Result<Output, Fault> {
        let mut ending = ending(&input.facts);
        if ending.verdict == Verdict::Succeeded {
            look_once_more(aws, &input, &mut ending).await?;
        }
        let mut verdict = ending.verdict;
        let mut reason = String::new();
        let mut announced = BTreeSet::new();
        loop {
            let read = aws.state().read(&input.service).await?;
            if !is_open(&input, &read) {
                // An earlier invocation of this step came through, and its answer was lost, perhaps its log line too.
                log(verdict, &reason);
                return Ok(Output {
                    verdict,
                    reason,
                    again: true,
                });
            }
            let own = write_records(aws, &input, &ending, &read, &mut announced).await?;
            verdict = own.verdict;
            reason = own.reason;
            let mut concluded = DesiredState::clone(&read);
            concluded.conclude(input.release.number, verdict, own.task_definition.as_ref());
            if verdict == Verdict::Drifted {
                let seen = own.diagnosis.as_ref().map(|diagnosis| &diagnosis.undone);
                let why = told(&input.service, seen.unwrap_or(&reason));
                let report = concluded.drift(why, aws.now());
                aws.events().put(SERVICE_DRIFTED, &report).await?;
            }
            if aws.state().write(&read, &concluded).await? == Written::Yes {
                log(verdict, &reason);
                if verdict == Verdict::Drifted {
                    aws.files().keep_status(&concluded).await?;
                }
                return Ok(Output {
                    verdict,
                    reason,
                    again: concluded.next_release().is_some(),
                });
            }
        }
    }
}

/// Since the release was verified, the tasks after the rollout may have run for hours: a foreign revision that the service
/// was given meanwhile is no success.
async fn look_once_more(aws: &Aws, input: &Input, ending: &mut Ending) -> Result<(), Fault> {
    let live = match aws.ecs().service(&input.service).await {
        // A verdict is needed most of all.
        Err(fault) if fault.is_refused() => {
            tracing::error!(reason = %fault, "nobody knows what the service runs by now");
            return Ok(());
        }
        other => other?,
    };
    let Some(live) = live.filter(|live| live.is_active()) else {
        return Ok(());
    };
    let Some(arn) = live.primary().map(|primary| &primary.task_definition) else {
        return Ok(());
    };
    let given = ending.task_definition.as_ref();
    if given.is_none_or(|given| given.arn == *arn) {
        return Ok(());
    }
    let desired = aws.state().read(&input.service).await?;
    let content = &input.release.content.file;
    let file = aws.state().file(content).await?;
    let revision = Revision::of_file(arn, &file);
    let (state, ecs) = (aws.state(), aws.ecs());
    let whose = drift::whose(state, ecs, &desired, &live, revision, content).await?;
    if is_overtaken(whose, &file) {
        *ending = overtaken(arn);
    }
    Ok(())
}

/// Answers this release's record, which an execution that died may have written before.
/// `announced` keeps a lost compare-and-swap from telling the world twice.
async fn write_records(
    aws: &Aws,
    input: &Input,
    ending: &Ending,
    desired: &DesiredState,
    announced: &mut BTreeSet<u64>,
) -> Result<Record, Fault> {
    let mut own = None;
    for record in records(input, ending, desired, aws.now()) {
        let record = match aws.state().put_record(&record).await? {
            Written::Yes => record,
            Written::Conflict => {
                let kept = aws
                    .state()
                    .record(&record.service, record.release.number)
                    .await?;
                kept.ok_or_else(|| Fault::unexpected("a record that was there is gone"))?
            }
        };
        if announced.insert(record.release.number) {
            aws.events().put(RELEASE_CONCLUDED, &record).await?;
        }
        own.get_or_insert(record);
    }
    own.ok_or_else(|| Fault::unexpected("a release has no record"))
}

/// Logs a verdict. The template's metric filter counts the lines that say `failed`, so no log level may leave them out.
pub fn log(verdict: Verdict, reason: &str) {
    if verdict == Verdict::Failed {
        tracing::error!(%verdict, reason, "concluded");
    } else {
        tracing::info!(%verdict, reason, "concluded");
    }
}
