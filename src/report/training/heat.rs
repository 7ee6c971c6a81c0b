//! Heat maps: layers upwards, steps to the right, a colour a cell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, SEQUENTIAL, Symbol, TEXT, UNIT};
use super::series::{Training, Value};
use super::steps::StepAxis;

/// More cells than this would be narrower than the eye can tell, and make the file large.
const MOST_COLUMNS: usize = 200;
const MOST_ROWS: usize = 100;

/// Exactly zero: a grey that the scale of colours does not have.
const ZERO: RGBColor = RGBColor(200, 200, 200);
/// Not finite: crossed out as well, so that no colour vision is needed.
const NOT_FINITE: RGBColor = RGBColor(213, 94, 0);

/// Cells by row (layers) and column (steps).
pub(super) struct HeatMap {
    /// Layers of each row, from the bottom.
    rows: Vec<Vec<usize>>,
    /// First and last step of each column.
    columns: Vec<(u64, u64)>,
    cells: Vec<Vec<Value>>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    sum: f64,
    count: usize,
    zero: bool,
    not_finite: bool,
}

impl Sum {
    fn add(&mut self, value: Value) {
        match value {
            Value::Missing => {}
            Value::NotFinite => self.not_finite = true,
            Value::Zero => self.zero = true,
            Value::At(at) => {
                self.sum += at;
                self.count += 1;
            }
        }
    }

    /// The mean; what is not finite must not disappear in it, and a zero has the logarithm minus infinity.
    fn value(self) -> Value {
        match self {
            Self { not_finite: true, .. } => Value::NotFinite,
            Self { zero: true, .. } => Value::Zero,
            Self { count: 0, .. } => Value::Missing,
            Self { sum, count, .. } => Value::At(sum / count as f64),
        }
    }
}

impl HeatMap {
    /// Of the weight gradients. Neighbouring steps, and neighbouring layers, share a cell where there are too many.
    pub fn of_weight_gradients(training: &Training<'_>) -> Self {
        Self::new(training, &training.weight_gradients, MOST_ROWS)
    }

    /// Of a quantity by step and layer, with so many rows at most.
    pub fn new(training: &Training<'_>, table: &BTreeMap<u64, Vec<Value>>, most_rows: usize) -> Self {
        let steps: Vec<u64> = table.keys().copied().collect();
        let per_column = steps.len().div_ceil(MOST_COLUMNS).max(1);
        let per_row = training.numbers.len().div_ceil(most_rows).max(1);
        let columns = steps.chunks(per_column).map(|chunk| (chunk[0], chunk[chunk.len() - 1])).collect::<Vec<_>>();
        let rows: Vec<Vec<usize>> = training.numbers.chunks(per_row).map(<[usize]>::to_vec).collect();
        let mut sums = vec![vec![Sum::default(); columns.len()]; rows.len()];
        for (k, row) in table.values().enumerate() {
            for (layer, value) in row.iter().enumerate() {
                sums[layer / per_row][k / per_column].add(*value);
            }
        }
        let cells = sums.into_iter().map(|row| row.into_iter().map(Sum::value).collect()).collect();
        Self { rows, columns, cells }
    }

