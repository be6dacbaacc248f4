//! Multipart uploads, as `aws s3 cp` makes them of files over 8 MB:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};

use super::{
    S3,
    buckets::malformed,
    checksum, empty,
    objects::{describe, version_header},
    request::S3Request,
    set,
    state::{Object, Part, State, Upload},
    xml,
};
use crate::cloud::{fault::Fault, wire::xml::Node};

impl S3 {
    pub(super) fn create_multipart_upload(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let algorithm = request.upload_algorithm();
        let crc64 = algorithm
            .as_deref()
            .is_none_or(|algorithm| algorithm == "crc64nvme");
        let upload = Upload {
            bucket: request.bucket_name().into(),
            key: request.key_name().into(),
            initiated: self.world.now(),
            headers: request.object_headers(),
            full_object: crc64 || request.header("x-amz-checksum-type") == Some("FULL_OBJECT"),
            algorithm,
            parts: Default::default(),
        };
        let upload_id = self.world.hex(48);
        let algorithm = upload
            .algorithm
            .as_ref()
            .map(|algorithm| algorithm.to_uppercase());
        let checksum_type = if upload.full_object {
            "FULL_OBJECT"
        } else {
            "COMPOSITE"
        };
        let mut state = self.state();
        state.bucket(request.bucket_name())?;
        state.uploads.insert(upload_id.clone(), upload);
        let mut response = xml("InitiateMultipartUploadResult", |xml| {
            xml.text("Bucket", request.bucket_name());
            xml.text("Key", request.key_name());
            xml.text("UploadId", &upload_id);
        });
        if let Some(algorithm) = algorithm {
            set(&mut response, "x-amz-checksum-algorithm", &algorithm);
            set(&mut response, "x-amz-checksum-type", checksum_type);
        }
        Ok(response)
    }

    pub(super) fn upload_part(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let number = request
            .parameter("partNumber")
            .and_then(|number| number.parse::<u32>().ok());
        let Some(number) = number.filter(|number| (1..=10_000).contains(number)) else {
            return Err(Fault::client(
                "InvalidArgument",
                "Part number must be an integer between 1 and 10000, inclusive",
            ));
        };
        let checksum = checksum::verify(request, request.body())?;
        let part = Part {
            etag: hex::encode(checksum::md5(request.body())),
            size: request.body().len(),
            body: self.bodies.keep(request.body())?,
            modified: self.world.now(),
        };
        let mut response = empty(StatusCode::OK);
        describe(
            &mut response,
            &Object {
                etag: part.etag.clone(),
                checksum: Some(checksum),
                ..Object::default()
            },
        );
        response.headers_mut().remove("x-amz-checksum-type");
        upload(&mut self.state(), request)?
            .parts
            .insert(number, part);
        Ok(response)
    }

    pub(super) fn complete_multipart_upload(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let document = Node::parse(request.body()).map_err(|reason| malformed(&reason))?;
        let upload = upload(&mut self.state(), request)?.clone();
        let parts = named_parts(&document, &upload)?;
        let mut body = BytesMut::new();
        let mut digests = Vec::new();
        let mut checksums = Vec::new();
        let algorithm = upload.algorithm.as_deref().unwrap_or("crc64nvme");
        for part in &parts {
            let content = self.bodies.read(&part.body)?;
            digests.extend(checksum::md5(&content));
            checksums.extend(checksum::compute(algorithm, &content).unwrap_or_default());
            body.extend_from_slice(&content);
        }
        let body = body.freeze();
        let value = if upload.full_object {
            checksum::encoded(algorithm, &body).unwrap_or_default()
        } else {
            let raw = checksum::compute(algorithm, &checksums).unwrap_or_default();
            format!("{}-{}", STANDARD.encode(raw), parts.len())
        };
        if let Some(expected) = request.checksum(algorithm)
            && expected != value
        {
            return Err(Fault::client(
                "BadDigest",
                "The checksum you specified did not match the calculated checksum.",
            ));
        }
        let object = Object {
            etag: format!("{}-{}", hex::encode(checksum::md5(&digests)), parts.len()),
            size: body.len(),
            body: self.bodies.keep(&body)?,
            headers: upload.headers.clone(),
            checksum: Some((algorithm.to_owned(), value.clone())),
            checksum_type: if upload.full_object {
                "FULL_OBJECT"
            } else {
                "COMPOSITE"
            }
            .into(),
        };
        let etag = object.etag.clone();
        let checksum_type = object.checksum_type.clone();
        let version_id = self.store(request, object, "CompleteMultipartUpload")?;
        self.state()
            .uploads
            .remove(request.parameter("uploadId").unwrap_or_default());
        let mut response = xml("CompleteMultipartUploadResult", |xml| {
            xml.text(
                "Location",
                format_args!("/{}/{}", upload.bucket, upload.key),
            );
            xml.text("Bucket", &upload.bucket);
            xml.text("Key", &upload.key);
            xml.text("ETag", format_args!("\"{etag}\""));
            xml.text(&format!("Checksum{}", algorithm.to_uppercase()), &value);
            xml.text("ChecksumType", &checksum_type);
        });
        version_header(&mut response, version_id.as_deref());
        Ok(response)
    }

