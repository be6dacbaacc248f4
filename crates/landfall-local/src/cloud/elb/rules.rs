//! Listener rules: which target group answers a request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fields::object;
use super::forwarding::{forwarded_groups, load_balancers_of};
use super::input::{list, number, page, required, string, strings, typed};
use super::not_found::{no_listener, no_rule};
use super::{Elb, State, arn_suffix};
use crate::cloud::fault::Fault;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) listener: String,
    pub(super) priority: u32,
    pub(super) fields: Map<String, Value>,
}

impl Elb {
    pub(super) fn create_rule(&self, input: &Value) -> Result<Value, Fault> {
        let listener = required(input, "ListenerArn")?;
        let priority = priority(input)?;
        let conditions = list(input, "Conditions");
        playable(conditions)?;
        let mut state = self.inner.lock();
        if !state.listeners.contains_key(listener) {
            return Err(no_listener(listener));
        }
        self.inner
            .known_target_groups(&state, list(input, "Actions"))?;
        of_one_load_balancer(&state, list(input, "Actions"), listener)?;
        if state
            .rules
            .values()
            .any(|rule| rule.listener == listener && rule.priority == priority)
        {
            return Err(in_use(priority));
        }
        // A rule that got another priority keeps its ARN.
        let arn_of = |number: usize| {
            let suffix = arn_suffix(&format!(
                "{listener}{priority}{}{number}",
                Value::from(conditions)
            ));
            let rule = listener.replacen(":listener/", ":listener-rule/", 1);
            format!("{rule}/{suffix}")
        };
        let mut number = 0;
        while state.rules.contains_key(&arn_of(number)) {
            number += 1;
        }
        let arn = arn_of(number);
        let fields = json!({
            "RuleArn": arn,
            "Priority": priority.to_string(),
            "Conditions": conditions,
            "Actions": typed(&Value::from(list(input, "Actions"))),
            "IsDefault": false,
        });
        state.tags.insert(arn.clone(), list(input, "Tags").to_vec());
        state.rules.insert(
            arn,
            Rule {
                listener: listener.to_owned(),
                priority,
                fields: object(fields.clone()),
            },
        );
        drop(state);
        self.inner.changed();
        Ok(json!({ "Rules": [fields] }))
    }

    pub(super) fn modify_rule(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "RuleArn")?;
        playable(list(input, "Conditions"))?;
        let mut state = self.inner.lock();
        self.inner
            .known_target_groups(&state, list(input, "Actions"))?;
        let listener = &state.rules.get(arn).ok_or_else(|| no_rule(arn))?.listener;
        of_one_load_balancer(&state, list(input, "Actions"), listener)?;
        let rule = state.rules.get_mut(arn).ok_or_else(|| no_rule(arn))?;
        for member in ["Conditions", "Actions"] {
            if let Some(value) = input.get(member) {
                rule.fields.insert(member.into(), typed(value));
            }
        }
        let answer = json!({ "Rules": [rule.fields] });
        drop(state);
        self.inner.changed();
        Ok(answer)
    }

    pub(super) fn describe_rules(&self, input: &Value) -> Result<Value, Fault> {
        let arns = strings(input, "RuleArns");
        let state = self.inner.lock();
        if let Some(missing) = arns.iter().find(|arn| !state.rules.contains_key(*arn)) {
            return Err(no_rule(missing));
        }
        let listener = string(input, "ListenerArn");
        let mut found: Vec<&Rule> = state
            .rules
            .iter()
            .filter(|(arn, rule)| {
                arns.contains(arn) || listener.is_some_and(|listener| rule.listener == listener)
            })
            .map(|(_, rule)| rule)
            .collect();
        found.sort_by_key(|rule| rule.priority);
        let mut rules: Vec<Value> = found
            .into_iter()
            .map(|rule| Value::from(rule.fields.clone()))
            .collect();
        if let Some(arn) = listener {
            let fields = state.listeners.get(arn).ok_or_else(|| no_listener(arn))?;
            rules.push(json!({
                "RuleArn": format!("{}/{}", arn.replacen(":listener/", ":listener-rule/", 1), arn_suffix(arn)),
                "Priority": "default",
                "Conditions": [],
                "Actions": fields["DefaultActions"],
                "IsDefault": true,
            }));
        }
        page(input, "Rules", rules)
    }

    /// The target groups that a rule forwards to; none if there is no such rule.
    pub fn forwarded_by(&self, rule: &str) -> Vec<String> {
        let state = self.inner.lock();
        let rule = state.rules.get(rule).map(|rule| &rule.fields["Actions"]);
        let actions = rule.and_then(Value::as_array).into_iter().flatten();
        actions
            .flat_map(forwarded_groups)
            .map(str::to_owned)
            .collect()
    }

    /// Makes a rule forward to these target groups by these weights, as ECS does during a deployment. A rule that is gone
    /// is no matter.
    pub fn weigh(&self, rule: &str, weights: &[(String, u64)]) {
        let groups: Vec<Value> = weights
            .iter()
            .map(|(group, weight)| json!({ "TargetGroupArn": group, "Weight": weight }))
            .collect();
        let action = json!({ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } });
        if let Some(rule) = self.inner.lock().rules.get_mut(rule) {
            rule.fields.insert("Actions".into(), json!([action]));
        }
        self.inner.changed();
    }

    /// Two rules may change places in one request: a priority counts as in use only if its rule keeps it.
    pub(super) fn set_rule_priorities(&self, input: &Value) -> Result<Value, Fault> {
        let mut wanted = Vec::new();
        for pair in list(input, "RulePriorities") {
            wanted.push((required(pair, "RuleArn")?, priority(pair)?));
        }
        let mut state = self.inner.lock();
        for (arn, priority) in &wanted {
            let rule = state.rules.get(*arn).ok_or_else(|| no_rule(arn))?;
            let taken = state.rules.iter().any(|(other, each)| {
                each.listener == rule.listener
                    && each.priority == *priority
                    && !wanted.iter().any(|(moved, _)| moved == other)
            });
            if taken {
                return Err(in_use(*priority));
            }
        }
        let mut changed = Vec::new();
        for (arn, priority) in wanted {
            if let Some(rule) = state.rules.get_mut(arn) {
                rule.priority = priority;
                rule.fields
                    .insert("Priority".into(), priority.to_string().into());
                changed.push(Value::from(rule.fields.clone()));
            }
        }
        drop(state);
        self.inner.changed();
        Ok(json!({ "Rules": changed }))
    }

    pub(super) fn delete_rule(&self, input: &Value) -> Result<Value, Fault> {
        let arn = required(input, "RuleArn")?;
        let mut state = self.inner.lock();
        state.rules.remove(arn).ok_or_else(|| no_rule(arn))?;
        state.tags.remove(arn);
        drop(state);
        self.inner.changed();
        Ok(json!({}))
    }
}

