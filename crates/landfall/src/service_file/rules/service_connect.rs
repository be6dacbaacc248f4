//! The ports that Service Connect, VPC Lattice and gateway connectors name
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_GatewayConnector.html>).

use std::collections::BTreeSet;

use super::{File, did_you_mean};
use crate::service_file::mapping::Problems;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    if !file.knows_all_containers() {
        return;
    }
    let mappings: Vec<_> = file
        .containers
        .iter()
        .flat_map(|container| container.place.items("portMappings"))
        .collect();
    if mappings
        .iter()
        .any(|mapping| mapping.get("name").is_some() && mapping.text("name").is_none())
    {
        return;
    }
    let names: BTreeSet<_> = mappings
        .iter()
        .filter_map(|mapping| mapping.text("name"))
        .map(|(_, name)| name)
        .collect();
    let connected = service
        .get("serviceConnectConfiguration")
        .filter(|connect| !connect.is_false("enabled"))
        .map(|connect| connect.items("services"))
        .unwrap_or_default();
    // "portName(web) does not refer to any named PortMapping in the task definition."
    for item in connected
        .into_iter()
        .chain(service.items("vpcLatticeConfigurations"))
        .chain(service.items("gatewayConnectors"))
    {
        if let Some((place, name)) = item.text("portName")
            && !names.contains(&name)
        {
            let problem = place.wrong(format!(
                "no port mapping of the task definition has the name `{name}`"
            ));
            problems.add(problem.hint(if names.is_empty() {
                format!("give the port mapping the field `name: {name}`")
            } else {
                let names = names.iter().map(|name| &**name);
                did_you_mean(&name, names, "the names are")
            }));
        }
    }
}
