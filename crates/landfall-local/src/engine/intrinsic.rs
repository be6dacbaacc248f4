//! Intrinsic functions: the small computations that the States Language allows inside `"name.$"` fields.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>. Only `States.Format` is implemented; any
//! other is refused by name at load time.

use serde_json::Value;

use super::{failure::Failure, path::Path};

/// Something that is computed from a state's input and the context object.
#[derive(Clone, Debug)]
pub enum Expression {
    /// The value at a path.
    Path(Path),
    /// A number, boolean or null written in a call.
    Literal(Value),
    /// A quoted string written in a call, still with its escapes, because `States.Format` must tell `\{` from `{`.
    Quoted(String),
    /// `States.Format('… {} …', …)`: what is filled in, and with what.
    Format(Box<Expression>, Vec<Expression>),
}

/// What an expression may draw on.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What `$` names.
    pub input: &'a Value,
    /// What `$$` names.
    pub context: &'a Value,
}

impl Expression {
    /// Reads a path or an intrinsic call. The error is one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (expression, rest) = if text.starts_with('$') {
            let (path, rest) = Path::parse_prefix(text)?;
            (Self::Path(path), rest)
        } else if text.starts_with("States.") {
            call(text)?
        } else {
            return Err(format!(
                "`{text}` is neither a path (`$…`) nor an intrinsic function (`States.…`)"
            ));
        };
        if rest.is_empty() {
            Ok(expression)
        } else {
            Err(format!("`{text}` has `{rest}` after its end"))
        }
    }

    /// Every path in it, for the checks at load time.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Path(path) => vec![path],
            Self::Format(template, arguments) => {
                let all = std::iter::once(template.as_ref()).chain(arguments);
                all.flat_map(Self::paths).collect()
            }
            Self::Literal(_) | Self::Quoted(_) => Vec::new(),
        }
    }

    /// Computes it. `field` is named in the failure when a path finds nothing.
    pub fn evaluate(&self, field: &str, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Path(path) => path.find(scope.input, scope.context).cloned().ok_or_else(|| {
                Failure::runtime(format!(
                    "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{}'",
                    scope.input
                ))
            }),
            Self::Literal(value) => Ok(value.clone()),
            Self::Quoted(raw) => Ok(Value::String(unescape(raw))),
            Self::Format(template, arguments) => {
                let template = match template.as_ref() {
                    Self::Quoted(raw) => raw.clone(),
                    other => string(other.evaluate(field, scope)?)?,
                };
                let values = arguments
                    .iter()
                    .map(|each| each.evaluate(field, scope))
                    .collect::<Result<Vec<_>, _>>()?;
                format(&template, &values).map_err(Failure::intrinsic)
            }
        }
    }
}

fn string(value: Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Failure::intrinsic(format!(
            "States.Format takes a string first, not {other}"
        ))),
    }
}

/// Strings as they are, all else as JSON.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn format(template: &str, values: &[Value]) -> Result<Value, String> {
    let mut answer = String::new();
    let mut values = values.iter();
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => answer.extend(characters.next()),
            '{' if characters.peek() == Some(&'}') => {
                characters.next();
                let value = values
                    .next()
                    .ok_or("States.Format has more {} than arguments")?;
                answer.push_str(&text_of(value));
            }
            other => answer.push(other),
        }
    }
    if values.next().is_some() {
        Err("States.Format has more arguments than {}".into())
    } else {
        Ok(answer.into())
    }
}

fn unescape(raw: &str) -> String {
    let mut answer = String::new();
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            answer.extend(characters.next())
        } else {
            answer.push(character)
        }
    }
    answer
}

/// `States.Format(argument, …)` at the start of `text`, and what follows it.
fn call(text: &str) -> Result<(Expression, &str), String> {
    let (name, mut rest) = text
        .split_once('(')
        .ok_or_else(|| format!("`{text}` lacks its `(`"))?;
    let name = name.trim();
    if name != "States.Format" {
        return Err(format!(
            "the intrinsic function `{name}` is not implemented"
        ));
    }
    let mut arguments = Vec::new();
    loop {
        let (expression, after) = argument(rest.trim_start())?;
        arguments.push(expression);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if let Some(after) = rest.strip_prefix(')') {
            let template = Box::new(arguments.remove(0));
            return Ok((Expression::Format(template, arguments), after));
        } else {
            return Err(format!("`{name}` needs `,` or `)` at `{rest}`"));
        }
    }
}

fn argument(text: &str) -> Result<(Expression, &str), String> {
    if text.starts_with('$') {
        let (path, rest) = Path::parse_prefix(text)?;
        return Ok((Expression::Path(path), rest));
    }
    if text.starts_with("States.") {
        return call(text);
    }
    if let Some(inside) = text.strip_prefix('\'') {
        let mut escaped = false;
        for (at, character) in inside.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\'' => {
                    return Ok((
                        Expression::Quoted(inside[..at].to_owned()),
                        &inside[at + 1..],
                    ));
                }
                _ => {}
            }
        }
        return Err(format!("the string {text} has no closing quote"));
    }
    let end = text.find([',', ')']).unwrap_or(text.len());
    match serde_json::from_str(text[..end].trim()) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
            Ok((Expression::Literal(value), &text[end..]))
        }
        _ => Err(format!(
            "`{}` is not an argument: use '…', a number, a path or a call",
            &text[..end]
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn evaluate(text: &str) -> Result<Value, Failure> {
        let input = json!({"name": "hello", "n": 2, "o": {"b": true}});
        let context = json!({"Execution": {"Name": "run"}});
        let scope = Scope {
            input: &input,
            context: &context,
        };
        let expression = Expression::parse(text).map_err(Failure::runtime)?;
        expression.evaluate("field.$", scope)
    }

    #[test]
    fn calls_answer_as_the_documentation_says() {
        for (call, answer) in [
            (
                "States.Format('Hi {}, {} and {}', $.name, $.o, null)",
                "Hi hello, {\"b\":true} and null",
            ),
            (r"States.Format('it\'s \{{}\} \\', 1)", r"it's {1} \"),
            (
                "States.Format('{} {} {} {}', 'a\\'b', 1.5, true, $$.Execution.Name)",
                "a'b 1.5 true run",
            ),
            (
                "States.Format('<{}>', States.Format('{}-{}', $.name, 'x'))",
                "<hello-x>",
            ),
        ] {
            assert_eq!(evaluate(call).unwrap(), answer, "{call}");
        }
    }

    #[test]
    fn what_cannot_be_computed_fails_the_state_with_the_documented_error_name() {
        for (call, error) in [
            ("States.Format('{}')", "States.IntrinsicFailure"),
            ("States.Format($.n)", "States.IntrinsicFailure"),
            ("States.Format('{}', $.absent)", "States.Runtime"),
        ] {
            assert_eq!(evaluate(call).unwrap_err().error, error, "{call}");
        }
    }

    #[test]
    fn unknown_functions_and_broken_calls_are_refused_at_load() {
        for text in [
            "States.Base64Encode('a')",
            "States.UUID()",
            "States.Format()",
            "States.Format('a)",
            "States.Format(a)",
            "States.Format('a'",
            "States.Format('a') x",
            "plain",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
