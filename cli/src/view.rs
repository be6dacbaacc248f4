//! What is to be seen of services: one read model for all that shows it.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use jiff::Timestamp;
use landfall::{
    desired::DesiredState,
    hold::SetBy,
    image::Image,
    keys,
    record::{Content, Record, Timeline, Verdict},
    service_file::ServiceFile,
    service_id::ServiceId,
    status::FileStatus,
};
use landfall_aws::{Fault, bucket::Bucket, state_bucket::StateBucket, status_file::StatusFile};
use tokio::task::spawn;

use crate::which::Landfall;

/// How many services are read at once. Each call takes milliseconds on the way, and S3 takes 5,500 a second
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>).
const AT_ONCE: usize = 64;

/// How many releases are looked through for the one that ran before.
const FURTHEST: usize = 50;

/// A service, as it was read.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// What should run, and which releases lead there.
    pub(crate) desired: DesiredState,
    /// The records that were asked for, newest first.
    pub(crate) records: Vec<Record>,
    /// The answer to the newest upload of its service file, if that may be read.
    pub(crate) upload: Option<FileStatus>,
}

/// Reads services.
#[derive(Clone)]
pub(crate) struct Reader {
    state: StateBucket,
    files: Option<Bucket>,
}

/// Which records are read.
#[derive(Clone, Copy)]
enum Records {
    /// Those of the last verdict and of releases that are about to be concluded.
    Last,
    /// So many of the newest.
    Newest(usize),
}

impl Reader {
    pub(crate) fn of(landfall: &Landfall) -> Self {
        Self {
            state: landfall.state(),
            files: landfall.files(),
        }
    }

