//! Where a release is on its way, as people say it.

/// What the state machine does in a state.
pub(crate) fn of(state: &str) -> Option<&'static str> {
    Some(match state {
        "ClaimRelease" | "Claimed" => "takes its turn",
        "WaitForTheDead" => "waits until the calls of an execution that ended have arrived",
        "EnsureCluster" | "CapacityReady" => "prepares the cluster",
        "WaitForCapacity" => "waits for capacity providers",
        "RegisterTaskDefinition" | "Planned" => "registers the task definition",
        "RunBefore" | "RanBefore" | "WaitForBefore" => "runs the tasks before the rollout",
        "EnsureDiscovery" | "WantsIngress" | "EnsureIngress" => {
            "prepares load balancing and discovery"
        }
        "UpdateService" => "changes the service",
        "AwaitRollout" | "CheckRollout" | "RolledOut" => "rolls out",
        "AwaitAction" => "waits until somebody continues the deployment",
        "VerifyHealth" | "Healthy" | "WaitForHealth" | "Verified" => "is verified",
        "RunAfter" | "RanAfter" | "WaitForAfter" => "runs the tasks after the rollout",
        "EnsureScaling" | "WantsTidying" | "TidyIngress" => "sets scaling and tidies up",
        "RollBack" | "Undo" | "AwaitRollBack" | "CheckRollBack" | "Back" | "Undone"
        | "UndoIngress" => "goes back",
        "ConcludeRelease" | "MoreToDo" | "NotConcluded" | "Done" => "is concluded",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    #[test]
    fn every_state_of_the_state_machine_has_its_words() {
        let machine = include_str!("../../../statemachine/release.asl.json");
        let machine: Value = serde_json::from_str(machine).unwrap();
        let states = machine["States"].as_object().unwrap().keys();
        let unnamed: Vec<_> = states.filter(|state| super::of(state).is_none()).collect();
        assert_eq!(unnamed, [""; 0]);
    }
}
