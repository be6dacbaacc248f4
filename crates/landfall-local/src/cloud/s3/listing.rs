//! Listing keys, page by page.

use std::{collections::BTreeSet, ops::Bound};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    S3,
    request::S3Request,
    state::{Bucket, Version},
    xml,
};
use crate::cloud::{fault::Fault, wire::xml::Xml};

/// What `encoding-type=url` leaves alone.
const UNESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// What a listing asks for, but for where it begins.
struct Query<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    most: usize,
    url: bool,
}

/// One page of keys.
struct Page<'a> {
    keys: Vec<&'a str>,
    prefixes: BTreeSet<&'a str>,
    /// The last key or prefix on the page, if there are more.
    next: Option<String>,
}

impl<'a> Query<'a> {
    fn of(request: &'a S3Request) -> Result<Self, Fault> {
        let most = match request.parameter("max-keys") {
            None => 1000,
            Some(text) => text.parse::<usize>().map_err(|_| {
                Fault::client(
                    "InvalidArgument",
                    "Provided max-keys not an integer or within integer range",
                )
            })?,
        };
        Ok(Self {
            prefix: request.parameter("prefix").unwrap_or_default(),
            delimiter: request.parameter("delimiter").unwrap_or_default(),
            most: most.min(1000),
            url: request.parameter("encoding-type") == Some("url"),
        })
    }

    fn encode(&self, text: &str) -> String {
        if self.url {
            utf8_percent_encode(text, UNESCAPED).to_string()
        } else {
            text.to_owned()
        }
    }

    /// The part of `key` up to the first delimiter behind the prefix.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let end = key.get(self.prefix.len()..)?.find(self.delimiter)?;
        key.get(..self.prefix.len() + end + self.delimiter.len())
    }

    /// The keys behind `after` that have a current object.
    fn page<'b>(&self, bucket: &'b Bucket, after: &str) -> Page<'b> {
        let mut page = Page {
            keys: Vec::new(),
            prefixes: BTreeSet::new(),
            next: None,
        };
        let mut last = "";
        let keys = bucket
            .keys
            .range::<str, _>((Bound::Included(self.prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(self.prefix));
        for (key, _) in keys.filter(|(key, _)| bucket.current(key).is_some()) {
            let prefix = self.common_prefix(key);
            // A page that ended with a common prefix is continued behind all keys under it.
            let passed = key.as_str() <= after
                || prefix.is_some_and(|prefix| prefix <= after && after.starts_with(prefix));
            if passed || prefix.is_some_and(|prefix| page.prefixes.contains(prefix)) {
                continue;
            }
            if page.keys.len() + page.prefixes.len() == self.most {
                page.next = Some(last.to_owned()).filter(|last| !last.is_empty());
                break;
            }
            match prefix {
                Some(prefix) => {
                    page.prefixes.insert(prefix);
                    last = prefix;
                }
                None => {
                    page.keys.push(key);
                    last = key;
                }
            }
        }
        page
    }

    fn echo(&self, xml: &mut Xml, bucket: &str, truncated: bool) {
        xml.text("Name", bucket);
        xml.text("Prefix", self.encode(self.prefix));
        xml.optional(
            "Delimiter",
            Some(self.encode(self.delimiter)).filter(|delimiter| !delimiter.is_empty()),
        );
        xml.text("MaxKeys", self.most);
        xml.optional("EncodingType", self.url.then_some("url"));
        xml.text("IsTruncated", truncated);
    }

    fn write_prefixes(&self, xml: &mut Xml, prefixes: &BTreeSet<&str>) {
        for prefix in prefixes {
            xml.element("CommonPrefixes", |xml| {
                xml.text("Prefix", self.encode(prefix))
            });
        }
    }

    fn write_objects(&self, xml: &mut Xml, bucket: &Bucket, keys: &[&str]) {
        for key in keys {
            let Some(version) = bucket.keys.get(*key).and_then(|versions| versions.last()) else {
                continue;
            };
            xml.element("Contents", |xml| {
                xml.text("Key", self.encode(key));
                write_version(xml, version);
            });
        }
    }
}

impl S3 {
    pub(super) fn list_objects_v2(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let query = Query::of(request)?;
        let token = request.parameter("continuation-token");
        let after = match token {
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| {
                    Fault::client(
                        "InvalidArgument",
                        "The continuation token provided is incorrect",
                    )
                })?,
            None => request
                .parameter("start-after")
                .unwrap_or_default()
                .to_owned(),
        };
        let state = self.state();
        let bucket = state.bucket(request.bucket_name())?;
        let page = query.page(bucket, &after);
        Ok(xml("ListBucketResult", |xml| {
            query.echo(xml, request.bucket_name(), page.next.is_some());
            xml.text("KeyCount", page.keys.len() + page.prefixes.len());
            xml.optional(
                "StartAfter",
                request
                    .parameter("start-after")
                    .map(|text| query.encode(text)),
            );
            xml.optional("ContinuationToken", token);
            xml.optional(
                "NextContinuationToken",
                page.next.as_ref().map(|next| URL_SAFE_NO_PAD.encode(next)),
            );
            query.write_objects(xml, bucket, &page.keys);
            query.write_prefixes(xml, &page.prefixes);
        }))
    }
}

fn write_version(xml: &mut Xml, version: &Version) {
    xml.text("LastModified", format_args!("{:.3}", version.modified));
    if let Some(object) = &version.object {
        xml.text("ETag", format_args!("\"{}\"", object.etag));
        if let Some((algorithm, _)) = &object.checksum {
            xml.text("ChecksumAlgorithm", algorithm.to_uppercase());
            xml.text("ChecksumType", "FULL_OBJECT");
        }
        xml.text("Size", object.size);
        xml.text("StorageClass", "STANDARD");
    }
}
