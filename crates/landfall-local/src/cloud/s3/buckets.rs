//! Buckets and what is configured on them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::{
    S3, empty,
    request::S3Request,
    set,
    state::{Bucket, Versioning},
    xml,
};
use crate::cloud::{fault::Fault, wire::xml::Node};

impl S3 {
    pub(super) fn list_buckets(&self) -> Result<Response<Bytes>, Fault> {
        let state = self.state();
        Ok(xml("ListAllMyBucketsResult", |xml| {
            xml.element("Owner", |xml| xml.text("ID", &self.world.account));
            xml.element("Buckets", |xml| {
                for (name, bucket) in &state.buckets {
                    xml.element("Bucket", |xml| {
                        xml.text("Name", name);
                        xml.text("CreationDate", format_args!("{:.3}", bucket.created));
                        xml.text("BucketRegion", &self.world.region);
                    });
                }
            });
        }))
    }

    pub(super) fn create_bucket(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let name = request.bucket_name();
        let valid = (3..=63).contains(&name.len())
            && name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
            });
        if !valid {
            return Err(Fault::client(
                "InvalidBucketName",
                format!("The specified bucket is not valid: {name}"),
            ));
        }
        if !request.body().is_empty() {
            let configuration = Node::parse(request.body()).map_err(|reason| malformed(&reason))?;
            if let Some(region) = configuration
                .child("LocationConstraint")
                .filter(|region| *region != self.world.region)
            {
                let message = format!(
                    "The {region} location constraint is incompatible for the region {}.",
                    self.world.region
                );
                return Err(Fault::client("IllegalLocationConstraintException", message));
            }
        }
        let mut state = self.state();
        if state.buckets.contains_key(name) {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(Fault::client("BucketAlreadyOwnedByYou", message).with_status(409));
        }
        state
            .buckets
            .insert(name.to_owned(), Bucket::new(self.world.now()));
        let mut response = empty(StatusCode::OK);
        set(&mut response, "location", &format!("/{name}"));
        Ok(response)
    }

    /// Makes a bucket, versioned from the start, unless it is there: for whoever sets the embedded cloud up.
    pub fn ensure_versioned_bucket(&self, name: &str) {
        let now = self.world.now();
        let mut state = self.state();
        let bucket = state
            .buckets
            .entry(name.to_owned())
            .or_insert_with(|| Bucket::new(now));
        bucket.versioning = Some(Versioning::Enabled);
    }

    pub(super) fn head_bucket(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        self.state().bucket(request.bucket_name())?;
        let mut response = empty(StatusCode::OK);
        set(&mut response, "x-amz-bucket-region", &self.world.region);
        Ok(response)
    }

    pub(super) fn delete_bucket(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let mut state = self.state();
        if !state.bucket(request.bucket_name())?.keys.is_empty() {
            return Err(Fault::client(
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty",
            )
            .with_status(409));
        }
        state.buckets.remove(request.bucket_name());
        state
            .uploads
            .retain(|_, upload| upload.bucket != request.bucket_name());
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn get_bucket_location(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        self.state().bucket(request.bucket_name())?;
        // AWS answers with the text right inside the root element, and with none for us-east-1.
        let region = if self.world.region == "us-east-1" {
            ""
        } else {
            &self.world.region
        };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint xmlns=\"{}\">{region}</LocationConstraint>",
            super::NAMESPACE
        );
        let mut response = Response::new(Bytes::from(body));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        );
        Ok(response)
    }

    pub(super) fn get_bucket_versioning(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let versioning = self.state().bucket(request.bucket_name())?.versioning;
        Ok(xml("VersioningConfiguration", |xml| {
            let status = versioning.map(|versioning| match versioning {
                Versioning::Enabled => "Enabled",
                Versioning::Suspended => "Suspended",
            });
            xml.optional("Status", status);
        }))
    }

    pub(super) fn put_bucket_versioning(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let configuration = Node::parse(request.body()).map_err(|reason| malformed(&reason))?;
        let versioning = match configuration.child("Status") {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(malformed("Status must be Enabled or Suspended")),
        };
        self.state().bucket_mut(request.bucket_name())?.versioning = Some(versioning);
        Ok(empty(StatusCode::OK))
    }

    pub(super) fn put_bucket_configuration(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let Some((name, _)) = request.configuration() else {
            return Err(malformed("no configuration is named"));
        };
        let body =
            std::str::from_utf8(request.body()).map_err(|error| malformed(&error.to_string()))?;
        if name == "policy" {
            serde_json::from_str::<serde_json::Value>(body).map_err(|error| {
                Fault::client(
                    "MalformedPolicy",
                    format!("The policy is not JSON: {error}"),
                )
            })?;
        } else {
            Node::parse(request.body()).map_err(|reason| malformed(&reason))?;
        }
        let mut state = self.state();
        state
            .bucket_mut(request.bucket_name())?
            .configurations
            .insert(name.into(), body.into());
        let no_content = matches!(name, "policy" | "tagging");
        Ok(empty(if no_content {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::OK
        }))
    }

    pub(super) fn get_bucket_configuration(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let Some((name, absent)) = request.configuration() else {
            return Err(malformed("no configuration is named"));
        };
        let state = self.state();
        let Some(body) = state
            .bucket(request.bucket_name())?
            .configurations
            .get(name)
        else {
            return match name {
                "notification" => Ok(xml("NotificationConfiguration", |_| {})),
                "logging" => Ok(xml("BucketLoggingStatus", |_| {})),
                _ => Err(
                    Fault::client(absent, format!("The bucket has no {name} configuration."))
                        .with_status(404),
                ),
            };
        };
        let mut response = Response::new(Bytes::from(body.clone()));
        let content_type = if name == "policy" {
            "application/json"
        } else {
            "application/xml"
        };
        set(&mut response, "content-type", content_type);
        Ok(response)
    }

    pub(super) fn delete_bucket_configuration(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let Some((name, _)) = request.configuration() else {
            return Err(malformed("no configuration is named"));
        };
        self.state()
            .bucket_mut(request.bucket_name())?
            .configurations
            .remove(name);
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

pub(super) fn malformed(reason: &str) -> Fault {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema";
    Fault::client("MalformedXML", format!("{message}: {reason}"))
}
