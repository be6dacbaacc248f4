//! What makes a service impossible, found before anything is changed.

use serde_json::Value;

use super::state::State;
use super::traffic::is_side_by_side;
use super::{Ecs, invalid, list, pauses, text};
use crate::cloud::fault::Fault;

impl Ecs {
    /// Refuses load balancers that no request could come through.
    pub(super) fn check_load_balancers(
        &self,
        state: &State,
        definition: &str,
        load_balancers: &[Value],
        side_by_side: bool,
    ) -> Result<(), Fault> {
        let definition = state.task_definition(definition);
        for load_balancer in load_balancers {
            let (name, port) = (
                text(load_balancer, "containerName"),
                &load_balancer["containerPort"],
            );
            let containers = definition
                .and_then(|d| d.fields["containerDefinitions"].as_array())
                .into_iter()
                .flatten();
            let Some(container) = containers
                .into_iter()
                .find(|container| text(container, "name") == name)
            else {
                return Err(invalid(format!(
                    "The container {name} does not exist in the task definition."
                )));
            };
            if !list(container, "portMappings")
                .iter()
                .any(|mapping| mapping["containerPort"] == *port)
            {
                return Err(invalid(format!(
                    "The container {name} did not have a container port {port} defined."
                )));
            }
            let group = text(load_balancer, "targetGroupArn");
            match self.inner.elb.target_group(group) {
                Some(true) => {}
                Some(false) => {
                    return Err(invalid(format!(
                        "The target group with targetGroupArn {group} does not have an associated load balancer."
                    )));
                }
                None => {
                    return Err(invalid(format!(
                        "The specified target group does not exist. (targetGroupArn {group})"
                    )));
                }
            }
            let advanced = &load_balancer["advancedConfiguration"];
            let rule = text(advanced, "productionListenerRule");
            let forwarded = self.inner.elb.forwarded_by(rule);
            let is_forwarded = |group| forwarded.iter().any(|known| known == group);
            // AWS takes the request and rolls its deployment back with this reason.
            if side_by_side
                && !advanced.is_null()
                && !(is_forwarded(group) && is_forwarded(text(advanced, "alternateTargetGroupArn")))
            {
                return Err(invalid(
                    "Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or \
                     testListenerRule.",
                ));
            }
        }
        Ok(())
    }
}

/// Whether CodeDeploy or somebody with task sets rolls the service out. Neither is played: such a service is kept and
/// described, and runs nothing.
pub(super) fn is_rolled_out_elsewhere(fields: &Value) -> bool {
    let controller = fields["deploymentController"]["type"].as_str();
    controller.is_some_and(|controller| controller != "ECS")
}

/// Refuses what the embedded cloud would only pretend to do.
pub(super) fn playable(input: &Value) -> Result<(), Fault> {
    let configuration = &input["deploymentConfiguration"];
    let strategy = configuration["strategy"].as_str().unwrap_or("ROLLING");
    if strategy != "ROLLING" && !is_side_by_side(configuration) {
        return Err(invalid(format!("Invalid deployment strategy: {strategy}.")));
    }
    pauses::playable(configuration)
}

pub(super) fn active_task_definition(state: &State, wanted: &str) -> Result<String, Fault> {
    if wanted.is_empty() {
        return Err(invalid("TaskDefinition can not be blank."));
    }
    let definition = state
        .task_definition(wanted)
        .ok_or_else(|| Fault::client("ClientException", "TaskDefinition not found."))?;
    if definition.fields["status"] != "ACTIVE" {
        return Err(Fault::client(
            "ClientException",
            "TaskDefinition is inactive",
        ));
    }
    Ok(definition.fields["taskDefinitionArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}
