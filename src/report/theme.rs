//! The look that all figures share.
//!
//! Prediction: solid line. Measurement: filled points, a band of their spread and bars of their standard error. Reference:
//! hollow markers. Colours are those of Okabe and Ito, distinguishable with every colour vision; one colour means one thing
//! on every page.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

pub(super) const PREDICTION: RGBColor = RGBColor(0, 114, 178);
pub(super) const MEASUREMENT: RGBColor = RGBColor(213, 94, 0);
pub(super) const REFERENCE: RGBColor = RGBColor(0, 0, 0);
pub(super) const LIMIT: RGBColor = RGBColor(0, 158, 115);
pub(super) const SHADE: RGBColor = RGBColor(150, 150, 150);
/// For several layers in one figure: first, middle, last.
pub(super) const LAYERS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(204, 121, 167), RGBColor(213, 94, 0)];

pub(super) const WIDTH: u32 = 960;
pub(super) const TEXT: u32 = 18;

/// A font of the theme.
pub(super) fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&RGBColor(40, 40, 40))
}

/// A drawing error; the SVG back end writes to memory, so none is expected from a finite figure.
pub(super) type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// An SVG drawing area.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws into an SVG of the given height and returns its text.
pub(super) fn svg(
    height: u32,
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    Ok(text)
}

/// How an entry of the legend looks.
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    Line,
    Point,
    Hollow,
    Band,
}

/// Draws a legend in rows of its own strip and returns nothing that could cover data.
pub(super) fn legend(area: &Area<'_>, entries: &[(Symbol, RGBColor, &str)]) -> Result<(), DrawingError> {
    let (left, mut y) = (70, 14);
    let mut x = left;
    for (symbol, colour, label) in entries {
        let width = 44 + text_width(label, TEXT) + 22;
        if x > left && x + width > WIDTH as i32 - 10 {
            x = left;
            y += 26;
        }
        let middle = x + 16;
        match symbol {
            Symbol::Line => area.draw(&PathElement::new(vec![(x, y), (x + 32, y)], colour.stroke_width(3)))?,
            Symbol::Point => area.draw(&Circle::new((middle, y), 6, colour.filled()))?,
            Symbol::Hollow => area.draw(&Circle::new((middle, y), 8, colour.stroke_width(2)))?,
            Symbol::Band => area.draw(&Rectangle::new([(x, y - 8), (x + 32, y + 8)], colour.mix(0.25).filled()))?,
        }
        area.draw(&Text::new((*label).to_owned(), (x + 40, y - TEXT as i32 / 2), font(TEXT)))?;
        x += width;
    }
    Ok(())
}

/// Rows that [`legend`] will need.
pub(super) fn legend_rows(entries: &[(Symbol, RGBColor, &str)]) -> u32 {
    let (mut rows, mut x) = (1, 70);
    for (_, _, label) in entries {
        let width = 44 + text_width(label, TEXT) + 22;
        if x > 70 && x + width > WIDTH as i32 - 10 {
            x = 70;
            rows += 1;
        }
        x += width;
    }
    rows
}

/// A generous estimate: without a font at hand, SVG text can only be estimated.
fn text_width(text: &str, size: u32) -> i32 {
    (text.chars().count() as f64 * f64::from(size) * 0.54) as i32
}

