//! Trigger `image-pushed`: an image was pushed to ECR.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is malformed, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::{
    content::FileContent,
    desired::FollowedFile,
    event::{
        Heard,
        image_pushed::{self, PushedTag},
    },
    protocol::{
        Guards,
        join::{Answer, Ask, Join, Output},
    },
    service_file::parameters::{placeholders as placeholders_of, refreshed},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{
    Aws, Fault,
    fitting::Fitting,
    function::{Event, Function},
    passed_over,
    side_by_side::{self, out_of_time},
    status_file::StatusFile,
    sweep_memory::Distrust,
};

/// Joins a pushed image into the desired state of every service that follows it.
#[derive(Debug)]
pub struct ImagePushed;

impl Function for ImagePushed {
    const NAME: &'static str = "image-pushed";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!("image-pushed", event = event.payload["id"].as_str())
    }

    /// Asks ECR for the tag that the event names, and joins its image into the desired states.
    ///
    /// # Errors
    /// Refused if the event is malformed; otherwise the first failure, after every service was tried, or that there was no
    /// time for every one.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let home = &event.home;
        let pushed = match image_pushed::read(&event.payload, &home.account, &home.region)? {
            Heard::Look(pushed) => pushed,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        let services = aws.state().followers(&pushed.repository).await?;
        let followers = services.len();
        let distrust = Distrust::new(aws.sweeps());
        let (event, pushed, distrust) = (&event, &pushed, &distrust);
        let is_late = || event.is_late(aws.now());
        let ended = side_by_side::each(services, is_late, |service| async move {
            let joined = join(aws, &service, pushed, &event.request_id, distrust).await;
            joined.inspect_err(|fault| tracing::error!(%service, error = fault.name(), "{fault}"))
        })
        .await;
        let failed = ended
            .results
            .iter()
            .filter(|joined| joined.is_err())
            .count();
        let (done, left) = (ended.results.len() - failed, ended.left);
        let PushedTag {
            repository, tag, ..
        } = pushed;
        tracing::info!(
            repository,
            tag,
            followers,
            done,
            failed,
            left,
            "took up a push"
        );
        ended.results.into_iter().collect::<Result<(), Fault>>()?;
        match left {
            0 => Ok(()),
            _ => {
                let of = format!("services that follow {repository}");
                Err(out_of_time(left, followers, of))
            }
        }
    }
}

/// Joins the image that ECR shows now for a tag into the desired state of a service, and starts an execution if a
/// release is open.
///
/// # Errors
/// As AWS answers.
pub async fn join(
    aws: &Aws,
    service: &ServiceId,
    pushed: &PushedTag,
    request_id: &str,
    distrust: &Distrust<'_>,
) -> Result<(), Fault> {
    let mut join = Join::begin(Guards::all());
    loop {
        let answer = match join.ask() {
            Ask::ReadDesired => Answer::Desired(aws.state().read(service).await?),
            Ask::ReadImage(file) => {
                let fitting = Fitting::of(aws, file);
                Answer::Tagged(fitting.tagged(&pushed.repository, &pushed.tag).await?)
            }
            Ask::IsThere(tag) => {
                let found = aws.ecr().image(&pushed.repository, tag).await?;
                Answer::IsThere(found.is_some())
            }
            Ask::LookThrough(file, searches) => {
                Answer::Found(Fitting::of(aws, file).search(searches).await?)
            }
            Ask::LookForKept(file, kept) => {
                Answer::Found(Fitting::of(aws, file).search_gone(kept).await?)
            }
            Ask::Refresh(file) => Answer::Refreshed(refresh(aws, file).await?),
            Ask::Distrust(image) => {
                distrust.note(image, || aws.now()).await?;
                Answer::Done
            }
            Ask::Record(records) => {
                passed_over::record(aws, &records).await?;
                Answer::Done
            }
            Ask::WriteDesired { over, desired } => {
                Answer::Written(aws.state().write(over, &desired).await?)
            }
            Ask::KeepStatus(desired) => {
                StatusFile::update(aws.files(), &desired).await?;
                Answer::Done
            }
            Ask::Start(release) => {
                aws.executions()
                    .start_first(aws.state_machine()?, service, release, request_id)
                    .await?;
                Answer::Done
            }
        };
        if let Some(output) = join.on(pushed, answer, aws.now()) {
            log(service, &pushed.tag, output);
            return Ok(());
        }
    }
}

fn log(service: &ServiceId, tag: &str, output: Output) {
    match output {
        Output::NotAdmitted => {
            tracing::info!(%service, tag, "ignored: no follow rule admits the tag");
        }
        Output::NotTagged => {
            tracing::info!(%service, tag, "ignored: nothing has the tag any more");
        }
        Output::Unfit => {
            tracing::warn!(%service, tag, "ignored: the tasks cannot run what has the tag");
        }
        Output::NothingToStart { held } => {
            tracing::info!(%service, tag, held, "nothing changes");
        }
        Output::Started(release) => tracing::info!(%service, tag, release, "joined"),
    }
}

/// What the followed file says with the values that its placeholders have now. While a placeholder has no value, the
/// file's status says so.
async fn refresh(aws: &Aws, file: &FollowedFile) -> Result<Option<FileContent>, Fault> {
    let sites = match &file.placeholders {
        Some(placeholders) => aws.state().placeholders(placeholders).await?,
        None => Vec::new(),
    };
    let values = aws.parameters().values(&placeholders_of(&sites)).await?;
    let stored = aws.state().file(&file.content).await?;
    match refreshed(&stored, &sites, &values) {
        Ok(filled) => Ok(Some(FileContent {
            file: aws.state().keep_file(&filled).await?,
            containers: filled.containers(),
        })),
        Err(rejection) => {
            tracing::warn!(%rejection, "nothing is released: the service file lacks a value");
            let status = FileStatus::rejected(&file.key, &file.version_id, &rejection);
            let object = StatusFile::of(aws.files(), &file.key);
            object.write(&status).await?;
            Ok(None)
        }
    }
}
