//! Reads a state machine's definition and refuses whatever the engine does not implement, by state and field.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    asl::{Choice, Definition, Fail, Kind, Resource, Task, TaskTimeout, Wait},
    choice::Rule,
    fields::Fields,
    flow,
    handlers::{catch, retry},
    language::{DEFINITION, INTEGRATIONS, INVOKE, RULE, STATES, TASK_TOKEN},
    load_error::LoadError,
    path::Path,
    template::Template,
};

/// Reads a definition as `CreateStateMachine` takes it: JSON text.
pub fn load(definition: &str) -> Result<Definition, LoadError> {
    let at_top = |reason: String| LoadError {
        place: "the top level".into(),
        reason,
    };
    let value: Value =
        serde_json::from_str(definition).map_err(|error| at_top(format!("not JSON: {error}")))?;
    let mut fields = Fields::of(value, "the top level".into())?;
    fields.only(DEFINITION)?;
    fields.comment()?;
    let timeout = Duration::from_secs(fields.whole_number("TimeoutSeconds", 1)?);
    let start_at = fields.string("StartAt")?;
    let Value::Object(states) = fields.required("States", Value::is_object, "an object")? else {
        return Err(fields.error("States", "takes an object".into()));
    };
    let states = states
        .into_iter()
        .map(|(name, value)| read_state(&name, value).map(|state| (name, state)))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    let definition = Definition {
        start_at,
        states,
        timeout,
    };
    flow::check_targets(&definition, &fields)?;
    fields.finish()?;
    Ok(definition)
}

fn read_state(name: &str, value: Value) -> Result<Kind, LoadError> {
    let mut fields = Fields::of(value, format!("state `{name}`"))?;
    if name.is_empty() || name.chars().count() > 80 {
        return Err(LoadError {
            place: fields.place,
            reason: "a state's name has 1 to 80 characters".into(),
        });
    }
    let kind = fields.string("Type")?;
    let not_implemented = format!("the state type `{kind}` is not implemented");
    let Some((_, known)) = STATES.iter().find(|(name, _)| *name == kind) else {
        return Err(fields.error("Type", not_implemented));
    };
    fields.only(known)?;
    fields.comment()?;
    let kind = match kind.as_str() {
        "Task" => Kind::Task(Box::new(read_task(&mut fields)?)),
        "Choice" => Kind::Choice(read_choice(&mut fields)?),
        "Wait" => Kind::Wait(Wait {
            seconds: fields.path("SecondsPath")?,
            next: fields.string("Next")?,
        }),
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail(Fail {
            error: fields.path("ErrorPath")?,
            cause: fields.path("CausePath")?,
        }),
        _ => return Err(fields.error("Type", not_implemented)),
    };
    fields.finish()?;
    Ok(kind)
}

fn read_task(fields: &mut Fields) -> Result<Task, LoadError> {
    let resource = fields.string("Resource")?;
    let resource = match resource.as_str() {
        integration if INTEGRATIONS.contains(&integration) => Resource::InvokeWithToken {
            timeout: read_timeout(fields)?,
        },
        arn if arn.starts_with("arn:aws:lambda:") && arn.contains(":function:") => {
            Resource::Function(resource)
        }
        _ => return Err(fields.error("Resource", format!("`{resource}` is not implemented"))),
    };
    let parameters = template(fields, "Parameters")?
        .ok_or_else(|| fields.error("Parameters", "is missing".into()))?;
    check_parameters(&resource, &parameters)
        .map_err(|reason| fields.error("Parameters", reason))?;
    Ok(Task {
        resource,
        parameters,
        result_selector: template(fields, "ResultSelector")?,
        result_path: fields.result_path()?,
        retry: retry(fields)?,
        catch: catch(fields)?,
        next: fields.string("Next")?,
    })
}

/// "If you specify TimeoutSecondsPath, you can't include TimeoutSeconds"
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html>).
fn read_timeout(fields: &mut Fields) -> Result<TaskTimeout, LoadError> {
    const SECONDS: &str = "TimeoutSeconds";
    match fields.optional_whole_number(SECONDS, 1)? {
        Some(seconds) => Ok(TaskTimeout::Seconds(seconds)),
        None if fields.has("TimeoutSecondsPath") => {
            fields.path("TimeoutSecondsPath").map(TaskTimeout::Path)
        }
        None => Err(fields.error(SECONDS, "is missing".into())),
    }
}

/// The context object's task token exists only where a task waits for it, and `lambda:invoke` takes what Lambda's Invoke takes.
fn check_parameters(resource: &Resource, parameters: &Template) -> Result<(), String> {
    let token = |path: &&Path| path.to_string() == TASK_TOKEN;
    let uses_token = parameters.paths().iter().any(token);
    match resource {
        Resource::Function(_) if uses_token => {
            Err("`$$.Task.Token` exists only with a `.waitForTaskToken` resource".into())
        }
        Resource::Function(_) => Ok(()),
        Resource::InvokeWithToken { .. } if !uses_token => {
            Err("nothing passes on `$$.Task.Token`, so nobody could end this state".into())
        }
        Resource::InvokeWithToken { .. } => {
            let names = parameters.field_names();
            if let Some(missing) = INVOKE.iter().find(|name| !names.contains(name)) {
                return Err(format!("`{missing}` is missing"));
            }
            match names.iter().find(|name| !INVOKE.contains(name)) {
                Some(name) => Err(format!("`{name}` is not implemented")),
                None => Ok(()),
            }
        }
    }
}

fn read_choice(fields: &mut Fields) -> Result<Choice, LoadError> {
    let mut rules = Vec::new();
    for (index, choice) in fields.elements("Choices")?.into_iter().enumerate() {
        let mut rule = Fields::of(choice, format!("{}, rule {index}", fields.place))?;
        rule.only(RULE)?;
        let next = rule.string("Next")?;
        rules.push((Rule::read(rule)?, next));
    }
    if rules.is_empty() {
        return Err(fields.error("Choices", "takes an array with at least one rule".into()));
    }
    let default = fields.string("Default")?;
    Ok(Choice { rules, default })
}

fn template(fields: &mut Fields, name: &str) -> Result<Option<Template>, LoadError> {
    let value = fields.optional(name, Value::is_object, "an object")?;
    value
        .map(|value| Template::parse(&value))
        .transpose()
        .map_err(|reason| fields.error(name, reason))
}
