//! What is wrong with a service file, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MAX_BYTES;

/// A place in a text file, counted from 1 as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Position {
    /// Where a file starts.
    pub const START: Self = Self { line: 1, column: 1 };

    /// Where the byte at `offset` stands, in text that need not be UTF-8.
    pub(super) fn of_byte(text: &[u8], offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let columns = String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count();
        Self {
            line: lines as u64 + 1,
            column: columns as u64 + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is not accepted.
    #[default]
    Error,
    /// The file is accepted, but this is probably not what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// How bad it is.
    #[serde(default)]
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub position: Position,
    /// The field, e.g. `images.web.tag`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn new(position: Position, path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position,
            path: shortened(path.into()),
            message: shortened(message.into()),
            hint: None,
        }
    }

    /// A problem that keeps no file from being accepted.
    pub(super) fn warning(position: Position, path: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::new(position, path, message)
        }
    }

    /// The same, where it keeps no file from being accepted.
    pub(super) fn into_warning(self) -> Self {
        Self {
            severity: Severity::Warning,
            ..self
        }
    }

    /// Whether it keeps the file from being accepted.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shortened(hint.into()));
        self
    }
}

/// Keys and values of a file may be as long as the file; a message that quotes them has to fit into an event.
fn shortened(mut text: String) -> String {
    const CHARACTERS: usize = 400;
    if let Some((end, _)) = text.char_indices().nth(CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.position)?;
        if !self.is_error() {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// How many problems of one file are reported. More would not help anybody and not fit into an event.
const MAX_PROBLEMS: usize = 50;

/// The problems as a status or an event shows them: the first of them, and how many more there are.
pub(super) fn limited(mut problems: Vec<Problem>) -> Vec<Problem> {
    if problems.len() > MAX_PROBLEMS {
        let omitted = problems.split_off(MAX_PROBLEMS);
        let message = format!("there are {} more problems from here on", omitted.len());
        problems.extend(omitted.first().map(|first| Problem {
            severity: first.severity,
            ..Problem::new(first.position, "", message)
        }));
    }
    problems
}

/// Why a service file is not accepted: the problems that were found, the first 50 in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl Rejection {
    /// A rejection for these problems, however many.
    pub(super) fn of(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.position);
        Self {
            problems: limited(problems),
        }
    }

    /// The rejection of a file of so many bytes.
    pub fn too_large(bytes: usize) -> Self {
        let message = format!("the file has {bytes} bytes; at most {MAX_BYTES} (256 KiB) are read");
        Self::of_file(
            message,
            "move generated parts out; a service file is written by people",
        )
    }

    /// A rejection for a reason that lies outside the file's text.
    pub fn of_file(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problems: vec![Problem::new(Position::START, "", message).hint(hint)],
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejection {}
