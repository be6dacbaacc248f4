//! The values that CloudFormation's intrinsic functions have on this machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::InstallError;
use crate::world::World;

/// The stack's name on this machine; resources without a name of their own are called after it.
pub(super) const STACK_NAME: &str = "landfall";

/// What a resource's `Ref` and `GetAtt … Arn` are.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) reference: Option<String>,
    pub(super) arn: Option<String>,
}

/// Resolves intrinsic functions in the parts of a template that matter on this machine.
pub(super) struct Resolver<'a> {
    pub(super) world: &'a World,
    /// Parameters' defaults.
    pub(super) parameters: BTreeMap<String, Value>,
    /// The resources that can be referred to.
    pub(super) resources: BTreeMap<String, Identity>,
}

impl Resolver<'_> {
    /// `value` without intrinsic functions. `place` is where it stands, for errors.
    pub(super) fn resolve(&self, value: &Value, place: &str) -> Result<Value, InstallError> {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolve(item, place)).collect(),
            Value::Object(fields) => {
                if let Some((name, argument)) = fields.iter().next().filter(|_| fields.len() == 1)
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.call(name, argument, place);
                }
                let resolved = fields.iter().map(|(name, value)| {
                    Ok((
                        name.clone(),
                        self.resolve(value, &format!("{place}.{name}"))?,
                    ))
                });
                resolved.collect()
            }
            scalar => Ok(scalar.clone()),
        }
    }

    /// The same, as text: numbers and booleans are written out, as environment variables are.
    pub(super) fn text(&self, value: &Value, place: &str) -> Result<String, InstallError> {
        match self.resolve(value, place)? {
            Value::String(text) => Ok(text),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Ok(scalar.to_string()),
            other => Err(error(place, format!("takes text, not {other}"))),
        }
    }

    fn call(&self, name: &str, argument: &Value, place: &str) -> Result<Value, InstallError> {
        let wrong = || error(place, format!("`{name}` cannot take {argument}"));
        match name {
            "Ref" => self.reference(argument.as_str().ok_or_else(wrong)?, place),
            "Fn::GetAtt" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(resource), Value::String(attribute)]) => {
                    self.attribute(resource, attribute, place)
                }
                _ => Err(wrong()),
            },
            "Fn::Sub" => match argument {
                Value::String(text) => self
                    .substitute(text, &Value::Null, place)
                    .map(Value::String),
                Value::Array(parts) => match parts.as_slice() {
                    [Value::String(text), variables] => {
                        self.substitute(text, variables, place).map(Value::String)
                    }
                    _ => Err(wrong()),
                },
                _ => Err(wrong()),
            },
            "Fn::Join" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(separator), Value::Array(parts)]) => {
                    let parts = parts
                        .iter()
                        .map(|part| self.text(part, place))
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(parts.join(separator).into())
                }
                // A parameter of the type CommaDelimitedList.
                Some([Value::String(separator), list @ Value::Object(_)]) => {
                    let list = self.text(list, place)?;
                    Ok(list.split(',').collect::<Vec<_>>().join(separator).into())
                }
                _ => Err(wrong()),
            },
            other => Err(error(
                place,
                format!("the intrinsic function `{other}` is not implemented on this machine"),
            )),
        }
    }

    fn reference(&self, name: &str, place: &str) -> Result<Value, InstallError> {
        let pseudo = match name {
            "AWS::Region" => Some(self.world.region.as_str()),
            "AWS::AccountId" => Some(self.world.account.as_str()),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some(STACK_NAME),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(text.into());
        }
        if let Some(default) = self.parameters.get(name) {
            return Ok(default.clone());
        }
        let identity = self.resources.get(name);
        match identity.and_then(|identity| identity.reference.as_ref()) {
            Some(reference) => Ok(reference.as_str().into()),
            None => Err(error(
                place,
                format!("`Ref {name}` has no value on this machine"),
            )),
        }
    }

    fn attribute(
        &self,
        resource: &str,
        attribute: &str,
        place: &str,
    ) -> Result<Value, InstallError> {
        let identity = self.resources.get(resource).filter(|_| attribute == "Arn");
        match identity.and_then(|identity| identity.arn.as_ref()) {
            Some(arn) => Ok(arn.as_str().into()),
            None => Err(error(
                place,
                format!("`GetAtt {resource}.{attribute}` has no value on this machine"),
            )),
        }
    }

    /// `${Name}`, `${Name.Attribute}` and the literal `${!Name}` of `Fn::Sub`.
    fn substitute(
        &self,
        text: &str,
        variables: &Value,
        place: &str,
    ) -> Result<String, InstallError> {
        let mut answer = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| error(place, format!("`${{` without `}}` in `{text}`")))?;
            answer.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                answer.push_str(&format!("${{{literal}}}"));
            } else if let Some(variable) = variables.get(name) {
                answer.push_str(&self.text(variable, place)?);
            } else {
                let value = match name.split_once('.') {
                    Some((resource, attribute)) => self.attribute(resource, attribute, place)?,
                    None => self.reference(name, place)?,
                };
                match value {
                    Value::String(text) => answer.push_str(&text),
                    other => answer.push_str(&other.to_string()),
                }
            }
            rest = after;
        }
        answer.push_str(rest);
        Ok(answer)
    }
}

pub(super) fn error(place: &str, reason: impl Into<String>) -> InstallError {
    InstallError {
        place: place.to_owned(),
        reason: reason.into(),
    }
}
