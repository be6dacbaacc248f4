//! Texts in a language that is neither YAML nor JSON, though it may look like it.

use std::sync::LazyLock;

use regex::Regex;

use super::super::problem::{Position, Problem};

static HCL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^(resource|data|module|variable|output|provider|terraform|locals|moved|import)\b[^:]*\{"#).ok()
});
static JSONNET: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^local\s+\w+\s*=|^\(?import\s+'|^function\(").ok());

/// What the first line that says something gives away.
pub(in super::super) fn of(text: &[u8]) -> Option<Problem> {
    let text = std::str::from_utf8(text).ok()?;
    let is_comment = |line: &str| {
        ["#", "//", "/*", "*"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let (number, line) = (1..)
        .zip(text.lines())
        .find(|(_, line)| !line.trim().is_empty() && !is_comment(line.trim()))?;
    let is = |pattern: &Option<Regex>| {
        pattern
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(line.trim()))
    };
    let position = Position {
        line: number,
        column: 1,
    };
    let (what, hint) = if is(&HCL) {
        (
            "a Terraform configuration",
            "write a service file as docs/service-file.md shows it; `landfall init` makes one of the service as it is",
        )
    } else if is(&JSONNET) {
        (
            "jsonnet",
            "upload what `jsonnet <file>` makes of it, below the sections of a service file",
        )
    } else {
        return None;
    };
    Some(Problem::new(position, "", format!("this is {what}, not a service file")).hint(hint))
}

/// The first comment of a text that is meant as JSON.
pub(super) fn json_with_comments(text: &[u8]) -> Option<Problem> {
    let text = std::str::from_utf8(text).ok()?;
    if !text.trim_start().starts_with(['{', '[', '/']) {
        return None;
    }
    let mut quoted = false;
    let mut escaped = false;
    let mut before = ' ';
    for (offset, c) in text.char_indices() {
        let begins = text[offset..].starts_with("/*") || text[offset..].starts_with("//");
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if begins && (before.is_whitespace() || "{[,}]\"".contains(before)) {
            let position = Position::of_byte(text.as_bytes(), offset);
            return Some(
                Problem::new(position, "", "JSON has no comments")
                    .hint("remove it, or write YAML, whose comments begin with #"),
            );
        } else {
            quoted = c == '"';
        }
        before = c;
    }
    None
}
