//! Intrinsic functions: the small computations that the States Language allows inside `"name.$"` fields.
//!
//! <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>. Implemented are Format, StringToJson,
//! JsonToString, Array, ArrayLength, UUID, MathAdd, StringSplit and Hash; any other is refused by name at load time.

use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{failure::Failure, path::Path};
use crate::world::World;

/// Something that is computed from a state's input and the context object.
#[derive(Clone, Debug)]
pub enum Expression {
    /// The value at a path.
    Path(Path),
    /// A number, boolean or null written in a call.
    Literal(Value),
    /// A quoted string written in a call, still with its escapes, because `States.Format` must tell `\{` from `{`.
    Quoted(String),
    /// A call.
    Call(Function, Vec<Expression>),
}

/// The intrinsic functions that the engine implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `States.Format('… {} …', …)`.
    Format,
    /// `States.StringToJson(string)`.
    StringToJson,
    /// `States.JsonToString(value)`.
    JsonToString,
    /// `States.Array(…)`.
    Array,
    /// `States.ArrayLength(array)`.
    ArrayLength,
    /// `States.UUID()`.
    Uuid,
    /// `States.MathAdd(a, b)`.
    MathAdd,
    /// `States.StringSplit(string, delimiters)`.
    StringSplit,
    /// `States.Hash(value, algorithm)`; SHA-256, SHA-384 and SHA-512.
    Hash,
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Format" => Self::Format,
            "StringToJson" => Self::StringToJson,
            "JsonToString" => Self::JsonToString,
            "Array" => Self::Array,
            "ArrayLength" => Self::ArrayLength,
            "UUID" => Self::Uuid,
            "MathAdd" => Self::MathAdd,
            "StringSplit" => Self::StringSplit,
            "Hash" => Self::Hash,
            _ => return None,
        })
    }

    /// The fewest and the most arguments it takes.
    fn arity(self) -> (usize, usize) {
        match self {
            Self::Format => (1, usize::MAX),
            Self::Array => (0, usize::MAX),
            Self::Uuid => (0, 0),
            Self::StringToJson | Self::JsonToString | Self::ArrayLength => (1, 1),
            Self::MathAdd | Self::StringSplit | Self::Hash => (2, 2),
        }
    }
}

/// What an expression may draw on.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What `$` names.
    pub input: &'a Value,
    /// What `$$` names.
    pub context: &'a Value,
    /// Where `States.UUID` takes its randomness.
    pub world: &'a World,
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
            Self::Call(_, arguments) => arguments.iter().flat_map(Self::paths).collect(),
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
            Self::Call(Function::Format, arguments) => {
                let template = match &arguments[0] {
                    Self::Quoted(raw) => raw.clone(),
                    other => string(other.evaluate(field, scope)?, "States.Format takes a string first")?,
                };
                let values =
                    arguments[1..].iter().map(|each| each.evaluate(field, scope)).collect::<Result<Vec<_>, _>>()?;
                format(&template, &values).map_err(Failure::intrinsic)
            }
            Self::Call(function, arguments) => {
                let values = arguments.iter().map(|each| each.evaluate(field, scope)).collect::<Result<Vec<_>, _>>()?;
                apply(*function, values, scope.world)
            }
        }
    }
}

fn apply(function: Function, mut arguments: Vec<Value>, world: &World) -> Result<Value, Failure> {
    match function {
        Function::Array | Function::Format => Ok(Value::Array(arguments)),
        Function::Uuid => Ok(Value::String(world.uuid())),
        Function::ArrayLength => match &arguments[0] {
            Value::Array(items) => Ok(Value::from(items.len())),
            other => Err(Failure::intrinsic(format!(
                "States.ArrayLength takes an array, not {other}"
            ))),
        },
        Function::JsonToString => Ok(Value::String(arguments[0].to_string())),
        Function::StringToJson => {
            let text = string(
                arguments.swap_remove(0),
                "States.StringToJson takes a string",
            )?;
            serde_json::from_str(&text).map_err(|error| {
                Failure::intrinsic(format!("States.StringToJson cannot read '{text}': {error}"))
            })
        }
        Function::MathAdd => Ok(Value::from(
            integer(&arguments[0])?.saturating_add(integer(&arguments[1])?),
        )),
        Function::StringSplit => {
            let delimiters = string(
                arguments.swap_remove(1),
                "States.StringSplit takes delimiters as a string",
            )?;
            let text = string(
                arguments.swap_remove(0),
                "States.StringSplit takes a string",
            )?;
            // AWS splits at each of the characters and leaves empty parts out.
            let parts = text
                .split(|c| delimiters.contains(c))
                .filter(|part| !part.is_empty());
            Ok(parts.map(Value::from).collect())
        }
        Function::Hash => {
            let algorithm = string(
                arguments.swap_remove(1),
                "States.Hash takes the algorithm as a string",
            )?;
            let data = text_of(&arguments[0]);
            Ok(Value::String(match algorithm.as_str() {
                "SHA-256" => hex::encode(Sha256::digest(data)),
                "SHA-384" => hex::encode(Sha384::digest(data)),
                "SHA-512" => hex::encode(Sha512::digest(data)),
                other => {
                    return Err(Failure::intrinsic(format!(
                        "States.Hash with '{other}' is not implemented"
                    )));
                }
            }))
        }
    }
}