/// A linear axis with ticks and labels of our own.
#[derive(Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis of log10 values: ticks at whole decades (at most about eight), or at 1, 2, 5 within them for short spans.
    pub fn log10(low: f64, high: f64) -> Self {
        let span = high - low;
        let mut ticks = Vec::new();
        if span > 2.5 {
            let step = (span / 8.0).ceil().max(1.0) as i64;
            let mut decade = (low.ceil() as i64).div_euclid(step) * step;
            while decade as f64 <= high {
                if decade as f64 >= low {
                    ticks.push((decade as f64, power_of_ten(decade)));
                }
                decade += step;
            }
        } else {
            let digits: &[f64] = if span > 1.2 { &[1.0, 2.0, 5.0] } else { &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0] };
            for decade in low.floor() as i32..=high.floor() as i32 {
                for digit in digits {
                    let at = f64::from(decade) + digit.log10();
                    if (low..=high).contains(&at) {
                        ticks.push((at, short_number(digit * 10f64.powi(decade))));
                    }
                }
            }
        }
        if ticks.len() < 2 {
            // A span of a few percent: plain numbers, as many digits as it takes.
            return Self {
                ticks: (0..=4)
                    .map(|k| low + span * f64::from(k) / 4.0)
                    .map(|at| (at, format!("{:.3e}", 10f64.powf(at))))
                    .collect(),
                low,
                high,
            };
        }
        Self { low, high, ticks }
    }

    /// A plain axis with ticks at round numbers.
    pub fn linear(low: f64, high: f64) -> Self {
        let rough = (high - low) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(rough);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let label = |at: f64| format!("{at:.decimals$}").replace('-', "\u{2212}");
        Self { low, high, ticks: (first..=last).map(|k| k as f64 * step).map(|at| (at, label(at + 0.0))).collect() }
    }

    /// An axis over whole numbers `first..=last`, with half a unit of room.
    pub fn whole(first: usize, last: usize) -> Self {
        let step = ((last - first) / 12 + 1).max(1);
        let ticks = (first..=last).filter(|k| *k == first || k % step == 0).map(|k| (k as f64, k.to_string()));
        Self { low: first as f64 - 0.5, high: last as f64 + 0.5, ticks: ticks.collect() }
    }

    /// An axis with the given ticks.
    pub fn with_ticks(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Self { low, high, ticks }
    }

    pub fn low(&self) -> f64 {
        self.low
    }

    pub fn high(&self) -> f64 {
        self.high
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        limit.0 + (f64::from(limit.1 - limit.0) * share.clamp(-1.0, 2.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(at, _)| at == value).map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// `10` with a superscript exponent.
pub(super) fn power_of_ten(exponent: i64) -> String {
    let superscript = |c: char| match c {
        '-' => '\u{207b}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '0' => '\u{2070}',
        digit => char::from_u32(0x2070 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    format!("10{}", exponent.to_string().chars().map(superscript).collect::<String>())
}

/// A number of few digits in the shortest plain form, a power form where it is far from one.
fn short_number(value: f64) -> String {
    if (1e-4..1e5).contains(&value) {
        format!("{}", (value * 1e6).round() / 1e6)
    } else {
        let exponent = value.log10().floor() as i64;
        format!("{}\u{b7}{}", (value / 10f64.powi(exponent as i32) * 10.0).round() / 10.0, power_of_ten(exponent))
    }
}

/// The span of all finite values with room around it; a span of its own where they are all equal, `None` without any.
pub(super) fn padded_span(values: impl Iterator<Item = f64>, room: f64, least: f64) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    let room = (room * (high - low)).max(0.5 * least);
    Some((low - room, high + room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn log_axes_have_clean_ticks_at_every_span() {
        assert_eq!(
            labels(&Axis::log10(-3.2, 0.4)),
            ["10\u{207b}\u{b3}", "10\u{207b}\u{b2}", "10\u{207b}\u{b9}", "10\u{2070}"]
        );
        assert_eq!(labels(&Axis::log10(0.1, 1.4)), ["2", "5", "10", "20"]);
        assert!(Axis::log10(-1e5, 3.0).ticks.len() <= 10);
        assert_eq!(labels(&Axis::log10(-1e5, 3.0)).last(), Some(&"10\u{2070}"));
        assert!(Axis::log10(0.300, 0.302).ticks.len() >= 2);
    }

    #[test]
    fn linear_axes_have_round_ticks() {
        assert_eq!(labels(&Axis::linear(-0.03, 0.03)).len(), 7);
        assert_eq!(labels(&Axis::linear(-1.0, 1.0)), ["\u{2212}1.0", "\u{2212}0.5", "0.0", "0.5", "1.0"]);
    }

    #[test]
    fn degenerate_data_still_has_a_span() {
        assert_eq!(padded_span([f64::NAN].into_iter(), 0.1, 1.0), None);
        assert_eq!(padded_span([2.0, 2.0].into_iter(), 0.1, 1.0), Some((1.5, 2.5)));
    }
}
