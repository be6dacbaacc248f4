//! Conditional requests:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>.

use super::{request::S3Request, state::Object};
use crate::cloud::fault::Fault;

/// May this write replace `current`, the key's current object? An absent key under `If-Match` is a 404, all other
/// refusals are 412.
pub(super) fn check_write(request: &S3Request, current: Option<&Object>) -> Result<(), Fault> {
    if let Some(condition) = request.header("if-none-match") {
        if condition != "*" {
            return Err(Fault {
                status: 501,
                code: "NotImplemented".into(),
                message: "A header you provided implies functionality that is not implemented: If-None-Match takes only *."
                    .into(),
            });
        }
        if current.is_some() {
            return Err(precondition_failed());
        }
    }
    if let Some(condition) = request.header("if-match") {
        let Some(current) = current else {
            return Err(no_such_key());
        };
        if !matches(condition, &current.etag) {
            return Err(precondition_failed());
        }
    }
    Ok(())
}

/// May this object be read? `If-None-Match` that matches is 304 Not Modified.
pub(super) fn check_read(request: &S3Request, object: &Object) -> Result<(), Fault> {
    if request
        .header("if-match")
        .is_some_and(|condition| !matches(condition, &object.etag))
    {
        return Err(precondition_failed());
    }
    if request
        .header("if-none-match")
        .is_some_and(|condition| matches(condition, &object.etag))
    {
        return Err(Fault {
            status: 304,
            code: "NotModified".into(),
            message: "Not Modified".into(),
        });
    }
    Ok(())
}

/// The key is absent or its newest version is a delete marker.
pub(super) fn no_such_key() -> Fault {
    Fault {
        status: 404,
        code: "NoSuchKey".into(),
        message: "The specified key does not exist.".into(),
    }
}

fn precondition_failed() -> Fault {
    let message = "At least one of the pre-conditions you specified did not hold";
    Fault {
        status: 412,
        code: "PreconditionFailed".into(),
        message: message.into(),
    }
}

fn matches(condition: &str, etag: &str) -> bool {
    condition
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_matches('"') == etag)
}
