//! Trigger `config-changed`: a service file was put or deleted.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is not what it claims to be, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

mod follow;

use landfall::{
    desired::DesiredState,
    event::{Heard, config_changed},
    keys,
    service_file::{Draft, MAX_BYTES, Problem, Rejection, ServiceFile, parameters::Site},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{
    Aws, Fault,
    bucket::{Condition, Object, Written},
    events::SERVICE_FILE_REJECTED,
    function::{Event, Function},
};

use self::follow::{Followed, follow};

/// Takes a service file up, or stops following it.
#[derive(Debug)]
pub struct ConfigChanged;

/// A service file that nothing is wrong with.
pub(crate) struct Accepted {
    file: ServiceFile,
    warnings: Vec<Problem>,
    /// The places whose values are asked for again with every push.
    changeable: Vec<Site>,
}

impl Function for ConfigChanged {
    const NAME: &'static str = "config-changed";
    type Input = Event;
    type Output = ();

    fn span(event: &Event) -> tracing::Span {
        tracing::info_span!(
            "config-changed",
            event = event.payload["id"].as_str(),
            key = event.payload["detail"]["object"]["key"].as_str()
        )
    }

    /// Looks at the object that the event names, as it is now.
    ///
    /// # Errors
    /// Refused if the event is not what it claims to be. A service file that is not accepted is no failure: its status
    /// says why, and so does an event.
    async fn handle(aws: &Aws, event: Event) -> Result<(), Fault> {
        let key = match config_changed::read(&event.payload, aws.files().name())? {
            Heard::Look(key) => key,
            Heard::Ignore(reason) => {
                tracing::info!(reason, "ignored");
                return Ok(());
            }
        };
        look(aws, &key, &event.request_id).await
    }
}

/// Looks at the service file at `key`, as it is now, and starts an execution if a release is open.
///
/// # Errors
/// As AWS answers.
pub async fn look(aws: &Aws, key: &str, request_id: &str) -> Result<(), Fault> {
    loop {
        let Some(object) = aws.files().get(key).await? else {
            return deleted(aws, key, request_id).await;
        };
        let accepted = match accept(aws, &object).await? {
            Ok(accepted) => accepted,
            Err(rejection) => {
                rejected(aws, key, &object.version_id, &rejection).await?;
                return go_on(aws, key, request_id).await;
            }
        };
        let followed = follow(aws, key, &object.version_id, &accepted, request_id).await?;
        match followed {
            Followed::Desired(desired) => {
                tracing::info!(service = %desired.service, release = desired.last_number, "follows the service file");
                if let Some(status) = FileStatus::of(&desired) {
                    let status = status.with_warnings(accepted.warnings.clone());
                    aws.files()
                        .put_json(&keys::status(key), &status, Condition::None)
                        .await?;
                }
                return start(aws, &desired, request_id).await;
            }
            Followed::DescribedElsewhere(rejection) => {
                rejected(aws, key, &object.version_id, &rejection).await?;
                return go_on(aws, key, request_id).await;
            }
            Followed::ChangedMeanwhile => {}
        }
    }
}

/// Reads a service file with the values of its placeholders in their places.
async fn accept(aws: &Aws, object: &Object) -> Result<Result<Accepted, Rejection>, Fault> {
    if object.size > MAX_BYTES {
        return Ok(Err(Rejection::too_large(object.size)));
    }
    let draft = match Draft::read(&object.bytes) {
        Ok(draft) => draft,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let values = aws.parameters().values(&draft.placeholders()).await?;
    let changeable = draft.changeable(&values);
    let accepted = draft.resolve(&values).accepted();
    Ok(accepted.map(|(file, warnings)| Accepted {
        file,
        warnings,
        changeable,
    }))
}

/// The event goes first: once the status is there, the rejection of this version is known and is not told again.
async fn rejected(
    aws: &Aws,
    key: &str,
    version_id: &str,
    rejection: &Rejection,
) -> Result<(), Fault> {
    let status = FileStatus::rejected(key, version_id, rejection);
    let known = aws.files().get(&keys::status(key)).await?;
    if known
        .is_some_and(|known| serde_json::from_slice(&known.bytes).ok().as_ref() == Some(&status))
    {
        tracing::info!("this version is rejected already");
        return Ok(());
    }
    tracing::warn!(%rejection, "rejected the service file");
    aws.events()
        .put(
            SERVICE_FILE_REJECTED,
            &serde_json::json!({ "key": key, "status": status }),
        )
        .await?;
    aws.files()
        .put_json(&keys::status(key), &status, Condition::None)
        .await
        .map(drop)
}

/// The service file is gone: its service is no longer followed, and stays as it is.
async fn deleted(aws: &Aws, key: &str, request_id: &str) -> Result<(), Fault> {
    if let Some(service) = aws.state().source(key).await? {
        unfollow(aws, key, &service, None, request_id).await?;
    }
    aws.files().delete(&keys::status(key)).await
}

/// Stops following the service file at `key` for `service`, as long as the file's current version is `version_id`,
/// or none; answers whether it is. That is asked after the desired state was read: should the file change now, the
/// invocation for that change wins the compare-and-swap.
///
/// Whoever made a release of the file may have died before an execution was started, and finds nothing that follows
/// when it is repeated: so one is started here.
async fn unfollow(
    aws: &Aws,
    key: &str,
    service: &ServiceId,
    version_id: Option<&str>,
    request_id: &str,
) -> Result<bool, Fault> {
    loop {
        let read = aws.state().read(service).await?;
        if aws.files().current_version(key).await?.as_deref() != version_id {
            return Ok(false);
        }
        let file = read.file.as_ref();
        let mut desired = DesiredState::clone(&read);
        if file.is_some_and(|file| file.key == key) {
            desired.forget_file();
            if aws.state().write(&read, &desired).await? == Written::Conflict {
                continue;
            }
            tracing::info!(%service, "no longer follows the service file; the service stays as it is");
        }
        start(aws, &desired, request_id).await?;
        return Ok(true);
    }
}

/// A rejected file changes nothing. Whoever took up the one before it may have died before an execution was started,
/// and finds the rejected one when it is repeated.
async fn go_on(aws: &Aws, key: &str, request_id: &str) -> Result<(), Fault> {
    match aws.state().source(key).await? {
        Some(service) => {
            let desired = aws.state().read(&service).await?;
            start(aws, &desired, request_id).await
        }
        None => Ok(()),
    }
}

/// Starts an execution if a release is open.
async fn start(aws: &Aws, desired: &DesiredState, request_id: &str) -> Result<(), Fault> {
    aws.executions()
        .start_open(aws.state_machine()?, desired, request_id)
        .await
}
