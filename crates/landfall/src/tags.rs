//! The tags that Landfall puts on what it makes.

use crate::service_id::ServiceId;

/// The tag that says which service a resource belongs to.
pub const SERVICE_TAG: &str = "landfall:service";

/// The tag that says which release made a resource, or last changed its settings.
pub const RELEASE_TAG: &str = "landfall:release";

/// The tag that holds the hash of what was registered, so that a repeated registration finds its own revision.
pub const CONTENT_TAG: &str = "landfall:content";

/// The tag that says who ran a task by hand.
pub const RUN_BY_TAG: &str = "landfall:run-by";

/// The value of [`SERVICE_TAG`]; ECS takes 256 characters
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html>).
pub fn service_tag(service: &ServiceId) -> String {
    service.to_string().chars().take(256).collect()
}
