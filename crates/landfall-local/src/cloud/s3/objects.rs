//! Writing and deleting objects, and the events that tell of it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    S3,
    buckets::malformed,
    checksum,
    conditions::{check_read, check_write, no_such_key},
    empty,
    request::S3Request,
    set,
    state::{Bucket, Object, State, Version, Versioning},
    xml,
};
use crate::cloud::{fault::Fault, wire::xml::Node};

/// S3 refuses longer keys; in bytes.
const LONGEST_KEY: usize = 1024;

/// What a DELETE did.
struct Deletion {
    /// The version that was deleted or made, on buckets with versioning.
    version_id: Option<String>,
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
            checksum_type: "FULL_OBJECT".into(),
        };
        let mut response = empty(StatusCode::OK);
        describe(&mut response, &object);
        let version_id = self.store(request, object, "PutObject")?;
        version_header(&mut response, version_id.as_deref());
        Ok(response)
    }

    pub(super) fn copy_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let source = request.header("x-amz-copy-source").unwrap_or_default();
        let (path, version_id) = match source.split_once("?versionId=") {
            Some((path, version_id)) => (path, Some(version_id)),
            None => (source, None),
        };
        let path = percent_decode_str(path.strip_prefix('/').unwrap_or(path))
            .decode_utf8_lossy()
            .into_owned();
        let Some((bucket, key)) = path.split_once('/') else {
            return Err(Fault::client(
                "InvalidArgument",
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ));
        };
        let mut object = {
            let state = self.state();
            let versions = state.bucket(bucket)?.keys.get(key);
            let version = match version_id {
                Some(id) => {
                    versions.and_then(|versions| versions.iter().find(|version| version.id == id))
                }
                None => versions.and_then(|versions| versions.last()),
            };
            version
                .and_then(|version| version.object.clone())
                .ok_or_else(no_such_key)?
        };
        if request
            .header("x-amz-copy-source-if-match")
            .is_some_and(|condition| condition.trim_matches('"') != object.etag)
        {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(Fault::client("PreconditionFailed", message).with_status(412));
        }
        if request
            .header("x-amz-metadata-directive")
            .is_some_and(|directive| directive.eq_ignore_ascii_case("REPLACE"))
        {
            object.headers = request.object_headers();
        } else if bucket == request.bucket_name()
            && key == request.key_name()
            && version_id.is_none()
        {
            let message = "This copy request is illegal because it is trying to copy an object to itself without changing \
                           the object's metadata.";
            return Err(Fault::client("InvalidRequest", message));
        }
        let modified = self.world.now();
        let etag = object.etag.clone();
        let version_id = self.store(request, object, "CopyObject")?;
        let mut response = xml("CopyObjectResult", |xml| {
            xml.text("LastModified", format_args!("{modified:.3}"));
            xml.text("ETag", format_args!("\"{etag}\""));
        });
        version_header(&mut response, version_id.as_deref());
        Ok(response)
    }

    /// Makes `object` the current version of the request's key, if the request's conditions hold, and tells everyone.
    /// Answers the version's id on a bucket that has or had versioning.
    pub(super) fn store(
        &self,
        request: &S3Request,
        object: Object,
        reason: &str,
    ) -> Result<Option<String>, Fault> {
        let (bucket_name, key) = (request.bucket_name(), request.key_name());
        if key.len() > LONGEST_KEY {
            return Err(Fault::client("KeyTooLongError", "Your key is too long"));
        }
        let mut state = self.state();
        let bucket = state.bucket_mut(bucket_name)?;
        check_write(request, bucket.current(key))?;
        let id = self.new_version_id(bucket);
        let version_id = bucket.versioning.map(|_| id.clone());
        let (etag, size) = (object.etag.clone(), object.size);
        bucket.push(
            key,
            Version {
                id,
                modified: self.world.now(),
                object: Some(object),
            },
        );
        let detail = json!({ "key": key, "size": size, "etag": etag });
        self.tell(
            &mut state,
            bucket_name,
            "Object Created",
            detail,
            version_id.as_deref(),
            json!({ "reason": reason }),
        );
        Ok(version_id)
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
        version_header(&mut response, deletion.version_id.as_deref());
        if deletion.delete_marker {
            set(&mut response, "x-amz-delete-marker", "true");
        }
        Ok(response)
    }

    pub(super) fn delete_objects(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let document = Node::parse(request.body()).map_err(|reason| malformed(&reason))?;
        let wanted: Vec<&Node> = document
            .children
            .iter()
            .filter(|child| child.name == "Object")
            .collect();
        if wanted.is_empty() || wanted.len() > 1000 {
            return Err(malformed(
                "between 1 and 1000 objects can be deleted at once",
            ));
        }
        let quiet = document.child("Quiet") == Some("true");
        let mut state = self.state();
        let mut deletions = Vec::new();
        for object in wanted {
            let key = object
                .child("Key")
                .ok_or_else(|| malformed("an object has no key"))?;
            let version_id = object.child("VersionId");
            deletions.push((
                key,
                version_id,
                self.delete(&mut state, request.bucket_name(), key, version_id)?,
            ));
        }
        Ok(xml("DeleteResult", |xml| {
            for (key, version_id, deletion) in deletions.iter().filter(|_| !quiet) {
                xml.element("Deleted", |xml| {
                    xml.text("Key", key);
                    xml.optional("VersionId", *version_id);
                    if deletion.delete_marker {
                        xml.text("DeleteMarker", "true");
                        xml.optional("DeleteMarkerVersionId", deletion.version_id.as_deref());
                    }
                });
            }
        }))
    }

    /// Without a version id: puts a delete marker on top (versioning) or removes the object (no versioning). With one:
    /// removes that version for good.
    fn delete(
        &self,
        state: &mut State,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<Deletion, Fault> {
        let bucket = state.bucket_mut(bucket_name)?;
        let versioned = bucket.versioning.is_some();
        let permanently =
            json!({ "reason": "DeleteObject", "deletion-type": "Permanently Deleted" });
        if let Some(id) = version_id {
            let removed = bucket.remove(key, id);
            let delete_marker = removed
                .as_ref()
                .is_some_and(|version| version.object.is_none());
            if removed.is_some() {
                self.tell(
                    state,
                    bucket_name,
                    "Object Deleted",
                    json!({ "key": key }),
                    versioned.then_some(id),
                    permanently,
                );
            }
            return Ok(Deletion {
                version_id: Some(id.to_owned()),
                delete_marker,
            });
        }
        if !versioned {
            if bucket.remove(key, "null").is_some() {
                self.tell(
                    state,
                    bucket_name,
                    "Object Deleted",
                    json!({ "key": key }),
                    None,
                    permanently,
                );
            }
            return Ok(Deletion {
                version_id: None,
                delete_marker: false,
            });
        }
        let id = self.new_version_id(bucket);
        bucket.push(
            key,
            Version {
                id: id.clone(),
                modified: self.world.now(),
                object: None,
            },
        );
        let marked = json!({ "reason": "DeleteObject", "deletion-type": "Delete Marker Created" });
        self.tell(
            state,
            bucket_name,
            "Object Deleted",
            json!({ "key": key }),
            Some(&id),
            marked,
        );
        Ok(Deletion {
            version_id: Some(id),
            delete_marker: true,
        })
    }

    fn new_version_id(&self, bucket: &Bucket) -> String {
        match bucket.versioning {
            Some(Versioning::Enabled) => self.world.hex(32),
            _ => "null".into(),
        }
    }

    /// Emits an event while the state is locked, so that events leave in the order of the changes.
    fn tell(
        &self,
        state: &mut State,
        bucket: &str,
        detail_type: &str,
        object: Value,
        version_id: Option<&str>,
        reason: Value,
    ) {
        let mut object = match object {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        if let Some(id) = version_id {
            object.insert("version-id".into(), id.into());
        }
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
        set(response, "x-amz-checksum-type", &object.checksum_type);
    }
}

pub(super) fn version_header(response: &mut Response<Bytes>, version_id: Option<&str>) {
    if let Some(id) = version_id {
        set(response, "x-amz-version-id", id);
    }
}
