//! The order that tags have by themselves: by a number, by name or by version, of the whole tag or of a part of it.
//!
//! The words are those of Flux's ImagePolicy (<https://fluxcd.io/flux/components/image/imagepolicies/>): `numerical`,
//! `alphabetical`, `semver`, and `extract` for the part.

use std::{cmp::Ordering, fmt};

use regex::{Captures, Regex};
use semver::{Version, VersionReq};

use crate::refusal::Refusal;

/// By what the tags of a rule are ordered.
#[derive(Clone)]
pub(super) enum Order {
    /// By the time at which they were put.
    Time,
    /// By their number.
    Numerical,
    /// By the bytes of their name.
    Alphabetical,
    /// By the precedence of versions, of which those in the range count.
    Semver(VersionReq),
}

/// Which part of a tag is compared.
#[derive(Clone)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The text that this template makes of what the groups of the pattern matched, such as `$build`.
    Template(String),
}

/// What makes a part of a tag useless for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unordered {
    NoNumber,
    NoVersion,
    OutOfRange,
}

impl Order {
    /// Reads an order as it is written in a service file.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        match text.split_once(':') {
            None if text == "numerical" => Ok(Self::Numerical),
            None if text == "alphabetical" => Ok(Self::Alphabetical),
            Some(("semver", range)) => range_of(range).map(Self::Semver),
            _ => Err(Refusal::new(format!(
                "`{text}` is no order; write `numerical`, `alphabetical` or `semver:<range>`, such as `semver:^1` or \
                 `semver:*`; without an order the tag that was put last comes last"
            ))),
        }
    }

    /// Whether a tag with this part has a place in the order.
    pub(super) fn takes(&self, part: &str) -> Result<(), Unordered> {
        match self {
            Self::Time | Self::Alphabetical => Ok(()),
            Self::Numerical => match Number::of(part) {
                Some(_) => Ok(()),
                None => Err(Unordered::NoNumber),
            },
            Self::Semver(range) => match version(part) {
                None => Err(Unordered::NoVersion),
                Some(version) if range.matches(&version) => Ok(()),
                Some(_) => Err(Unordered::OutOfRange),
            },
        }
    }

    /// What parts that are equal in the order have in common; none of a part that has no place in it.
    pub(super) fn version(&self, part: &str) -> Option<String> {
        match self {
            Self::Time | Self::Alphabetical => Some(part.to_owned()),
            Self::Numerical => {
                Number::of(part).map(|number| format!("{}.{}", number.whole, number.fraction))
            }
            Self::Semver(_) => {
                let version = version(part)?;
                Some(format!(
                    "{}",
                    Version {
                        build: semver::BuildMetadata::EMPTY,
                        ..version
                    }
                ))
            }
        }
    }

    /// Whether tags of this order and of the other can be of one version.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Which of two parts comes later. One that has no place in the order comes first.
    pub(super) fn compare(&self, left: &str, right: &str) -> Ordering {
        match self {
            Self::Time => Ordering::Equal,
            Self::Numerical => Number::of(left).cmp(&Number::of(right)),
            Self::Alphabetical => left.cmp(right),
            Self::Semver(_) => match (version(left), version(right)) {
                (Some(left), Some(right)) => left.cmp_precedence(&right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            },
        }
    }
}

impl Part {
    /// The part of a tag that the pattern of `regex` matches.
    ///
    /// # Errors
    /// Refused if `extract` names a group that the pattern does not have; or if there is none and the pattern names
    /// several groups, or has groups without names.
    pub(super) fn of(regex: &Regex, extract: Option<&str>) -> Result<Self, Refusal> {
        let names: Vec<&str> = regex.capture_names().flatten().collect();
        let Some(template) = extract else {
            return match names.as_slice() {
                [] if regex.captures_len() > 1 => Err(Refusal::new(
                    "the pattern has groups without names: name the one that is compared, as in `(?<build>[0-9]+)`, or \
                     say which it is, as in `extract: $1`",
                )),
                [] => Ok(Self::Whole),
                [only] => Ok(Self::Template(format!("${{{only}}}"))),
                several => Err(Refusal::new(format!(
                    "the pattern names {}: say which part is compared, e.g. `extract: ${}`",
                    several.join(" and "),
                    several[0]
                ))),
            };
        };
        let referred = groups(template);
        if referred.is_empty() {
            return Err(Refusal::new(format!(
                "`{template}` names no part of the tag; write the name of a group of the pattern, such as `$build` for \
                 `(?<build>[0-9]+)`"
            )));
        }
        let has = |group: &str| match group.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => names.contains(&group),
        };
        if let Some(unknown) = referred.iter().find(|group| !has(group)) {
            let known = match names.as_slice() {
                [] => "it names none".to_owned(),
                names => format!("it names {}", names.join(", ")),
            };
            return Err(Refusal::new(format!(
                "the pattern has no group `{unknown}`; {known}"
            )));
        }
        Ok(Self::Template(template.to_owned()))
    }

    /// The part of a tag with these matches.
    pub(super) fn in_match(&self, captures: &Captures<'_>) -> String {
        match self {
            Self::Whole => captures[0].to_owned(),
            Self::Template(template) => {
                let mut part = String::new();
                captures.expand(template, &mut part);
                part
            }
        }
    }
}

/// The groups that a template refers to, as [`Captures::expand`] reads it: `$name`, `${name}`; `$$` is a dollar sign.
fn groups(template: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some(braced) = rest.strip_prefix('{') {
            groups.push(braced.split('}').next().unwrap_or_default());
        } else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            groups.push(&rest[..end]);
        }
    }
    groups
}

/// A decimal number of any length, without its leading zeros: a date and time in a tag is larger than what fits a machine's
/// number.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a> {
    digits: usize,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Number<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let is_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        Some(Self {
            digits: whole.len(),
            whole,
            fraction: fraction.trim_end_matches('0'),
        })
    }
}

/// The range of versions that a text is.
pub(super) fn range_of(range: &str) -> Result<VersionReq, Refusal> {
    VersionReq::parse(range).map_err(|error| {
        Refusal::new(format!(
            "`{range}` is no version range ({error}); write one like `^1.2` or `>=1.4, <2`"
        ))
    })
}

/// The version that a text is; a leading `v` is taken off.
pub(super) fn version(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

impl fmt::Display for Unordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "no number",
            Self::NoVersion => "no full version",
            Self::OutOfRange => "not in the range",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_are_compared_by_their_value_at_any_length() {
        let rising = [
            "0",
            "9",
            "10",
            "010.5",
            "10.51",
            "101",
            "102",
            "20261128185234",
            "20261128185234.1",
            "99999999999999999999999999999999",
            "100000000000000000000000000000000",
        ];
        for pair in rising.windows(2) {
            let order = Order::Numerical.compare(pair[0], pair[1]);
            assert_eq!(order, Ordering::Less, "{pair:?}");
        }
        assert_eq!(Order::Numerical.compare("007", "7.0"), Ordering::Equal);
        for no_number in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1.2.3", "v1", "١",
        ] {
            let taken = Order::Numerical.takes(no_number);
            assert_eq!(taken, Err(Unordered::NoNumber), "{no_number}");
            assert_eq!(Order::Numerical.compare(no_number, "0"), Ordering::Less);
        }
    }

    #[test]
    fn names_are_compared_by_their_bytes() {
        let order = Order::parse("alphabetical").unwrap();
        assert_eq!(order.compare("2026-11-28", "2026-12-01"), Ordering::Less);
        assert_eq!(order.compare("10", "9"), Ordering::Less);
    }
}
