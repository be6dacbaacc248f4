//! Trigger `config-changed`: a service file was put or deleted.
//!
//! In: an EventBridge event. Out: nothing.
//! Fails with `Refused` if the event is malformed, else with `Transient` or `Unexpected`: Lambda repeats
//! the event twice and then puts it into the dead-letter queue.

use landfall::{
    desired::{DesiredState, FollowedFile},
    event::{Heard, config_changed},
    protocol::{
        Guards,
        follow::{Accepted, Answer, Ask, File, Follow},
    },
    service_file::{Draft, MAX_BYTES, Problem, Rejection, ServiceFile, parameters::Site},
    status::FileStatus,
    versioned::{Versioned, WriteOutcome},
};
use landfall_aws::{
    Aws, Fault,
    bucket::Object,
    events::SERVICE_FILE_REJECTED,
    fitting::Fitting,
    function::{Event, Function},
    passed_over,
    status_file::StatusFile,
};

/// Lets a service follow a service file, or stop following it.
#[derive(Debug)]
pub struct ConfigChanged;

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

    /// Reads the object that the event names, as it is now.
    ///
    /// # Errors
    /// Refused if the event is malformed. A service file that is not accepted is no failure: its status
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

/// Reads the service file at `key`, as it is now, brings desired state and status up to date, and starts an execution
/// if a release is open.
///
/// # Errors
/// As AWS answers.
pub async fn look(aws: &Aws, key: &str, request_id: &str) -> Result<(), Fault> {
    let mut follow = Follow::begin(Guards::all());
    loop {
        let answer = match follow.ask() {
            Ask::ReadFile => Answer::File(file(aws, key).await?),
            Ask::Reject(rejection) => {
                rejected(aws, key, rejection).await?;
                Answer::Done
            }
            Ask::ReadSource => Answer::Source(aws.state().source(key).await?),
            Ask::ReadDesired(service) => Answer::Desired(aws.state().read(service).await?),
            Ask::IsThere(other) => Answer::IsThere(aws.files().get(other).await?.is_some()),
            Ask::Expect => {
                aws.sweeps().expect(key, aws.now()).await?;
                Answer::Done
            }
            Ask::PutFollower(repository, service) => {
                aws.state().put_follower(repository, service).await?;
                Answer::Done
            }
            Ask::PutSource(service) => {
                aws.state().put_source(key, service).await?;
                Answer::Done
            }
            Ask::LookThrough(file, searches) => {
                Answer::Found(Fitting::of(aws, file).search(searches).await?)
            }
            Ask::LookForKept(file, kept) => {
                Answer::Found(Fitting::of(aws, file).search_gone(kept).await?)
            }
            Ask::CurrentVersion => Answer::Version(aws.files().current_version(key).await?),
            Ask::Record(records) => {
                passed_over::record(aws, &records).await?;
                Answer::Done
            }
            Ask::WriteDesired { over, desired } => write(aws, over, &desired).await?,
            Ask::PutStatus(status) => {
                StatusFile::of(aws.files(), key).write(&status).await?;
                Answer::Done
            }
            Ask::DeleteStatus => {
                StatusFile::of(aws.files(), key).delete().await?;
                Answer::Done
            }
            Ask::Start(service, release) => {
                aws.executions()
                    .start_first(aws.state_machine()?, service, release, request_id)
                    .await?;
                Answer::Done
            }
        };
        if follow.on(key, answer, aws.now()) {
            return Ok(());
        }
    }
}

/// Reads the service file, and stores it if it is accepted.
async fn file(aws: &Aws, key: &str) -> Result<File, Fault> {
    let Some(object) = aws.files().get(key).await? else {
        return Ok(File::Gone);
    };
    let version_id = &object.version_id;
    let (file, warnings, changeable) = match accept(aws, &object).await? {
        Ok(accepted) => accepted,
        Err(rejection) => return Ok(File::Rejected(Versioned::new(rejection, version_id))),
    };
    let content = aws.state().keep_file(&file).await?;
    let placeholders = match &*changeable {
        [] => None,
        sites => Some(aws.state().keep_placeholders(sites).await?),
    };
    let accepted = Accepted {
        service: file.service_id()?,
        file: FollowedFile {
            key: key.into(),
            version_id: version_id.clone(),
            content,
            containers: Some(file.containers()),
            follows: file.images,
            placeholders,
        },
        warnings,
    };
    Ok(File::Accepted(Versioned::new(accepted, version_id)))
}

/// A service file that nothing is wrong with, its warnings, and the places whose values are asked for again with every push.
type Read = (ServiceFile, Vec<Problem>, Vec<Site>);

/// Reads a service file with the values of its placeholders in their places.
async fn accept(aws: &Aws, object: &Object) -> Result<Result<Read, Rejection>, Fault> {
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
    Ok(accepted.map(|(file, warnings)| (file, warnings, changeable)))
}

async fn write(
    aws: &Aws,
    over: &Versioned<DesiredState>,
    desired: &DesiredState,
) -> Result<Answer, Fault> {
    let written = aws.state().write(over, desired).await?;
    if written == WriteOutcome::Done {
        let (service, release) = (&desired.service, desired.last_number);
        match desired.file {
            Some(_) => tracing::info!(%service, release, "follows the service file"),
            None => {
                tracing::info!(%service, "no longer follows the service file; the service stays as it is");
            }
        }
    }
    Ok(Answer::Written(written))
}

/// The event goes first: once the status says that this version is rejected, a repeated invocation sends no event.
async fn rejected(aws: &Aws, key: &str, rejection: &Versioned<Rejection>) -> Result<(), Fault> {
    let version_id = rejection.etag().unwrap_or_default();
    let status = FileStatus::rejected(key, version_id, rejection);
    let object = StatusFile::of(aws.files(), key);
    if object.is(&status).await? {
        tracing::info!("this version is rejected already");
        return Ok(());
    }
    tracing::warn!(rejection = %**rejection, "rejected the service file");
    aws.events()
        .put(
            SERVICE_FILE_REJECTED,
            &serde_json::json!({ "key": key, "status": status }),
        )
        .await?;
    object.write(&status).await
}