/// The action that answers a request for `host` and `path`: the first rule by priority whose conditions all hold, else
/// the listener's default.
pub(super) fn action(state: &State, listener: &str, host: &str, path: &str) -> Option<Value> {
    let mut rules: Vec<&Rule> = state
        .rules
        .values()
        .filter(|rule| rule.listener == listener)
        .collect();
    rules.sort_by_key(|rule| rule.priority);
    let actions = rules
        .into_iter()
        .find(|rule| {
            rule.fields["Conditions"]
                .as_array()
                .is_some_and(|all| all.iter().all(|c| holds(c, host, path)))
        })
        .map(|rule| &rule.fields["Actions"])
        .or_else(|| {
            state
                .listeners
                .get(listener)
                .map(|fields| &fields["DefaultActions"])
        })?;
    actions.as_array()?.last().cloned()
}

fn holds(condition: &Value, host: &str, path: &str) -> bool {
    let values = |config: &str| {
        let named = condition
            .get(config)
            .map(|config| strings(config, "Values"))
            .unwrap_or_default();
        if named.is_empty() {
            strings(condition, "Values")
        } else {
            named
        }
    };
    match string(condition, "Field") {
        Some("path-pattern") => values("PathPatternConfig")
            .iter()
            .any(|pattern| matches(pattern, path)),
        Some("host-header") => {
            let host = host
                .rsplit_once(':')
                .map_or(host, |(name, _)| name)
                .to_ascii_lowercase();
            values("HostHeaderConfig")
                .iter()
                .any(|pattern| matches(&pattern.to_ascii_lowercase(), &host))
        }
        _ => false,
    }
}

/// `*` stands for any run of characters, `?` for one
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).
fn matches(pattern: &str, text: &str) -> bool {
    let mut reachable = vec![true];
    reachable.resize(text.chars().count() + 1, false);
    for wanted in pattern.chars() {
        let mut next = vec![false; reachable.len()];
        next[0] = wanted == '*' && reachable[0];
        for (position, found) in text.chars().enumerate() {
            next[position + 1] = match wanted {
                '*' => reachable[position + 1] || next[position],
                '?' => reachable[position],
                literal => reachable[position] && literal == found,
            };
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or(false)
}

fn playable(conditions: &[Value]) -> Result<(), Fault> {
    for condition in conditions {
        let valued = |config: &str| !list(&condition[config], "Values").is_empty();
        let values = !list(condition, "Values").is_empty()
            || valued("HostHeaderConfig")
            || valued("PathPatternConfig");
        if !values {
            return Err(Fault::client(
                "ValidationError",
                "A condition value must be specified",
            ));
        }
        match string(condition, "Field") {
            Some("path-pattern" | "host-header") => {}
            field => {
                return Err(Fault::client(
                    "ValidationError",
                    format!(
                        "The embedded cloud's rules know the fields 'path-pattern' and 'host-header', not '{}'.",
                        field.unwrap_or("(none)")
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn priority(input: &Value) -> Result<u32, Fault> {
    number(input, "Priority")
        .and_then(|priority| u32::try_from(priority).ok())
        .filter(|priority| (1..=50_000).contains(priority))
        .ok_or_else(|| {
            Fault::client(
                "ValidationError",
                "A rule priority must be between 1 and 50000",
            )
        })
}

fn in_use(priority: u32) -> Fault {
    Fault::client(
        "PriorityInUse",
        format!("Priority '{priority}' is currently in use"),
    )
}

/// A target group serves the listeners of one load balancer only
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
fn of_one_load_balancer(state: &State, actions: &[Value], listener: &str) -> Result<(), Fault> {
    let load_balancer = state
        .listeners
        .get(listener)
        .and_then(|fields| fields["LoadBalancerArn"].as_str());
    for group in actions.iter().flat_map(forwarded_groups) {
        if load_balancers_of(state, group)
            .iter()
            .any(|balancer| Some(&**balancer) != load_balancer)
        {
            return Err(Fault::client(
                "TargetGroupAssociationLimit",
                format!(
                    "The following target groups cannot be associated with more than one load balancer: {group}"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_the_load_balancer_documents_them() {
        for (pattern, text, expected) in [
            ("*", "/", true),
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/image", false),
            ("/v?/users", "/v1/users", true),
            ("/v?/users", "/v12/users", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
