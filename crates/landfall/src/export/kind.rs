//! What kind of service a described one is: whether a file can be written for it, and which.

use serde_json::{Map, Value};

use crate::{
    live::ServiceStatus,
    refusal::Refusal,
    service_id::ServiceId,
    service_section::out_of_reach::{foreign_controller, old_arn},
};

/// Refuses a service of which a release of its file would be refused.
///
/// # Errors
/// Refused with why, and with what to do first.
pub fn refuse(service: &ServiceId, fields: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |member: &str| fields.get(member).and_then(Value::as_str);
    if text("status").map(ServiceStatus::from) == Some(ServiceStatus::Draining) {
        return Err(Refusal::new(format!(
            "{service} is being deleted: its tasks stop, and ECS takes no change of it any more"
        )));
    }
    let controller = fields.get("deploymentController");
    let controller = controller.and_then(|controller| controller.get("type")?.as_str());
    foreign_controller(service, &controller.unwrap_or("ECS").into())?;
    old_arn(service, text("serviceArn").unwrap_or_default())
}

/// Whether ECS manages what is around the service, as of an Express service
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html>, `resourceManagementType`).
///
/// AWS documents that `UpdateService` works on it as on any other, and that what is changed beside the Express API stays
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-advanced-customization.html>); a report says
/// that ECS refuses a `deploymentConfiguration` there (<https://github.com/aws/containers-roadmap/issues/2813>). The short form
/// sends nothing but the revision and tags, and if ECS refuses that too, the release is rejected and the tasks stay.
pub fn is_express(fields: &Map<String, Value>) -> bool {
    fields.get("resourceManagementType").and_then(Value::as_str) == Some("ECS")
}