    pub fn values(&self) -> impl Iterator<Item = Value> + '_ {
        self.cells.iter().flatten().copied()
    }

    /// Whether neighbouring steps or layers share cells.
    pub fn binned(&self) -> bool {
        self.rows.iter().any(|row| row.len() > 1) || self.columns.iter().any(|(first, last)| first != last)
    }

    /// Edges of the columns: half-way to the neighbours, and no farther than most gaps are wide, so that a time without records stays empty.
    /// Most: nine in ten, as a training under watch is recorded densely where something looked wrong and rarely elsewhere.
    fn edges(&self, axis: &StepAxis) -> Vec<(f64, f64)> {
        let places: Vec<(f64, f64)> = self.columns.iter().map(|(a, b)| (axis.at(*a), axis.at(*b))).collect();
        let mut gaps: Vec<f64> = places.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
        gaps.sort_by(f64::total_cmp);
        let usual = gaps.get(gaps.len() * 9 / 10).copied().unwrap_or(f64::INFINITY);
        // On a logarithmic axis gaps between the first whole numbers are naturally wide.
        let most = if axis.is_logarithmic() { f64::INFINITY } else { 2.0 * usual };
        let (low, high) = (axis.axis.low(), axis.axis.high());
        (0..places.len())
            .map(|k| {
                let (a, b) = places[k];
                let left = if k == 0 { a - low } else { 0.5 * (a - places[k - 1].1) };
                let right = places.get(k + 1).map_or(high - b, |next| 0.5 * (next.0 - b));
                ((a - left.min(most)).max(low), (b + right.min(most)).min(high))
            })
            .collect()
    }

    /// The axis of layers: a row each, labelled with the layers' numbers.
    fn row_axis(&self, height: u32) -> Axis {
        let count = self.rows.len();
        let most = (height / 34).clamp(2, 12) as usize;
        let step = count.div_ceil(most).max(1);
        // Round numbers where rows are layers 1, 2, 3...
        let plain = self.rows.iter().enumerate().all(|(k, row)| row == &[k + 1]);
        let step = if plain { [1, 2, 5, 10, 20, 50].into_iter().find(|s| *s >= step).unwrap_or(step) } else { step };
        let shown = (0..count).filter(|k| {
            if plain && step > 1 {
                *k == 0 || ((k + 1).is_multiple_of(step) && 2 * (k + 1) > step)
            } else {
                k % step == 0
            }
        });
        let ticks = shown.map(|k| (k as f64, self.rows[k][0].to_string())).collect();
        Axis::with_ticks(-0.5, count as f64 - 0.5, ticks)
    }

    /// Draws axes and appends the cells, as SVG in units, to `overlay`: a shape a cell would make a file of megabytes, a path a colour does not.
    pub fn draw(
        &self,
        area: &Area<'_>,
        (axis, scale): (&StepAxis, &Scale),
        (x, y): (Option<&str>, &str),
        overlay: &mut String,
    ) -> Result<(), DrawingError> {
        let height = area.dim_in_pixel().1 / UNIT;
        let mut chart = theme::chart(area, axis.axis.clone(), self.row_axis(height), x.is_some())?;
        theme::mesh(&mut chart, x, y)?;
        let edges = self.edges(axis);
        // Rectangles of half pixels: (left, right), top, bottom.
        let mut blocks: BTreeMap<Paint, Vec<Block>> = BTreeMap::new();
        // Half pixels are fine enough, and short to write.
        let grain = UNIT as i32 / 2;
        let spot = |x: f64, y: f64| {
            let (x, y) = chart.backend_coord(&(x, y));
            (x / grain, y / grain)
        };
        for (row, cells) in self.cells.iter().enumerate() {
            let mut start = 0;
            for run in cells.chunk_by(|a, b| scale.paint(*a) == scale.paint(*b)) {
                let end = start + run.len();
                if let Some(paint) = scale.paint(run[0]) {
                    let blocks = blocks.entry(paint).or_default();
                    // A gap between columns ends a rectangle.
                    for part in edges[start..end].chunk_by(|a, b| a.1 >= b.0) {
                        let (left, top) = spot(part[0].0, row as f64 + 0.5);
                        let (right, bottom) = spot(part[part.len() - 1].1, row as f64 - 0.5);
                        Block { left, right, top, bottom }.join(blocks);
                    }
                }
                start = end;
            }
        }
        let _ = write!(overlay, "<g transform=\"scale({grain})\">");
        for (paint, blocks) in blocks {
            let RGBColor(r, g, b) = paint.colour();
            let path: String = blocks.iter().map(Block::path).collect();
            // Smooth edges would let the background shine through between neighbours.
            let _ =
                write!(overlay, "<path shape-rendering=\"crispEdges\" fill=\"#{r:02x}{g:02x}{b:02x}\" d=\"{path}\"/>");
            if paint == Paint::NotFinite {
                let crosses: String = blocks.iter().map(Block::cross).collect();
                let _ = write!(overlay, "<path fill=\"none\" stroke=\"#fff\" stroke-width=\"2\" d=\"{crosses}\"/>");
            }
        }
        overlay.push_str("</g>\n");
        Ok(())
    }

    /// Entries of a legend for what the scale of colours does not show.
    pub fn legend(&self) -> Vec<(Symbol, RGBColor, &'static str)> {
        let has = |what: Value| self.values().any(|value| value == what);
        let mut entries = Vec::new();
        if has(Value::Zero) {
            entries.push((Symbol::Box, ZERO, "exactly zero"));
        }
        if has(Value::NotFinite) {
            entries.push((Symbol::Box, NOT_FINITE, "crossed out: not finite (null)"));
        }
        entries
    }
}

