//! Trigger `image-pushed`: an image was pushed to ECR.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::{
    desired::DesiredState,
    event::{
        Heard,
        image_pushed::{self, PushedTag},
    },
    image::Image,
    service_file::parameters::{placeholders as placeholders_of, refreshed},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{
    Aws, Fault,
    bucket::{Condition, Written},
    function::{Event, Function},
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

    /// Looks at what the event points to.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be; otherwise the first failure, after every service was tried.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let home = &event.home;
        let pushed = match image_pushed::read(&event.payload, &home.account, &home.region)? {
            Heard::Look(pushed) => pushed,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        let mut first_failure = Ok(());
        for service in aws.state().followers(&pushed.repository).await? {
            if let Err(fault) = join(aws, &service, &pushed, &event.request_id).await {
                tracing::error!(%service, error = fault.name(), "{fault}");
                first_failure = first_failure.and(Err(fault));
            }
        }
        first_failure
    }
}

/// Joins what ECR says now of a tag into the desired state of a service, and starts an execution if a release is open.
///
/// Reads the image from ECR only after the desired state: so a stale answer of ECR's loses the compare-and-swap
/// against a fresh one. A fresh answer that changes nothing writes nothing to lose against, as when a tag was moved
/// away and back: so whoever moved a followed tag looks once more. Sweeps are told before: to them, too, a repository
/// looks as it did after a tag was moved away and back.
///
/// # Errors
/// As AWS answers.
pub async fn join(
    aws: &Aws,
    service: &ServiceId,
    pushed: &PushedTag,
    request_id: &str,
) -> Result<(), Fault> {
    loop {
        let read = aws.state().read(service).await?;
        if read
            .followers_of(&pushed.repository, &pushed.tag)
            .is_empty()
        {
            tracing::info!(%service, tag = pushed.tag, "ignored: no follow rule admits the tag");
            return Ok(());
        }
        let Some(image) = aws.ecr().image(&pushed.repository, &pushed.tag).await? else {
            tracing::info!(%service, tag = pushed.tag, "ignored: nothing has the tag any more");
            return Ok(());
        };
        let desired = joined(aws, &read, &image).await?;
        let moves = read.moves_tag(&image);
        if moves {
            aws.sweeps().distrust(&image, aws.now()).await?;
        }
        if desired != *read && aws.state().write(&read, &desired).await? == Written::Conflict {
            continue;
        }
        tell_first_release(aws, &read, &desired).await?;
        if moves {
            continue;
        }
        let Some(newest) = desired.next_release() else {
            let held = desired.hold.is_some();
            tracing::info!(%service, tag = pushed.tag, held, "nothing changes");
            return Ok(());
        };
        tracing::info!(%service, tag = pushed.tag, release = newest.number, "joined");
        return aws
            .executions()
            .start_open(aws.state_machine()?, &desired, request_id)
            .await;
    }
}

/// The desired state with the image in it. If that makes a release, the values of the file's placeholders are asked
/// for again first; while one has none, the image is taken in and nothing is released.
async fn joined(aws: &Aws, before: &DesiredState, image: &Image) -> Result<DesiredState, Fault> {
    let now = aws.now();
    let mut desired = before.clone();
    desired.join_image(image, now);
    let Some(file) = before.file.as_ref() else {
        return Ok(desired);
    };
    let makes_release = desired.last_number > before.last_number;
    let Some(placeholders) = file.placeholders.as_ref().filter(|_| makes_release) else {
        return Ok(desired);
    };
    let sites = aws.state().placeholders(placeholders).await?;
    let values = aws.parameters().values(&placeholders_of(&sites)).await?;
    let kept = aws.state().file(&file.content).await?;
    let mut desired = before.clone();
    match refreshed(&kept, &sites, &values) {
        Ok(filled) => {
            desired.refresh_file(aws.state().keep_file(&filled).await?);
            desired.join_image(image, now);
        }
        Err(rejection) => {
            tracing::warn!(%rejection, "nothing is released: the service file lacks a value");
            let status = FileStatus::rejected(&file.key, &file.version_id, &rejection);
            let key = landfall::keys::status(&file.key);
            aws.files().put_json(&key, &status, Condition::None).await?;
            desired.take_image(image);
        }
    }
    Ok(desired)
}

/// The status of a service file says what it waits for; the first admitted image ends the waiting. A release of a file
/// with placeholders says that they have values, again.
async fn tell_first_release(
    aws: &Aws,
    read: &DesiredState,
    desired: &DesiredState,
) -> Result<(), Fault> {
    let asks = desired
        .file
        .as_ref()
        .is_some_and(|file| file.placeholders.is_some());
    let filled = asks && desired.last_number > read.last_number;
    if read.waiting_for().is_empty() && !filled {
        return Ok(());
    }
    if let (Some(file), Some(status)) = (&desired.file, FileStatus::of(desired)) {
        let key = landfall::keys::status(&file.key);
        let before = aws.files().get_json::<FileStatus>(&key).await?;
        let status = match before {
            Some((before, _)) => status.with_warnings_of(before),
            None => status,
        };
        aws.files().put_json(&key, &status, Condition::None).await?;
    }
    Ok(())
}
