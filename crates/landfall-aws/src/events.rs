//! EventBridge: what Landfall announces.

use aws_config::SdkConfig;
use serde::Serialize;
use serde_json::json;

use crate::{
    Fault,
    raw::{EVENT_BRIDGE, JsonClient},
};

/// The source of Landfall's own events.
pub const SOURCE: &str = "landfall";
/// A release got its verdict; the detail is its record.
pub const RELEASE_CONCLUDED: &str = "Landfall Release Concluded";
/// A service file was not accepted; the detail is its status.
pub const SERVICE_FILE_REJECTED: &str = "Landfall Service File Rejected";
/// ECS has paused the deployment of a release; the detail is a [`landfall::pause::Report`].
pub const RELEASE_PAUSED: &str = "Landfall Release Paused";
/// A service runs a foreign revision; the detail is a [`landfall::drift::Report`].
pub const SERVICE_DRIFTED: &str = "Landfall Service Drifted";

/// The last good release of a service lost an image; the detail is a [`landfall::danger::Report`].
pub const WAY_BACK_ENDANGERED: &str = "Landfall Way Back Endangered";

/// The default event bus.
#[derive(Clone, Debug)]
pub struct Events(JsonClient);

impl Events {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(JsonClient::new(config, EVENT_BRIDGE))
    }

    /// Puts one event.
    pub async fn put<T: Serialize>(&self, detail_type: &str, detail: &T) -> Result<(), Fault> {
        let detail =
            serde_json::to_string(detail).map_err(|error| Fault::unexpected(error.to_string()))?;
        let entry = json!({ "Source": SOURCE, "DetailType": detail_type, "Detail": detail });
        let body = json!({ "Entries": [entry] });
        let answer = self.0.call("PutEvents", &body).await?;
        let entries = answer["Entries"].as_array();
        let refused = entries.into_iter().flatten().find_map(|entry| {
            let code = entry["ErrorCode"].as_str()?;
            Some((code, entry["ErrorMessage"].as_str().unwrap_or_default()))
        });
        match refused {
            None => Ok(()),
            Some((code, message)) => Err(Fault::transient(format!(
                "events:PutEvents did not take the event: {code}: {message}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::raw::recorded::Aws;

    #[tokio::test]
    async fn an_event_that_the_bus_does_not_take_is_tried_again() {
        let full = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"later"}]}"#;
        let taken = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#;
        let aws = Aws::answering(&[(200, full), (200, taken)]);
        let events = Events::new(&aws.config("eu-west-1").build());
        let detail = json!({ "service": "web/hello" });
        let fault = events.put(RELEASE_CONCLUDED, &detail).await.unwrap_err();
        assert_eq!(
            (fault.name(), &*fault.to_string()),
            (
                "Transient",
                "events:PutEvents did not take the event: InternalFailure: later"
            )
        );
        events.put(RELEASE_CONCLUDED, &detail).await.unwrap();
        let asked = &aws.asked()[1];
        assert_eq!(asked.uri, "https://events.eu-west-1.amazonaws.com/");
        assert_eq!(asked.target.as_deref(), Some("AWSEvents.PutEvents"));
        assert_eq!(asked.content_type, "application/x-amz-json-1.1");
        assert_eq!(
            asked.body,
            r#"{"Entries":[{"Source":"landfall","DetailType":"Landfall Release Concluded","Detail":"{\"service\":\"web/hello\"}"}]}"#
        );
    }
}
