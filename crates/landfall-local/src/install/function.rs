//! Functions and their event rules, as SAM writes them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

use super::{
    InstallError, InstalledFunction, InstalledRule, handler, object,
    resolve::{Resolver, error},
};

/// Properties of a function that only matter in AWS. Failed events go to the embedded dead letters in any case.
const SKIPPED_FUNCTION_PROPERTIES: [&str; 18] = [
    "Architectures",
    "AutoPublishAlias",
    "CodeUri",
    "DeadLetterQueue",
    "Description",
    "EphemeralStorage",
    "EventInvokeConfig",
    "LoggingConfig",
    "PermissionsBoundary",
    "Policies",
    "ReservedConcurrentExecutions",
    "Role",
    "RolePath",
    "Runtime",
    "Tags",
    "Tracing",
    "VersionDescription",
    "VpcConfig",
];

/// A function, from its properties with `Globals` under them.
pub(super) fn function(
    logical_id: &str,
    properties: &Value,
    resolver: &Resolver<'_>,
) -> Result<InstalledFunction, InstallError> {
    let mut environment = BTreeMap::new();
    let place = |name: &str| format!("{logical_id}.{name}");
    for name in object(properties).map(|(name, _)| name) {
        let known = matches!(
            name.as_str(),
            "Environment" | "Events" | "Handler" | "MemorySize" | "Timeout"
        );
        if !known && !SKIPPED_FUNCTION_PROPERTIES.contains(&name.as_str()) {
            return Err(error(&place(name), "is not implemented on this machine"));
        }
    }
    for (name, value) in object(&properties["Environment"]["Variables"]) {
        let value = resolver.text(value, &place(&format!("Environment.{name}")))?;
        environment.insert(name.clone(), value);
    }
    let number = |name: &str, default: u64| match properties.get(name) {
        None => Ok(default),
        Some(value) => resolver
            .text(value, &place(name))?
            .parse()
            .map_err(|_| error(&place(name), format!("takes a whole number, not {value}"))),
    };
    // Lambda's own defaults: 3 seconds and 128 MB.
    let timeout = number("Timeout", 3)?;
    let memory_size = number("MemorySize", 128)?;
    Ok(InstalledFunction {
        logical_id: logical_id.to_owned(),
        name: handler(logical_id, properties)?,
        timeout: Duration::from_secs(timeout),
        memory_size: u32::try_from(memory_size)
            .map_err(|_| error(&place("MemorySize"), "is too large"))?,
        environment,
    })
}

/// The event rules of a function.
pub(super) fn rules(
    function: &InstalledFunction,
    events: &Value,
    resolver: &Resolver<'_>,
) -> Result<Vec<InstalledRule>, InstallError> {
    let mut rules = Vec::new();
    for (name, event) in object(events) {
        let place = format!("{}.Events.{name}", function.logical_id);
        match event["Type"].as_str() {
            Some("EventBridgeRule") => {
                let unknown = object(&event["Properties"])
                    .map(|(name, _)| name)
                    .find(|name| {
                        !matches!(
                            name.as_str(),
                            "Pattern" | "DeadLetterConfig" | "RetryPolicy" | "RuleName" | "Target"
                        )
                    });
                if let Some(unknown) = unknown {
                    return Err(error(
                        &format!("{place}.{unknown}"),
                        "is not implemented on this machine",
                    ));
                }
                let pattern = event["Properties"]
                    .get("Pattern")
                    .ok_or_else(|| error(&place, "`Pattern` is missing"))?;
                rules.push(InstalledRule {
                    name: format!("{}{name}", function.logical_id),
                    pattern: resolver.resolve(pattern, &format!("{place}.Pattern"))?,
                    function: function.name.clone(),
                });
            }
            Some("ScheduleV2") => {}
            other => {
                let kind = other.unwrap_or("nothing");
                return Err(error(
                    &place,
                    format!("the event type `{kind}` is not implemented on this machine"),
                ));
            }
        }
    }
    Ok(rules)
}

/// `Globals` under a resource's own properties: objects are joined, all else is replaced, as SAM does. Lists, which SAM
/// would append, only occur in properties that are skipped.
pub(super) fn merged(globals: &Value, properties: &Value) -> Value {
    match (globals, properties) {
        (Value::Object(globals), Value::Object(properties)) => {
            let mut all: Map<String, Value> = globals.clone();
            for (name, value) in properties {
                let value = globals
                    .get(name)
                    .map_or_else(|| value.clone(), |global| merged(global, value));
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        (_, Value::Null) => globals.clone(),
        (_, properties) => properties.clone(),
    }
}
