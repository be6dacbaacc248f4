//! How the functions and the CLI reach AWS.

mod trust;

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::{
    BehaviorVersion, Region,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    meta::region::ProvideRegion,
    timeout::TimeoutConfig,
};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use self::trust::TrustStore;
use crate::Fault;

/// Region, credentials and endpoints as every AWS tool finds them: environment, profile, `AWS_ENDPOINT_URL`. Trusts the
/// authorities that the operating system knows.
pub async fn load() -> SdkConfig {
    let defaults = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
    defaults.http_client(https(TrustStore::Native)).load().await
}

/// As [`load`], where Lambda has put Region and credentials into the environment: nobody else is asked for them, and no
/// function's start waits for setting that up.
///
/// # Errors
/// Unexpected if `TRUST_STORE` is none of a [`TrustStore`]'s names.
pub async fn of_function() -> Result<SdkConfig, Fault> {
    let region = EnvironmentVariableRegionProvider::new().region().await;
    let set = std::env::var(TrustStore::VARIABLE).ok();
    let trust_store = TrustStore::of(set.as_deref(), region.as_ref())?;
    let defaults = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
    Ok(defaults
        .http_client(https(trust_store))
        .region(region)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await)
}

/// A call that hangs ends, with its repetitions, within the 30 seconds of a function, so that the failure names the call.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(15))
        .operation_timeout(Duration::from_secs(25))
        .build()
}

fn https(trust_store: TrustStore) -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(trust_store.context())
        .build_https()
}

/// The embedded cloud at `endpoint`, which takes any credentials.
pub async fn local(endpoint: &str, region: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(
            "local",
            "local",
            None,
            None,
            "landfall local",
        ))
        .load()
        .await
}
