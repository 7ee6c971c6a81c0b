//! What the user sees: results on standard output, progress and messages on standard error, and Ctrl-C.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::failure::Failure;
use crate::measure::Progress;

/// Held while files are put into place: an interrupt waits for it, so that a report is replaced whole or not at all.
static WRITING: Mutex<()> = Mutex::new(());

/// Whether files have been put into place: what an interrupt says depends on it.
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// Whether the first interrupt is only noted.
static HELD: AtomicBool = AtomicBool::new(false);

/// Whether there has been one.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on the first interrupt sets the flag, and the command ends by itself; the second one ends the process.
pub(super) fn hold_interrupts() -> &'static AtomicBool {
    HELD.store(true, Ordering::SeqCst);
    &INTERRUPTED
}

/// Ends the process on Ctrl-C, a termination signal or a closed terminal. Nothing is on disk before the last moment, so
/// nothing needs unwinding, and the longest computation cannot delay it.
fn end_on_interrupt() {
    // Without a handler the default action applies: the process ends too, only without a word.
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let wait = move || {
        if signals.forever().next().is_none() {
            return;
        }
        // A second signal ends what does not end by itself.
        if HELD.load(Ordering::SeqCst)
            && !INTERRUPTED.swap(true, Ordering::SeqCst)
            && signals.forever().next().is_none()
        {
            return;
        }
        let _writing = WRITING.lock();
        let mut stderr = std::io::stderr().lock();
        // The progress bar, if there is one, gives way to the message.
        let clear = if stderr.is_terminal() { "\r\x1b[2K" } else { "" };
        let what = match (HELD.load(Ordering::SeqCst), WRITTEN.load(Ordering::SeqCst)) {
            (true, _) => "what was written before stays as it is",
            (false, true) => "all files had been written",
            (false, false) => "nothing was written",
        };
        let _ = writeln!(stderr, "{clear}interrupted: {what}");
        // `_exit`: the ordinary exit runs OpenBLAS's destructor, which frees the buffers under threads that are still multiplying,
        // and the process hangs or dies of a segmentation fault instead.
        signal_hook::low_level::exit(130);
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
}

/// The two output streams and the progress bar.
pub(super) struct Console {
    json: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    pub fn new(json: bool) -> Self {
        end_on_interrupt();
        Self { json, bar: Mutex::new(None) }
    }

    /// Runs what tries or writes files, out of reach of an interrupt; `written` tells whether it has left files behind.
    pub fn writing<T>(&self, write: impl FnOnce() -> T, written: impl FnOnce(&T) -> bool) -> T {
        let _writing = WRITING.lock();
        let result = write();
        WRITTEN.store(written(&result), Ordering::SeqCst);
        result
    }

    /// Whether the result is a JSON document.
    pub fn is_json(&self) -> bool {
        self.json
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
            line(message);
        }
    }

    /// The one line about a failure.
    pub fn error(&self, failure: &Failure) {
        line(&failure.to_string());
    }

    fn bar(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// One line on standard error.
pub(super) fn line(message: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "{message}");
}

impl Progress for Console {
    fn begin(&self, stage: &str, total: u64) {
        // Hidden where standard error is not a terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:26} [{bar:20}] {pos}/{len} {elapsed} left {eta}")
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
        // The signal handler ends the process itself.
        false
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
