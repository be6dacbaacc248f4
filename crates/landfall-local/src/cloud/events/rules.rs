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

    pub(super) fn describe_rule(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Name")?;
        let rules = self.rules();
        let mut description = rules
            .get(name)
            .ok_or_else(|| no_such_rule(name))?
            .description
            .clone();
        description.insert("CreatedBy".into(), self.world.account.clone().into());
        Ok(Value::Object(description))
    }

    pub(super) fn list_rules(&self, input: &Value) -> Result<Value, Fault> {
        check_bus(input["EventBusName"].as_str())?;
        let prefix = input["NamePrefix"].as_str().unwrap_or_default();
        let rules = self.rules();
        let found = rules.iter().filter(|(name, _)| name.starts_with(prefix));
        let found = found
            .map(|(_, rule)| Value::Object(rule.description.clone()))
            .collect();
        page("Rules", found, input)
    }

    pub(super) fn set_state(&self, input: &Value, state: &str) -> Result<Value, Fault> {
        let name = name(input, "Name")?;
        let mut rules = self.rules();
        rules
            .get_mut(name)
            .ok_or_else(|| no_such_rule(name))?
            .description
            .insert("State".into(), state.into());
        Ok(json!({}))
    }

    /// Deleting a rule that does not exist is no error.
    pub(super) fn delete_rule(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Name")?;
        let mut rules = self.rules();
        if rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
            return Err(validation(
                "Rule can't be deleted since it has targets.".to_owned(),
            ));
        }
        rules.remove(name);
        Ok(json!({}))
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

    pub(super) fn list_targets_by_rule(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Rule")?;
        let rules = self.rules();
        let targets = rules
            .get(name)
            .ok_or_else(|| no_such_rule(name))?
            .targets
            .values()
            .cloned()
            .collect();
        page("Targets", targets, input)
    }

    pub(super) fn remove_targets(&self, input: &Value) -> Result<Value, Fault> {
        let name = name(input, "Rule")?;
        let mut rules = self.rules();
        let rule = rules.get_mut(name).ok_or_else(|| no_such_rule(name))?;
        for id in input["Ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            rule.targets.remove(id);
        }
        Ok(json!({ "FailedEntryCount": 0, "FailedEntries": [] }))
    }

    pub(super) fn test_event_pattern(&self, input: &Value) -> Result<Value, Fault> {
        let pattern = parse(input["EventPattern"].as_str().unwrap_or_default())?;
        let event: Value = serde_json::from_str(input["Event"].as_str().unwrap_or_default())
            .map_err(|error| {
                validation(format!("Parameter Event is not valid. Reason: {error}"))
            })?;
        Ok(json!({ "Result": pattern.matches(&event) }))
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

/// One page of `items` under `member`; tokens are positions.
fn page(member: &str, items: Vec<Value>, input: &Value) -> Result<Value, Fault> {
    let token = input["NextToken"].as_str();
    let start = token
        .map_or(Ok(0), str::parse::<usize>)
        .map_err(|_| validation("Parameter NextToken is not valid.".to_owned()))?;
    let most = input["Limit"].as_u64().unwrap_or(100).clamp(1, 100) as usize;
    let next = (start.saturating_add(most) < items.len()).then(|| start + most);
    let mut answer = Map::new();
    answer.insert(
        member.into(),
        items.into_iter().skip(start).take(most).collect(),
    );
    if let Some(next) = next {
        answer.insert("NextToken".into(), next.to_string().into());
    }
    Ok(Value::Object(answer))
}
