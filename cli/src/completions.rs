//! `landfall completions`: what shells and `man` know of the command.

use std::process::ExitCode;

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;
use miette::{IntoDiagnostic, Result};

use crate::output::print;

/// For whom.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell, or `man`.
    reader: Reader,
}

/// Who reads it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reader {
    Bash,
    Zsh,
    Fish,
    Man,
}

/// Prints it.
pub(crate) fn run(arguments: &Arguments, mut command: Command) -> Result<ExitCode> {
    let mut text = Vec::new();
    let shell = match arguments.reader {
        Reader::Bash => Shell::Bash,
        Reader::Zsh => Shell::Zsh,
        Reader::Fish => Shell::Fish,
        Reader::Man => {
            let page = clap_mangen::Man::new(command);
            page.render(&mut text).into_diagnostic()?;
            print(&String::from_utf8_lossy(&text))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    clap_complete::generate(shell, &mut command, "landfall", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
