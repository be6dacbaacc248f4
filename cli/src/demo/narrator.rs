//! Tells the story: with a live line on a terminal, in plain lines elsewhere.

use std::{
    cell::Cell,
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::report::{Chapter, Report};

/// Where lines start that have no time of their own.
const MARGIN: &str = "         ";

/// The story's voice. Lines go to stdout, or to stderr if stdout belongs to a JSON document.
pub(crate) struct Narrator {
    to_stderr: bool,
    live: Option<ProgressBar>,
    begun: Cell<Instant>,
}

impl Narrator {
    pub(crate) fn new(to_stderr: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
        let live = terminal.then(|| {
            let style = ProgressStyle::with_template("         {spinner:.cyan} {wide_msg:.dim}");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self {
            to_stderr,
            live,
            begun: Cell::new(Instant::now()),
        }
    }

    /// From now on, lines carry the time since here.
    pub(crate) fn begin(&self) {
        self.begun.set(Instant::now());
        if let Some(live) = &self.live {
            live.enable_steady_tick(Duration::from_millis(80));
        }
    }

    pub(crate) fn chapter(&self, title: &str) {
        self.line(&format!("\n{title}"));
    }

    /// Something happened.
    pub(crate) fn say(&self, text: &str) {
        let at = format!("  {:5.1}s ", self.begun.get().elapsed().as_secs_f64());
        for (index, line) in text.lines().enumerate() {
            let start = if index == 0 { &*at } else { MARGIN };
            match &self.live {
                None => self.line(&format!("{start}{line}")),
                Some(_) => {
                    let options = Options::with_termwidth()
                        .word_separator(WordSeparator::AsciiSpace)
                        .word_splitter(WordSplitter::NoHyphenation)
                        .initial_indent(start)
                        .subsequent_indent(MARGIN);
                    textwrap::wrap(line, options)
                        .iter()
                        .for_each(|line| self.line(line));
                }
            }
        }
    }

    /// What is being waited for; only shown live.
    pub(crate) fn waiting(&self, text: &str) {
        if let Some(live) = &self.live {
            live.set_message(text.to_owned());
        }
    }

    pub(crate) fn end_chapter(&self, chapter: &Chapter) {
        self.waiting("");
        match &chapter.failure {
            None => self.say(&format!("✓ as told, in {:.1}s", chapter.seconds)),
            Some(failure) => self.say(&format!("✗ not as told: {failure}")),
        }
    }

    pub(crate) fn close(&self, report: &Report) {
        if let Some(live) = &self.live {
            live.finish_and_clear();
        }
        let ending = if report.ended_as_expected() {
            "Every chapter ended as told"
        } else {
            "The story did not end as told"
        };
        let (sent, failed) = (report.requests.sent, report.requests.failed);
        self.line(&format!(
            "\n{ending}: {:.0} seconds, {sent} requests sent, {failed} failed.",
            report.seconds
        ));
    }

    fn line(&self, line: &str) {
        let print = || {
            if self.to_stderr {
                eprintln!("{line}")
            } else {
                println!("{line}")
            }
        };
        match &self.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }
}
