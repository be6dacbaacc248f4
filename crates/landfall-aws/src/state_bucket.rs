//! The desired states and everything else in the state bucket.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use futures_util::{StreamExt, TryStreamExt, stream};
use landfall::{
    content::ContentHash,
    desired::{DesiredState, SCHEMA},
    keys,
    record::Record,
    refusal::Refusal,
    service_file::{ServiceFile, parameters::Site},
    service_id::ServiceId,
    step::{check_rollout::Sleeper, run_task::Runs},
    versioned::{Versioned, WriteOutcome},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Fault,
    bucket::{Bucket, Condition},
};

/// How many clusters are listed at once.
const AT_ONCE: usize = 16;

/// The state bucket.
#[derive(Clone, Debug)]
pub struct StateBucket(Bucket);

/// What [`StateBucket::change`] does with the desired state that was read.
#[derive(Debug)]
pub enum Change<T> {
    /// Writes this one in its place, unless another writer was faster.
    Write(Box<DesiredState>, T),
    /// Leaves it as it is.
    Leave(T),
}

/// The object `adopted.json`: the revision that an adopted service ran before Landfall first changed it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Adopted {
    task_definition: String,
}

/// The object at `sources/<key>.json`: which service a service file describes.
#[derive(Debug, Serialize, Deserialize)]
struct Source {
    service: ServiceId,
}

impl StateBucket {
    /// The state bucket of this name.
    pub fn named(config: &SdkConfig, name: &str) -> Self {
        Self(Bucket::new(config, name.into()))
    }

    /// The desired state of a service; a new one if the bucket has none yet.
    ///
    /// # Errors
    /// Refused if a newer Landfall wrote it.
    pub async fn read(&self, service: &ServiceId) -> Result<Versioned<DesiredState>, Fault> {
        let key = keys::desired(service);
        let found = self.0.get_json::<Value>(&key).await?;
        let Some((object, etag)) = found else {
            return Ok(Versioned::absent(DesiredState::new(service.clone())));
        };
        // Asked before anything else of it: a newer layout need not be readable.
        let schema = object["schema"].as_u64().unwrap_or_default();
        if schema > u64::from(SCHEMA) {
            return Err(Fault::refused(format!(
                "the desired state of {service} has the layout {schema}, this Landfall knows {SCHEMA}: update the stack"
            )));
        }
        let desired = serde_json::from_value(object);
        let desired = desired.map_err(|error| self.0.damaged(&key, &error))?;
        Ok(Versioned::new(desired, &etag))
    }

    /// The desired state of a service, for a step that is about to change the service for this release.
    ///
    /// # Errors
    /// Refused if `execution` does not hold the claim: it was redriven after another one had taken it.
    pub async fn read_claimed(
        &self,
        service: &ServiceId,
        execution: &str,
        release: u64,
    ) -> Result<Versioned<DesiredState>, Fault> {
        let read = self.read(service).await?;
        read.refuse_unclaimed(execution, release)?;
        Ok(read)
    }

    /// Writes `desired` in place of what was `read`, unless another writer was faster.
    pub async fn write(
        &self,
        read: &Versioned<DesiredState>,
        desired: &DesiredState,
    ) -> Result<WriteOutcome, Fault> {
        let condition = read.etag().map_or(Condition::Absent, Condition::Unchanged);
        self.0
            .put_json(&keys::desired(&desired.service), desired, condition)
            .await
    }

    /// Reads the desired state of a service, lets `change` read what else it needs, and writes what `change` answers;
    /// begins again if another writer was faster. Answers the desired state after the write, and what `change`
    /// answered.
    ///
    /// `change` reads AWS after the desired state was read. So an invocation that read something outdated loses the
    /// compare-and-swap against one that acted on something newer.
    ///
    /// # Errors
    /// As `change`, or as S3 answers.
    pub async fn change<T, F>(
        &self,
        service: &ServiceId,
        change: impl Fn(Versioned<DesiredState>) -> F,
    ) -> Result<(DesiredState, T), Fault>
    where
        F: Future<Output = Result<Change<T>, Fault>>,
    {
        loop {
            let read = self.read(service).await?;
            match change(read.clone()).await? {
                Change::Leave(answer) => return Ok((read.into_value(), answer)),
                Change::Write(desired, answer) => {
                    let is_there = *desired == *read;
                    if is_there || self.write(&read, &desired).await? == WriteOutcome::Done {
                        return Ok((*desired, answer));
                    }
                }
            }
        }
    }

