//! S3: versioned buckets, conditional writes, and the events that go with them. Every bucket is versioned, as Landfall's are.
//!
//! Written by hand on quick-xml: of the crates that speak S3, `s3s` brings eighty thousand generated lines into every
//! unoptimised build, and `winterbaume-s3` the AWS SSO clients and a second TLS stack.

mod bodies;
mod buckets;
mod checksum;
mod chunked;
mod conditions;
mod listing;
mod objects;
mod read;
mod request;
mod state;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

pub use request::S3Request;

use self::{bodies::Bodies, state::State};
use super::{bus::Bus, fault::Fault, wire::xml::Xml};
use crate::world::World;

/// The XML namespace of all answers.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// S3 of one account in one Region. No signatures are checked, so presigned URLs work.
#[derive(Clone, Debug)]
pub struct S3 {
    world: Arc<World>,
    bus: Bus,
    bodies: Arc<Bodies>,
    state: Arc<Mutex<State>>,
}

/// An operation's name, and what answers it.
type Operation = (
    &'static str,
    fn(&S3, &S3Request) -> Result<Response<Bytes>, Fault>,
);

/// What is played.
pub(super) const OPERATIONS: &[Operation] = &[
    ("ListBuckets", S3::list_buckets),
    ("ListObjectsV2", S3::list_objects_v2),
    ("PutObject", S3::put_object),
    ("GetObject", S3::get_object),
    ("HeadObject", S3::head_object),
    ("DeleteObject", S3::delete_object),
];

impl S3 {
    /// An S3 without buckets, which keeps object bodies as files in `folder`, or in memory if there is none. Fails if
    /// the folder cannot be made.
    pub fn new(world: Arc<World>, bus: Bus, folder: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            world,
            bus,
            bodies: Arc::new(Bodies::open(folder)?),
            state: Arc::default(),
        })
    }

    /// Answers one request.
    pub async fn handle(&self, request: &S3Request) -> Response<Bytes> {
        let request_id = self.world.hex(16).to_uppercase();
        let mut response = self
            .dispatch(request)
            .unwrap_or_else(|fault| error(&fault, request, &request_id));
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }

    fn dispatch(&self, request: &S3Request) -> Result<Response<Bytes>, Fault> {
        let operation = request.operation();
        match OPERATIONS.iter().find(|(name, _)| *name == operation) {
            Some((_, answer)) => answer(self, request),
            None => Err(Fault {
                status: 501,
                code: "NotImplemented".into(),
                message: format!(
                    "The embedded cloud's S3 does not play {} with the parameters [{}].",
                    request.method,
                    request.query.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
            }),
        }
    }

    /// Puts an object without a request: for whoever runs the embedded cloud in the same process.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> Result<(), Fault> {
        self.put_object(&S3Request::put(bucket, key, body.into()))
            .map(|_| ())
    }

    /// Everything but the bodies.
    pub fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.state()).unwrap_or_default()
    }

    /// Takes up what [`S3::snapshot`] gave. Bodies that nothing refers to are removed.
    pub fn restore(&self, snapshot: Value) -> Result<(), serde_json::Error> {
        let restored: State = serde_json::from_value(snapshot)?;
        self.bodies.retain(&restored.body_ids());
        *self.state() = restored;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn xml(root: &str, content: impl FnOnce(&mut Xml)) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(Xml::document(root, NAMESPACE, content)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

fn set(response: &mut Response<Bytes>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The answer to a request that could not even be read.
pub fn refuse(fault: &Fault, request_id: &str) -> Response<Bytes> {
    error(fault, &S3Request::put("", "", Bytes::new()), request_id)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>. 304 and answers to HEAD have no body.
fn error(fault: &Fault, request: &S3Request, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = empty(status);
    if status != StatusCode::NOT_MODIFIED && request.method != http::Method::HEAD {
        let body = Xml::document("Error", "", |xml| {
            xml.text("Code", &fault.code);
            xml.text("Message", &fault.message);
            xml.optional("BucketName", request.bucket.as_deref());
            xml.optional("Key", request.key.as_deref());
            xml.text("RequestId", request_id);
        });
        *response.body_mut() = Bytes::from(body);
        set(&mut response, "content-type", "application/xml");
    }
    if fault.code == "MethodNotAllowed" {
        set(&mut response, "x-amz-delete-marker", "true");
        set(&mut response, "allow", "DELETE");
    } else if fault.code == "NoSuchKey" && fault.message.contains("delete marker") {
        set(&mut response, "x-amz-delete-marker", "true");
    }
    response
}
