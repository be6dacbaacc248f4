//! EventBridge: what Landfall tells the world.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use serde::Serialize;

use crate::Fault;

/// The source of Landfall's own events.
pub const SOURCE: &str = "landfall";
/// A release got its verdict; the detail is its record.
pub const RELEASE_CONCLUDED: &str = "Landfall Release Concluded";
/// A service file was not accepted; the detail is its status.
pub const SERVICE_FILE_REJECTED: &str = "Landfall Service File Rejected";
/// A service runs what somebody else gave it; the detail is a [`landfall::drift::Report`].
pub const SERVICE_DRIFTED: &str = "Landfall Service Drifted";

/// The default event bus.
#[derive(Clone, Debug)]
pub struct Events(Client);

impl Events {
    /// A client.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Puts one event.
    pub async fn put<T: Serialize>(&self, detail_type: &str, detail: &T) -> Result<(), Fault> {
        const CALL: &str = "events:PutEvents";
        let detail =
            serde_json::to_string(detail).map_err(|error| Fault::unexpected(error.to_string()))?;
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(detail_type)
            .detail(detail)
            .build();
        let answer = self
            .0
            .put_events()
            .entries(entry)
            .send()
            .await
            .map_err(|error| Fault::of(CALL, error))?;
        match answer
            .entries()
            .iter()
            .find_map(|entry| entry.error_code().map(|code| (code, entry.error_message())))
        {
            None => Ok(()),
            Some((code, message)) => Err(Fault::transient(format!(
                "{CALL} did not take the event: {code}: {}",
                message.unwrap_or_default()
            ))),
        }
    }
}
