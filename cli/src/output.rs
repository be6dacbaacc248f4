//! What commands print.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdin, stdout};

use miette::{IntoDiagnostic, Result};
use textwrap::{Options, WordSplitter};

/// Prints text. Whoever reads may have seen enough before its end.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn print(text: &str) -> Result<()> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}

/// How many columns a terminal has; none where no terminal reads. What goes elsewhere is searched, so it is not wrapped.
pub(crate) fn width() -> Option<usize> {
    stdout().is_terminal().then(textwrap::termwidth)
}

/// The lines of `text`, each wrapped at `width`, if that is known, with `indent` before what is wrapped.
pub(crate) fn wrapped(text: &str, indent: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let options = Options::new(width)
        .subsequent_indent(indent)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = text.lines();
    lines
        .map(|line| textwrap::fill(line, &options) + "\n")
        .collect()
}

/// Whether somebody can be asked. Where nobody sits at a terminal, who runs the command has decided.
pub(crate) fn asks() -> bool {
    stdin().is_terminal()
}

/// Whether somebody at a terminal says yes. The question does not go where the answer of the command goes.
///
/// # Errors
/// If the question cannot be written, or the answer read.
pub(crate) fn confirms(question: &str) -> Result<bool> {
    eprint!("{question} [y/N] ");
    stderr().flush().into_diagnostic()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).into_diagnostic()?;
    Ok(["y", "yes"].contains(&&*answer.trim().to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_wrapped_for_itself_and_nothing_is_where_no_terminal_reads() {
        let text = "   1 s  one two three\n   2 s  four\n";
        assert_eq!(
            wrapped(text, "        ", Some(16)),
            "   1 s  one two\n        three\n   2 s  four\n"
        );
        assert_eq!(wrapped(text, "        ", None), text);
    }
}
