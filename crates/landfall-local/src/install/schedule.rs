//! Schedules of functions, as SAM writes them
//! (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedulev2.html>).

use std::time::Duration;

use serde_json::Value;

use super::{
    InstallError, InstalledFunction, InstalledSchedule, object,
    resolve::{Resolver, error},
};

/// Properties of a schedule that this machine knows; the last three only matter in AWS.
const PROPERTIES: [&str; 6] = [
    "Input",
    "Name",
    "ScheduleExpression",
    "DeadLetterConfig",
    "RetryPolicy",
    "RoleArn",
];

/// The schedules among the events of a function.
pub(super) fn schedules(
    function: &InstalledFunction,
    events: &Value,
    resolver: &Resolver<'_>,
) -> Result<Vec<InstalledSchedule>, InstallError> {
    let mut schedules = Vec::new();
    for (name, event) in object(events).filter(|(_, event)| event["Type"] == "ScheduleV2") {
        let place = |property: &str| format!("{}.Events.{name}.{property}", function.logical_id);
        let properties = &event["Properties"];
        let mut names = object(properties).map(|(property, _)| property);
        if let Some(unknown) = names.find(|property| !PROPERTIES.contains(&property.as_str())) {
            return Err(error(&place(unknown), "is not implemented on this machine"));
        }
        let text = |property: &str| resolver.text(&properties[property], &place(property));
        let expression = text("ScheduleExpression")?;
        let every = period(&expression).ok_or_else(|| {
            error(
                &place("ScheduleExpression"),
                format!("only `rate(<number> minutes)` is implemented on this machine, not `{expression}`"),
            )
        })?;
        let input = serde_json::from_str(&text("Input")?).map_err(|reason| {
            error(
                &place("Input"),
                format!("has to be text with JSON: {reason}"),
            )
        })?;
        schedules.push(InstalledSchedule {
            name: text("Name")?,
            every,
            input,
            function: function.name.clone(),
        });
    }
    Ok(schedules)
}

/// `rate(1 minute)`, `rate(5 minutes)`
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).
fn period(expression: &str) -> Option<Duration> {
    let rate = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (number, unit) = rate.split_once(' ')?;
    let minutes: u64 = number.parse().ok().filter(|minutes| *minutes > 0)?;
    ["minute", "minutes"]
        .contains(&unit)
        .then(|| Duration::from_secs(60 * minutes))
}