/// A rectangle of one colour, in half pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Block {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Block {
    /// Adds it to blocks of its colour: to the one of the same width below it, if there is one. Rows are drawn from the bottom upwards.
    fn join(self, blocks: &mut Vec<Self>) {
        let fits = |b: &&mut Self| (b.left, b.right, b.top) == (self.left, self.right, self.bottom);
        // Only the row before can be next to it, and a row has at most as many blocks as columns.
        match blocks.iter_mut().rev().take(2 * MOST_COLUMNS).find(fits) {
            Some(below) => below.top = self.top,
            None => blocks.push(self),
        }
    }

    fn size(&self) -> (i32, i32) {
        ((self.right - self.left).max(1), (self.bottom - self.top).max(1))
    }

    fn path(&self) -> String {
        let (width, height) = self.size();
        format!("M{} {}h{width}v{height}h-{width}z", self.left, self.top)
    }

    fn cross(&self) -> String {
        let (width, height) = self.size();
        format!("M{0} {1}l{width} {height}M{0} {2}l{width}-{height}", self.left, self.top, self.top + height)
    }
}

/// The colour of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Paint {
    Level(u8),
    Zero,
    NotFinite,
}

/// Colours of a scale: more cannot be told apart, and cells of one colour are written together.
const LEVELS: u8 = 64;

impl Paint {
    fn colour(self) -> RGBColor {
        match self {
            Self::Level(level) => {
                let at = f64::from(level) / f64::from(LEVELS - 1) * (SEQUENTIAL.len() - 1) as f64;
                let k = (at as usize).min(SEQUENTIAL.len() - 2);
                let (a, b, share) = (SEQUENTIAL[k], SEQUENTIAL[k + 1], at - k as f64);
                let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
                RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
            }
            Self::Zero => ZERO,
            Self::NotFinite => NOT_FINITE,
        }
    }
}

/// What colours mean.
pub(super) struct Scale {
    axis: Axis,
}

impl Scale {
    pub fn new(axis: Axis) -> Self {
        Self { axis }
    }

    fn paint(&self, value: Value) -> Option<Paint> {
        match value {
            Value::Missing => None,
            Value::NotFinite => Some(Paint::NotFinite),
            Value::Zero => Some(Paint::Zero),
            Value::At(at) => {
                let share = (at - self.axis.low()) / (self.axis.high() - self.axis.low());
                Some(Paint::Level((share.clamp(0.0, 1.0) * f64::from(LEVELS - 1)).round() as u8))
            }
        }
    }