fn string(value: Value, otherwise: &str) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(Failure::intrinsic(format!("{otherwise}, not {other}"))),
    }
}

/// AWS rounds numbers with a fraction to the nearest integer.
fn integer(value: &Value) -> Result<i64, Failure> {
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|number| number.round() as i64))
        .ok_or_else(|| Failure::intrinsic(format!("States.MathAdd takes numbers, not {value}")))
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

/// `States.Name(argument, …)` at the start of `text`, and what follows it.
fn call(text: &str) -> Result<(Expression, &str), String> {
    let (name, mut rest) = text
        .split_once('(')
        .ok_or_else(|| format!("`{text}` lacks its `(`"))?;
    let name = name.trim();
    let function = name
        .strip_prefix("States.")
        .and_then(Function::named)
        .ok_or_else(|| format!("the intrinsic function `{name}` is not implemented"))?;
    let mut arguments = Vec::new();
    rest = rest.trim_start();
    if let Some(after) = rest.strip_prefix(')') {
        return finish(function, arguments, name, after);
    }
    loop {
        let (expression, after) = argument(rest)?;
        arguments.push(expression);
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if let Some(after) = rest.strip_prefix(')') {
            return finish(function, arguments, name, after);
        } else {
            return Err(format!("`{name}` needs `,` or `)` at `{rest}`"));
        }
    }
}

fn finish<'a>(
    function: Function,
    arguments: Vec<Expression>,
    name: &str,
    rest: &'a str,
) -> Result<(Expression, &'a str), String> {
    let (fewest, most) = function.arity();
    if arguments.len() < fewest || arguments.len() > most {
        return Err(format!(
            "`{name}` does not take {} arguments",
            arguments.len()
        ));
    }
    if function == Function::Hash
        && let Some(Expression::Quoted(algorithm)) = arguments.get(1)
        && !matches!(algorithm.as_str(), "SHA-256" | "SHA-384" | "SHA-512")
    {
        return Err(format!(
            "`States.Hash` with `{algorithm}` is not implemented"
        ));
    }
    Ok((Expression::Call(function, arguments), rest))
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
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn evaluate(text: &str) -> Result<Value, Failure> {
        let world = World::new("000000000000", "eu-west-1", Timestamp::UNIX_EPOCH, 1);
        let input = json!({"name": "hello", "n": 2, "list": [1, 2, 3], "json": "{\"a\":1}", "o": {"b": true}});
        let context = json!({"Execution": {"Name": "run"}});
        Expression::parse(text).map_err(Failure::runtime)?.evaluate(
            "field.$",
            Scope {
                input: &input,
                context: &context,
                world: &world,
            },
        )
    }

    #[tokio::test]
    async fn calls_answer_as_the_documentation_says() {
        for (call, answer) in [
            (
                "States.Format('Hi {}, {} and {}', $.name, $.o, null)",
                json!("Hi hello, {\"b\":true} and null"),
            ),
            (r"States.Format('it\'s \{{}\} \\', 1)", json!(r"it's {1} \")),
            (
                r"States.Array('a\'b', 1.5, true, $$.Execution.Name)",
                json!(["a'b", 1.5, true, "run"]),
            ),
            ("States.Array()", json!([])),
            ("States.ArrayLength($.list)", json!(3)),
            ("States.StringToJson($.json)", json!({"a": 1})),
            ("States.JsonToString($.o)", json!("{\"b\":true}")),
            ("States.MathAdd($.n, -5)", json!(-3)),
            (
                "States.StringSplit('This.is+a,,test', '.+,')",
                json!(["This", "is", "a", "test"]),
            ),
            (
                "States.Hash('hello', 'SHA-256')",
                json!("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
            ),
            (
                "States.ArrayLength(States.StringSplit(States.Format('{}-{}', $.name, 'x'), '-'))",
                json!(2),
            ),
        ] {
            assert_eq!(evaluate(call).unwrap(), answer, "{call}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_computed_fails_the_state_with_the_documented_error_name() {
        for (call, error) in [
            ("States.StringToJson('{')", "States.IntrinsicFailure"),
            ("States.Format('{}')", "States.IntrinsicFailure"),
            ("States.ArrayLength($.name)", "States.IntrinsicFailure"),
            ("States.MathAdd($.name, 1)", "States.IntrinsicFailure"),
            ("States.Format('{}', $.absent)", "States.Runtime"),
        ] {
            assert_eq!(evaluate(call).unwrap_err().error, error, "{call}");
        }
    }

    #[test]
    fn unknown_functions_and_broken_calls_are_refused_at_load() {
        for text in [
            "States.Base64Encode('a')",
            "States.Hash('a', 'MD5')",
            "States.UUID(1)",
            "States.Format('a)",
            "States.Array(a)",
            "States.Array(1",
            "States.UUID() x",
            "plain",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
