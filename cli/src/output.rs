//! What commands print.

use std::io::{ErrorKind, IsTerminal, Write, stdin, stdout};

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

/// Whether somebody at a terminal says yes. Where nobody sits at one, who runs the command has decided.
///
/// # Errors
/// If the question cannot be written, or the answer read.
pub(crate) fn confirms(question: &str) -> Result<bool> {
    if !stdin().is_terminal() {
        return Ok(true);
    }
    print(&format!("{question} [y/N] "))?;
    stdout().flush().into_diagnostic()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).into_diagnostic()?;
    Ok(["y", "yes"].contains(&&*answer.trim().to_lowercase()))
}
