//! What load balancers and registries point at
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html>).

use super::{File, ports};
use crate::service_file::{mapping::Problems, place::Place};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let targets = service.items("loadBalancers");
    let registries = service.items("serviceRegistries");
    for target in targets.iter().chain(&registries) {
        let Some((place, name)) = target.text("containerName") else {
            continue;
        };
        if file.container_is_there(&place, &name, problems) {
            port_is_mapped(file, target, &name, "containerPort", problems);
        }
    }
    // Landfall makes it the service's load balancer.
    if let Some(node) = file.document.get("ingress") {
        let ingress = Place {
            node,
            path: "ingress".into(),
        };
        if let Some((_, name)) = ingress.text("container") {
            port_is_mapped(file, &ingress, &name, "port", problems);
        }
    }
    let checked = !targets.is_empty()
        || file.has("ingress")
        || service.get("vpcLatticeConfigurations").is_some()
        || file.task.is_none()
        || file
            .containers
            .iter()
            .any(|container| container.place.get("healthCheck").is_some());
    if let Some((place, seconds)) = service.integer("healthCheckGracePeriodSeconds")
        && seconds > 0
        && !checked
    {
        problems.add(place.odd(
            "there is neither a load balancer nor a container health check that this would delay",
        ));
    }
}

/// "The container web did not have a container port 80 defined."
fn port_is_mapped(
    file: &File<'_>,
    target: &Place<'_>,
    name: &str,
    field: &str,
    problems: &mut Problems,
) {
    if let (Some(container), Some((place, port))) = (file.container(name), target.integer(field))
        && ports::maps(container, port) == Some(false)
    {
        let ports: Vec<_> = container
            .place
            .items("portMappings")
            .iter()
            .filter_map(|mapping| mapping.integer("containerPort"))
            .map(|(_, port)| port.to_string())
            .collect();
        let problem = place.wrong(format!("the container `{name}` has no port {port}"));
        problems.add(problem.hint(if ports.is_empty() {
            format!("add it to the portMappings of `{name}`")
        } else {
            format!("its portMappings have {}", ports.join(", "))
        }));
    }
}
