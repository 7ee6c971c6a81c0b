//! What the user sees: results on standard output, progress and messages on standard error, and Ctrl-C.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;
use crate::measure::Progress;

/// Set by the first Ctrl-C (or termination signal); the second ends the process at once.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The two output streams and the progress bar.
pub(super) struct Console {
    json: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    pub fn new(json: bool) -> Self {
        // Without a handler the default action applies: the process ends, and nothing is half-written either.
        let _ = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        });
        Self { json, bar: Mutex::new(None) }
    }

    /// Prints a result: the JSON document if asked for, else the text.
    pub fn result(&self, document: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut output =
            if self.json { serde_json::to_string_pretty(document).map_err(Failure::numerical)? } else { text() };
        if !output.ends_with('\n') {
            output.push('\n');
        }
        match std::io::stdout().lock().write_all(output.as_bytes()) {
            // A reader that has seen enough (`| head`) is no failure.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| Failure::input(anyhow::anyhow!("standard output: {error}"))),
        }
    }

    /// One line on standard error, if a person is likely to read along.
    pub fn note(&self, message: &str) {
        if std::io::stderr().is_terminal() {
            self.line(message);
        }
    }

    /// The one line about a failure.
    pub fn error(&self, failure: &Failure) {
        self.line(&failure.to_string());
    }

    fn line(&self, message: &str) {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "{message}");
    }

    /// `Err` if the user has asked to stop: to be called before anything is written.
    pub fn check_interrupted(&self) -> Result<(), Failure> {
        if self.interrupted() { Err(Failure::Interrupted) } else { Ok(()) }
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Progress for Console {
    fn begin(&self, stage: &str, total: u64) {
        // Hidden where standard error is not a terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:36} [{bar:30}] {pos}/{len}  {elapsed}  left {eta}")
            .expect("the template is a constant that a test draws");
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(stage.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar() = Some(bar);
    }

    fn advance(&self, units: u64) {
        if let Some(bar) = self.bar().as_ref() {
            bar.inc(units);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn_and_ends() {
        let console = Console { json: false, bar: Mutex::new(None) };
        console.begin("stage", 3);
        console.advance(2);
        assert_eq!(console.bar().as_ref().map(|bar| bar.position()), Some(2));
        console.end();
        assert!(console.bar().is_none());
    }
}
