//! Text in columns, as terminals and programs like it.

use textwrap::{Options, WordSplitter, core::display_width};

/// What stands between two columns.
const GAP: &str = "  ";
/// The least width of a last column that is wrapped.
const LEAST: usize = 24;

/// Lines of cells under `header`; every row has as many cells. Each column is as wide as its widest cell, and the last one is
/// wrapped where `width` is known. Without rows it is empty.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head: Vec<String> = header.iter().map(ToString::to_string).collect();
    let all: Vec<&Vec<String>> = [&head].into_iter().chain(rows).collect();
    let last = header.len().saturating_sub(1);
    let widths: Vec<usize> = (0..last)
        .map(|column| {
            let cells = all.iter().map(|row| display_width(&row[column]));
            cells.max().unwrap_or_default()
        })
        .collect();
    let indent: usize = widths.iter().map(|width| width + GAP.len()).sum();
    let room = width.map(|width| width.saturating_sub(indent).max(LEAST));
    let mut text = String::new();
    for row in all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - display_width(cell)));
            line.push_str(GAP);
        }
        let cell = row.last().map_or("", String::as_str);
        let pieces = match room {
            Some(room) => {
                let options = Options::new(room).word_splitter(WordSplitter::NoHyphenation);
                textwrap::wrap(cell, options)
            }
            None => vec![cell.into()],
        };
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                line = " ".repeat(indent);
            }
            line.push_str(piece);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_the_last_one_is_wrapped() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
        let rows = [
            row(&["web/hello", "7", ""]),
            row(&["web/über", "12", "left out: hello:1.3.0 (container web)"]),
        ];
        let header = ["SERVICE", "RELEASE", "NEEDS"];
        assert_eq!(
            table(&header, &rows, None),
            "SERVICE    RELEASE  NEEDS\n\
             web/hello  7\n\
             web/über   12       left out: hello:1.3.0 (container web)\n"
        );
        assert_eq!(
            table(&header, &rows, Some(46)),
            "SERVICE    RELEASE  NEEDS\n\
             web/hello  7\n\
             web/über   12       left out: hello:1.3.0\n\
             \u{20}                   (container web)\n"
        );
        assert_eq!(table(&header, &[], None), "");
    }
}
