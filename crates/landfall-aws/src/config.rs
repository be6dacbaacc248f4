//! How the functions and the CLI reach AWS.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::{BehaviorVersion, Region, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::{Fault, clock::Clock};

/// Region, credentials and endpoints as every AWS tool finds them: environment, profile, `AWS_ENDPOINT_URL`.
pub async fn load() -> SdkConfig {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(15))
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .load()
        .await
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

/// What a function is given by where it runs: its way to AWS, and the names that `template.yaml` puts into its environment.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Region, credentials, endpoints, time and sleep.
    pub sdk: SdkConfig,
    /// The bucket with the service files.
    pub config_bucket: String,
    /// The bucket with the desired states.
    pub state_bucket: String,
    /// The ARN of the release state machine; only those who start executions know it.
    pub state_machine: Option<String>,
    /// The parameters of the installation that service files may ask for, `NAME=value` between commas; only
    /// `config-changed` knows them.
    pub file_parameters: String,
}

impl Surroundings {
    /// What the environment variables `CONFIG_BUCKET`, `STATE_BUCKET`, `STATE_MACHINE_ARN` and `FILE_PARAMETERS` say.
    ///
    /// # Errors
    /// Unexpected if a bucket is not named: the function was not installed by the template.
    pub fn from_environment(sdk: SdkConfig) -> Result<Self, Fault> {
        Ok(Self {
            sdk,
            config_bucket: variable("CONFIG_BUCKET")?,
            state_bucket: variable("STATE_BUCKET")?,
            state_machine: variable("STATE_MACHINE_ARN").ok(),
            file_parameters: variable("FILE_PARAMETERS").unwrap_or_default(),
        })
    }

    /// The ARN of the release state machine.
    ///
    /// # Errors
    /// Unexpected if this function was not told it.
    pub fn state_machine(&self) -> Result<&str, Fault> {
        self.state_machine
            .as_deref()
            .ok_or_else(|| unset("STATE_MACHINE_ARN"))
    }

    /// What time it is here.
    pub fn clock(&self) -> Clock {
        Clock::of(&self.sdk)
    }
}

fn variable(name: &str) -> Result<String, Fault> {
    std::env::var(name).map_err(|_| unset(name))
}

fn unset(name: &str) -> Fault {
    Fault::Unexpected(format!(
        "the environment variable {name} is not set; template.yaml sets it"
    ))
}
