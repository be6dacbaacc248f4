//! What load balancers and registries point at
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html>).

use super::{File, ports};
use crate::service_file::{mapping::Problems, place::Place};

/// More target groups than this are too many anyway, and each is compared with all ports of its container.
const LOOKED_AT: usize = 50;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let targets = service.items("loadBalancers");
    let registries = service.items("serviceRegistries");
    let awsvpc = file.network_mode().is("awsvpc");
    for target in targets.iter().take(LOOKED_AT) {
        aim(target, awsvpc, problems);
    }
    // "Multiple service registries for each service are not supported."
    // (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRegistry.html>)
    if let Some(second) = registries.get(1) {
        problems.add(
            second
                .wrong("a service has one service registry, and this is another")
                .hint("remove it; a second name in Cloud Map can be an alias of the first"),
        );
    }
    for target in targets.iter().chain(&registries).take(LOOKED_AT) {
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

/// "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a loadBalancerName or a
/// targetGroupArn." (<https://github.com/aws/amazon-ecs-cli/pull/211>), "Container Name can not be blank."
/// (<https://github.com/aws/amazon-ecs-cli/issues/359>), and the documentation of the members: "The full Amazon Resource Name
/// (ARN)", "Services with tasks that use the awsvpc network mode […] only support Application Load Balancers and Network Load
/// Balancers."
fn aim(target: &Place<'_>, awsvpc: bool, problems: &mut Problems) {
    let classic = target
        .get("loadBalancerName")
        .filter(|place| !place.is_empty());
    let group = target
        .get("targetGroupArn")
        .filter(|place| !place.is_empty());
    match (&group, &classic) {
        (None, None) => problems.add(
            target
                .wrong("this names neither a target group nor a Classic Load Balancer")
                .hint("add `targetGroupArn: arn:…:targetgroup/…`"),
        ),
        (Some(_), Some(classic)) => problems.add(
            classic
                .wrong("ECS takes either a target group or the name of a Classic Load Balancer")
                .hint("for an Application or a Network Load Balancer remove `loadBalancerName`"),
        ),
        (None, Some(classic)) if awsvpc => problems.add(
            classic
                .wrong(
                    "with the network mode awsvpc a Classic Load Balancer cannot reach the tasks",
                )
                .hint("use an Application or a Network Load Balancer, by `targetGroupArn`"),
        ),
        _ => {}
    }
    if let Some((place, group)) = target.text("targetGroupArn")
        && !group.is_empty()
        && !group.starts_with("arn")
    {
        problems.add(
            place
                .wrong(format!("`{group}` is no ARN of a target group"))
                .hint("write the whole ARN, `arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>`"),
        );
    }
    if target
        .get("containerName")
        .is_none_or(|place| place.is_empty())
    {
        problems.add(
            target
                .lacks(
                    "containerName",
                    "this does not say which container gets the requests",
                )
                .hint("add `containerName` and `containerPort`"),
        );
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
