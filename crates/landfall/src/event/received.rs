//! An event before it is read: whatever it is, it takes little memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// How many values an event is read up to. AWS's have some dozens; in memory each value costs many times its bytes.
const MOST: usize = 20_000;

/// A JSON document of which the first 20,000 values are kept. What comes after them is left out, so that a reader says what
/// it misses.
#[derive(Clone, Debug, PartialEq)]
pub struct Received(pub Value);

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut left = MOST;
        Limited { left: &mut left }
            .deserialize(deserializer)
            .map(Self)
    }
}

struct Limited<'a> {
    left: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Limited<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.left = self.left.saturating_sub(1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limited<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while *self.left > 0 {
            let seed = Limited {
                left: &mut *self.left,
            };
            match items.next_element_seed(seed)? {
                Some(item) => read.push(item),
                None => return Ok(Value::Array(read)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while *self.left > 0 {
            let Some(name) = members.next_key::<String>()? else {
                return Ok(Value::Object(read));
            };
            let seed = Limited {
                left: &mut *self.left,
            };
            let value = members.next_value_seed(seed)?;
            read.insert(name, value);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_received_as_it_stands() {
        let event = include_str!("../../../../events/image-pushed.json");
        let Received(received) = serde_json::from_str(event).unwrap();
        assert_eq!(received, serde_json::from_str::<Value>(event).unwrap());
        let every_kind =
            json!([null, true, -1, 18_446_744_073_709_551_615_u64, 0.5, "a", {"a": []}]);
        let Received(received) = serde_json::from_value(every_kind.clone()).unwrap();
        assert_eq!(received, every_kind);
    }

    #[test]
    fn what_comes_after_the_first_values_is_left_out_but_has_to_be_json() {
        let zeros = "0,".repeat(MOST);
        let text = format!("{{\"first\": 1, \"many\": [{zeros}0], \"last\": [1]}}");
        let Received(received) = serde_json::from_str(&text).unwrap();
        assert_eq!(received["first"], 1);
        let read = received["many"].as_array().unwrap().len();
        assert!(read < MOST && read > MOST - 5, "{read}");
        assert_eq!(received.get("last"), None);
        serde_json::from_str::<Received>(&text[..text.len() - 1]).unwrap_err();
    }
}
