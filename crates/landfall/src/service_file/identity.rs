//! Which service a file is about, and whether it is Landfall's to roll out.

use super::mapping::{Mapping, Problems};
use crate::service_id::ServiceId;

/// Values of `deploymentController.type` whose services ECS does not let anyone roll out through `UpdateService`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
const FOREIGN_CONTROLLERS: [&str; 2] = ["CODE_DEPLOY", "EXTERNAL"];

/// Checks the names of cluster and service, and what `service` says of who rolls it out.
pub(super) fn check(cluster: &Mapping<'_>, service: &Mapping<'_>, problems: &mut Problems) {
    let cluster_name = cluster.needed_text(
        "clusterName",
        "name the cluster, e.g. `clusterName: web`",
        problems,
    );
    let service_name = service.needed_text(
        "serviceName",
        "name the service, e.g. `serviceName: hello`",
        problems,
    );
    for (names, section, field) in [
        (cluster_name, cluster, "clusterName"),
        (service_name, service, "serviceName"),
    ] {
        let Some(name) = names else { continue };
        let checked = match field {
            "clusterName" => ServiceId::new(name, "any"),
            _ => ServiceId::new("any", name),
        };
        if let Err(refusal) = checked {
            problems.add(section.wrong_at(field, refusal.0));
        }
    }
    if let (Some(cluster_name), Some(named)) = (cluster_name, service.text("cluster", problems))
        && named != cluster_name
        && !named.ends_with(&format!(":cluster/{cluster_name}"))
    {
        let message = format!(
            "the service is to be in the cluster `{named}`, but cluster.clusterName is `{cluster_name}`"
        );
        problems.add(
            service.wrong_at("cluster", message).hint(
                "a service file describes one service in one cluster: remove `service.cluster`",
            ),
        );
    }
    if service.get("taskDefinition").is_some() {
        let problem = service.wrong_at("taskDefinition", "Landfall fills this in");
        problems.add(problem.hint(
            "remove it: the service runs the revision registered from the section taskDefinition",
        ));
    }
    if let Some(controller) = service.mapping("deploymentController", problems)
        && let Some(kind) = controller.text("type", problems)
        && FOREIGN_CONTROLLERS.contains(&kind)
    {
        let message = format!(
            "a service with the deployment controller {kind} is rolled out by something else"
        );
        let problem = controller.wrong_at("type", message);
        problems
            .add(problem.hint("use the controller ECS, or leave this service to what controls it"));
    }
}
