//! What commands print.

use std::io::{ErrorKind, IsTerminal, Write, stderr, stdin, stdout};

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
