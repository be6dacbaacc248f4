//! CloudFormation's YAML: plain YAML with short forms of intrinsic functions as tags (`!Ref`, `!Sub`, …).
//!
//! serde-saphyr, which reads YAML elsewhere, drops the tags of untyped values. So this reads the events of the parser
//! below it.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag, options};
use serde_json::{Map, Number, Value, json};

use super::InstallError;

/// Reads a template. Short forms become the long ones: `!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`.
pub(super) fn read(text: &str) -> Result<Value, InstallError> {
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options! { emit_comments: false }),
        anchors: BTreeMap::new(),
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd, span) => return Err(at(&span, "the template is empty")),
            (event, span) => return reader.node(event, &span),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Value>,
}

fn at(span: &Span, reason: impl Into<String>) -> InstallError {
    let place = format!(
        "line {}, column {}",
        span.start.line(),
        span.start.col() + 1
    );
    InstallError {
        place,
        reason: reason.into(),
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), InstallError> {
        let broken = |reason: String| InstallError {
            place: "the YAML".into(),
            reason,
        };
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(broken(error.to_string())),
            None => Err(broken("it ends too soon".into())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Value, InstallError> {
        let anchor = event.anchor_id();
        let tag = event.tag().cloned();
        let value = match event {
            Event::Alias(id) => {
                let known = self.anchors.get(&id).cloned();
                return known.ok_or_else(|| at(span, "an alias inside its own anchor"));
            }
            Event::Scalar(text, style, ..) => scalar(&text, style, tag.as_ref()),
            Event::SequenceStart(..) => self.sequence()?,
            Event::MappingStart(..) => self.mapping()?,
            other => return Err(at(span, format!("a value is missing before {other:?}"))),
        };
        let value = match tag {
            Some(tag) if tag.is_custom() => intrinsic(tag.suffix(), value),
            _ => value,
        };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self) -> Result<Value, InstallError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Value, InstallError> {
        let mut fields = Map::new();
        loop {
            let name = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Object(fields)),
                (Event::Scalar(name, ..), span) if fields.contains_key(name.as_ref()) => {
                    return Err(at(&span, format!("`{name}` is given twice")));
                }
                (Event::Scalar(name, ..), _) => name.into_owned(),
                (_, span) => return Err(at(&span, "a key must be a plain name")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            fields.insert(name, value);
        }
    }
}

/// YAML 1.2's core schema as far as templates use it: quoted text stays text, plain text may be null, a boolean or a number.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some() {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => serde_json::from_str::<Number>(text).map_or_else(|_| text.into(), Value::Number),
    }
}

/// The long form of a short one
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>).
fn intrinsic(name: &str, value: Value) -> Value {
    match (name, value) {
        ("Ref" | "Condition", value) => json!({name: value}),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({"Fn::GetAtt": [resource, attribute]})
        }
        (name, value) => json!({format!("Fn::{name}"): value}),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn short_forms_become_long_ones_wherever_they_stand() {
        let read = read(
            "Date: 2010-09-09\nCount: 3\nText: \"3\"\nOn: true\nEmpty:\nList: [!Ref A, &x !GetAtt B.Arn, *x] # comment\n\
             Sub: !Sub arn:${AWS::Region}:${B.Arn}/*\nJoin: !Join ['-', [a, !Ref A]]\nFolded: >-\n  one\n  two\n",
        );
        assert_eq!(
            read.unwrap(),
            json!({
                "Date": "2010-09-09", "Count": 3, "Text": "3", "On": true, "Empty": null,
                "List": [{"Ref": "A"}, {"Fn::GetAtt": ["B", "Arn"]}, {"Fn::GetAtt": ["B", "Arn"]}],
                "Sub": {"Fn::Sub": "arn:${AWS::Region}:${B.Arn}/*"},
                "Join": {"Fn::Join": ["-", ["a", {"Ref": "A"}]]},
                "Folded": "one two",
            })
        );
    }

    #[test]
    fn broken_yaml_says_where() {
        for (text, place) in [
            ("A: 1\nB: 2\nA: 3\n", "line 3"),
            ("A: [1\nB: 2\n", "line"),
            ("", "line"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }
}
