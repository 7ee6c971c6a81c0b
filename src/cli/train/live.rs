//! The terminal while a network trains: one line a layer.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::watch::{AlertRecord, LayerRecord, PredictionRecord, Record, StepRecord};

/// Redrawn at most so often.
const INTERVAL: Duration = Duration::from_millis(100);

/// Steps in a sparkline.
const HISTORY: usize = 24;

/// Layers that are shown at most; of more, an even choice with the first and the last.
const MOST_LINES: usize = 24;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One line a layer on standard error, redrawn in place; nothing where it is not a terminal.
#[derive(Debug)]
pub(super) struct Live {
    shown: bool,
    drawn: Option<Instant>,
    lines: usize,
    planned: u64,
    step: StepRecord,
    layers: Vec<LayerRecord>,
    incoming: Vec<LayerRecord>,
    histories: Vec<VecDeque<f64>>,
    expected: Vec<Option<f64>>,
}

impl Live {
    pub fn new(depth: usize, planned: u64) -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
            drawn: None,
            lines: 0,
            planned,
            step: StepRecord::default(),
            layers: Vec::new(),
            incoming: Vec::new(),
            histories: vec![VecDeque::new(); depth],
            expected: vec![None; depth],
        }
    }

    pub fn is_shown(&self) -> bool {
        self.shown
    }

    /// Takes note of a record and redraws if it is time.
    pub fn record(&mut self, record: &Record) {
        if !self.shown {
            return;
        }
        match record {
            Record::Step(step) => {
                self.step = step.clone();
                self.incoming.clear();
                self.take_step();
            }
            Record::Layer(layer) => {
                self.incoming.push(*layer);
                if self.incoming.len() == self.histories.len() {
                    self.layers = std::mem::take(&mut self.incoming);
                }
            }
            Record::Prediction(PredictionRecord { layer, log10_weight_grad_norm, .. }) => {
                if let Some(expected) = self.expected.get_mut(layer.wrapping_sub(1)) {
                    *expected = *log10_weight_grad_norm;
                }
            }
            Record::Alert(alert) => self.above(&alert_line(alert)),
            _ => {}
        }
    }

    fn take_step(&mut self) {
        for (history, norm) in self.histories.iter_mut().zip(&self.step.weight_grad_norms) {
            history.push_back(norm.map_or(f64::NAN, f64::log10));
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
            self.draw();
        }
    }

    /// A line that stays, above the ones that are redrawn.
    pub fn above(&mut self, text: &str) {
        if self.shown {
            let mut output = self.erased();
            let _ = writeln!(output, "{text}");
            put(&output);
            self.draw();
        }
    }

    /// Draws the last state and leaves it there.
    pub fn end(&mut self) {
        if self.shown && !self.layers.is_empty() {
            self.draw();
            self.lines = 0;
        }
    }

    fn erased(&mut self) -> String {
        let up = std::mem::take(&mut self.lines);
        if up == 0 { String::new() } else { format!("\x1b[{up}A\x1b[J") }
    }

    fn draw(&mut self) {
        let mut output = self.erased();
        let (rows, columns) = console::Term::stderr().size();
        let columns = usize::from(columns);
        let most = MOST_LINES.min(usize::from(rows).saturating_sub(3)).max(1);
        let number = |value: Option<f64>| value.map_or_else(|| "not finite".to_owned(), |value| format!("{value:.3e}"));
        let head = format!(
            "step {}/{}   loss {}   |gradient| {}",
            self.step.step + 1,
            self.planned,
            number(self.step.loss),
            number(self.step.grad_norm)
        );
        let _ = writeln!(output, "{}", cut(&head, columns));
        self.lines = 1;
        let norm = |index: usize| self.step.weight_grad_norms.get(index).copied().flatten();
        for index in chosen(self.layers.len(), most) {
            let layer = &self.layers[index];
            let expected = self.expected[index].map_or_else(String::new, |log| format!("(expected {:>8})", power(log)));
            let text = format!(
                "layer {:>4}  |dL/dW| {:>8} {expected:<20} {}  saturated {:>3} %  update {}",
                layer.layer,
                norm(index).map_or_else(|| "-".to_owned(), |norm| power(norm.log10())),
                sparkline(&self.histories[index]),
                layer.saturated_fraction.map_or_else(|| "-".to_owned(), |share| format!("{:.0}", 100.0 * share)),
                layer.update_ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1e}")),
            );
            let _ = writeln!(output, "{}", cut(&text, columns));
            self.lines += 1;
        }
        put(&output);
        self.drawn = Some(Instant::now());
    }
}

fn put(text: &str) {
    // Nobody is left to tell if standard error is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// `10^log` in short, however small.
fn power(log: f64) -> String {
    if log == f64::NEG_INFINITY {
        "0".to_owned()
    } else if log.abs() < 290.0 {
        format!("{:.1e}", 10f64.powf(log))
    } else {
        format!("10^{log:.0}")
    }
}

/// Indices of the layers that are shown.
fn chosen(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|k| k * (count - 1) / (most - 1).max(1)).collect()
}

/// A line cut to the width of the terminal: a line that wraps is two, and what is erased would be one too few.
fn cut(line: &str, columns: usize) -> String {
    line.chars().take(columns.saturating_sub(1)).collect()
}

/// Bars of the logarithms, over their own range or two decades, whichever is wider.
pub(super) fn sparkline(history: &VecDeque<f64>) -> String {
    let finite = history.iter().copied().filter(|log| log.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), log| (low.min(log), high.max(log)));
    let spread = (high - low).max(2.0);
    let low = 0.5 * (low + high) - 0.5 * spread;
    let bar = |log: &f64| {
        if log.is_finite() {
            let place = ((log - low) / spread * BARS.len() as f64) as usize;
            BARS[place.min(BARS.len() - 1)]
        } else if *log == f64::NEG_INFINITY {
            '0'
        } else {
            '!'
        }
    };
    let bars: String = history.iter().map(bar).collect();
    format!("{bars:<HISTORY$}")
}

/// An alert in one line.
pub(super) fn alert_line(alert: &AlertRecord) -> String {
    let layer = alert.layer.map_or_else(String::new, |layer| format!(" in layer {layer}"));
    let value = alert.value.map_or_else(|| "not finite".to_owned(), |value| format!("{value:.3e}"));
    let expected = alert.expected.map_or_else(String::new, |expected| format!(" (expected {expected:.3e})"));
    format!(
        "alert at step {}: {}{layer}: {} = {value}{expected}: {}. Try: {}",
        alert.step,
        alert.alert.name(),
        alert.quantity,
        alert.cause,
        alert.advice
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_show_shape_zeros_and_what_is_not_finite() {
        let line = |values: &[f64]| sparkline(&values.iter().copied().collect()).trim_end().to_owned();
        assert_eq!(line(&[-3.0, -2.0, -1.0, 0.0]), "▁▃▆█");
        assert_eq!(line(&[-3.0, -3.0]), "▅▅");
        assert_eq!(line(&[f64::NEG_INFINITY, f64::NAN, 1.0]), "0!▅");
        assert_eq!(chosen(3, 24), [0, 1, 2]);
        let some = chosen(100, 24);
        assert_eq!((some.len(), some[0], some[23]), (24, 0, 99));
        assert_eq!((chosen(5, 1), cut("layer ▁▂", 8)), (vec![0], "layer ▁".to_owned()));
    }
}
