//! Rules and targets.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::{Events, check_bus, dispatcher::function_name, pattern::Pattern, validation};
use crate::cloud::fault::Fault;

/// What a target may say here. Anything else would be silently ignored, so it is refused.
const TARGET_MEMBERS: [&str; 6] = [
    "Id",
    "Arn",
    "Input",
    "RoleArn",
    "DeadLetterConfig",
    "RetryPolicy",
];

impl Events {
    pub(super) fn put_rule(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Name")?;
        check_bus(input["EventBusName"].as_str())?;
        if !input["ScheduleExpression"].is_null() {
            return Err(validation(
                "The embedded cloud's EventBridge does not implement ScheduleExpression."
                    .to_owned(),
            ));
        }
        let text = input["EventPattern"]
            .as_str()
            .ok_or_else(|| validation("Parameter(s) EventPattern must be specified.".to_owned()))?;
        parse(text)?;
        let mut rules = self.rules();
        let rule = rules.entry(name.to_owned()).or_default();
        rule.description = match input {
            Value::Object(input) => input.clone(),
            _ => Map::new(),
        };
        rule.description.remove("Tags");
        rule.pattern = OnceLock::new();
        let arn = self.world.arn("events", &format!("rule/{name}"));
        rule.description.insert("Arn".into(), arn.clone().into());
        rule.description
            .insert("EventBusName".into(), "default".into());
        rule.description
            .entry("State")
            .or_insert_with(|| "ENABLED".into());
        Ok(json!({ "RuleArn": arn }))
    }

    pub(super) fn put_targets(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Rule")?;
        let targets = input["Targets"]
            .as_array()
            .filter(|targets| !targets.is_empty())
            .ok_or_else(|| validation("Parameter Targets must be specified.".to_owned()))?;
        let mut checked = Vec::new();
        for target in targets {
            let id = target["Id"]
                .as_str()
                .ok_or_else(|| validation("A target has no Id.".to_owned()))?;
            if target["Arn"].as_str().and_then(function_name).is_none() {
                return Err(validation(format!(
                    "Target {id} is {}: the embedded cloud's EventBridge delivers to Lambda functions only.",
                    target["Arn"]
                )));
            }
            let members = target.as_object().into_iter().flat_map(Map::keys);
            if let Some(member) = members
                .into_iter()
                .find(|member| !TARGET_MEMBERS.contains(&member.as_str()))
            {
                return Err(validation(format!(
                    "Target {id} has {member}, which the embedded cloud's EventBridge does not implement."
                )));
            }
            checked.push((id.to_owned(), target.clone()));
        }
        let mut rules = self.rules();
        rules
            .get_mut(name)
            .ok_or_else(|| no_such_rule(name))?
            .targets
            .extend(checked);
        Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
    }
}

fn parse(text: &str) -> Result<Pattern, Fault> {
    Pattern::parse(text).map_err(|error| {
        Fault::client(
            "InvalidEventPatternException",
            format!("Event pattern is not valid. Reason: {error}"),
        )
    })
}

fn name<'a>(input: &'a Value, member: &str) -> Result<&'a str, Fault> {
    input[member]
        .as_str()
        .filter(|name| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
        .ok_or_else(|| {
            validation(format!(
                "Parameter {member} must be 1 to 64 letters, digits, '.', '-' and '_'."
            ))
        })
}

fn no_such_rule(name: &str) -> Fault {
    Fault::client(
        "ResourceNotFoundException",
        format!("Rule {name} does not exist on EventBus default."),
    )
}