    /// The bar of colours with ticks, under two lines of words.
    pub fn draw(&self, area: &Area<'_>, words: [&str; 2]) -> Result<(), DrawingError> {
        let unit = UNIT as i32;
        let bottom = area.dim_in_pixel().1 as i32 - 70 * unit;
        let (left, top, width) = (4 * unit, 52 * unit, 24 * unit);
        for (k, words) in words.into_iter().enumerate() {
            area.draw(&Text::new(words.to_owned(), (left, 18 * unit * k as i32), theme::font(TEXT)))?;
        }
        let height = |share: f64| bottom - (f64::from(bottom - top) * share).round() as i32;
        // The highest first: each is drawn over it.
        for level in (0..LEVELS).rev() {
            let end = height(f64::from(level + 1) / f64::from(LEVELS));
            // Down to the bottom: without an overlap the background shines through between the levels.
            let corners = [(left, end), (left + width, bottom)];
            area.draw(&Rectangle::new(corners, Paint::Level(level).colour().filled()))?;
        }
        for (at, label) in self.axis.ticks() {
            let y = height((at - self.axis.low()) / (self.axis.high() - self.axis.low()));
            let tick = vec![(left + width, y), (left + width + 5 * unit, y)];
            area.draw(&PathElement::new(tick, BLACK.stroke_width(theme::THIN)))?;
            let place = (left + width + 9 * unit, y - TEXT as i32 / 2);
            area.draw(&Text::new(label.clone(), place, theme::font(TEXT)))?;
        }
        Ok(())
    }
}

/// A figure with SVG that the drawing library cannot write compactly, on top.
pub(super) fn with_overlay(svg: &str, overlay: &str) -> String {
    svg.trim_end().strip_suffix("</svg>").map_or_else(|| svg.to_owned(), |body| format!("{body}{overlay}</svg>\n"))
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::log;
    use super::*;

    fn lines(steps: u64, layers: usize, norm: impl Fn(u64, usize) -> &'static str) -> String {
        let line = |step, layer| {
            let norm = norm(step, layer);
            format!("{{\"kind\":\"layer\",\"step\":{step},\"layer\":{layer},\"weight_grad_norm\":{norm}}}\n")
        };
        (0..steps).flat_map(|step| (1..=layers).map(move |layer| (step, layer))).map(|(s, l)| line(s, l)).collect()
    }

    #[test]
    fn cells_are_few_and_what_is_lost_survives() {
        let norm = |step, layer| match (step, layer) {
            (1234, 77) => "null",
            (10, 5) => "0",
            _ if layer % 2 == 0 => "0.1",
            _ => "0.001",
        };
        let log = log(&lines(2000, 150, norm));
        let map = HeatMap::of_weight_gradients(&Training::of(&log));
        assert!(map.cells.len() <= MOST_ROWS && map.cells[0].len() <= MOST_COLUMNS && map.binned());
        assert_eq!(map.values().filter(|v| *v == Value::NotFinite).count(), 1);
        assert_eq!(map.values().filter(|v| *v == Value::Zero).count(), 1);
        // The mean of the logarithms.
        assert!((map.cells[0][0].finite().expect("finite") + 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_time_without_records_stays_empty() {
        let text = lines(10, 1, |_, _| "1") + &lines(10, 1, |_, _| "1").replace("\"step\":", "\"step\":10");
        let log = log(&text);
        let training = Training::of(&log);
        let axis = StepAxis::new(&training.layers.keys().copied().collect::<Vec<_>>());
        let map = HeatMap::of_weight_gradients(&training);
        let edges = map.edges(&axis);
        assert!(edges[9].1 <= 11.0 && edges[10].0 >= 98.0, "{edges:?}");
        assert_eq!(edges[3].1, edges[4].0);
    }

    #[test]
    fn the_scale_has_as_many_colours_as_levels_from_dark_to_light() {
        let light = |level| {
            let RGBColor(r, g, b) = Paint::Level(level).colour();
            0.3 * f64::from(r) + 0.59 * f64::from(g) + 0.11 * f64::from(b)
        };
        assert!((1..LEVELS).all(|level| light(level) > light(level - 1)));
    }
}
