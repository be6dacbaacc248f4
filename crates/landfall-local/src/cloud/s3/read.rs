//! Reading objects.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::{
    S3,
    conditions::{check_read, no_such_key},
    empty,
    objects::describe,
    request::S3Request,
    set,
    state::{Object, Version},
};
use crate::cloud::fault::Fault;

impl S3 {
    pub(super) fn get_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let (version, object) = self.find(request)?;
        let mut response = head(request, &version, &object)?;
        *response.body_mut() = self.bodies.read(&object.body)?;
        Ok(response)
    }

    pub(super) fn head_object(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let (version, object) = self.find(request)?;
        head(request, &version, &object)
    }

    /// The version that is asked for, and its object.
    fn find(&self, request: &S3Request) -> Result<(Version, Object), Fault> {
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
        Ok((version.clone(), object.clone()))
    }
}

/// The answer without its body.
fn head(request: &S3Request, version: &Version, object: &Object) -> Result<Response<Bytes>, Fault> {
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
    set(&mut response, "x-amz-version-id", &version.id);
    set(
        &mut response,
        "last-modified",
        &version
            .modified
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string(),
    );
    set(&mut response, "content-length", &object.size.to_string());
    for (name, value) in &object.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
