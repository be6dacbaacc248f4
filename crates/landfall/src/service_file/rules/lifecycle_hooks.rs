//! The lifecycle hooks of deployments
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>).

use super::File;
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

/// "You can configure a maximum of 10 pause hooks and 10 Lambda hooks per service."
const MOST: usize = 10;

/// "Pause hooks cannot be configured at the TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT stages."
const NOT_FOR_PAUSES: [&str; 2] = ["TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"];

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let Some(deployment) = service.get("deploymentConfiguration") else {
        return;
    };
    let hooks = deployment.items("lifecycleHooks");
    let is_pause = |hook: &&Place<'_>| hook.says("targetType").is("PAUSE");
    let (pauses, others): (Vec<_>, Vec<_>) = hooks.iter().partition(is_pause);
    for (kind, hooks) in [("PAUSE", &pauses), ("AWS_LAMBDA", &others)] {
        if let Some(place) = hooks.get(MOST) {
            problems.add(place.wrong(format!(
                "a service has at most {MOST} lifecycle hooks of the type {kind}"
            )));
        }
    }
    for hook in pauses {
        check_pause(hook, problems);
    }
    for hook in others {
        // "You must provide this parameter when configuring an AWS_LAMBDA lifecycle hook."
        if hook.get("hookTargetArn").is_none() && hook.says("targetType") != Said::Unclear {
            problems.add(
                hook.odd("a lifecycle hook needs the function that it calls, `hookTargetArn`")
                    .hint("a hook that waits for somebody instead says `targetType: PAUSE`"),
            );
        }
    }
}

fn check_pause(hook: &Place<'_>, problems: &mut Problems) {
    for stage in hook.items("lifecycleStages") {
        if let Said::Text(name) = stage.said()
            && NOT_FOR_PAUSES.contains(&&*name)
        {
            problems.add(
                stage
                    .wrong(format!("a deployment cannot be paused at {name}"))
                    .hint(format!("it can be at POST_{name}")),
            );
        }
    }
    // "Pause hooks do not use hookTargetArn or roleArn."
    for field in ["hookTargetArn", "roleArn", "hookDetails"] {
        if let Some(place) = hook.get(field) {
            problems.add(place.odd(format!(
                "a PAUSE hook calls nothing, so ECS does not use {field}"
            )));
        }
    }
}
