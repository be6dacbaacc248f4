//! Who calls AWS.

use serde::Deserialize;

use crate::{
    Fault,
    config::SdkConfig,
    raw::{QueryClient, STS},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetCallerIdentityResponse {
    get_caller_identity_result: GetCallerIdentityResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetCallerIdentityResult {
    arn: String,
}

/// The ARN of whoever has these credentials. It takes no permission
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
///
/// # Errors
/// As STS answers.
pub async fn arn(config: &SdkConfig) -> Result<String, Fault> {
    let client = QueryClient::new(config, STS);
    let answer: GetCallerIdentityResponse = client.call("GetCallerIdentity", &[]).await?;
    Ok(answer.get_caller_identity_result.arn)
}
