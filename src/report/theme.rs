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

/// Depths of a product, from light to dark; luminance carries the order.
pub(super) const DEPTHS: [RGBColor; 4] =
    [RGBColor(230, 159, 0), RGBColor(213, 94, 0), RGBColor(0, 114, 178), RGBColor(0, 0, 0)];

/// From little to much; luminance carries the order (viridis).
pub(super) const SEQUENTIAL: [RGBColor; 10] = [
    RGBColor(68, 1, 84),
    RGBColor(72, 36, 117),
    RGBColor(65, 68, 135),
    RGBColor(53, 95, 141),
    RGBColor(42, 120, 142),
    RGBColor(33, 145, 140),
    RGBColor(53, 183, 121),
    RGBColor(122, 209, 81),
    RGBColor(189, 223, 38),
    RGBColor(253, 231, 37),
];

/// The colour of a layer where several are in one figure: the first, one in the middle, the last.
pub(super) fn layer_colour(layer: usize, depth: usize) -> RGBColor {
    match layer {
        1 => RGBColor(86, 180, 233),
        _ if layer == depth => RGBColor(230, 159, 0),
        _ => RGBColor(204, 121, 167),
    }
}

/// Units of the drawing in one pixel of the figure: the back end draws on whole units, and curves on whole pixels are
/// jagged.
pub(super) const UNIT: u32 = 8;
const WIDTH: u32 = 960 * UNIT;
/// Sizes of text, in units.
pub(super) const TEXT: u32 = 18 * UNIT;
const TITLE: u32 = 21 * UNIT;
/// Widths of lines and radii of points, in units.
pub(super) const THIN: u32 = UNIT;
pub(super) const MEDIUM: u32 = 2 * UNIT;
pub(super) const THICK: u32 = 3 * UNIT;
pub(super) const POINT: i32 = 6 * UNIT as i32;

/// A font of the theme.
pub(super) fn font(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&RGBColor(40, 40, 40))
}

/// A drawing error; the SVG back end writes to memory, so none is expected from a finite figure.
pub(super) type DrawingError = Box<dyn std::error::Error + Send + Sync>;

/// An SVG drawing area.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a titled figure of the given height in pixels (title included) and returns its text. The closure gets the area below
/// the title.
pub(super) fn svg(
    height: u32,
    title: &str,
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let mut text = String::new();
    let units = height * UNIT;
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, units)).into_drawing_area();
        area.fill(&WHITE)?;
        let (head, body) = area.split_vertically(TITLE_HEIGHT * UNIT);
        let style = ("sans-serif", TITLE, FontStyle::Bold).into_font().color(&RGBColor(20, 20, 20));
        head.draw(&Text::new(title.to_owned(), (8 * UNIT as i32, 6 * UNIT as i32), style))?;
        draw(&body)?;
        area.present()?;
    }
    // The figure is as large as its pixels; the view box keeps the units.
    let units_size = format!("width=\"{WIDTH}\" height=\"{units}\"");
    Ok(text.replacen(&units_size, &format!("width=\"{}\" height=\"{height}\"", WIDTH / UNIT), 1))
}

/// Height of the title, in pixels.
pub(super) const TITLE_HEIGHT: u32 = 40;

/// How an entry of the legend looks.
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    Line,
    Point,
    Hollow,
    Band,
    /// An opaque patch.
    Box,
    /// The same, crossed out.
    Crossed,
    /// A patch of strokes.
    Hatched,
    Dashed,
    /// A thin line.
    Thin,
}

/// A legend: its entries, laid out in rows of a strip of their own, where they cannot cover data.
pub(super) struct Legend<'a> {
    entries: Vec<(Symbol, RGBColor, &'a str)>,
}

/// Height of a row of a legend, in pixels.
const ROW: u32 = 26;

