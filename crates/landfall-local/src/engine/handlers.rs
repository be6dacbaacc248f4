//! Reads `Retry` and `Catch`.

use serde_json::Value;

use super::{
    asl::{Catcher, Retrier},
    fields::Fields,
    language::{CATCH, ERRORS, RETRY},
    load_error::LoadError,
};

/// The elements of `Retry` or `Catch`, each with its `ErrorEquals`.
fn handlers(
    fields: &mut Fields,
    name: &str,
    known: &[&str],
) -> Result<Vec<(Fields, Vec<String>)>, LoadError> {
    let elements = fields.elements(name)?;
    let count = elements.len();
    let mut handlers = Vec::new();
    for (index, element) in elements.into_iter().enumerate() {
        let mut handler = Fields::of(element, format!("{}, `{name}` {index}", fields.place))?;
        handler.only(known)?;
        let errors: Vec<String> = serde_json::from_value(Value::Array(
            handler.elements("ErrorEquals")?,
        ))
        .map_err(|_| handler.error("ErrorEquals", "takes an array of error names".into()))?;
        let catches_all = errors.iter().any(|error| error == "States.ALL");
        if errors.is_empty() {
            return Err(handler.error("ErrorEquals", "must name an error".into()));
        }
        if catches_all && (errors.len() > 1 || index + 1 < count) {
            return Err(handler.error(
                "ErrorEquals",
                "`States.ALL` must stand alone and in the last element".into(),
            ));
        }
        let unknown =
            |error: &&String| error.starts_with("States.") && !ERRORS.contains(&error.as_str());
        if let Some(error) = errors.iter().find(unknown) {
            return Err(handler.error("ErrorEquals", format!("`{error}` is not implemented")));
        }
        handlers.push((handler, errors));
    }
    Ok(handlers)
}

/// `Retry`.
pub(super) fn retry(fields: &mut Fields) -> Result<Vec<Retrier>, LoadError> {
    let mut retriers = Vec::new();
    for (mut retrier, errors) in handlers(fields, "Retry", RETRY)? {
        let interval = retrier.whole_number("IntervalSeconds", 1)?;
        let max_attempts = retrier.whole_number("MaxAttempts", 0)?;
        let max_delay = retrier.optional_whole_number("MaxDelaySeconds", interval + 1)?;
        let rate = retrier.required("BackoffRate", Value::is_number, "a number")?;
        let backoff_rate = rate.as_f64().filter(|rate| *rate >= 1.0).ok_or_else(|| {
            retrier.error("BackoffRate", format!("must be at least 1.0, not {rate}"))
        })?;
        let full_jitter = retrier
            .optional("JitterStrategy", |value| value == "FULL", "\"FULL\"")?
            .is_some();
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
    for (mut catcher, errors) in handlers(fields, "Catch", CATCH)? {
        let result_path = catcher.result_path()?;
        let next = catcher.string("Next")?;
        catcher.finish()?;
        catchers.push(Catcher {
            errors,
            result_path,
            next,
        });
    }
    Ok(catchers)
}
