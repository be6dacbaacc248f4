//! What S3 remembers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::fault::Fault;

/// All buckets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Rises with every change of an object; events carry it as `sequencer`.
    pub(super) sequence: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bucket {
    pub(super) created: Timestamp,
    /// The versions of each key, oldest first; never an empty list.
    pub(super) keys: BTreeMap<String, Vec<Version>>,
}

/// An object's version, or a delete marker if it has no object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) modified: Timestamp,
    pub(super) object: Option<Object>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Object {
    /// Without quotes.
    pub(super) etag: String,
    /// In bytes.
    pub(super) size: usize,
    /// Where the body is kept.
    pub(super) body: String,
    /// The headers that are given back as they came (`content-type`, `x-amz-meta-…`), in lower case.
    pub(super) headers: BTreeMap<String, String>,
    /// Algorithm and value.
    pub(super) checksum: Option<(String, String)>,
}

impl State {
    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Fault> {
        self.buckets.get(name).ok_or_else(no_such_bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Fault> {
        self.buckets.get_mut(name).ok_or_else(no_such_bucket)
    }

    /// The next `sequencer`: comparable as text, as AWS promises for one key.
    pub(super) fn next_sequencer(&mut self) -> String {
        self.sequence += 1;
        format!("{:018X}", self.sequence)
    }

    pub(super) fn body_ids(&self) -> BTreeSet<String> {
        let versions = self
            .buckets
            .values()
            .flat_map(|bucket| bucket.keys.values().flatten());
        versions
            .filter_map(|version| version.object.as_ref())
            .map(|object| object.body.clone())
            .collect()
    }
}

impl Bucket {
    pub(super) fn new(created: Timestamp) -> Self {
        Self {
            created,
            keys: BTreeMap::new(),
        }
    }

    /// The key's current object, if the key exists and is not deleted.
    pub(super) fn current(&self, key: &str) -> Option<&Object> {
        self.keys.get(key)?.last()?.object.as_ref()
    }

    /// Adds a version.
    pub(super) fn push(&mut self, key: &str, version: Version) {
        self.keys.entry(key.to_owned()).or_default().push(version);
    }

    /// Takes one version away for good.
    pub(super) fn remove(&mut self, key: &str, id: &str) -> Option<Version> {
        let versions = self.keys.get_mut(key)?;
        let position = versions.iter().position(|version| version.id == id)?;
        let removed = versions.remove(position);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(removed)
    }
}

fn no_such_bucket() -> Fault {
    Fault {
        status: 404,
        code: "NoSuchBucket".into(),
        message: "The specified bucket does not exist".into(),
    }
}
