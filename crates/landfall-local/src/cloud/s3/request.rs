//! A request to S3, taken apart: which bucket, which key, which operation.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use percent_encoding::percent_decode_str;

use super::chunked;
use crate::cloud::{fault::Fault, wire::target::text};

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

    /// Makes a listing ask for at most `most` keys.
    pub fn shorten(&mut self, most: usize) {
        if self.operation() == "ListObjectsV2" {
            let asked = self
                .parameter("max-keys")
                .and_then(|keys| keys.parse().ok());
            let most = asked.map_or(most, |asked: usize| asked.min(most));
            self.query.insert("max-keys".into(), most.to_string());
        }
    }

    /// The API operation that this is, by method and what it is about; `Unknown` for what is not played.
    pub fn operation(&self) -> &'static str {
        if self.is_another_operation() {
            return "Unknown";
        }
        let listing = self.query.get("list-type").map(String::as_str);
        match (
            self.method.as_str(),
            self.bucket.is_some(),
            self.key.is_some(),
        ) {
            ("GET", false, _) => "ListBuckets",
            ("GET", true, false) if listing == Some("2") => "ListObjectsV2",
            ("PUT", true, true) => "PutObject",
            ("GET", true, true) => "GetObject",
            ("HEAD", true, true) => "HeadObject",
            ("DELETE", true, true) => "DeleteObject",
            _ => "Unknown",
        }
    }

    /// Whether a parameter or a header makes this another operation than the plain one on an object.
    fn is_another_operation(&self) -> bool {
        const OTHERS: [&str; 10] = [
            "acl",
            "attributes",
            "legal-hold",
            "partNumber",
            "restore",
            "retention",
            "tagging",
            "torrent",
            "uploadId",
            "uploads",
        ];
        OTHERS.iter().any(|name| self.query.contains_key(*name))
            || self.headers.contains_key("x-amz-copy-source")
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
        const OBJECT_HEADERS: [&str; 7] = [
            "cache-control",
            "content-disposition",
            "content-encoding",
            "content-language",
            "content-type",
            "expires",
            "x-amz-website-redirect-location",
        ];
        let is_object_header =
            |name: &str| OBJECT_HEADERS.contains(&name) || name.starts_with("x-amz-meta-");
        let mut headers: BTreeMap<String, String> = self
            .headers
            .iter()
            .filter(|(name, _)| is_object_header(name.as_str()))
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
