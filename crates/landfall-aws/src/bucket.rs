//! S3: objects by key, with compare-and-swap.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_s3::{Client, error::ProvideErrorMetadata, primitives::ByteStream};
use jiff::Timestamp;
pub use landfall::versioned::WriteOutcome;
use landfall::{service_file::MAX_BYTES, sweep::FileMark};
use serde::{Serialize, de::DeserializeOwned};

use crate::Fault;

const LIST: &str = "s3:ListObjectsV2";

/// A bucket in S3.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// An object as it was read.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its content; empty if it is too large to be a service file.
    pub bytes: Vec<u8>,
    /// The size of the object, in bytes.
    pub size: usize,
    /// The object's entity tag, for [`Condition::Unchanged`].
    pub etag: String,
    /// The object's version; `null` in a bucket without versions, as S3 calls it.
    pub version_id: String,
}

/// When a write may happen
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>).
#[derive(Clone, Copy, Debug)]
pub enum Condition<'a> {
    /// Always.
    None,
    /// Only if the object is not there.
    Absent,
    /// Only if the object still has this entity tag.
    Unchanged(&'a str),
}

impl Bucket {
    /// The bucket `name`.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self {
            client: Client::new(config),
            name,
        }
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The current version of an object.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, Fault> {
        const CALL: &str = "s3:GetObject";
        let answer = match self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(self.fault(CALL, key, error)),
        };
        let size = usize::try_from(answer.content_length().unwrap_or_default()).unwrap_or(0);
        let etag = answer
            .e_tag()
            .ok_or_else(|| Fault::incomplete(CALL, "entity tag"))?
            .to_owned();
        let version_id = answer.version_id().unwrap_or("null").to_owned();
        let bytes = if size > 16 * MAX_BYTES {
            Vec::new()
        } else {
            let body = answer.body.collect().await;
            body.map_err(|error| Fault::transient(format!("{CALL} of {key} broke off: {error}")))?
                .to_vec()
        };
        Ok(Some(Object {
            size,
            bytes,
            etag,
            version_id,
        }))
    }

    /// The object at `key` as JSON, with its entity tag.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<(T, String)>, Fault> {
        let Some(object) = self.get(key).await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&object.bytes);
        let value = value.map_err(|error| self.damaged(key, &error))?;
        Ok(Some((value, object.etag)))
    }

    /// The refusal of an object that cannot be read.
    pub(crate) fn damaged(&self, key: &str, error: &serde_json::Error) -> Fault {
        Fault::refused(format!(
            "s3://{}/{key} is damaged: {error}; restore an earlier version of it",
            self.name
        ))
    }

    /// The current version of an object; none if it is not there.
    pub async fn current_version(&self, key: &str) -> Result<Option<String>, Fault> {
        match self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
        {
            Ok(answer) => Ok(Some(answer.version_id().unwrap_or("null").to_owned())),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.fault("s3:HeadObject", key, error)),
        }
    }

    /// Writes `bytes` if `condition` holds.
    pub async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<WriteOutcome, Fault> {
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .body(ByteStream::from(bytes));
        let request = match condition {
            Condition::None => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(etag) => request.if_match(etag),
        };
        let request = if key.ends_with(".json") {
            request.content_type("application/json")
        } else {
            request
        };
        match request.send().await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) => match (
                condition,
                error
                    .raw_response()
                    .map(|response| response.status().as_u16()),
            ) {
                (Condition::Absent | Condition::Unchanged(_), Some(409 | 412)) => {
                    Ok(WriteOutcome::Conflict)
                }
                (Condition::Unchanged(_), Some(404)) => Ok(WriteOutcome::Conflict),
                _ => Err(self.fault("s3:PutObject", key, error)),
            },
        }
    }

    /// Writes `value` as JSON if `condition` holds.
    pub async fn put_json<T: Serialize>(
        &self,
        key: &str,
        value: &T,
        condition: Condition<'_>,
    ) -> Result<WriteOutcome, Fault> {
        let bytes = serde_json::to_vec_pretty(value).map_err(|error| {
            Fault::unexpected(format!("{key} cannot be written as JSON: {error}"))
        })?;
        self.put(key, bytes, condition).await
    }

    /// Deletes an object, if it is there.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        let deleted = self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await;
        deleted
            .map(drop)
            .map_err(|error| self.fault("s3:DeleteObject", key, error))
    }

    /// All keys that start with `prefix`.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.fault(LIST, prefix, error))?;
            keys.extend(
                page.contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| object.key),
            );
        }
        Ok(keys)
    }

    /// The first segments, up to and with the slash, of all keys that start with `prefix`: each once, however many keys
    /// it has. A page has 1000 of them
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .delimiter("/")
            .into_paginator()
            .send();
        let mut folders = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.fault(LIST, prefix, error))?;
            let found = page.common_prefixes.unwrap_or_default().into_iter();
            folders.extend(found.filter_map(|folder| folder.prefix));
        }
        Ok(folders)
    }

    /// The objects under `prefix`, by key, each with its entity tag and time of upload.
    pub async fn marks(&self, prefix: &str) -> Result<BTreeMap<String, FileMark>, Fault> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut marks = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.fault(LIST, prefix, error))?;
            for object in page.contents.unwrap_or_default() {
                let (Some(key), Some(etag), Some(modified)) =
                    (object.key, object.e_tag, object.last_modified)
                else {
                    return Err(Fault::incomplete(
                        LIST,
                        "key, entity tag or time of an object",
                    ));
                };
                let last_modified = Timestamp::from_second(modified.secs())
                    .map_err(|error| Fault::unexpected(error.to_string()))?;
                marks.insert(
                    key,
                    FileMark {
                        etag,
                        last_modified,
                    },
                );
            }
        }
        Ok(marks)
    }

    fn fault<E>(&self, call: &str, key: &str, error: aws_sdk_s3::error::SdkError<E>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Fault::of(&format!("{call} of s3://{}/{key}", self.name), error)
    }
}
