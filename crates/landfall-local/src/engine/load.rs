//! Reads a state machine's definition and refuses whatever the engine does not implement, by state and field.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    asl::{
        Choice, Definition, Fail, Kind, Next, Pass, Resource, Seconds, Shape, State, Task, Text,
    },
    choice::Rule,
    fields::Fields,
    flow,
    handlers::{catch, retry},
    intrinsic::Expression,
    path::{Path, Root, Step},
    template::Template,
};

/// Why a definition is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("state machine refused at {place}: {reason}")]
pub struct LoadError {
    /// The state and field, e.g. ``state `Claim`, field `Credentials` ``.
    pub place: String,
    /// What is wrong there.
    pub reason: String,
}

/// Reads a definition as `CreateStateMachine` takes it: JSON text.
pub fn load(definition: &str) -> Result<Definition, LoadError> {
    let at_top = |reason: String| LoadError {
        place: "the top level".into(),
        reason,
    };
    let value: Value =
        serde_json::from_str(definition).map_err(|error| at_top(format!("not JSON: {error}")))?;
    let mut fields = Fields::of(value, "the top level".into())?;
    fields.optional("Comment", Value::is_string, "a string")?;
    if let Some(version) = fields.optional("Version", Value::is_string, "a string")?
        && version != "1.0"
    {
        return Err(fields.error("Version", format!("is {version}; the engine knows \"1.0\"")));
    }
    if let Some(language) = fields.optional("QueryLanguage", Value::is_string, "a string")?
        && language != "JSONPath"
    {
        return Err(fields.error(
            "QueryLanguage",
            format!("{language} is not implemented; use JSONPath"),
        ));
    }
    let timeout = fields.seconds("TimeoutSeconds")?.map(Duration::from_secs);
    let start_at = fields.required_string("StartAt")?;
    let states = match fields.required("States")? {
        Value::Object(states) if !states.is_empty() => states,
        _ => return Err(fields.error("States", "takes an object with at least one state".into())),
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

fn read_state(name: &str, value: Value) -> Result<State, LoadError> {
    let mut fields = Fields::of(value, format!("state `{name}`"))?;
    if name.is_empty() || name.chars().count() > 80 {
        return Err(LoadError {
            place: fields.place,
            reason: "a state's name has 1 to 80 characters".into(),
        });
    }
    fields.optional("Comment", Value::is_string, "a string")?;
    let kind = fields.required_string("Type")?;
    let input_path = match kind.as_str() {
        "Fail" => Some(Path::root()),
        _ => fields.path_or_null("InputPath")?,
    };
    let kind = match kind.as_str() {
        "Task" => Kind::Task(Box::new(read_task(&mut fields)?)),
        "Choice" => Kind::Choice(read_choice(&mut fields)?),
        "Wait" => Kind::Wait(read_wait(&mut fields)?, next(&mut fields)?),
        "Pass" => {
            let result = fields.take("Result");
            let shape = Shape {
                parameters: template(&mut fields, "Parameters")?,
                result_selector: None,
                result_path: result_path(&mut fields)?,
            };
            Kind::Pass(Box::new(Pass {
                result,
                shape,
                next: next(&mut fields)?,
            }))
        }
        "Succeed" => Kind::Succeed,
        "Fail" => Kind::Fail(Fail {
            error: text(&mut fields, "Error", "ErrorPath")?,
            cause: text(&mut fields, "Cause", "CausePath")?,
        }),
        other => {
            return Err(fields.error(
                "Type",
                format!("the state type `{other}` is not implemented"),
            ));
        }
    };
    fields.finish()?;
    Ok(State { input_path, kind })
}

fn read_task(fields: &mut Fields) -> Result<Task, LoadError> {
    let resource = fields.required_string("Resource")?;
    let resource = match resource.as_str() {
        "arn:aws:states:::lambda:invoke.waitForTaskToken" => Resource::InvokeWithToken,
        arn if arn.starts_with("arn:aws:lambda:") && arn.contains(":function:") => {
            Resource::Function(resource)
        }
        _ => return Err(fields.error("Resource", format!("`{resource}` is not implemented"))),
    };
    let shape = read_shape(fields)?;
    check_parameters(fields, &resource, shape.parameters.as_ref())?;
    let timeout = fields.seconds("TimeoutSeconds")?;
    if timeout == Some(0) {
        return Err(fields.error("TimeoutSeconds", "must be at least 1".into()));
    }
    Ok(Task {
        resource,
        shape,
        timeout,
        retry: retry(fields)?,
        catch: catch(fields)?,
        next: next(fields)?,
    })
}

/// The context object's task token exists only where a task waits for it, and `lambda:invoke` takes what Lambda's Invoke takes.
fn check_parameters(
    fields: &Fields,
    resource: &Resource,
    parameters: Option<&Template>,
) -> Result<(), LoadError> {
    let token = [Step::Key("Task".into()), Step::Key("Token".into())];
    let uses_token = parameters.is_some_and(|template| {
        template
            .paths()
            .iter()
            .any(|path| path.root == Root::Context && path.steps == token)
    });
    let wrong = |reason: String| Err(fields.error("Parameters", reason));
    match resource {
        Resource::InvokeWithToken if !uses_token => {
            return wrong(
                "nothing passes on `$$.Task.Token`, so nobody could end this state".into(),
            );
        }
        Resource::Function(_) if uses_token => {
            return wrong("`$$.Task.Token` exists only with a `.waitForTaskToken` resource".into());
        }
        Resource::Function(_) => return Ok(()),
        _ => {}
    }
    let names = parameters.map(Template::field_names).unwrap_or_default();
    if !names.contains(&"FunctionName") {
        return wrong("`FunctionName` is missing".into());
    }
    match names
        .iter()
        .find(|name| !matches!(**name, "FunctionName" | "Payload"))
    {
        Some(name) => wrong(format!("`{name}` is not implemented")),
        None => Ok(()),
    }
}

fn read_choice(fields: &mut Fields) -> Result<Choice, LoadError> {
    let choices = match fields.required("Choices")? {
        Value::Array(choices) if !choices.is_empty() => choices,
        _ => return Err(fields.error("Choices", "takes an array with at least one rule".into())),
    };
    let mut rules = Vec::new();
    for (index, choice) in choices.into_iter().enumerate() {
        let mut rule = Fields::of(choice, format!("{}, rule {index}", fields.place))?;
        rule.optional("Comment", Value::is_string, "a string")?;
        let next = rule.required_string("Next")?;
        let parsed = Rule::parse(&rule.rest).map_err(|reason| LoadError {
            place: rule.place.clone(),
            reason,
        })?;
        check_context(&rule, "Variable", parsed.paths())?;
        rules.push((parsed, next));
    }
    let default = fields.optional_string("Default")?;
    Ok(Choice { rules, default })
}

fn read_wait(fields: &mut Fields) -> Result<Seconds, LoadError> {
    match (
        fields.seconds("Seconds")?,
        fields.optional_path("SecondsPath")?,
    ) {
        (Some(seconds), None) => Ok(Seconds::Fixed(seconds)),
        (None, Some(path)) => Ok(Seconds::Path(path)),
        (Some(_), Some(_)) => Err(fields.error(
            "SecondsPath",
            "stands beside `Seconds`; only one is allowed".into(),
        )),
        (None, None) => {
            let other = |name: &&String| !matches!(name.as_str(), "Next" | "End");
            Err(match fields.rest.keys().find(other) {
                Some(name) => fields.error(name, "is not implemented here".into()),
                None => fields.error("Seconds", "or `SecondsPath` is missing".into()),
            })
        }
    }
}

fn read_shape(fields: &mut Fields) -> Result<Shape, LoadError> {
    Ok(Shape {
        parameters: template(fields, "Parameters")?,
        result_selector: template(fields, "ResultSelector")?,
        result_path: result_path(fields)?,
    })
}

fn template(fields: &mut Fields, name: &str) -> Result<Option<Template>, LoadError> {
    let Some(value) = fields.take(name) else {
        return Ok(None);
    };
    let template = Template::parse(&value).map_err(|reason| fields.error(name, reason))?;
    check_context(fields, name, template.paths())?;
    Ok(Some(template))
}

/// Paths into the context object must name something that it has
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>).
fn check_context(fields: &Fields, name: &str, paths: Vec<&Path>) -> Result<(), LoadError> {
    const KNOWN: [&[&str]; 4] = [
        &["Execution", "Id", "Input", "Name", "RoleArn", "StartTime"],
        &["State", "EnteredTime", "Name", "RetryCount"],
        &["StateMachine", "Id", "Name"],
        &["Task", "Token"],
    ];
    for path in paths.into_iter().filter(|path| path.root == Root::Context) {
        let mut keys = path.steps.iter().map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Index(_) => "",
        });
        let known = match (keys.next(), keys.next()) {
            (None, _) => true,
            (Some(group), key) => KNOWN
                .iter()
                .any(|names| names[0] == group && key.is_none_or(|key| names[1..].contains(&key))),
        };
        if !known {
            return Err(fields.error(
                name,
                format!("`{path}` is not in the context object, or not implemented"),
            ));
        }
    }
    Ok(())
}

