//! Writing and deleting objects, and the events that announce it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    S3, checksum,
    conditions::{check_read, check_write, no_such_key},
    empty,
    request::S3Request,
    set,
    state::{Object, State, Version},
};
use crate::cloud::fault::Fault;

/// S3 refuses longer keys; in bytes.
const LONGEST_KEY: usize = 1024;

/// What a DELETE did.
struct Deletion {
    /// The version that was deleted or made.
    version_id: String,
    /// Whether that version is a delete marker.
    delete_marker: bool,
}

impl S3 {
    pub(super) fn put_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let (algorithm, value) = checksum::verify(request, request.body())?;
        let object = Object {
            etag: hex::encode(checksum::md5(request.body())),
            size: request.body().len(),
            body: self.bodies.keep(request.body())?,
            headers: request.object_headers(),
            checksum: Some((algorithm, value)),
        };
        let mut response = empty(StatusCode::OK);
        describe(&mut response, &object);
        let version_id = self.store(request, object)?;
        set(&mut response, "x-amz-version-id", &version_id);
        Ok(response)
    }

    /// Makes `object` the current version of the request's key, if the request's conditions hold, and announces it.
    /// Answers the version's id.
    fn store(&self, request: &S3Request, object: Object) -> Result<String, Fault> {
        let (bucket_name, key) = (request.bucket_name(), request.key_name());
        if key.len() > LONGEST_KEY {
            return Err(Fault::client("KeyTooLongError", "Your key is too long"));
        }
        let mut state = self.state();
        let bucket = state.bucket_mut(bucket_name)?;
        check_write(request, bucket.current(key))?;
        let id = self.world.hex(32);
        let (etag, size) = (object.etag.clone(), object.size);
        bucket.push(
            key,
            Version {
                id: id.clone(),
                modified: self.world.now(),
                object: Some(object),
            },
        );
        let detail = json!({ "key": key, "size": size, "etag": etag });
        self.announce(
            &mut state,
            bucket_name,
            "Object Created",
            detail,
            &id,
            json!({ "reason": "PutObject" }),
        );
        Ok(id)
    }

    pub(super) fn delete_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let mut state = self.state();
        let current = state
            .bucket(request.bucket_name())?
            .current(request.key_name());
        if let Some(object) = current {
            check_read(request, object)?;
        } else if request.header("if-match").is_some() {
            return Err(no_such_key());
        }
        let deletion = self.delete(
            &mut state,
            request.bucket_name(),
            request.key_name(),
            request.parameter("versionId"),
        )?;
        let mut response = empty(StatusCode::NO_CONTENT);
        set(&mut response, "x-amz-version-id", &deletion.version_id);
        if deletion.delete_marker {
            set(&mut response, "x-amz-delete-marker", "true");
        }
        Ok(response)
    }

    /// Without a version id: puts a delete marker on top. With one: removes that version for good.
    fn delete(
        &self,
        state: &mut State,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Deletion, Fault> {
        let bucket = state.bucket_mut(bucket_name)?;
        if let Some(id) = version_id {
            let removed = bucket.remove(key, id);
            let delete_marker = removed
                .as_ref()
                .is_some_and(|version| version.object.is_none());
            if removed.is_some() {
                self.announce(
                    state,
                    bucket_name,
                    "Object Deleted",
                    json!({ "key": key }),
                    id,
                    json!({ "reason": "DeleteObject", "deletion-type": "Permanently Deleted" }),
                );
            }
            return Ok(Deletion {
                version_id: id.to_owned(),
                delete_marker,
            });
        }
        let id = self.world.hex(32);
        bucket.push(
            key,
            Version {
                id: id.clone(),
                modified: self.world.now(),
                object: None,
            },
        );
        self.announce(
            state,
            bucket_name,
            "Object Deleted",
            json!({ "key": key }),
            &id,
            json!({ "reason": "DeleteObject", "deletion-type": "Delete Marker Created" }),
        );
        Ok(Deletion {
            version_id: id,
            delete_marker: true,
        })
    }

    /// Emits an event while the state is locked, so that events leave in the order of the changes.
    fn announce(
        &self,
        state: &mut State,
        bucket: &str,
        detail_type: &str,
        object: Value,
        version_id: &str,
        reason: Value,
    ) {
        let mut object = match object {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        object.insert("version-id".into(), version_id.into());
        object.insert("sequencer".into(), state.next_sequencer().into());
        let mut detail = json!({
            "version": "0",
            "bucket": { "name": bucket },
            "object": object,
            "request-id": self.world.hex(16).to_uppercase(),
            "requester": self.world.account,
            "source-ip-address": "127.0.0.1",
        });
        if let (Value::Object(detail), Value::Object(reason)) = (&mut detail, reason) {
            detail.extend(reason);
        }
        self.bus.emit(
            "aws.s3",
            detail_type,
            &[format!("arn:aws:s3:::{bucket}")],
            detail,
        );
    }
}

/// The headers that describe an object to its writer and its readers.
pub(super) fn describe(response: &mut Response<Bytes>, object: &Object) {
    set(response, "etag", &format!("\"{}\"", object.etag));
    set(response, "x-amz-server-side-encryption", "AES256");
    if let Some((algorithm, value)) = &object.checksum {
        let name = match algorithm.as_str() {
            "crc32" => "x-amz-checksum-crc32",
            "crc32c" => "x-amz-checksum-crc32c",
            "sha1" => "x-amz-checksum-sha1",
            "sha256" => "x-amz-checksum-sha256",
            _ => "x-amz-checksum-crc64nvme",
        };
        set(response, name, value);
        set(response, "x-amz-checksum-type", "FULL_OBJECT");
    }
}
