//! What sweeps remember, in the state bucket.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::SdkConfig;
use jiff::Timestamp;
use landfall::{
    image::Image,
    keys,
    service_id::ServiceId,
    sweep::{ExecutionsSeen, FileMark, Memory, SeenTags, Shard, moved},
};

use tokio::sync::Mutex;

use crate::{
    Fault,
    bucket::{Bucket, Condition, WriteOutcome},
};

/// The state bucket, as the memory of the sweeps.
#[derive(Clone, Debug)]
pub struct SweepMemory(Bucket);

/// A shard's [`Memory`], as it was read.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The memory.
    pub memory: Memory,
    shard: Shard,
    etag: Option<String>,
    /// Whether `etag` is outdated: after a write the new entity tag is not known.
    stale: bool,
}

impl Remembered {
    /// The shard whose memory this is.
    pub fn shard(&self) -> Shard {
        self.shard
    }
}

impl SweepMemory {
    /// The memory in the state bucket of this name.
    pub fn named(config: &SdkConfig, name: &str) -> Self {
        Self(Bucket::new(config, name.into()))
    }

    /// The memory of a shard; an empty one if no sweep ever looked at the shard.
    pub async fn read(&self, shard: Shard) -> Result<Remembered, Fault> {
        let found = self.0.get_json(&keys::sweep_memory(shard)).await?;
        let (memory, etag) = found.map_or_else(
            || (Memory::default(), None),
            |(memory, etag)| (memory, Some(etag)),
        );
        Ok(Remembered {
            memory,
            shard,
            etag,
            stale: false,
        })
    }

    /// Applies `change` to a shard's memory, and writes it if it changed. After a lost compare-and-swap `change` is
    /// applied again, to what the other writer wrote.
    pub async fn update(
        &self,
        remembered: &mut Remembered,
        change: impl Fn(&mut Memory),
    ) -> Result<(), Fault> {
        loop {
            if remembered.stale {
                *remembered = self.read(remembered.shard).await?;
            }
            let mut changed = remembered.memory.clone();
            change(&mut changed);
            if changed == remembered.memory {
                return Ok(());
            }
            let condition = remembered
                .etag
                .as_deref()
                .map_or(Condition::Absent, Condition::Unchanged);
            let key = keys::sweep_memory(remembered.shard);
            let written = self.0.put_json(&key, &changed, condition).await?;
            remembered.stale = true;
            if written == WriteOutcome::Done {
                remembered.memory = changed;
                return Ok(());
            }
        }
    }

    /// Makes the next sweep look at an image's repository, whatever it holds then: a service is about to be given
    /// another image of a tag that it follows. A sweep that is looking at the repository meanwhile remembers nothing of
    /// it.
    pub async fn distrust(&self, image: &Image, now: Timestamp) -> Result<(), Fault> {
        let mut remembered = self.read(Shard::of(&image.repository)).await?;
        let note = moved(image, now);
        let change = |memory: &mut Memory| {
            let repositories = &mut memory.repositories;
            repositories.insert(image.repository.clone(), note.clone());
        };
        self.update(&mut remembered, change).await
    }

    /// Makes the next sweep look at a service file, whether it is there then or not: a service is about to follow it.
    pub async fn expect(&self, key: &str, now: Timestamp) -> Result<(), Fault> {
        let mut remembered = self.read(Shard::of(key)).await?;
        let not_looked_at = FileMark {
            etag: String::new(),
            last_modified: now,
        };
        let change = |memory: &mut Memory| {
            let mark = memory.files.entry(key.to_owned());
            mark.or_insert_with(|| not_looked_at.clone());
        };
        self.update(&mut remembered, change).await
    }

    /// Has the sweeps look at a service whose release `number` is about to end undecided.
    pub async fn note_undecided(&self, service: &ServiceId, number: u64) -> Result<(), Fault> {
        let mut remembered = self.read(Shard::of(&service.to_string())).await?;
        let change = |memory: &mut Memory| {
            memory.undecided.insert(service.clone(), number);
        };
        self.update(&mut remembered, change).await
    }

    /// The tags that were there when a sweep had last joined a repository; none if no sweep noted them.
    pub async fn seen_tags(&self, repository: &str) -> Result<Option<SeenTags>, Fault> {
        let found = self.0.get_json(&keys::seen_tags(repository)).await?;
        Ok(found.map(|(seen, _)| seen))
    }

    /// Notes the tags that are there, after they were joined. If an older sweep writes last, tags count as new once more:
    /// they came after what is followed all the same, unless that is new too.
    pub async fn put_seen_tags(&self, repository: &str, seen: &SeenTags) -> Result<(), Fault> {
        self.0
            .put_json(&keys::seen_tags(repository), seen, Condition::None)
            .await
            .map(drop)
    }

    /// Up to when sweeps have dealt with executions that died; none if no sweep ever has.
    pub async fn executions_seen(&self) -> Result<Option<ExecutionsSeen>, Fault> {
        let found = self.0.get_json(keys::EXECUTIONS_SEEN).await?;
        Ok(found.map(|(seen, _)| seen))
    }

    /// Writes up to when sweeps have dealt with executions that died. If an older sweep writes last, some executions
    /// are looked at twice.
    pub async fn put_executions_seen(&self, seen: ExecutionsSeen) -> Result<(), Fault> {
        self.0
            .put_json(keys::EXECUTIONS_SEEN, &seen, Condition::None)
            .await
            .map(drop)
    }
}

/// [`SweepMemory::distrust`] for many services that follow one repository: a note that begins to be written after a service
/// asked for one is that service's too. Writing one each, they would lose most of their compare-and-swaps to each other.
#[derive(Debug)]
pub struct Distrust<'a> {
    sweeps: &'a SweepMemory,
    /// How many notes were asked for.
    asked: AtomicU64,
    /// How many of them are written.
    written: Mutex<u64>,
}

impl<'a> Distrust<'a> {
    /// Nothing is asked for yet.
    pub fn new(sweeps: &'a SweepMemory) -> Self {
        Self {
            sweeps,
            asked: AtomicU64::new(0),
            written: Mutex::new(0),
        }
    }

    /// As [`SweepMemory::distrust`].
    ///
    /// # Errors
    /// As S3 answers.
    pub async fn note(&self, image: &Image, now: impl Fn() -> Timestamp) -> Result<(), Fault> {
        let mine = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut written = self.written.lock().await;
        if *written < mine {
            let asked = self.asked.load(Ordering::SeqCst);
            self.sweeps.distrust(image, now()).await?;
            *written = asked;
        }
        Ok(())
    }
}
