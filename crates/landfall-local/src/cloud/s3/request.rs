//! A request to S3, taken apart: which bucket, which key, which operation.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use percent_encoding::percent_decode_str;

use super::{checksum, chunked};
use crate::cloud::{fault::Fault, wire::target::text};

/// The configurations of a bucket that are kept and given back but not acted on, by query parameter: the singular name
/// in the API, and the error when there is none.
pub(super) const CONFIGURATIONS: [(&str, &str); 9] = [
    ("cors", "NoSuchCORSConfiguration"),
    (
        "encryption",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    ("lifecycle", "NoSuchLifecycleConfiguration"),
    ("logging", ""),
    ("notification", ""),
    ("ownershipControls", "OwnershipControlsNotFoundError"),
    ("policy", "NoSuchBucketPolicy"),
    ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
    ("tagging", "NoSuchTagSet"),
];

/// One request, path style and virtual-host style alike.
#[derive(Clone, Debug)]
pub struct S3Request {
    pub(super) method: Method,
    /// The bucket, if the request is about one.
    pub bucket: Option<String>,
    /// The key, decoded, if the request is about an object.
    pub key: Option<String>,
    pub(super) query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Bytes,
    trailers: BTreeMap<String, String>,
}

impl S3Request {
    /// Reads a request, decoding an `aws-chunked` body.
    pub fn parse(parts: &Parts, body: Bytes) -> Result<Self, Fault> {
        let path = parts.uri.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let host = text(&parts.headers, header::HOST.as_str())
            .or(parts.uri.host())
            .unwrap_or_default();
        let (bucket, key) = match virtual_host(host) {
            Some(bucket) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query: HashMap<String, String> =
            serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let mut request = Self {
            method: parts.method.clone(),
            bucket: Some(decode(bucket)).filter(|bucket| !bucket.is_empty()),
            key: Some(decode(key)).filter(|key| !key.is_empty()),
            query: query.into_iter().collect(),
            headers: parts.headers.clone(),
            body,
            trailers: BTreeMap::new(),
        };
        let streaming = request
            .header("x-amz-content-sha256")
            .is_some_and(|value| value.starts_with("STREAMING-"));
        if streaming
            || request
                .header("content-encoding")
                .is_some_and(|value| value.contains("aws-chunked"))
        {
            let (content, trailers) = chunked::decode(&request.body)?;
            request.body = Bytes::from(content);
            request.trailers = trailers;
        }
        Ok(request)
    }

    /// A plain PutObject.
    pub(super) fn put(bucket: &str, key: &str, body: Bytes) -> Self {
        Self {
            method: Method::PUT,
            bucket: Some(bucket.into()),
            key: Some(key.into()),
            query: BTreeMap::new(),
            headers: HeaderMap::new(),
            body,
            trailers: BTreeMap::new(),
        }
    }

    /// The API operation that this is; `Unknown` for what is not implemented. The operations on [`CONFIGURATIONS`] go
    /// by one name.
    pub fn operation(&self) -> &'static str {
        let has = |name: &str| self.query.contains_key(name);
        match (
            self.method.as_str(),
            self.bucket.is_some(),
            self.key.is_some(),
        ) {
            ("GET", false, _) => "ListBuckets",
            (method, true, false) if self.configuration().is_some() => match method {
                "GET" => "GetBucketConfiguration",
                "PUT" => "PutBucketConfiguration",
                "DELETE" => "DeleteBucketConfiguration",
                _ => "Unknown",
            },
            (method, true, false) => match method {
                "GET" if has("versioning") => "GetBucketVersioning",
                "PUT" if has("versioning") => "PutBucketVersioning",
                "GET" if has("location") => "GetBucketLocation",
                "GET" if has("versions") => "ListObjectVersions",
                "GET" if has("uploads") => "ListMultipartUploads",
                "GET"
                    if self
                        .query
                        .get("list-type")
                        .is_some_and(|version| version == "2") =>
                {
                    "ListObjectsV2"
                }
                "GET" if !self.has_subresource() => "ListObjects",
                "POST" if has("delete") => "DeleteObjects",
                "PUT" if !self.has_subresource() => "CreateBucket",
                "HEAD" => "HeadBucket",
                "DELETE" if !self.has_subresource() => "DeleteBucket",
                _ => "Unknown",
            },
            (method, true, true) => match method {
                "POST" if has("uploads") => "CreateMultipartUpload",
                "POST" if has("uploadId") => "CompleteMultipartUpload",
                "GET" if has("uploadId") => "ListParts",
                "DELETE" if has("uploadId") => "AbortMultipartUpload",
                "PUT" if has("uploadId") && !self.headers.contains_key("x-amz-copy-source") => {
                    "UploadPart"
                }
                "PUT" if self.has_subresource() || has("uploadId") => "Unknown",
                "PUT" if self.headers.contains_key("x-amz-copy-source") => "CopyObject",
                "PUT" => "PutObject",
                "GET" if !self.has_subresource() => "GetObject",
                "HEAD" => "HeadObject",
                "DELETE" if !self.has_subresource() => "DeleteObject",
                _ => "Unknown",
            },
            _ => "Unknown",
        }
    }

    /// The configuration of a bucket that this request is about, with the error when there is none.
    pub(super) fn configuration(&self) -> Option<(&'static str, &'static str)> {
        CONFIGURATIONS
            .into_iter()
            .find(|(name, _)| self.query.contains_key(*name))
    }

    /// Whether there is a parameter that makes this another operation than the plain one.
    fn has_subresource(&self) -> bool {
        const OTHERS: [&str; 14] = [
            "accelerate",
            "acl",
            "analytics",
            "attributes",
            "intelligent-tiering",
            "inventory",
            "legal-hold",
            "metrics",
            "object-lock",
            "policyStatus",
            "replication",
            "restore",
            "retention",
            "tagging",
        ];
        OTHERS.iter().any(|name| self.query.contains_key(*name))
    }

    pub(super) fn bucket_name(&self) -> &str {
        self.bucket.as_deref().unwrap_or_default()
    }

    pub(super) fn key_name(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The content, without any transfer encoding.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The checksum that came with the body, as header, as trailer, or in a presigned URL.
    pub(super) fn checksum(&self, algorithm: &str) -> Option<&str> {
        let name = format!("x-amz-checksum-{algorithm}");
        self.header(&name)
            .or_else(|| self.trailers.get(&name).map(String::as_str))
            .or_else(|| {
                self.query
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(&name))
                    .map(|(_, value)| value.as_str())
            })
    }

    /// The headers that belong to the object and are given back when it is read.
    pub(super) fn object_headers(&self) -> BTreeMap<String, String> {
        const KEPT: [&str; 7] = [
            "cache-control",
            "content-disposition",
            "content-encoding",
            "content-language",
            "content-type",
            "expires",
            "x-amz-website-redirect-location",
        ];
        let kept = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-");
        let mut headers: BTreeMap<String, String> = self
            .headers
            .iter()
            .filter(|(name, _)| kept(name.as_str()))
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        // aws-chunked is how the body travelled, not what it is.
        if let Some(encoding) = headers.remove("content-encoding") {
            let real: Vec<&str> = encoding
                .split(',')
                .map(str::trim)
                .filter(|part| *part != "aws-chunked")
                .collect();
            if !real.join(",").is_empty() {
                headers.insert("content-encoding".into(), real.join(","));
            }
        }
        headers
            .entry("content-type".into())
            .or_insert_with(|| "binary/octet-stream".into());
        headers
    }

    /// The algorithm for a multipart upload, in lower case.
    pub(super) fn upload_algorithm(&self) -> Option<String> {
        let algorithm = self.header("x-amz-checksum-algorithm")?.to_lowercase();
        checksum::ALGORITHMS
            .contains(&algorithm.as_str())
            .then_some(algorithm)
    }
}

/// The bucket in `<bucket>.s3.<region>.amazonaws.com` or `<bucket>.localhost`.
fn virtual_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if name.parse::<IpAddr>().is_ok() || name.starts_with("s3.") || name.starts_with("s3-") {
        return None;
    }
    let (bucket, _) = name
        .split_once(".s3.")
        .or_else(|| name.split_once(".s3-"))
        .or_else(|| name.split_once(".localhost"))?;
    Some(bucket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use http::Request;

    use super::*;

    #[test]
    fn the_bucket_is_found_in_the_path_or_in_the_host() {
        let cases = [
            (
                "127.0.0.1:4599",
                "/config/services/a%20b.yaml",
                "config",
                "services/a b.yaml",
            ),
            ("localhost:4599", "/config//x", "config", "/x"),
            (
                "config.localhost:4599",
                "/services/x",
                "config",
                "services/x",
            ),
            ("s3.eu-west-1.amazonaws.com", "/config/x", "config", "x"),
            (
                "my.config.s3.eu-west-1.amazonaws.com",
                "/x",
                "my.config",
                "x",
            ),
        ];
        for (host, path, bucket, key) in cases {
            let (parts, ()) = Request::get(path)
                .header("host", host)
                .body(())
                .unwrap()
                .into_parts();
            let request = S3Request::parse(&parts, Bytes::new()).unwrap();
            assert_eq!(
                (request.bucket_name(), request.key_name()),
                (bucket, key),
                "{host}{path}"
            );
        }
    }
}
