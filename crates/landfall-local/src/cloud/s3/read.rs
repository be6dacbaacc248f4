//! Reading objects.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use super::{
    S3,
    conditions::{check_read, no_such_key},
    empty,
    objects::{describe, version_header},
    request::S3Request,
    set,
    state::{Object, Version},
};
use crate::cloud::fault::Fault;

impl S3 {
    pub(super) fn get_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let (version, object, version_id) = self.find(request)?;
        let mut response = head(request, &version, &object, version_id.as_deref())?;
        let body = self.bodies.read(&object.body)?;
        match request
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="))
        {
            // S3 ignores a range it cannot read, and answers with the whole object.
            Some(range) if !range.contains(',') && range.contains('-') => {
                let range = resolve(range, body.len())?;
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let content_range =
                    format!("bytes {}-{}/{}", range.start, range.end - 1, body.len());
                set(&mut response, "content-range", &content_range);
                set(&mut response, "content-length", &range.len().to_string());
                // A checksum is of the whole object, which this answer is not.
                let checksums: Vec<HeaderName> = response
                    .headers()
                    .keys()
                    .filter(|name| name.as_str().starts_with("x-amz-checksum-"))
                    .cloned()
                    .collect();
                for name in checksums {
                    response.headers_mut().remove(name);
                }
                *response.body_mut() = body.slice(range);
            }
            _ => *response.body_mut() = body,
        }
        Ok(response)
    }

    pub(super) fn head_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let (version, object, version_id) = self.find(request)?;
        head(request, &version, &object, version_id.as_deref())
    }

    /// The version that is asked for, its object, and the version id to show.
    fn find(&self, request: &S3Request) -> Result<(Version, Object, Option<String>), Fault> {
        let state = self.state();
        let bucket = state.bucket(request.bucket_name())?;
        let versions = bucket.keys.get(request.key_name());
        let version = match request.parameter("versionId") {
            Some(id) => versions
                .and_then(|versions| versions.iter().find(|version| version.id == id))
                .ok_or_else(|| {
                    Fault::client("NoSuchVersion", "The specified version does not exist.")
                        .with_status(404)
                })?,
            None => versions
                .and_then(|versions| versions.last())
                .ok_or_else(no_such_key)?,
        };
        let Some(object) = &version.object else {
            return Err(match request.parameter("versionId") {
                Some(_) => {
                    let message = "The specified method is not allowed against this resource.";
                    Fault::client("MethodNotAllowed", message).with_status(405)
                }
                None => {
                    let message =
                        "The specified key does not exist: its newest version is a delete marker.";
                    Fault::client("NoSuchKey", message).with_status(404)
                }
            });
        };
        Ok((
            version.clone(),
            object.clone(),
            bucket.versioning.map(|_| version.id.clone()),
        ))
    }
}

/// The answer without its body.
fn head(
    request: &S3Request,
    version: &Version,
    object: &Object,
    version_id: Option<&str>,
) -> Result<Response<Bytes>, Fault> {
    check_read(request, object)?;
    let mut response = empty(StatusCode::OK);
    let mut shown = object.clone();
    if !request
        .header("x-amz-checksum-mode")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"))
    {
        shown.checksum = None;
    }
    describe(&mut response, &shown);
    version_header(&mut response, version_id);
    set(
        &mut response,
        "last-modified",
        &version
            .modified
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string(),
    );
    set(&mut response, "accept-ranges", "bytes");
    set(&mut response, "content-length", &object.size.to_string());
    for (name, value) in &object.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    // Presigned links can say how the browser is to take the object.
    if request.method == Method::GET {
        if let Some(value) = request.parameter("response-content-type") {
            set(&mut response, "content-type", value);
        }
        if let Some(value) = request.parameter("response-content-disposition") {
            set(&mut response, "content-disposition", value);
        }
    }
    Ok(response)
}

/// `first-last`, `first-` or `-length` within `size` bytes.
fn resolve(range: &str, size: usize) -> Result<Range<usize>, Fault> {
    let invalid =
        || Fault::client("InvalidRange", "The requested range is not satisfiable").with_status(416);
    let (first, last) = range.split_once('-').ok_or_else(invalid)?;
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Err(invalid()),
    };
    if range.start >= range.end {
        Err(invalid())
    } else {
        Ok(range)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_range_is_cut_to_what_is_there() {
        assert_eq!(resolve("0-4", 10).unwrap(), 0..5);
        assert_eq!(resolve("5-", 10).unwrap(), 5..10);
        assert_eq!(resolve("-3", 10).unwrap(), 7..10);
        assert_eq!(resolve("8-99", 10).unwrap(), 8..10);
        assert_eq!(resolve("10-", 10).unwrap_err().status, 416);
        assert_eq!(resolve("-0", 10).unwrap_err().status, 416);
    }
}
