//! The default event bus: services put events, whoever runs the rules takes them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::world::World;

/// Where the services of the embedded cloud put their events.
#[derive(Clone, Debug)]
pub struct Bus {
    world: Arc<World>,
    events: UnboundedSender<Value>,
}

impl Bus {
    /// A bus, and the end at which its events (complete EventBridge envelopes) arrive.
    pub fn new(world: Arc<World>) -> (Self, UnboundedReceiver<Value>) {
        let (events, receiver) = unbounded_channel();
        (Self { world, events }, receiver)
    }

    /// Wraps `detail` into EventBridge's envelope
    /// (<https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>), sends it and answers its id.
    pub fn emit(
        &self,
        source: &str,
        detail_type: &str,
        resources: &[String],
        detail: Value,
    ) -> String {
        let id = self.world.uuid();
        let event = json!({
            "version": "0",
            "id": id,
            "detail-type": detail_type,
            "source": source,
            "account": self.world.account,
            "time": self.world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": self.world.region,
            "resources": resources,
            "detail": detail,
        });
        // Nobody listening means that no rules are installed: EventBridge drops such events as well.
        let _ = self.events.send(event);
        id
    }
}
