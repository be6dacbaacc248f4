//! Where a state machine leads: the part of a run in which nothing is called and no time passes.
//!
//! The interpreter decides by it. So does whoever walks a state machine without running it: the tests that try all its ways,
//! and the model that checks Landfall's protocol.

use serde_json::{Value, json};

use super::{
    asl::{Choice, Definition, Kind, Resource, Task, TaskTimeout, Wait},
    data,
    failure::Failure,
    path::{Path, Scope},
};

/// What a Task state calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's ARN.
    pub function: String,
    /// What it is sent.
    pub payload: Value,
}

/// The state that a Choice state leads to.
///
/// # Errors
/// The failure with which AWS ends the execution if a variable is not there.
pub fn decide<'a>(choice: &'a Choice, scope: Scope<'_>) -> Result<&'a str, Failure> {
    for (rule, next) in &choice.rules {
        if rule.holds(scope)? {
            return Ok(next);
        }
    }
    Ok(&choice.default)
}

/// How many seconds a Wait state lasts.
///
/// # Errors
/// The failure with which AWS ends the execution if they are not there, or not a whole number.
pub fn seconds(wait: &Wait, scope: Scope<'_>) -> Result<u64, Failure> {
    whole_number("SecondsPath", &wait.seconds, scope)
}

/// For how many seconds a Task state waits for its token.
///
/// # Errors
/// The failure with which AWS ends the execution if they are not there, or not a whole number above 0.
pub fn timeout(timeout: &TaskTimeout, scope: Scope<'_>) -> Result<u64, Failure> {
    const FIELD: &str = "TimeoutSecondsPath";
    match timeout {
        TaskTimeout::Seconds(seconds) => Ok(*seconds),
        TaskTimeout::Path(path) => match whole_number(FIELD, path, scope)? {
            0 => Err(Failure::runtime(format!("{FIELD} references 0: {path}"))),
            seconds => Ok(seconds),
        },
    }
}

fn whole_number(field: &str, path: &Path, scope: Scope<'_>) -> Result<u64, Failure> {
    let value = path.get(field, scope)?;
    value.as_u64().ok_or_else(|| {
        Failure::runtime(format!(
            "The {field} parameter does not reference a whole number: {path} == {value}"
        ))
    })
}

/// The data after a task has answered: `ResultSelector` and `ResultPath`.
///
/// # Errors
/// As [`super::template::Template::fill`], and if the result cannot be put where it belongs.
pub fn shaped(
    task: &Task,
    input: &Value,
    answer: Value,
    context: &Value,
) -> Result<Value, Failure> {
    let result = match &task.result_selector {
        Some(selector) => selector.fill(Scope {
            input: &answer,
            context,
        })?,
        None => answer,
    };
    data::place(task.result_path.as_ref(), input, result)
}

/// A state machine that is walked: without time, functions or a history.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    /// The state machine.
    pub definition: &'a Definition,
    /// The context object. A task token is put into it where there is one.
    pub context: &'a Value,
}

impl<'a> Walk<'a> {
    fn state(self, name: &str) -> Result<&'a Kind, Failure> {
        let state = self.definition.states.get(name);
        state.ok_or_else(|| Failure::runtime(format!("no state `{name}`")))
    }

    /// The task that the state `name` is; none if it is none.
    ///
    /// # Errors
    /// If there is no such state.
    pub fn task(self, name: &str) -> Result<Option<&'a Task>, Failure> {
        Ok(match self.state(name)? {
            Kind::Task(task) => Some(task),
            _ => None,
        })
    }

    /// The state after `name`, if that is a Choice or Wait state; none if it calls something or ends the execution.
    ///
    /// # Errors
    /// The failure with which AWS ends the execution.
    pub fn next(self, name: &str, data: &Value) -> Result<Option<&'a str>, Failure> {
        let scope = Scope {
            input: data,
            context: self.context,
        };
        match self.state(name)? {
            Kind::Choice(choice) => decide(choice, scope).map(Some),
            Kind::Wait(wait) => seconds(wait, scope).map(|_| Some(wait.next.as_str())),
            _ => Ok(None),
        }
    }

    /// Goes on from the state `name` to the next one that calls something or ends the execution; that may be `name` itself.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn onward(self, name: &'a str, data: &Value) -> Result<&'a str, Failure> {
        let mut name = name;
        while let Some(next) = self.next(name, data)? {
            name = next;
        }
        Ok(name)
    }

    /// What a task calls.
    ///
    /// # Errors
    /// As [`super::template::Template::fill`].
    pub fn call(self, task: &Task, data: &Value) -> Result<Call, Failure> {
        let mut context = self.context.clone();
        context["Task"] = json!({"Token": "a task token"});
        let mut payload = task.parameters.fill(Scope {
            input: data,
            context: &context,
        })?;
        match &task.resource {
            Resource::Function(arn) => {
                let function = arn.clone();
                return Ok(Call { function, payload });
            }
            Resource::InvokeWithToken { timeout: limit } => {
                let context = &context;
                timeout(
                    limit,
                    Scope {
                        input: data,
                        context,
                    },
                )?;
            }
        }
        let function = payload["FunctionName"].as_str().map(str::to_owned);
        let function = function.ok_or_else(|| Failure::runtime("FunctionName must be a string"))?;
        let payload = payload["Payload"].take();
        Ok(Call { function, payload })
    }

    /// The data and the state after a task has answered.
    ///
    /// # Errors
    /// As [`shaped`].
    pub fn answered(
        self,
        task: &'a Task,
        data: &Value,
        answer: Value,
    ) -> Result<(Value, &'a str), Failure> {
        let data = shaped(task, data, answer, self.context)?;
        Ok((data, &task.next))
    }

    /// The data and the state after a task has failed for good; none if that ends the execution.
    ///
    /// # Errors
    /// If the error cannot be put where it belongs.
    pub fn caught(
        self,
        task: &'a Task,
        data: &Value,
        failure: &Failure,
    ) -> Result<Option<(Value, &'a str)>, Failure> {
        let mut catchers = task.catch.iter();
        let Some(catcher) = catchers.find(|catcher| failure.matches(&catcher.errors)) else {
            return Ok(None);
        };
        let error = json!({"Error": failure.error, "Cause": failure.cause});
        let data = data::place(catcher.result_path.as_ref(), data, error)?;
        Ok(Some((data, &catcher.next)))
    }
}
