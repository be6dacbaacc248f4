//! Where a state machine leads: the part of a run in which nothing is called and no time passes.
//!
//! The interpreter decides by it. So does whoever walks a state machine without running it: the tests that try all its ways,
//! and the model that checks Landfall's protocol.

use serde_json::{Value, json};

use super::{
    asl::{Choice, Definition, Kind, Next, Resource, Seconds, Shape, State, Task},
    data,
    failure::Failure,
    intrinsic::Scope,
};
/// What a Task state calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's ARN.
    pub function: String,
    /// What it is sent.
    pub payload: Value,
}

/// The state that a Choice state leads to; `name` is its own.
///
/// # Errors
/// The failure with which AWS ends the execution: a variable that is not there, or no rule that holds.
pub fn decide<'a>(
    choice: &'a Choice,
    name: &str,
    input: &Value,
    context: &Value,
) -> Result<&'a str, Failure> {
    for (rule, next) in &choice.rules {
        if rule.holds(input, context)? {
            return Ok(next);
        }
    }
    choice.default.as_deref().ok_or_else(|| {
        Failure::new(
            "States.NoChoiceMatched",
            format!("Failed to transition out of the state '{name}'. The state does not point to a next state."),
        )
    })
}

/// The data after a task has answered: `ResultSelector` and `ResultPath`.
///
/// # Errors
/// As [`super::template::Template::fill`], and if the result cannot be put where it belongs.
pub fn shaped(
    shape: &Shape,
    input: &Value,
    answer: Value,
    context: &Value,
) -> Result<Value, Failure> {
    let result = match &shape.result_selector {
        Some(selector) => selector.fill(Scope {
            input: &answer,
            context,
        })?,
        None => answer,
    };
    data::place(shape.result_path.as_ref(), input, result)
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
    fn state(self, name: &str) -> Result<&'a State, Failure> {
        let state = self.definition.states.get(name);
        state.ok_or_else(|| Failure::runtime(format!("no state `{name}`")))
    }

    /// The task that the state `name` is; none if it is none.
    ///
    /// # Errors
    /// If there is no such state.
    pub fn task(self, name: &str) -> Result<Option<&'a Task>, Failure> {
        Ok(match &self.state(name)?.kind {
            Kind::Task(task) => Some(task),
            _ => None,
        })
    }

    /// The state after `name`, if that is a Choice or Wait state; none if it calls something or ends the execution.
    ///
    /// # Errors
    /// The failure with which AWS ends the execution.
    pub fn next(self, name: &str, data: &Value) -> Result<Option<&'a str>, Failure> {
        match &self.state(name)?.kind {
            Kind::Choice(choice) => decide(choice, name, data, self.context).map(Some),
            Kind::Wait(seconds, Next::State(next)) => {
                if let Seconds::Path(path) = seconds {
                    let seconds = path.find(data, self.context).and_then(Value::as_u64);
                    seconds.ok_or_else(|| {
                        Failure::runtime(format!("{path} is no number of seconds"))
                    })?;
                }
                Ok(Some(next))
            }
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
        if task.resource == Resource::InvokeWithToken {
            context["Task"] = json!({"Token": "a task token"});
        }
        let scope = Scope {
            input: data,
            context: &context,
        };
        let mut payload = match &task.shape.parameters {
            Some(parameters) => parameters.fill(scope)?,
            None => data.clone(),
        };
        if let Resource::Function(arn) = &task.resource {
            let function = arn.clone();
            return Ok(Call { function, payload });
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
    ) -> Result<(Value, Option<&'a str>), Failure> {
        let data = shaped(&task.shape, data, answer, self.context)?;
        Ok(match &task.next {
            Next::State(next) => (data, Some(next)),
            Next::End => (data, None),
        })
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
