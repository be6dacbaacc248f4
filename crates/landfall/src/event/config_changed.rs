//! S3's "Object Created" and "Object Deleted"
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use serde::Deserialize;
use serde_json::Value;

use super::{Heard, open, within};
use crate::{keys, refusal::Refusal};

#[derive(Debug, Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

/// The key of the service file to look at, for a Landfall whose config bucket is `config_bucket`.
///
/// # Errors
/// Refused if it is not what it claims to be.
pub fn read(event: &Value, config_bucket: &str) -> Result<Heard<String>, Refusal> {
    let Detail { bucket, object } =
        open::<Detail>(event, "aws.s3", &["Object Created", "Object Deleted"])?.detail;
    within("object key", &object.key, 1024)?;
    if object.key.len() > keys::LONGEST_SERVICE_FILE {
        return Err(Refusal::new(format!(
            "a service file's key has {} bytes at most, this one has {}: give it a shorter name",
            keys::LONGEST_SERVICE_FILE,
            object.key.len()
        )));
    }
    if bucket.name != config_bucket {
        return Ok(Heard::Ignore(format!(
            "the bucket {} is not the config bucket",
            super::excerpt(&bucket.name)
        )));
    }
    if !keys::is_service_file(&object.key) {
        let message = format!(
            "`{}` is no service file: those are services/….yaml, .yml or .json",
            object.key
        );
        return Ok(Heard::Ignore(message));
    }
    Ok(Heard::Look(object.key))
}