impl<'a> Legend<'a> {
    pub fn new(entries: Vec<(Symbol, RGBColor, &'a str)>) -> Self {
        Self { entries }
    }

    /// Positions of the entries: (x, y) of the symbol's left end, in units.
    fn places(&self) -> Vec<(i32, i32)> {
        let unit = UNIT as i32;
        let (left, mut x, mut y) = (70 * unit, 70 * unit, 14 * unit);
        let mut places = Vec::new();
        for (_, _, label) in &self.entries {
            let width = 66 * unit + text_width(label, TEXT);
            if x > left && x + width > WIDTH as i32 {
                x = left;
                y += (ROW * UNIT) as i32;
            }
            places.push((x, y));
            x += width;
        }
        places
    }

    /// Height of the strip, in pixels.
    pub fn height(&self) -> u32 {
        self.places().last().map_or(0, |(_, y)| *y as u32 / UNIT + 18)
    }

    pub fn draw(&self, area: &Area<'_>) -> Result<(), DrawingError> {
        let unit = UNIT as i32;
        for ((symbol, colour, label), (x, y)) in self.entries.iter().zip(self.places()) {
            let (middle, end) = (x + 16 * unit, x + 32 * unit);
            match symbol {
                Symbol::Line => area.draw(&PathElement::new(vec![(x, y), (end, y)], colour.stroke_width(THICK)))?,
                Symbol::Point => area.draw(&Circle::new((middle, y), POINT, colour.filled()))?,
                Symbol::Hollow => {
                    area.draw(&Circle::new((middle, y), POINT + 2 * unit, colour.stroke_width(MEDIUM)))?
                }
                Symbol::Thin => area.draw(&PathElement::new(vec![(x, y), (end, y)], colour.stroke_width(THIN)))?,
                Symbol::Dashed => {
                    for k in 0..3 {
                        let from = x + 12 * unit * k;
                        area.draw(&PathElement::new(
                            vec![(from, y), (from + 7 * unit, y)],
                            colour.stroke_width(THICK),
                        ))?;
                    }
                }
                Symbol::Box => {
                    area.draw(&Rectangle::new(
                        [(x + 8 * unit, y - 8 * unit), (x + 24 * unit, y + 8 * unit)],
                        colour.filled(),
                    ))?;
                }
                Symbol::Crossed => {
                    let (left, right, half) = (x + 8 * unit, x + 24 * unit, 8 * unit);
                    area.draw(&Rectangle::new([(left, y - half), (right, y + half)], colour.filled()))?;
                    for end in [half - unit, unit - half] {
                        let stroke = vec![(left + unit, y - end), (right - unit, y + end)];
                        area.draw(&PathElement::new(stroke, WHITE.stroke_width(MEDIUM)))?;
                    }
                }
                Symbol::Hatched => {
                    let (left, half) = (x + 8 * unit, 8 * unit);
                    for (from, to) in
                        [((0, 0), (half, -half)), ((0, half), (2 * half, -half)), ((half, half), (2 * half, 0))]
                    {
                        let stroke = vec![(left + from.0, y + from.1), (left + to.0, y + to.1)];
                        area.draw(&PathElement::new(stroke, colour.stroke_width(MEDIUM)))?;
                    }
                }
                Symbol::Band => {
                    let corners = [(x, y - 8 * unit), (end, y + 8 * unit)];
                    area.draw(&Rectangle::new(corners, colour.mix(0.25).filled()))?;
                }
            }
            area.draw(&Text::new((*label).to_owned(), (x + 40 * unit, y - TEXT as i32 / 2), font(TEXT)))?;
        }
        Ok(())
    }
}

/// A generous estimate: without a font at hand, SVG text can only be estimated.
pub(super) fn text_width(text: &str, size: u32) -> i32 {
    (text.chars().count() as f64 * f64::from(size) * 0.54) as i32
}

/// A chart on our axes.
pub(super) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// An empty chart with room for labels; an axis without a description gets less.
pub(super) fn chart<'a, 'b>(
    area: &'a Area<'b>,
    x: Axis,
    y: Axis,
    x_described: bool,
) -> Result<Chart<'a, 'b>, DrawingError> {
    Ok(ChartBuilder::on(area)
        .margin_left(14 * UNIT)
        .margin_right(24 * UNIT)
        .margin_top(8 * UNIT)
        .x_label_area_size(if x_described { 56 } else { 30 } * UNIT)
        .y_label_area_size(84 * UNIT)
        .build_cartesian_2d(x, y)?)
}

/// A dashed line through the points: dashes of equal length along x.
pub(super) fn dashed(chart: &mut Chart<'_, '_>, line: &[(f64, f64)], colour: RGBColor) -> Result<(), DrawingError> {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return Ok(()) };
    let at = |x: f64| {
        let k = line.partition_point(|point| point.0 < x).clamp(1, line.len() - 1);
        let (a, b) = (line[k - 1], line[k]);
        a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0)
    };
    if line.len() < 2 {
        return Ok(());
    }
    let count = 45;
    let step = (last.0 - first.0) / f64::from(2 * count - 1);
    for k in 0..count {
        let from = first.0 + step * f64::from(2 * k);
        let dash = vec![(from, at(from)), (from + step, at((from + step).min(last.0)))];
        chart.draw_series([PathElement::new(dash, colour.stroke_width(MEDIUM))])?;
    }
    Ok(())
}

