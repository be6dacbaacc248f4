//! Reads `Retry` and `Catch`.

use serde_json::Value;

use super::{
    asl::{Catcher, Retrier},
    fields::Fields,
    load::{LoadError, result_path},
};

/// The elements of `Retry` or `Catch`, each with its `ErrorEquals`.
fn handlers(fields: &mut Fields, name: &str) -> Result<Vec<(Fields, Vec<String>)>, LoadError> {
    let elements = match fields.take(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(elements)) => elements,
        Some(_) => return Err(fields.error(name, "takes an array".into())),
    };
    let count = elements.len();
    let mut handlers = Vec::new();
    for (index, element) in elements.into_iter().enumerate() {
        let mut handler = Fields::of(element, format!("{}, `{name}` {index}", fields.place))?;
        handler.optional("Comment", Value::is_string, "a string")?;
        let errors: Vec<String> = serde_json::from_value(handler.required("ErrorEquals")?)
            .map_err(|_| handler.error("ErrorEquals", "takes an array of error names".into()))?;
        let catches_all = errors.iter().any(|error| error == "States.ALL");
        if errors.is_empty() {
            return Err(handler.error("ErrorEquals", "must not be empty".into()));
        }
        if catches_all && (errors.len() > 1 || index + 1 < count) {
            return Err(handler.error(
                "ErrorEquals",
                "`States.ALL` must stand alone and in the last element".into(),
            ));
        }
        handlers.push((handler, errors));
    }
    Ok(handlers)
}

/// `Retry`.
pub(super) fn retry(fields: &mut Fields) -> Result<Vec<Retrier>, LoadError> {
    let mut retriers = Vec::new();
    for (mut retrier, errors) in handlers(fields, "Retry")? {
        let interval = retrier.seconds("IntervalSeconds")?.unwrap_or(1);
        let max_attempts = retrier.seconds("MaxAttempts")?.unwrap_or(3);
        let max_delay = retrier.seconds("MaxDelaySeconds")?;
        let backoff_rate = match retrier.optional("BackoffRate", Value::is_number, "a number")? {
            None => 2.0,
            Some(rate) => rate.as_f64().filter(|rate| *rate >= 1.0).ok_or_else(|| {
                retrier.error("BackoffRate", format!("must be at least 1.0, not {rate}"))
            })?,
        };
        let full_jitter = match retrier.optional_string("JitterStrategy")?.as_deref() {
            None | Some("NONE") => false,
            Some("FULL") => true,
            Some(other) => {
                return Err(
                    retrier.error("JitterStrategy", format!("is FULL or NONE, not `{other}`"))
                );
            }
        };
        if interval == 0 {
            return Err(retrier.error("IntervalSeconds", "must be at least 1".into()));
        }
        if max_delay.is_some_and(|longest| longest <= interval) {
            return Err(retrier.error(
                "MaxDelaySeconds",
                "must be greater than `IntervalSeconds`".into(),
            ));
        }
        retrier.finish()?;
        retriers.push(Retrier {
            errors,
            interval,
            max_attempts,
            backoff_rate,
            max_delay,
            full_jitter,
        });
    }
    Ok(retriers)
}

/// `Catch`.
pub(super) fn catch(fields: &mut Fields) -> Result<Vec<Catcher>, LoadError> {
    let mut catchers = Vec::new();
    for (mut catcher, errors) in handlers(fields, "Catch")? {
        let result_path = result_path(&mut catcher)?;
        let next = catcher.required_string("Next")?;
        catcher.finish()?;
        catchers.push(Catcher {
            errors,
            result_path,
            next,
        });
    }
    Ok(catchers)
}
