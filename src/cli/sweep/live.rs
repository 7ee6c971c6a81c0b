//! How far a sweep is, on a terminal.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sweep::{Observer, Tally};

/// A bar on standard error; nothing where that is no terminal.
pub(super) struct Live {
    bar: ProgressBar,
    /// The tally shown last: workers report in any order.
    shown: Mutex<usize>,
}

impl Live {
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len} points {msg} {elapsed}")
            .expect("the template is a constant that a test draws");
        bar.set_style(style.progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, shown: Mutex::new(0) }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Live {
    fn changed(&self, tally: &Tally) {
        let ended = tally.reused + tally.done + tally.failed;
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if ended < *shown {
            return;
        }
        *shown = ended;
        self.bar.set_length(tally.points as u64);
        self.bar.set_position(ended as u64);
        self.bar.set_message(words(tally));
    }
}

fn words(tally: &Tally) -> String {
    let mut words = format!("({} running", tally.running);
    if tally.reused > 0 {
        words.push_str(&format!(", {} there before", tally.reused));
    }
    if tally.failed > 0 {
        words.push_str(&format!(", {} failed", tally.failed));
    }
    let left =
        tally.left.map_or_else(|| "time left not known yet".to_owned(), |left| format!("about {} left", time(left)));
    format!("{words}), {left},")
}

fn time(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5999 => format!("{} min", seconds / 60),
        6000..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_what_is_known() {
        let live = Live::new();
        let mut tally = Tally { points: 10, reused: 2, running: 2, ..Tally::default() };
        live.changed(&tally);
        assert_eq!(words(&tally), "(2 running, 2 there before), time left not known yet,");
        (tally.done, tally.failed, tally.left) = (3, 1, Some(Duration::from_secs(150)));
        live.changed(&tally);
        assert_eq!(live.bar.position(), 6);
        // A worker that was overtaken.
        live.changed(&Tally { done: 1, ..tally });
        assert_eq!(live.bar.position(), 6);
        assert_eq!(words(&tally), "(2 running, 2 there before, 1 failed), about 2 min left,");
        live.end();
    }
}
