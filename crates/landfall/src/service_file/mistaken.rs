//! Rejections of texts that are something else than a service file: what they are helps more than what they lack.

mod format;
mod language;

pub(super) use self::{format::other_format, language::of as other_language};
use super::{
    Checked, MAX_BYTES,
    problem::{Position, Problem},
};

/// What was found in `text`; if it is refused, described better where it is known what the text is.
pub(super) fn explained(text: &[u8], mut checked: Checked) -> Checked {
    let refused = checked.problems.iter().any(Problem::is_error);
    if !refused || text.len() > MAX_BYTES {
        return checked;
    }
    let mistake = bytes(text)
        .or_else(|| lines(text))
        .or_else(|| other_language(text));
    if let Some(problem) = mistake {
        return Checked::refused(vec![problem]);
    }
    // Where the text is no document, there is one problem, of the file as a whole.
    let unread = matches!(&checked.problems[..], [only] if only.path.is_empty());
    if unread && let Some(problem) = language::json_with_comments(text) {
        return Checked::refused(vec![problem]);
    }
    let lines: Vec<_> = String::from_utf8_lossy(text)
        .lines()
        .map(has_placeholder)
        .collect();
    for problem in checked
        .problems
        .iter_mut()
        .filter(|problem| problem.is_error())
    {
        let line = usize::try_from(problem.position.line).unwrap_or(usize::MAX);
        if lines.get(line.saturating_sub(1)) == Some(&true) {
            problem.hint = Some(
                "a template's placeholder stands on this line: render the template first, and upload what it makes"
                    .into(),
            );
        } else if ["//", "/*"].iter().any(|mark| problem.path.contains(mark)) {
            problem.hint = Some("JSON has no comments: remove it".into());
        }
    }
    checked
}

/// Helm's, Jinja's, ecspresso's and GitHub's.
fn has_placeholder(line: &str) -> bool {
    line.contains("{{") || line.contains("{%")
}

/// What is no text at all, by how it begins.
fn bytes(text: &[u8]) -> Option<Problem> {
    const BEGINNINGS: [(&[u8], &str, &str); 5] = [
        (
            b"\xff\xfe",
            "the file is UTF-16 text",
            "save it with the encoding UTF-8",
        ),
        (
            b"\xfe\xff",
            "the file is UTF-16 text",
            "save it with the encoding UTF-8",
        ),
        (
            b"\x1f\x8b",
            "the file is compressed",
            "upload it as it is, uncompressed",
        ),
        (
            b"PK\x03\x04",
            "the file is an archive",
            "upload the service file in it",
        ),
        (
            b"\x89PNG",
            "the file is a picture",
            "upload the service file, which is YAML or JSON",
        ),
    ];
    let (_, message, hint) = BEGINNINGS
        .into_iter()
        .find(|(beginning, ..)| text.starts_with(beginning))?;
    Some(Problem::new(Position::START, "", message).hint(hint))
}

/// What a single line gives away.
fn lines(text: &[u8]) -> Option<Problem> {
    let text = std::str::from_utf8(text).ok()?;
    if text.contains('\r') && !text.contains('\n') {
        let problem = Problem::new(
            Position::START,
            "",
            "the file is one line, with carriage returns in it",
        );
        return Some(problem.hint("save it with line feeds at the ends of its lines"));
    }
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        let at = |message| {
            Problem::new(
                Position {
                    line: number,
                    column: 1,
                },
                "",
                message,
            )
        };
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            let hint = "keep one of the two sides, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>";
            return Some(at("a merge conflict is left here").hint(hint));
        }
        if before.starts_with("--- ") && line.starts_with("+++ ") {
            let problem = at("this is the difference between two files");
            return Some(problem.hint("apply it, and upload the file that it makes"));
        }
        if before.is_empty() && line.starts_with('<') {
            let problem = at("this is HTML or XML, not a service file");
            return Some(
                problem.hint("upload the service file; this may be the error page of a download"),
            );
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    None
}
