//! How names and numbers are spelt.

use std::cell::OnceCell;

use super::problem::Position;

/// The spelling of numbers and booleans in a file's text.
///
/// Somebody who writes `value: 8080` means the text `8080`, and gets it. But YAML reads `012345678901` as 12345678901 and
/// `1.10` as 1.1, and `True` as a boolean (<https://yaml.org/spec/1.2.2/#103-core-schema>): there the text that was meant would
/// silently become another one, so quotes are asked for.
pub(super) struct Spelling<'a> {
    text: &'a str,
    /// Made for the first number that is asked about. A generated file may be one long line, so characters are indexed.
    lines: OnceCell<Vec<Vec<char>>>,
}

impl<'a> Spelling<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        let text = std::str::from_utf8(text).unwrap_or_default();
        Self {
            text: text.trim_start_matches('\u{feff}'),
            lines: OnceCell::new(),
        }
    }

    /// Whether the number or the boolean that is written at `position` is written as the text that would be sent.
    pub(super) fn is_sent_as_written(&self, position: Position, sent: &str) -> bool {
        let lines = self.lines.get_or_init(|| {
            self.text
                .lines()
                .map(|line| line.chars().collect())
                .collect()
        });
        let at = |count: u64| usize::try_from(count - 1).unwrap_or(usize::MAX);
        let written = lines
            .get(at(position.line))
            .and_then(|line| line.get(at(position.column)..))
            .unwrap_or_default()
            .iter()
            .take_while(|c| !c.is_whitespace() && !",]}".contains(**c));
        written.copied().eq(sent.chars())
    }
}

/// The name that `written` was probably meant to be, for a hint. Only short names are compared, and only with the first
/// fifty: a hint is not worth more time. Two swapped neighbours are one mistake, as a letter too many is.
pub(crate) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(written, names, |_| 2)
}

/// The name that `written` is surely a misspelling of: the same in another case or with other separators, or a letter or
/// two away, of names that are long enough for that to be no accident.
pub(super) fn misspelt<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(written, names, |length| match length {
        0..=4 => 0,
        5..=7 => 1,
        _ => 2,
    })
}

const LONGEST: usize = 64;

fn nearest_within<'a>(
    written: &str,
    names: impl Iterator<Item = &'a str>,
    tolerated: impl Fn(usize) -> usize,
) -> Option<&'a str> {
    if written.len() > LONGEST {
        return None;
    }
    let plain = plain(written);
    let names = names.take(50).filter(|name| name.len() <= LONGEST);
    let near = names.filter_map(|name| {
        if self::plain(name) == plain {
            return Some((0, name));
        }
        let distance = strsim::osa_distance(name, written);
        let most = tolerated(name.len().min(written.len()));
        (distance <= most).then_some((distance, name))
    });
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}
