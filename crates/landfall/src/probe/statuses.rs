//! The statuses that the answer to a probe may have.

use std::{fmt, ops::RangeInclusive};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The statuses that there are: three digits, of which the first is 1 to 5
/// (<https://www.rfc-editor.org/rfc/rfc9110#section-15>).
const ALL: RangeInclusive<u16> = 100..=599;

/// One status or several. Kept as a number, or as text such as `200-299,404`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// This one only.
    pub fn one(status: u16) -> Self {
        Self(vec![status..=status])
    }

    /// Whether `status` is among them.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// Those that a text says: statuses and ranges, between commas. None if it says something else.
    pub fn parse(text: &str) -> Option<Self> {
        let code = |text: &str| text.trim().parse().ok().filter(|code| ALL.contains(code));
        let ranges = text.split(',').map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let range = code(from)?..=code(to)?;
            (!range.is_empty()).then_some(range)
        });
        ranges.collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, range) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            if range.start() == range.end() {
                write!(f, "{}", range.start())?
            } else {
                write!(f, "{}-{}", range.start(), range.end())?
            }
        }
        Ok(())
    }
}

impl From<Statuses> for Value {
    fn from(statuses: Statuses) -> Self {
        match &*statuses.0 {
            [only] if only.start() == only.end() => (*only.start()).into(),
            _ => statuses.to_string().into(),
        }
    }
}

impl TryFrom<Value> for Statuses {
    type Error = String;

    fn try_from(stored: Value) -> Result<Self, Self::Error> {
        let text = stored
            .as_str()
            .map_or_else(|| stored.to_string(), str::to_owned);
        Self::parse(&text).ok_or_else(|| format!("{text} are no statuses"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::Statuses;

    #[test]
    fn statuses_are_numbers_ranges_and_lists_of_both() {
        for (text, inside, outside) in [
            ("200", vec![200], vec![199, 201]),
            ("200-299", vec![200, 250, 299], vec![199, 300]),
            (
                "200, 301-302 ,404",
                vec![200, 301, 302, 404],
                vec![201, 303],
            ),
        ] {
            let statuses = Statuses::parse(text).unwrap();
            assert!(
                inside.iter().all(|status| statuses.contain(*status)),
                "{text}"
            );
            assert!(
                !outside.iter().any(|status| statuses.contain(*status)),
                "{text}"
            );
        }
        for text in [
            "",
            "99",
            "600",
            "299-200",
            "2xx",
            "200-",
            "200,,201",
            "-200",
            "200-299-300",
        ] {
            assert_eq!(Statuses::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_status_is_kept_as_the_number_that_it_always_was() {
        for (text, stored) in [
            ("204", json!(204)),
            ("200-299, 404", json!("200-299,404")),
            ("200-200", json!(200)),
        ] {
            let statuses = Statuses::parse(text).unwrap();
            assert_eq!(json!(statuses), stored);
            assert_eq!(
                serde_json::from_value::<Statuses>(stored).unwrap(),
                statuses
            );
        }
        assert!(serde_json::from_value::<Statuses>(json!(null)).is_err());
    }
}