    /// Every service of which something is known. Folders are listed and not keys, so that a service costs the same however
    /// many releases it has had.
    pub async fn services(&self) -> Result<Vec<ServiceId>, Fault> {
        let clusters = self.0.folders(keys::DESIRED_STATES).await?;
        let list = |cluster: String| async move { self.0.folders(&cluster).await };
        let listed = stream::iter(clusters).map(list).buffered(AT_ONCE);
        let listed: Vec<_> = listed.try_collect().await?;
        let service = |folder: &String| {
            let service = folder.strip_prefix(keys::DESIRED_STATES)?;
            service.strip_suffix('/')?.parse().ok()
        };
        Ok(listed.iter().flatten().filter_map(service).collect())
    }

    /// An accepted service file.
    ///
    /// # Errors
    /// Refused if it is not there: accepted files are never deleted.
    pub async fn file(&self, content: &ContentHash) -> Result<ServiceFile, Fault> {
        let key = keys::file(content);
        let found = self.0.get_json(&key).await?;
        let missing = || {
            Refusal::new(format!(
                "the accepted service file {key} is gone from the state bucket"
            ))
        };
        Ok(found.ok_or_else(missing)?.0)
    }

    /// The files of the service's releases of these numbers. A release that is taken over from has no record yet; one that
    /// is known nowhere is passed over.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub async fn files_of(
        &self,
        desired: &DesiredState,
        numbers: &BTreeSet<u64>,
    ) -> Result<Vec<ServiceFile>, Fault> {
        let mut files = vec![];
        for number in numbers {
            let open = desired.open.iter().find(|open| open.number == *number);
            let content = match open {
                Some(open) => Some(open.content.file.clone()),
                None => {
                    let record = self.record(&desired.service, *number).await?;
                    record.map(|record| record.release.content.file)
                }
            };
            if let Some(content) = content {
                files.push(self.file(&content).await?);
            }
        }
        Ok(files)
    }

    /// Stores an accepted service file and answers its hash.
    pub async fn keep_file(&self, file: &ServiceFile) -> Result<ContentHash, Fault> {
        let (content, text) = file.stored().map_err(|error| {
            Fault::unexpected(format!(
                "the service file cannot be written as JSON: {error}"
            ))
        })?;
        self.0
            .put(&keys::file(&content), text.into_bytes(), Condition::None)
            .await?;
        Ok(content)
    }

    /// Stores the places of a file whose values are asked for again with every push, and answers their hash.
    pub async fn keep_placeholders(&self, sites: &[Site]) -> Result<ContentHash, Fault> {
        let document = serde_json::to_value(sites).map_err(|error| {
            Fault::unexpected(format!(
                "the placeholders cannot be written as JSON: {error}"
            ))
        })?;
        let content = ContentHash::of(&document);
        self.0
            .put_json(&keys::placeholders(&content), &document, Condition::None)
            .await?;
        Ok(content)
    }

    /// The places that [`Self::keep_placeholders`] stored.
    ///
    /// # Errors
    /// Refused if they are not there: nothing deletes them.
    pub async fn placeholders(&self, content: &ContentHash) -> Result<Vec<Site>, Fault> {
        let key = keys::placeholders(content);
        let missing = || Refusal::new(format!("{key} is gone from the state bucket"));
        Ok(self.0.get_json(&key).await?.ok_or_else(missing)?.0)
    }

    /// Which service the service file at `key` described when it was last accepted.
    pub async fn source(&self, key: &str) -> Result<Option<ServiceId>, Fault> {
        Ok(self
            .0
            .get_json::<Source>(&keys::source(key))
            .await?
            .map(|(source, _)| source.service))
    }

    /// Notes which service the service file at `key` describes.
    pub async fn put_source(&self, key: &str, service: &ServiceId) -> Result<(), Fault> {
        let source = Source {
            service: service.clone(),
        };
        self.0
            .put_json(&keys::source(key), &source, Condition::None)
            .await
            .map(drop)
    }

    /// The services that follow `repository`, or once did.
    pub async fn followers(&self, repository: &str) -> Result<Vec<ServiceId>, Fault> {
        let keys = self.0.keys(&keys::followers(repository)).await?;
        keys.iter()
            .map(|key| Ok(keys::following_service(repository, key)?))
            .collect()
    }

    /// The repositories that any service follows, or once did.
    pub async fn followed_repositories(&self) -> Result<Vec<String>, Fault> {
        let folders = self.0.folders(keys::FOLLOWS).await?;
        Ok(folders
            .iter()
            .filter_map(|folder| keys::followed_repository(folder))
            .collect())
    }

    /// Notes that `service` follows `repository`.
    pub async fn put_follower(&self, repository: &str, service: &ServiceId) -> Result<(), Fault> {
        self.0
            .put(
                &keys::follower(repository, service),
                Vec::new(),
                Condition::None,
            )
            .await
            .map(drop)
    }

    /// Notes that a release of `service` is unproven: the sweep looks for tasks of it.
    pub async fn note_unproven(&self, service: &ServiceId) -> Result<(), Fault> {
        let key = keys::unproven(service);
        self.0
            .put(&key, Vec::new(), Condition::None)
            .await
            .map(drop)
    }

    /// The services of which a release is unproven, or once was.
    pub async fn noted_unproven(&self) -> Result<Vec<ServiceId>, Fault> {
        let keys = self.0.keys(keys::UNPROVEN).await?;
        let service = |key: &String| key.strip_prefix(keys::UNPROVEN)?.parse().ok();
        Ok(keys.iter().filter_map(service).collect())
    }

    /// The record of a release, if it was concluded.
    pub async fn record(&self, service: &ServiceId, number: u64) -> Result<Option<Record>, Fault> {
        let found = self.0.get_json(&keys::record(service, number)).await?;
        Ok(found.map(|(record, _)| record))
    }

    /// The record of a release that was concluded, with its entity tag, for the protocols.
    pub async fn read_record(
        &self,
        service: &ServiceId,
        number: u64,
    ) -> Result<Option<Versioned<Record>>, Fault> {
        let found = self.0.get_json(&keys::record(service, number)).await?;
        Ok(found.map(|(record, etag)| Versioned::new(record, &etag)))
    }

    /// The numbers of the releases that have records, oldest first.
    pub async fn record_numbers(&self, service: &ServiceId) -> Result<Vec<u64>, Fault> {
        let keys = self.0.keys(&keys::records(service)).await?;
        let number = |key: &String| key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok();
        Ok(keys.iter().filter_map(number).collect())
    }

    /// Writes a record, unless the release has one.
    pub async fn put_record(&self, record: &Record) -> Result<WriteOutcome, Fault> {
        self.0
            .put_json(
                &keys::record(&record.service, record.release.number),
                record,
                Condition::Absent,
            )
            .await
    }

    /// The revision that a service ran before Landfall first changed it; none if Landfall created the service.
    pub async fn adopted(&self, service: &ServiceId) -> Result<Option<String>, Fault> {
        Ok(self
            .0
            .get_json::<Adopted>(&keys::adopted(service))
            .await?
            .map(|(adopted, _)| adopted.task_definition))
    }

    /// Notes the revision that a service ran which Landfall adopts.
    pub async fn put_adopted(
        &self,
        service: &ServiceId,
        task_definition: &str,
    ) -> Result<(), Fault> {
        let adopted = Adopted {
            task_definition: task_definition.into(),
        };
        self.0
            .put_json(&keys::adopted(service), &adopted, Condition::None)
            .await
            .map(drop)
    }

    /// The execution that last slept on a rollout of `service`, with its task token; it may be awake by now. None if no
    /// execution ever slept.
    pub async fn sleeper(&self, service: &ServiceId) -> Result<Option<Sleeper>, Fault> {
        Ok(self
            .0
            .get_json(&keys::token(service))
            .await?
            .map(|(sleeper, _)| sleeper))
    }

    /// Notes the execution that is about to sleep on a rollout of `service`, with its task token.
    pub async fn put_sleeper(&self, service: &ServiceId, sleeper: &Sleeper) -> Result<(), Fault> {
        self.0
            .put_json(&keys::token(service), sleeper, Condition::None)
            .await
            .map(drop)
    }

    /// The one-off tasks that were started for the newest release of a service that has any, with the entity tag that
    /// [`Self::put_task_runs`] takes.
    pub async fn task_runs(
        &self,
        service: &ServiceId,
    ) -> Result<(Option<Runs>, Option<String>), Fault> {
        let found = self.0.get_json(&keys::task_runs(service)).await?;
        Ok(found.map_or((None, None), |(runs, etag)| (Some(runs), Some(etag))))
    }

    /// Notes the one-off tasks that were started, unless another invocation has noted tasks since `etag` was read.
    pub async fn put_task_runs(
        &self,
        service: &ServiceId,
        runs: &Runs,
        etag: Option<&str>,
    ) -> Result<WriteOutcome, Fault> {
        let condition = etag.map_or(Condition::Absent, Condition::Unchanged);
        self.0
            .put_json(&keys::task_runs(service), runs, condition)
            .await
    }
}
