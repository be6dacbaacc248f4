//! The stage of a story: a whole Landfall on a free port, with the real functions, and the means to act on it and to
//! look at it as its users do.

use std::{
    convert::Infallible,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use landfall::{
    desired::DesiredState,
    record::{Record, Verdict},
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{bucket::Bucket, config, state_bucket::StateBucket, status_file::StatusFile};
use landfall_local::{
    cloud::{ecr::digest, ecs::SimulatedBehaviour, operations},
    driver::{self, Driver, manifest},
    local::{CONFIG_BUCKET, Definition, Local, REGION, STATE_BUCKET, Settings},
};
use serde_json::Value;
use tokio::time::sleep;

use crate::sample::SampleFile;

const DEFINITION: Definition<'static> = Definition {
    template: include_str!("../template.yaml"),
    state_machine: include_str!("../statemachine/release.asl.json"),
};
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);
/// The environment variable that names the file for the requests that functions make. What they ask for and whether their roles
/// allow it is checked by `tests/permissions`.
const RECORDING: &str = "LANDFALL_RECORD_REQUESTS";

/// A Landfall with nothing in it yet, and clients of it. Everything here panics when it fails: it is for tests.
pub struct Stage {
    /// The Landfall, with its embedded cloud.
    pub local: Local,
    /// What others than Landfall do there.
    pub driver: Driver,
    /// Service files and their statuses.
    pub files: Bucket,
    /// Desired states and records.
    pub state: StateBucket,
}

/// The executable of the functions, which Cargo names to the tests of this package.
fn functions() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_functions")
        .expect("Cargo (1.94 or newer) runs the tests")
        .into()
}

/// Asks again and again until there is an answer; panics after a minute and a half, naming `what` was waited for.
pub async fn until<T, Asked>(what: &str, mut ask: impl FnMut() -> Asked) -> T
where
    Asked: Future<Output = Option<T>>,
{
    let answer = driver::until(PATIENCE, PAUSE, || {
        let asked = ask();
        async { Ok::<_, Infallible>(asked.await) }
    });
    match answer.await {
        Ok(Some(answer)) => answer,
        Ok(None) => panic!("waited in vain for {what}"),
    }
}

/// The service `web/<name>`.
pub fn web(name: &str) -> ServiceId {
    ServiceId::new("web", name).expect("the name of a service")
}

impl Stage {
    /// An empty one.
    pub async fn open() -> Self {
        Self::start(None, "").await
    }

    /// One that goes on where the last one with this folder stopped.
    pub async fn open_in(data_dir: &Path) -> Self {
        Self::start(Some(data_dir.to_path_buf()), "").await
    }

    /// An empty one whose service files get these values: `NAME=value`, separated by commas.
    pub async fn open_with(file_parameters: &str) -> Self {
        Self::start(None, file_parameters).await
    }

    async fn start(data_dir: Option<PathBuf>, file_parameters: &str) -> Self {
        let settings = Settings {
            port: 0,
            data_dir,
            functions: functions(),
            file_parameters: file_parameters.into(),
            rough: None,
        };
        let local = Local::start(settings, DEFINITION)
            .await
            .expect("Landfall starts");
        if let Some(path) = std::env::var_os(RECORDING) {
            let recorded = local.cloud.record_requests_in(Path::new(&path));
            recorded.expect("the requests are recorded");
        }
        // Its stories are told in the simulation; here it would only come in between.
        local.courier.hold("sweep-due");
        let config = config::local(local.endpoint(), REGION).await;
        Self {
            files: Bucket::new(&config, CONFIG_BUCKET.into()),
            state: StateBucket::named(&config, STATE_BUCKET),
            driver: Driver::new(local.cloud.clone()),
            local,
        }
    }

    /// Ends every task and process, and saves what there is to save.
    pub async fn close(self) {
        let played = operations::played();
        for request in self.local.cloud.requests.requests() {
            let call = format!("{}:{}", request.service, request.operation);
            assert!(played.contains(&call), "{call} is called, but not played");
        }
        self.local.stop().await.expect("everything is saved");
    }

    /// Uploads a service file.
    pub async fn put_file(&self, key: &str, text: &str) {
        let put = self.driver.put_file(key, text).await;
        put.expect("the service file is uploaded");
    }

