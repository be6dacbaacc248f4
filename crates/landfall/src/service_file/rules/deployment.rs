//! How a rollout goes (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).

use serde_json::Value;

use super::File;
use crate::service_file::{
    document::NodeValue,
    mapping::Problems,
    place::{Place, Said},
};

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
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AdvancedConfiguration.html>,
        // <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_VpcLatticeAdvancedConfiguration.html>
        for (list, with) in [
            (
                "loadBalancers",
                "`alternateTargetGroupArn`, `productionListenerRule` and `roleArn`",
            ),
            (
                "vpcLatticeConfigurations",
                "`alternateTargetGroupArn` and `productionListenerRule`",
            ),
        ] {
            let without = service
                .items(list)
                .into_iter()
                .find(|target| target.get("advancedConfiguration").is_none());
            if let Some(place) = without {
                problems.add(
                    place
                        .odd(format!(
                            "{strategy} shifts traffic between two target groups, and this has one"
                        ))
                        .hint(format!("add `advancedConfiguration` with {with}")),
                );
            }
        }
    }
    early_success(&deployment, rolling, problems);
    steps(&deployment, problems);
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

/// "You can use early success criteria only with rolling deployment strategy.", "You must also specify healthyPercent and
/// sourceServiceRevisionCleanup.", "This value must be greater than or equal to the minimumHealthyPercent value."
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentEarlySuccessCriteria.html>)
fn early_success(deployment: &Place<'_>, rolling: bool, problems: &mut Problems) {
    let Some(criteria) = deployment.get("earlySuccessCriteria") else {
        return;
    };
    if !criteria.is_true("enable") {
        return;
    }
    if !rolling && let Said::Text(strategy) = deployment.says("strategy") {
        problems.add(
            criteria
                .wrong(format!(
                    "early success is for the strategy ROLLING, not for {strategy}"
                ))
                .hint("leave it out"),
        );
    }
    for name in ["healthyPercent", "sourceServiceRevisionCleanup"] {
        if criteria.get(name).is_none() {
            problems.add(
                criteria
                    .lacks(name, "early success needs it")
                    .hint("write for example `healthyPercent: 100` and `sourceServiceRevisionCleanup: BLOCKING`"),
            );
        }
    }
    let least = deployment
        .integer("minimumHealthyPercent")
        .map(|(_, least)| least);
    if let (Some((place, percent)), Some(least)) = (criteria.integer("healthyPercent"), least)
        && percent < least
    {
        problems.add(place.wrong(format!(
            "{percent} % is less than minimumHealthyPercent, {least} %"
        )));
    }
}

/// The bounds of <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html> and
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>: "multiples of 0.1 from 0.1 to
/// 100.0", "from 3.0 to 100.0", "Valid values are 0 to 1440 minutes (24 hours)."
fn steps(deployment: &Place<'_>, problems: &mut Problems) {
    const DAY: i64 = 24 * 60;
    for (name, percent, least, minutes) in [
        (
            "canaryConfiguration",
            "canaryPercent",
            0.1,
            "canaryBakeTimeInMinutes",
        ),
        (
            "linearConfiguration",
            "stepPercent",
            3.0,
            "stepBakeTimeInMinutes",
        ),
    ] {
        let Some(configuration) = deployment.get(name) else {
            continue;
        };
        if let Some(place) = configuration.get(percent)
            && let NodeValue::Scalar(Value::Number(number)) = &place.node.value
            && !number
                .as_f64()
                .is_some_and(|number| (least..=100.0).contains(&number))
        {
            problems.add(place.wrong(format!(
                "expected a number from {least} to 100, found {number}"
            )));
        }
        if let Some((place, number)) = configuration.integer(minutes)
            && !(0..=DAY).contains(&number)
        {
            problems.add(place.wrong(format!("expected 0 to {DAY} minutes, found {number}")));
        }
    }
}
