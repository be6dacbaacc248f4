//! What was found, for people: a located snippet for each problem.

use std::fmt;

use landfall::service_file::{Position, Problem};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity,
    SourceCode, SourceSpan,
};

use super::Finding;

/// Every problem with its place in the file, wrapped to the width of a terminal. What goes elsewhere is searched, so it is
/// not wrapped.
pub(super) fn shown(
    findings: &[Finding],
    terminal: bool,
    colours: bool,
) -> Result<String, fmt::Error> {
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(if terminal {
            textwrap::termwidth().max(60)
        } else {
            1_000
        })
        .with_context_lines(1);
    let mut shown = String::new();
    for finding in findings
        .iter()
        .filter(|finding| !finding.problems.is_empty())
    {
        let text = String::from_utf8_lossy(&finding.text);
        let starts = line_starts(&text);
        let source = NamedSource::new(&finding.file, text.to_string());
        for problem in &finding.problems {
            let located = Located {
                problem,
                source: &source,
                span: span(&text, &starts, problem.position),
            };
            if located.line_is_long(&text) {
                shown += &format!("{}:{problem}\n\n", finding.file);
                continue;
            }
            handler.render_report(&mut shown, &located)?;
            shown.push('\n');
        }
    }
    Ok(shown)
}

/// The closing line.
pub(super) fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let checked = counted(files, "file");
    match (errors, warnings) {
        (0, 0) => format!("{checked}: no problems\n"),
        (0, _) => format!("{checked}: {}\n", counted(warnings, "warning")),
        (_, 0) => format!("{checked}: {}\n", counted(errors, "error")),
        _ => format!(
            "{checked}: {}, {}\n",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

/// A problem beside the text that it is about.
#[derive(Debug)]
struct Located<'a> {
    problem: &'a Problem,
    source: &'a NamedSource<String>,
    span: SourceSpan,
}

/// Whoever generates a file in one line does not want to see that line.
const LONG: usize = 2_000;

impl Located<'_> {
    fn line_is_long(&self, text: &str) -> bool {
        let (before, after) = text.split_at(self.span.offset().min(text.len()));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after.find('\n').unwrap_or(after.len());
        before.len() - start + end > LONG
    }
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.problem.path.is_empty() {
            write!(f, "{}: ", self.problem.path)?;
        }
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Located<'_> {}

impl Diagnostic for Located<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.problem.is_error() {
            Severity::Error
        } else {
            Severity::Warning
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = self.problem.hint.as_ref()?;
        Some(Box::new(hint))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.span))))
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
    std::iter::once(0).chain(after_newlines).collect()
}

/// The word at `position`: a key, a scalar, or the first character of something larger.
fn span(text: &str, starts: &[usize], position: Position) -> SourceSpan {
    let at = |count: u64| usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
    let start = starts.get(at(position.line)).copied().unwrap_or(text.len());
    let line = text[start..].lines().next().unwrap_or_default();
    let offset = line
        .char_indices()
        .nth(at(position.column))
        .map_or(line.len(), |(offset, _)| offset);
    let rest = &line[offset..];
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some('-' | '{' | '[') => 1,
        _ => {
            let end = [": ", " #", ",", "]", "}"]
                .iter()
                .filter_map(|end| rest.find(end))
                .min()
                .unwrap_or(rest.len());
            rest[..end].trim_end().trim_end_matches(':').len()
        }
    };
    (start + offset, length).into()
}