    /// Uploads a service file and waits until it is accepted; answers the status's message.
    pub async fn follow(&self, key: &str, text: &str) -> String {
        self.put_file(key, text).await;
        let version = self
            .files
            .get(key)
            .await
            .expect("S3 answers")
            .expect("the service file is there")
            .version_id;
        until(&format!("the status of {key}"), || async {
            match self.status(key).await? {
                FileStatus::Accepted {
                    version_id,
                    message,
                    ..
                } if version_id == version => Some(message),
                FileStatus::Rejected {
                    version_id,
                    message,
                    ..
                } if version_id == version => panic!("{message}"),
                _ => None,
            }
        })
        .await
    }

    /// Makes a service run hello:1.0.0, and answers the service file that it follows, `services/hello.yaml`.
    pub async fn first_release(&self, service: &ServiceId) -> SampleFile {
        self.push("hello", "1.0.0").await;
        let file = SampleFile::new(service.service(), "hello", "semver:^1");
        self.follow("services/hello.yaml", &file.text()).await;
        self.verdict(service, 1, Verdict::Succeeded).await;
        file
    }

    /// What became of the service file at `key`.
    pub async fn status(&self, key: &str) -> Option<FileStatus> {
        let read = StatusFile::of(&self.files, key).read().await;
        read.expect("S3 answers")
    }

    /// Waits until a service file is rejected, and answers its status.
    pub async fn rejection(&self, key: &str) -> FileStatus {
        until(&format!("the rejection of {key}"), || async {
            let status = self.status(key).await?;
            matches!(status, FileStatus::Rejected { .. }).then_some(status)
        })
        .await
    }

    /// Pushes an image that is well.
    pub async fn push(&self, repository: &str, tag: &str) -> String {
        self.push_behaving(repository, tag, SimulatedBehaviour::default())
            .await
    }

    /// Pushes an image whose containers behave like this, unless it is there already; answers its digest. A missing
    /// repository is created.
    pub async fn push_behaving(
        &self,
        repository: &str,
        tag: &str,
        behaviour: SimulatedBehaviour,
    ) -> String {
        self.driver.ensure_repository(repository).await;
        let manifest = manifest(repository, tag);
        let pushed = self
            .driver
            .push_behaving(repository, tag, &manifest, behaviour);
        let digest = match pushed.await {
            Err(fault) if fault.code == "ImageAlreadyExistsException" => digest(&manifest),
            pushed => pushed.expect("the image is pushed"),
        };
        // ECR tells milliseconds: two pushes within one would be of the same moment.
        sleep(Duration::from_millis(2)).await;
        digest
    }

    /// The desired state.
    pub async fn desired(&self, service: &ServiceId) -> DesiredState {
        let read = self.state.read(service).await;
        read.expect("S3 answers").into_value()
    }

    /// Waits for the record of a release.
    pub async fn record(&self, service: &ServiceId, number: u64) -> Record {
        until(
            &format!("the verdict of release {number} of {service}"),
            || async {
                self.state
                    .record(service, number)
                    .await
                    .expect("S3 answers")
            },
        )
        .await
    }

    /// Waits until a release has its verdict and nothing is under way, and answers the release's record. Panics if the
    /// verdict is another than `wanted`.
    pub async fn verdict(&self, service: &ServiceId, number: u64, wanted: Verdict) -> Record {
        let record = self.record(service, number).await;
        assert_eq!(
            record.verdict, wanted,
            "release {number} of {service}: {} {:#?}",
            record.reason, record.diagnosis
        );
        self.settled(service).await;
        record
    }

    /// Waits until every release of a service has its verdict, no execution of it runs and no function is at work, so
    /// that every event so far has had its effect; answers the desired state.
    pub async fn settled(&self, service: &ServiceId) -> DesiredState {
        until(&format!("the end of all releases of {service}"), || async {
            let desired = self.desired(service).await;
            let idle = desired.open.is_empty() && desired.claim.is_none();
            let rests = idle
                && self.executions(service, Some("RUNNING")).await.is_empty()
                && self.local.cloud.functions.at_work() == 0
                // A function that was at work before that may have changed it.
                && self.desired(service).await == desired;
            rests.then_some(desired)
        })
        .await
    }

    /// Waits until no execution of a service runs and no function is at work: whatever is open is left for later.
    pub async fn at_rest(&self, service: &ServiceId) {
        until(&format!("{service} to be at rest"), || async {
            let rests = self.local.cloud.functions.at_work() == 0
                && self.executions(service, Some("RUNNING")).await.is_empty()
                && self.local.cloud.functions.at_work() == 0;
            rests.then_some(())
        })
        .await;
    }