    pub(super) fn abort_multipart_upload(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let mut state = self.state();
        upload(&mut state, request)?;
        state
            .uploads
            .remove(request.parameter("uploadId").unwrap_or_default());
        Ok(empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn list_parts(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let mut state = self.state();
        let upload = upload(&mut state, request)?;
        Ok(xml("ListPartsResult", |xml| {
            xml.text("Bucket", &upload.bucket);
            xml.text("Key", &upload.key);
            xml.text(
                "UploadId",
                request.parameter("uploadId").unwrap_or_default(),
            );
            xml.text("MaxParts", 10_000);
            xml.text("IsTruncated", false);
            xml.text("StorageClass", "STANDARD");
            for (number, part) in &upload.parts {
                xml.element("Part", |xml| {
                    xml.text("PartNumber", number);
                    xml.text("LastModified", format_args!("{:.3}", part.modified));
                    xml.text("ETag", format_args!("\"{}\"", part.etag));
                    xml.text("Size", part.size);
                });
            }
        }))
    }

    pub(super) fn list_multipart_uploads(
        &self,
        request: &S3Request,
    ) -> Result<Response<Bytes>, Fault> {
        let state = self.state();
        state.bucket(request.bucket_name())?;
        Ok(xml("ListMultipartUploadsResult", |xml| {
            xml.text("Bucket", request.bucket_name());
            xml.text("MaxUploads", 1000);
            xml.text("IsTruncated", false);
            for (id, upload) in state
                .uploads
                .iter()
                .filter(|(_, upload)| upload.bucket == request.bucket_name())
            {
                xml.element("Upload", |xml| {
                    xml.text("Key", &upload.key);
                    xml.text("UploadId", id);
                    xml.text("StorageClass", "STANDARD");
                    xml.text("Initiated", format_args!("{:.3}", upload.initiated));
                });
            }
        }))
    }
}

/// The upload that the request names, if it is one of that bucket and key.
fn upload<'a>(state: &'a mut State, request: &S3Request) -> Result<&'a mut Upload, Fault> {
    state.bucket(request.bucket_name())?;
    state
        .uploads
        .get_mut(request.parameter("uploadId").unwrap_or_default())
        .filter(|upload| upload.bucket == request.bucket_name() && upload.key == request.key_name())
        .ok_or_else(|| {
            let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                           aborted or completed.";
            Fault::client("NoSuchUpload", message).with_status(404)
        })
}

/// The parts that the caller wants, which must be there, be the same, and stand in ascending order.
fn named_parts<'a>(document: &Node, upload: &'a Upload) -> Result<Vec<&'a Part>, Fault> {
    let mut parts = Vec::new();
    let mut last = 0;
    for node in document.children.iter().filter(|node| node.name == "Part") {
        let number = node
            .child("PartNumber")
            .and_then(|number| number.parse::<u32>().ok())
            .unwrap_or_default();
        if number <= last {
            let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
            return Err(Fault::client("InvalidPartOrder", message));
        }
        last = number;
        let etag = node.child("ETag").unwrap_or_default().trim_matches('"');
        let part = upload
            .parts
            .get(&number)
            .filter(|part| part.etag == etag)
            .ok_or_else(|| {
                Fault::client(
                    "InvalidPart",
                    format!("Part {number} could not be found, or its entity tag does not match."),
                )
            })?;
        parts.push(part);
    }
    if parts.is_empty() {
        Err(malformed("at least one part must be named"))
    } else {
        Ok(parts)
    }
}
