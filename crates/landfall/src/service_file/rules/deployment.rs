//! How a rollout goes (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).

use super::File;
use crate::service_file::{mapping::Problems, place::Said};

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let Some(deployment) = service.get("deploymentConfiguration") else {
        return;
    };
    let daemon = service.says("schedulingStrategy").is("DAEMON");
    let rolling = matches!(deployment.says("strategy"), Said::Nothing)
        || deployment.says("strategy").is("ROLLING");
    if let (Some((place, least)), Some((_, most))) = (
        deployment.integer("minimumHealthyPercent"),
        deployment.integer("maximumPercent"),
    ) && rolling
    {
        // "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        if least > most || least == 100 && most == 100 && !daemon {
            problems.add(
                place
                    .wrong(format!("with at least {least} % and at most {most} % of the tasks, none can be replaced"))
                    .hint("a usual pair is 100 and 200"),
            );
        }
    }
    if let Said::Text(strategy) = deployment.says("strategy")
        && strategy != "ROLLING"
    {
        if let Some(place) = deployment.get("deploymentCircuitBreaker")
            && place.is_true("enable")
        {
            problems.add(place.odd(format!(
                "the circuit breaker is documented for ROLLING only, not for {strategy}"
            )));
        }
        // "You must provide this parameter when you use the BLUE_GREEN deployment strategy."
        if strategy == "BLUE_GREEN" && deployment.get("bakeTimeInMinutes").is_none() {
            problems.add(
                deployment
                    .odd("the strategy BLUE_GREEN needs bakeTimeInMinutes")
                    .hint("say for how long old tasks stay after requests have moved, e.g. `bakeTimeInMinutes: 5`"),
            );
        }
        // "The ALBRequestCountPerTarget metric … is not supported for the blue/green deployment type"
        // (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html>).
        let scaling = file.section("autoscaling");
        let targets = scaling.map(|section| section.items("targets"));
        for target in targets.into_iter().flatten() {
            if target.says("metric").is("ALBRequestCountPerTarget") {
                problems.add(target.odd(format!(
                    "this counts the requests of one target group, and {strategy} moves them between two"
                )));
            }
        }
        let without = service
            .items("loadBalancers")
            .into_iter()
            .find(|target| target.get("advancedConfiguration").is_none());
        if let Some(place) = without {
            problems.add(
                place
                    .odd(format!("{strategy} shifts traffic between two target groups, and this has one"))
                    .hint("add `advancedConfiguration` with `alternateTargetGroupArn`, `productionListenerRule` and `roleArn`"),
            );
        }
    }
    for (name, strategy) in [
        ("canaryConfiguration", "CANARY"),
        ("linearConfiguration", "LINEAR"),
    ] {
        if let Some(place) = deployment.get(name)
            && deployment.says("strategy").is_not(strategy)
        {
            problems.add(place.odd(format!("this goes with the strategy {strategy}")));
        }
    }
}