    /// Waits until `count` tasks of a service are desired and run. ECS rolls nothing out for a changed count alone, so a
    /// release is through before the tasks that it gives up have stopped.
    pub async fn runs(&self, service: &ServiceId, count: u64) {
        until(&format!("{count} tasks of {service}"), || async {
            let live = self.live(service).await;
            (live["desiredCount"] == count && live["runningCount"] == count).then_some(())
        })
        .await;
    }

    /// The ARNs of a service's executions, all or those of one status, newest first.
    pub async fn executions(&self, service: &ServiceId, status: Option<&str>) -> Vec<String> {
        let all = self.driver.executions(&self.local.state_machine, status);
        let mut of_service = Vec::new();
        for arn in all.await.expect("Step Functions answers") {
            let input = self
                .driver
                .input(&arn)
                .await
                .expect("Step Functions answers");
            if input["service"] == service.to_string() {
                of_service.push(arn);
            }
        }
        of_service
    }

    /// One call to Step Functions.
    pub async fn states(&self, operation: &str, input: Value) -> Value {
        let answer = self.local.cloud.executions.call(operation, input).await;
        answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// One call to ECS by somebody who is not Landfall.
    pub async fn ecs(&self, operation: &str, input: Value) -> Value {
        let answer = self.local.cloud.ecs.call(operation, input).await;
        answer.unwrap_or_else(|fault| panic!("{operation}: {fault}"))
    }

    /// The service as ECS describes it; null if there is none.
    pub async fn live(&self, service: &ServiceId) -> Value {
        let described = self.driver.service(service.cluster(), service.service());
        described.await.expect("ECS answers")
    }

    /// The containers of the revision that the service runs.
    async fn live_containers(&self, service: &ServiceId) -> Vec<Value> {
        let containers = self.driver.containers(service.cluster(), service.service());
        containers.await.expect("a service runs a revision")
    }

    /// The container `web` of the revision that the service runs.
    pub async fn live_container(&self, service: &ServiceId) -> Value {
        let containers = self.live_containers(service).await;
        let found = containers
            .into_iter()
            .find(|container| container["name"] == "web");
        found.expect("the container `web`")
    }

    /// The image references of the revision that the service runs, in the order of its containers.
    pub async fn live_images(&self, service: &ServiceId) -> Vec<String> {
        let containers = self.live_containers(service).await;
        containers
            .iter()
            .map(|container| text(&container["image"]))
            .collect()
    }

    /// The image reference that the container `web` of the service runs.
    pub async fn live_image(&self, service: &ServiceId) -> String {
        text(&self.live_container(service).await["image"])
    }

    /// The events that Landfall put, of one detail type, oldest first: their details.
    pub fn announced(&self, detail_type: &str) -> Vec<Value> {
        let events = self.local.cloud.events.recent_events();
        let of_type = events
            .into_iter()
            .filter(|event| event["source"] == "landfall" && event["detail-type"] == detail_type);
        of_type.map(|event| event["detail"].clone()).collect()
    }

    /// Hands an event to a function and waits for its answer; the error's type and message if it fails.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, (String, String)> {
        let answer = self.local.cloud.functions.invoke(function, event).await;
        answer.map_err(|error| (error.error_type.unwrap_or_default(), error.message))
    }

    /// The envelope of a push, as ECR sends it here.
    pub fn push_event(&self, repository: &str, tag: &str) -> Value {
        let mut event = envelope(include_str!("../events/image-pushed.json"), &self.local);
        event["detail"]["repository-name"] = repository.into();
        event["detail"]["image-tag"] = tag.into();
        event["detail"]["image-digest"] = digest(&manifest(repository, tag)).into();
        event
    }

    /// The operations that changed ECS since the first `seen` requests of the log, oldest first.
    pub fn changes_in_ecs(&self, seen: usize) -> Vec<String> {
        self.driver.changes_in_ecs(seen)
    }

    /// How many requests there have been.
    pub fn requests(&self) -> usize {
        self.driver.requests()
    }
}

/// An example event, as if it came from the embedded cloud's account.
fn envelope(example: &str, local: &Local) -> Value {
    let mut event: Value = serde_json::from_str(example).expect("an example event is JSON");
    event["account"] = local.cloud.world.account.as_str().into();
    event["region"] = local.cloud.world.region.as_str().into();
    event
}

/// The text of a JSON string; anything else is empty.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
