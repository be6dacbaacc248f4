//! EventBridge: what Landfall announces.

use aws_config::SdkConfig;
use landfall::stage;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Fault,
    raw::{EVENT_BRIDGE, JsonClient},
};

/// The source of Landfall's own events.
pub const SOURCE: &str = "landfall";
/// A release has begun: something was changed for it; the detail is the [`stage::Report`] of its first stage.
pub const RELEASE_STARTED: &str = "Landfall Release Started";
/// A release came to a stage that people wait for; the detail is a [`stage::Report`].
pub const STAGE_CHANGED: &str = "Landfall Release Stage Changed";
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
        self.put_entries(vec![entry(detail_type, detail)?]).await
    }

    /// Announces a stage, and if it is the release's first, that the release has begun. Unlike a verdict, nothing rests on that:
    /// what EventBridge does not take is not announced.
    pub async fn announce(&self, report: &stage::Report, begins: bool) {
        let types = [(begins, RELEASE_STARTED), (true, STAGE_CHANGED)].into_iter();
        let types = types.filter_map(|(is_put, detail_type)| is_put.then_some(detail_type));
        let entries: Result<Vec<_>, _> = types.map(|each| entry(each, report)).collect();
        let put = match entries {
            Ok(entries) => self.put_entries(entries).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = put {
            tracing::warn!(stage = ?report.stage, reason = %fault, "the stage is not announced");
        }
    }

    async fn put_entries(&self, entries: Vec<Value>) -> Result<(), Fault> {
        let body = json!({ "Entries": entries });
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

fn entry<T: Serialize>(detail_type: &str, detail: &T) -> Result<Value, Fault> {
    let detail =
        serde_json::to_string(detail).map_err(|error| Fault::unexpected(error.to_string()))?;
    Ok(json!({ "Source": SOURCE, "DetailType": detail_type, "Detail": detail }))
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
