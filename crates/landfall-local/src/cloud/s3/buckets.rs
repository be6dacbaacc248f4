//! Buckets.

use bytes::Bytes;
use http::Response;

use super::{S3, request::S3Request, state::Bucket, xml};
use crate::cloud::fault::Fault;

impl S3 {
    pub(super) fn list_buckets(&self, _request: &S3Request) -> Result<Response<Bytes>, Fault> {
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

    /// Makes a bucket, unless it is there: for whoever sets the embedded cloud up.
    pub fn ensure_bucket(&self, name: &str) {
        let now = self.world.now();
        self.state()
            .buckets
            .entry(name.to_owned())
            .or_insert_with(|| Bucket::new(now));
    }
}
