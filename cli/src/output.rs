//! What commands print.

use std::io::{ErrorKind, IsTerminal, Write, stdout};

use miette::{IntoDiagnostic, Result};

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