    /// All services by name, each with its last record.
    pub(crate) async fn all(&self) -> Result<Vec<View>, Fault> {
        let services = self.state.services().await?;
        // Each is a task of its own: signing and parsing takes all processors.
        let read = |service: ServiceId| {
            let reader = self.clone();
            let read = spawn(async move { reader.read(&service, Records::Last).await });
            async move {
                let ended = read.await;
                ended.unwrap_or_else(|error| Err(Fault::unexpected(error.to_string())))
            }
        };
        let found = stream::iter(services).map(read).buffered(AT_ONCE);
        let found: Vec<_> = found.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One service with the newest of its records; none if nothing has described it.
    pub(crate) async fn one(
        &self,
        service: &ServiceId,
        records: usize,
    ) -> Result<Option<View>, Fault> {
        self.read(service, Records::Newest(records)).await
    }

    /// The files that were rejected and that no service follows: their keys, with the answers to their uploads.
    pub(crate) async fn rejected(
        &self,
        known: &[View],
    ) -> Result<Vec<(String, FileStatus)>, Fault> {
        let Some(files) = &self.files else {
            return Ok(Vec::new());
        };
        let followed: BTreeSet<&str> = known
            .iter()
            .filter_map(|view| view.desired.file.as_ref())
            .map(|file| &*file.key)
            .collect();
        let keys = files.keys(keys::STATUSES).await?;
        let others = keys.iter().filter_map(|key| keys::file_of_status(key));
        let others = others.filter(|key| !followed.contains(key));
        let others: Vec<String> = others.map(str::to_owned).collect();
        let read = |key: String| async move {
            let status = StatusFile::of(files, &key).read().await?;
            Ok::<_, Fault>((status, key))
        };
        let read = stream::iter(others).map(read).buffered(AT_ONCE);
        let read: Vec<_> = read.try_collect().await?;
        let rejected = read.into_iter().filter_map(|(status, key)| match status {
            Some(status @ FileStatus::Rejected { .. }) => Some((key, status)),
            _ => None,
        });
        Ok(rejected.collect())
    }

    /// What is desired of a service, and nothing else of it; none if nothing has described it.
    pub(crate) async fn desired(&self, service: &ServiceId) -> Result<Option<DesiredState>, Fault> {
        let desired = self.state.read(service).await?.into_value();
        Ok(is_described(&desired).then_some(desired))
    }

    /// One service with its last record; none if nothing has described it.
    pub(crate) async fn last(&self, service: &ServiceId) -> Result<Option<View>, Fault> {
        self.read(service, Records::Last).await
    }

    /// The record of a release, if it has one.
    pub(crate) async fn record(
        &self,
        service: &ServiceId,
        number: u64,
    ) -> Result<Option<Record>, Fault> {
        self.state.record(service, number).await
    }

    async fn read(&self, service: &ServiceId, records: Records) -> Result<Option<View>, Fault> {
        let Some(desired) = self.desired(service).await? else {
            return Ok(None);
        };
        let (records, upload) =
            tokio::try_join!(self.records(&desired, records), self.upload(&desired))?;
        Ok(Some(View {
            desired: caught_up(desired, &records),
            records,
            upload,
        }))
    }

    async fn records(
        &self,
        desired: &DesiredState,
        records: Records,
    ) -> Result<Vec<Record>, Fault> {
        let service = &desired.service;
        let open = desired.open.iter().map(|release| release.number);
        let mut numbers: Vec<u64> = match records {
            Records::Last => {
                let concluded = desired.concluded.as_ref();
                open.chain(concluded.map(|last| last.number)).collect()
            }
            Records::Newest(count) => {
                let all = self.state.record_numbers(service).await?;
                let newest = all.into_iter().rev().take(count);
                open.chain(newest).collect()
            }
        };
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.dedup();
        let read = numbers
            .iter()
            .map(|number| self.state.record(service, *number));
        Ok(try_join_all(read).await?.into_iter().flatten().collect())
    }

    /// The record of a release, and that of the newest one before it that succeeded.
    pub(crate) async fn release(
        &self,
        service: &ServiceId,
        number: u64,
    ) -> Result<Option<(Record, Option<Record>)>, Fault> {
        let Some(record) = self.state.record(service, number).await? else {
            return Ok(None);
        };
        for earlier in (1..number).rev().take(FURTHEST) {
            if let Some(earlier) = self.state.record(service, earlier).await?
                && earlier.verdict == Verdict::Succeeded
            {
                return Ok(Some((record, Some(earlier))));
            }
        }
        Ok(Some((record, None)))
    }

    /// The service file of a release.
    pub(crate) async fn file(&self, content: &Content) -> Result<ServiceFile, Fault> {
        self.state.file(&content.file).await
    }

    async fn upload(&self, desired: &DesiredState) -> Result<Option<FileStatus>, Fault> {
        let (Some(files), Some(file)) = (&self.files, &desired.file) else {
            return Ok(None);
        };
        StatusFile::of(files, &file.key).read().await
    }
}

fn is_described(desired: &DesiredState) -> bool {
    desired.file.is_some() || desired.last_number > 0
}

/// The desired state once it holds the verdicts that `records`, newest first, have given: a conclusion writes its
/// records first and the desired state next, and a reader in between would find a release open that has a verdict.
pub(crate) fn caught_up(mut desired: DesiredState, records: &[Record]) -> DesiredState {
    for record in records.iter().rev() {
        let number = record.release.number;
        if desired.open.iter().any(|release| release.number == number) {
            desired.conclude(
                number,
                record.verdict,
                record.against(),
                record.task_definition.as_ref(),
                record.timeline.concluded_at,
            );
        }
    }
    desired
}

/// Where the newest release of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is none.
    None,
    /// An execution works on it, or is about to.
    OnItsWay,
    /// ECS waits until somebody continues its deployment.
    Paused,
    /// It waits for the end of a hold.
    Held,
    /// It has a verdict.
    Ended(Verdict),
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no release"),
            Self::OnItsWay => f.write_str("on its way"),
            Self::Paused => f.write_str("is paused"),
            Self::Held => f.write_str("waits"),
            Self::Ended(verdict) => verdict.fmt(f),
        }
    }
}

impl View {
    /// Where an open release is.
    pub(crate) fn standing_of(&self, number: u64) -> Standing {
        let desired = &self.desired;
        match desired.next_release() {
            Some(_) if desired.pause_of(number).is_some() => Standing::Paused,
            Some(next) if next.number >= number => Standing::OnItsWay,
            _ => Standing::Held,
        }
    }

