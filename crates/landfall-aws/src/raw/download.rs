//! A request without a signature, to a URL that has one in it.

use aws_config::SdkConfig;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    box_error::BoxError, client::orchestrator::HttpRequest, http::Response,
};
use aws_smithy_types::body::SdkBody;

use super::{
    Refused,
    operation::{response, timed},
};
use crate::Fault;

/// What is at a URL that AWS has signed, e.g. one of `ecr:GetDownloadUrlForLayer`. `call` is the IAM action that gave it.
///
/// # Errors
/// As the server answers.
pub async fn download(config: &SdkConfig, call: &str, url: &str) -> Result<Vec<u8>, Fault> {
    let unusable = || Fault::unexpected(format!("the URL of {call} cannot be used"));
    let uri: http::Uri = url.parse().map_err(|_| unusable())?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.authority()) else {
        return Err(unusable());
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let http = config.http_client().ok_or_else(unusable)?;
    let builder = Operation::builder()
        .service_name("download")
        .operation_name("Get")
        .http_client(http)
        .endpoint_url(&format!("{scheme}://{host}"))
        .no_auth()
        .no_retry()
        .serializer(request)
        .deserializer(response);
    let download: Operation<String, Vec<u8>, Refused> = timed(builder, config).build();
    let answer: Result<_, aws_sdk_ecs::error::SdkError<Refused, Response>> =
        download.invoke(path.to_owned()).await;
    answer.map_err(|error| Fault::of(call, error))
}

fn request(path: String) -> Result<HttpRequest, BoxError> {
    let built = http::Request::get(path).body(SdkBody::empty())?;
    Ok(built.try_into()?)
}
