//! Services that are asked without a network, because what plays their load balancers is in the same process.

use std::error::Error;

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use http::HeaderMap;

/// What answers requests in the place of all machines.
#[derive(Clone, Debug)]
pub struct Web(SharedHttpConnector);

impl Web {
    /// The one that `connector` reaches.
    pub fn new(connector: impl HttpConnector + 'static) -> Self {
        Self(SharedHttpConnector::new(connector))
    }

    /// Asks for `url` with these headers; answers what is answered.
    ///
    /// # Errors
    /// If that is no URL, or nobody answers.
    pub async fn get(
        &self,
        url: &str,
        headers: HeaderMap,
    ) -> Result<http::Response<SdkBody>, Box<dyn Error + Send + Sync>> {
        let mut request = http::Request::get(url).body(SdkBody::empty())?;
        *request.headers_mut() = headers;
        let answer = self.0.call(HttpRequest::try_from(request)?).await?;
        Ok(answer.try_into_http1x()?)
    }
}