    /// The number of the newest release, where it is, and since when. During a hold that is the one on its way, if there is one.
    pub(crate) fn newest(&self) -> (Option<u64>, Standing, Option<Timestamp>) {
        let desired = &self.desired;
        if let Some(release) = desired.next_release().or(desired.newest_open()) {
            let standing = self.standing_of(release.number);
            return (Some(release.number), standing, Some(release.created_at));
        }
        let Some(last) = &desired.concluded else {
            return (None, Standing::None, None);
        };
        let mut records = self.records.iter();
        let record = records.find(|record| record.release.number == last.number);
        let since = record.map(|record| record.timeline.concluded_at);
        (Some(last.number), Standing::Ended(last.verdict), since)
    }

    /// The images of the last good release, as people name them.
    pub(crate) fn runs(&self) -> String {
        match &self.desired.last_good {
            Some(good) => tags(&good.content),
            None => "nothing yet".into(),
        }
    }

    /// What somebody may have to do something about, each in a few words.
    pub(crate) fn needs(&self) -> Vec<String> {
        let desired = &self.desired;
        let mut needs = Vec::new();
        if let Some(FileStatus::Rejected { problems, .. }) = &self.upload {
            let first = problems.first().map_or("", |problem| &problem.message);
            needs.push(format!("its newest file was rejected: {first}"));
        }
        if desired.file.is_none() {
            needs.push("its file is gone: it is not followed".into());
        }
        if let Some(hold) = &desired.hold {
            needs.push(match hold.set_by {
                SetBy::Drift => format!("on hold, because it drifted: {}", hold.reason),
                _ => format!("on hold: {}", hold.reason),
            });
        }
        if let Some(open) = desired.newest_open()
            && let Some(pause) = desired.pause_of(open.number)
        {
            needs.push(pause.sentence());
        }
        for (container, rule) in desired.waiting_for() {
            let (repository, tag) = (&rule.repository, &rule.tag);
            needs.push(format!(
                "waits for the first push of {repository}:{tag} (container {container})"
            ));
        }
        for left in desired.left_out() {
            let Image {
                repository, tag, ..
            } = left.image;
            needs.push(if left.waits {
                format!("{repository}:{tag} waits for a trial")
            } else {
                format!(
                    "{repository}:{tag} is left out since release {}",
                    left.release
                )
            });
        }
        if let Some(danger) = &desired.danger {
            needs.push(danger.message());
        }
        if desired.unproven.is_some() {
            needs.push("no task has run yet, so nothing was verified".into());
        }
        if let (Some(number), Standing::Ended(verdict), _) = self.newest()
            && is_bad(verdict)
            && needs.is_empty()
        {
            needs.push(format!("release {number} is no success: {verdict}"));
        }
        needs
    }
}

fn is_bad(verdict: Verdict) -> bool {
    match verdict {
        Verdict::RolledBack
        | Verdict::Failed
        | Verdict::Rejected
        | Verdict::Drifted
        | Verdict::Undecided => true,
        Verdict::Succeeded | Verdict::Unproven | Verdict::Superseded => false,
    }
}

/// The tags of a release's images; with the containers' names, if there is more than one tag.
pub(crate) fn tags(content: &Content) -> String {
    let mut images = content.images.iter();
    let Some((_, first)) = images.next() else {
        return "as the file says".into();
    };
    if images.all(|(_, image)| image.tag == first.tag) {
        return first.tag.clone();
    }
    let each = content.images.iter();
    let each = each.map(|(container, image)| format!("{container} {}", image.tag));
    each.collect::<Vec<_>>().join(", ")
}

/// How long ago something was, in the largest unit that fits.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    shortly(now.duration_since(then).as_secs())
}

/// How long a release took, from when it was made to its verdict.
pub(crate) fn lasted(timeline: &Timeline) -> String {
    let lasted = timeline.concluded_at.duration_since(timeline.created_at);
    shortly(lasted.as_secs())
}

/// A length of time in the largest unit that fits.
pub(crate) fn shortly(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