/// A dashed vertical line.
pub(super) fn dashed_vertical(
    chart: &mut Chart<'_, '_>,
    at: f64,
    low: f64,
    high: f64,
    colour: RGBColor,
) -> Result<(), DrawingError> {
    let count = 30;
    let step = (high - low) / f64::from(2 * count - 1);
    for k in 0..count {
        let from = low + step * f64::from(2 * k);
        chart.draw_series([PathElement::new(vec![(at, from), (at, from + step)], colour.stroke_width(MEDIUM))])?;
    }
    Ok(())
}

/// Grid, ticks and descriptions.
pub(super) fn mesh(chart: &mut Chart<'_, '_>, x: Option<&str>, y: &str) -> Result<(), DrawingError> {
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE.mix(0.0))
        .bold_line_style(BLACK.mix(0.12).stroke_width(THIN))
        .axis_style(BLACK.stroke_width(THIN))
        .set_all_tick_mark_size(5 * UNIT)
        .y_desc(y)
        .label_style(font(TEXT))
        .axis_desc_style(font(TEXT));
    if let Some(x) = x {
        mesh.x_desc(x);
    }
    mesh.draw()?;
    Ok(())
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
            // As far as whole decades can be told apart.
            let span = span.min(1e12);
            // 1, 2 or 5 times a power of ten.
            let rough = (span / 8.0).ceil().max(1.0);
            let power = 10f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
            let step = step.unwrap_or(rough) as i64;
            // Beyond this no decade has a number of its own, and its multiples leave i64.
            let mut decade = (low.ceil().clamp(-1e15, 1e15) as i64).div_euclid(step) * step;
            while decade as f64 <= high && ticks.len() < 20 {
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
        let rough = (high - low) / 8.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(rough);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let plain = (1e-3..1e6).contains(&low.abs().max(high.abs()));
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let label = |at: f64| {
            let text = if plain || at == 0.0 { format!("{at:.decimals$}") } else { format!("{at:.1e}") };
            if at == 0.0 && !plain { "0".to_owned() } else { text.replace('-', "\u{2212}") }
        };
        Self { low, high, ticks: (first..=last).map(|k| k as f64 * step).map(|at| (at, label(at + 0.0))).collect() }
    }

    /// An axis over whole numbers `first..=last`, with half a unit of room.
    pub fn whole(first: usize, last: usize) -> Self {
        Self::whole_with(first, last, 12)
    }

    /// The same for a panel that is one of two: numbers of many digits stand far apart.
    pub fn few(first: usize, last: usize) -> Self {
        let axis = Self::whole_with(first, last, if last >= 1000 { 4 } else { 10 });
        // Half of the last number stands beyond the end.
        let room = if last >= 1000 { 0.04 * (last - first) as f64 } else { 0.0 };
        Self { high: axis.high + room, ..axis }
    }

    fn whole_with(first: usize, last: usize, most: usize) -> Self {
        let rough = (last - first) / most + 1;
        let steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10usize.pow(power)));
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let multiples = (first.div_ceil(step) * step..=last).step_by(step);
        let lone = (!first.is_multiple_of(step) && step > 2 * first).then_some(first);
        let ticks = lone.into_iter().chain(multiples).map(|k| (k as f64, k.to_string()));
        Self { low: first as f64 - 0.5, high: last as f64 + 0.5, ticks: ticks.collect() }
    }

    /// An axis with the given ticks.
    pub fn with_ticks(low: f64, high: f64, ticks: Vec<(f64, String)>) -> Self {
        Self { low, high, ticks }
    }

    /// Where the ticks are, with their labels.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
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
        assert_eq!(labels(&Axis::log10(-45.0, 1.0))[0], "10\u{207b}\u{2074}\u{2070}");
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
