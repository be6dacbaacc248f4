//! Whether the percentages of a rolling update leave room to replace a task, at the number of tasks that the file says
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>).

use super::File;
use crate::service_file::{
    mapping::Problems,
    place::{Place, Said},
};

/// "The default maximumPercent value for a service using the REPLICA service scheduler is 200%", "The default value for a
/// replica service for minimumHealthyPercent is 100%."
const MOST: i64 = 200;
const LEAST: i64 = 100;

pub(super) fn check(file: &File<'_>, problems: &mut Problems) {
    let Some(service) = &file.service else { return };
    let Some(deployment) = service.get("deploymentConfiguration") else {
        return;
    };
    let rolling = matches!(deployment.says("strategy"), Said::Nothing)
        || deployment.says("strategy").is("ROLLING");
    if !rolling
        || service.says("schedulingStrategy").is_not("REPLICA")
            && service.get("schedulingStrategy").is_some()
    {
        return;
    }
    let (Some(least), Some(most)) = (
        percentage(&deployment, "minimumHealthyPercent", LEAST),
        percentage(&deployment, "maximumPercent", MOST),
    ) else {
        return;
    };
    // Pairs that never leave room are refused by the rules about deployments.
    if least > most || least == 100 && most == 100 && both_said(&deployment) {
        return;
    }
    let Some((place, count)) = tasks(file, service) else {
        return;
    };
    let room = Room::of(count, least, most);
    if count > 0 && room.is_none() {
        problems.add(place.odd(format!(
            "no task can be replaced: of {count} tasks, {least} % are {} that have to stay (rounded up) and {most} % are {} \
             that may run (rounded down)",
            room.least, room.most
        )).hint(format!(
            "raise maximumPercent to {} or lower minimumHealthyPercent to {}",
            enough(count),
            (count - 1) * 100 / count,
        )));
    }
}

/// How many tasks have to stay, and how many may run.
struct Room {
    count: i64,
    least: i64,
    most: i64,
}

impl Room {
    /// "as a percentage of the desiredCount (rounded up to the nearest integer)", and down for the most.
    fn of(count: i64, least: i64, most: i64) -> Self {
        Self {
            count,
            least: count.saturating_mul(least).saturating_add(99) / 100,
            most: count.saturating_mul(most) / 100,
        }
    }

    /// Neither can one more be started, nor one be stopped before.
    fn is_none(&self) -> bool {
        self.most <= self.count && self.least >= self.count
    }
}

/// The least percentage that lets one more task run.
fn enough(count: i64) -> i64 {
    ((count + 1) * 100 + count - 1) / count
}

fn percentage(deployment: &Place<'_>, name: &str, default: i64) -> Option<i64> {
    match deployment.get(name) {
        None => Some(default),
        Some(_) => deployment.integer(name).map(|(_, percent)| percent),
    }
    .filter(|percent| *percent >= 0)
}

fn both_said(deployment: &Place<'_>) -> bool {
    ["minimumHealthyPercent", "maximumPercent"]
        .into_iter()
        .all(|name| deployment.get(name).is_some())
}

/// The fewest tasks that the file says. Without a number in the file, the service may have any.
fn tasks<'a>(file: &File<'a>, service: &Place<'a>) -> Option<(Place<'a>, i64)> {
    const MANY: i64 = 1_000_000;
    let said = match file.section("autoscaling") {
        Some(scaling) => scaling.integer("min"),
        None => service.integer("desiredCount"),
    };
    said.filter(|(_, count)| (0..MANY).contains(count))
}