/// `ResultPath`, of a state or a catcher.
pub(super) fn result_path(fields: &mut Fields) -> Result<Option<Path>, LoadError> {
    let path = fields.path_or_null("ResultPath")?;
    match path {
        Some(path) if path.root == Root::Context => {
            Err(fields.error("ResultPath", "cannot be in the context object".into()))
        }
        path => Ok(path),
    }
}

fn text(fields: &mut Fields, fixed: &str, computed: &str) -> Result<Option<Text>, LoadError> {
    match (
        fields.optional_string(fixed)?,
        fields.optional_string(computed)?,
    ) {
        (Some(_), Some(_)) => Err(fields.error(
            computed,
            format!("stands beside `{fixed}`; only one is allowed"),
        )),
        (Some(text), None) => Ok(Some(Text::Fixed(text))),
        (None, Some(text)) => {
            let expression =
                Expression::parse(&text).map_err(|reason| fields.error(computed, reason))?;
            check_context(fields, computed, expression.paths())?;
            Ok(Some(Text::Computed(expression)))
        }
        (None, None) => Ok(None),
    }
}

fn next(fields: &mut Fields) -> Result<Next, LoadError> {
    match (fields.optional_string("Next")?, fields.take("End")) {
        (Some(next), None) => Ok(Next::State(next)),
        (None, Some(Value::Bool(true))) => Ok(Next::End),
        (None, _) => {
            Err(fields.error("Next", "is missing, and there is no `\"End\": true`".into()))
        }
        (Some(_), Some(_)) => Err(fields.error("End", "stands beside `Next`".into())),
    }
}
