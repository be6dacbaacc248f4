//! What answers a probe: the listener of the embedded load balancer that has the URL's port.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use landfall_local::cloud::Cloud;

/// The answer to a request that is not for AWS.
pub(crate) async fn answer(cloud: &Cloud, request: &Request<Bytes>) -> Response<Bytes> {
    let uri = request.uri();
    let port = uri.port_u16().unwrap_or(80);
    let host = uri.host().unwrap_or_default();
    let answer = cloud.elb.answer(port, host, uri.path()).await;
    answer.unwrap_or_else(|| {
        let mut nobody = Response::new(Bytes::new());
        *nobody.status_mut() = StatusCode::BAD_GATEWAY;
        nobody
    })
}
