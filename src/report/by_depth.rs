//! Panels that figures of products share: the spectrum at several depths, and its ends against depth beside the floors of number formats.

use plotters::prelude::*;

use super::theme::{self, Area, Axis, Chart, DrawingError, Symbol};
use crate::spec::FORMATS;

/// The singular values of the product at one depth, in decimal logarithms.
pub(super) struct SpectrumCurve {
    /// The depth, in words.
    pub label: String,
    /// Singular values in all, zeros included.
    pub size: usize,
    /// (index from 1, log10, half-width of its band).
    pub points: Vec<(f64, f64, f64)>,
    /// (index from 1, log10) of those that rounding errors decide.
    pub undetermined: Vec<(f64, f64)>,
    /// The same from an explicit product, where it differs.
    pub plain: Vec<(f64, f64)>,
    /// The same as predicted.
    pub law: Vec<(f64, f64)>,
}

/// One end of the spectrum against depth: (depth, log10, half-width of its band).
pub(super) type End = Vec<(f64, f64, f64)>;

/// Colours of the curves, from light to dark: the last is always the darkest, and more curves than the palette has colours take those between.
pub(super) fn colours(count: usize) -> Vec<RGBColor> {
    let palette = theme::DEPTHS;
    let last = palette.len() - 1;
    if count <= palette.len() {
        return palette[palette.len() - count..].to_vec();
    }
    let between = |k: usize| {
        let at = (k * last) as f64 / (count - 1) as f64;
        let (from, share) = ((at as usize).min(last - 1), at - at.floor().min((last - 1) as f64));
        let (a, b) = (palette[from], palette[from + 1]);
        let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
    };
    (0..count).map(between).collect()
}

/// What the legend says about the spectra.
pub(super) fn entries<'a>(curves: &'a [SpectrumCurve], plain: &'a str) -> Vec<(Symbol, RGBColor, &'a str)> {
    let colours = colours(curves.len());
    let mut entries: Vec<_> =
        curves.iter().zip(colours).map(|(curve, colour)| (Symbol::Point, colour, curve.label.as_str())).collect();
    if curves.iter().any(|curve| !curve.plain.is_empty()) {
        entries.push((Symbol::Dashed, theme::SHADE, plain));
    }
    if curves.iter().any(|curve| !curve.law.is_empty()) {
        entries.push((Symbol::Line, theme::SHADE, "predicted, in the colour of its depth"));
    }
    if curves.iter().any(|curve| !curve.undetermined.is_empty()) {
        entries.push((Symbol::Hollow, theme::SHADE, "not determined: one ulp moves it"));
    }
    entries
}

/// log10 of the singular values against their index, one curve a depth.
pub(super) fn spectrum_panel(area: &Area<'_>, curves: &[SpectrumCurve], name: &str) -> Result<(), DrawingError> {
    let size = curves.iter().map(|curve| curve.size).max().unwrap_or(1).max(2);
    let values = curves.iter().flat_map(|curve| {
        let bands = curve.points.iter().flat_map(|(_, y, half)| [y - half, y + half]);
        bands.chain(curve.plain.iter().chain(&curve.undetermined).chain(&curve.law).map(|point| point.1))
    });
    let Some((low, high)) = theme::padded_span(values, 0.05, 0.6) else {
        return nothing(area, "all singular values are exactly zero");
    };
    let mut chart = theme::chart(area, Axis::few(1, size), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("index i, from the largest"), name)?;
    let radius = if size > 120 { theme::POINT / 4 } else { theme::POINT / 2 };
    for (curve, colour) in curves.iter().zip(colours(curves.len())) {
        band(&mut chart, &curve.points, colour)?;
        if curve.law.len() > 1 {
            chart.draw_series([PathElement::new(curve.law.clone(), colour.stroke_width(theme::MEDIUM))])?;
        }
        dashed(&mut chart, &curve.plain, colour)?;
        if let [only] = curve.plain[..] {
            chart.draw_series([Circle::new(only, theme::POINT, colour.stroke_width(theme::MEDIUM))])?;
        }
        chart.draw_series(curve.points.iter().map(|(x, y, _)| Circle::new((*x, *y), radius, colour.filled())))?;
        let hollow = |at: &(f64, f64)| Circle::new(*at, radius, colour.stroke_width(theme::THIN));
        chart.draw_series(curve.undetermined.iter().map(hollow))?;
    }
    Ok(())
}

fn band(chart: &mut Chart<'_, '_>, points: &[(f64, f64, f64)], colour: RGBColor) -> Result<(), DrawingError> {
    if points.iter().any(|(_, _, half)| *half > 0.0) {
        let upper = points.iter().map(|(x, y, half)| (*x, y + half));
        let lower = points.iter().rev().map(|(x, y, half)| (*x, y - half));
        chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.25).filled())])?;
    }
    Ok(())
}

/// An honest empty panel.
fn nothing(area: &Area<'_>, why: &str) -> Result<(), DrawingError> {
    let (width, height) = area.dim_in_pixel();
    let x = (width as i32 - theme::text_width(why, theme::TEXT)) / 2;
    area.draw(&Text::new(why.to_owned(), (x.max(0), height as i32 / 2), theme::font(theme::TEXT)))?;
    Ok(())
}

/// A dashed line with dashes of equal length on the page: where a spectrum falls off a cliff, dashes of equal width would be a solid line.
fn dashed(chart: &mut Chart<'_, '_>, line: &[(f64, f64)], colour: RGBColor) -> Result<(), DrawingError> {
    let dash = f64::from(6 * theme::UNIT);
    let mut walked = 0.0;
    let mut dashes: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (chart.backend_coord(&pair[0]), chart.backend_coord(&pair[1]));
        let length = f64::from(b.0 - a.0).hypot(f64::from(b.1 - a.1));
        let at = |share: f64| {
            let along = |a: f64, b: f64| a + (b - a) * share;
            (along(pair[0].0, pair[1].0), along(pair[0].1, pair[1].1))
        };
        let mut from = 0.0;
        while from < length {
            let phase = (walked / dash).floor();
            let step = ((phase + 1.0) * dash - walked).max(1.0).min(length - from);
            if phase.rem_euclid(2.0) == 0.0 {
                dashes.push(vec![at(from / length), at((from + step) / length)]);
            }
            from += step;
            walked += step;
        }
    }
    let stroke = colour.stroke_width(theme::MEDIUM);
    chart.draw_series(dashes.into_iter().map(|dash| PathElement::new(dash, stroke)))?;
    Ok(())
}

/// Lines below which a number format keeps nothing, or not all digits, under one name.
struct Floor {
    label: String,
    lines: Vec<Vec<(f64, f64)>>,
}

/// What double precision keeps beside the largest entry: half an ulp of 1.
const F64_RANGE: f64 = -53.0 * std::f64::consts::LOG10_2;

/// The floors that lie between the ends of the axis. Those nearer to each other than `apart` share a name.
fn floors(largest: &End, ends: [f64; 2], [low, high]: [f64; 2], apart: f64) -> Vec<Floor> {
    let mut groups: Vec<Vec<(&str, &str, f64)>> = Vec::new();
    for format in FORMATS.iter().filter(|format| ["f16", "f32"].contains(&format.name)) {
        // The smallest subnormal number is twice the largest that rounds to zero.
        let subnormal = format.log10_zero + std::f64::consts::LOG10_2;
        for (what, at) in [("normal", format.log10_normal), ("subnormal", subnormal)] {
            if !(low < at && at < high) {
                continue;
            }
            match groups.last_mut().filter(|group| group.iter().any(|line| line.2 - at < apart)) {
                Some(group) => group.push((format.name, what, at)),
                None => groups.push(vec![(format.name, what, at)]),
            }
        }
    }
    let mut floors: Vec<Floor> = groups
        .iter()
        .map(|group| {
            let mut names: Vec<&str> = group.iter().map(|line| line.0).collect();
            let mut kinds: Vec<&str> = group.iter().map(|line| line.1).collect();
            names.dedup();
            kinds.sort_unstable();
            kinds.dedup();
            Floor {
                label: format!("{} smallest {}", names.join(", "), kinds.join(", ")),
                lines: group.iter().map(|line| vec![(ends[0], line.2), (ends[1], line.2)]).collect(),
            }
        })
        .collect();
    let relative: Vec<(f64, f64)> = largest.iter().map(|(x, y, _)| (*x, y + F64_RANGE)).collect();
    let lines = within(&relative, [low, high]);
    if !lines.is_empty() {
        floors.push(Floor { label: "below: f64 rounding".to_owned(), lines });
    }
    floors
}

/// The parts of a line that lie between two heights: cut where it crosses them, not at the points before.
fn within(line: &[(f64, f64)], [low, high]: [f64; 2]) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let crossing = |y: f64| (y - a.1) / (b.1 - a.1);
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        if a.1 == b.1 {
            if !(low..=high).contains(&a.1) {
                continue;
            }
        } else {
            let (enters, leaves) = if a.1 < b.1 { (low, high) } else { (high, low) };
            from = from.max(crossing(enters));
            to = to.min(crossing(leaves));
        }
        if from >= to {
            continue;
        }
        let along = |share: f64| (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        // The ends as they are: a sum may be an ulp off, and the next piece would not be joined.
        let at = |share: f64| if share == 1.0 { b } else { along(share) };
        match parts.last_mut().filter(|part| from == 0.0 && part.last() == Some(&a)) {
            Some(part) => part.push(at(to)),
            None => parts.push(vec![at(from), at(to)]),
        }
    }
    parts
}

/// Largest and smallest singular value against depth, with the floors of number formats that are in sight.
pub(super) fn range_panel(
    area: &Area<'_>,
    depth: usize,
    largest: &End,
    smallest: &End,
    name: &str,
) -> Result<(), DrawingError> {
    let values = largest.iter().chain(smallest).flat_map(|(_, y, half)| [y - half, y + half]);
    let Some((low, high)) = theme::padded_span(values, 0.05, 2.6) else {
        return nothing(area, "all singular values are exactly zero");
    };
    let axis = Axis::few(1, depth.max(2));
    let ends = [axis.low(), axis.high()];
    let mut chart = theme::chart(area, axis, Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("depth: factors in the product"), name)?;
    let height = chart.plotting_area().dim_in_pixel().1.max(1);
    let apart = (high - low) * f64::from(LABEL + 2 * GAP as u32) / f64::from(height);
    let floors = floors(largest, ends, [low, high], apart);
    for line in floors.iter().flat_map(|floor| &floor.lines) {
        dashed(&mut chart, line, theme::SHADE)?;
    }
    // Where the rank is one they are the same: the larger points show around the smaller.
    for (end, (_, colour, _), size) in [(largest, ENDS[0], 3), (smallest, ENDS[1], 2)] {
        band(&mut chart, end, colour)?;
        let line: Vec<(f64, f64)> = end.iter().map(|(x, y, _)| (*x, *y)).collect();
        chart.draw_series([PathElement::new(line.clone(), colour.stroke_width(theme::MEDIUM))])?;
        let radius = theme::POINT * size / if end.len() > 30 { 7 } else { 4 };
        chart.draw_series(line.into_iter().map(|at| Circle::new(at, radius, colour.filled())))?;
    }
    let curves: Vec<Vec<(f64, f64)>> =
        [largest, smallest].map(|end| end.iter().map(|(x, y, _)| (*x, *y)).collect()).into();
    label(area, &chart, &floors, &curves)?;
    match smallest.last() {
        Some((last, _, _)) if (*last as usize) < depth => {
            let text = "exactly zero at the end";
            let (x, y) = chart.plotting_area().get_pixel_range();
            let origin = area.get_pixel_range();
            let left = x.end - theme::text_width(text, theme::TEXT) - GAP - origin.0.start;
            area.draw(&Text::new(text, (left, y.start + GAP - origin.1.start), theme::font(theme::TEXT)))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What the legend says about the ends of the spectrum.
pub(super) const ENDS: [(Symbol, RGBColor, &str); 2] =
    [(Symbol::Line, theme::LIMIT, "largest"), (Symbol::Line, RGBColor(204, 121, 167), "smallest nonzero")];

/// A rectangle in drawing units.
#[derive(Clone, Copy)]
struct Box2 {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl Box2 {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether a segment passes through, tried at points along it.
    fn crossed(&self, from: (i32, i32), to: (i32, i32)) -> bool {
        (0..=32).any(|k| {
            let along = |a: i32, b: i32| a + (i64::from(b - a) * k / 32) as i32;
            let (x, y) = (along(from.0, to.0), along(from.1, to.1));
            (self.left..self.right).contains(&x) && (self.top..self.bottom).contains(&y)
        })
    }
}

const LABEL: u32 = theme::TEXT * 4 / 5;

/// Between a line and its name.
const GAP: i32 = 3 * theme::UNIT as i32;

/// Writes every floor's name at its line, where it meets neither data nor another name; where there is no such place, where it meets least.
fn label(
    area: &Area<'_>,
    chart: &Chart<'_, '_>,
    floors: &[Floor],
    curves: &[Vec<(f64, f64)>],
) -> Result<(), DrawingError> {
    let pixel = |at: &(f64, f64)| chart.backend_coord(at);
    let origin = area.get_pixel_range();
    let (plot_x, plot_y) = chart.plotting_area().get_pixel_range();
    let mut placed: Vec<Box2> = Vec::new();
    for floor in floors {
        // The font comes out a fifth smaller than its size says, and a label has little room.
        let size = LABEL * 4 / 5;
        let (width, height) = (theme::text_width(&floor.label, size), size as i32);
        let lines: Vec<Vec<(i32, i32)>> = floor.lines.iter().map(|line| line.iter().map(pixel).collect()).collect();
        // Where the line is.
        let (start, end) = lines.iter().flatten().fold((i32::MAX, i32::MIN), |(a, b), at| (a.min(at.0), b.max(at.0)));
        let start = start.max(plot_x.start + 2 * GAP);
        let last = plot_x.end - 2 * GAP - width;
        let room = (end - width).min(last) - start;
        let places = (0..=8).flat_map(|k| {
            // A line shorter than its name near the right edge: the name begins before it.
            let left = (start + room.max(0) * (8 - k) / 8).min(last);
            let heights = || lines.iter().flat_map(|line| [left, left + width].map(|x| height_at(line, x)));
            let (above, below) = (heights().min().unwrap_or(0), heights().max().unwrap_or(0));
            [(left, above - GAP - height), (left, below + GAP / 2)]
        });
        // Beside the beginning of a line that is shorter than its name.
        let before = (room < 0).then(|| start - width - GAP);
        let beside = lines.iter().flatten().filter(|at| at.0 >= start).min_by_key(|at| at.0).map_or(0, |at| at.1);
        let beside = before.into_iter().flat_map(|left| {
            (0..12).map(move |k| (left, (beside - height / 2 - k * height / 4).min(plot_y.end - height)))
        });
        let places = places.chain(beside);
        let cost = |place: &Box2| {
            let outside = place.top < plot_y.start || place.bottom > plot_y.end;
            let names = placed.iter().filter(|other| other.meets(place)).count();
            let data: usize = curves
                .iter()
                .map(|curve| curve.windows(2).filter(|w| place.crossed(pixel(&w[0]), pixel(&w[1]))).count().min(3))
                .sum();
            let crosses = |line: &Vec<(f64, f64)>| line.windows(2).any(|w| place.crossed(pixel(&w[0]), pixel(&w[1])));
            let crossed = floors.iter().flat_map(|other| &other.lines).filter(|line| crosses(line));
            100 * usize::from(outside) + 10 * names + 3 * data + crossed.count()
        };
        let boxes = places.map(|(left, top)| Box2 { left, right: left + width, top, bottom: top + height });
        let Some(best) = boxes.min_by_key(cost) else { continue };
        // Where even the best place is on another name, one name less is more.
        if placed.iter().any(|other| other.meets(&best)) {
            continue;
        }
        let at = (best.left - origin.0.start, best.top - origin.1.start);
        area.draw(&Text::new(floor.label.clone(), at, theme::font(LABEL)))?;
        placed.push(best);
    }
    Ok(())
}

/// Height of a line of increasing x at some x.
fn height_at(line: &[(i32, i32)], x: i32) -> i32 {
    let k = line.partition_point(|point| point.0 < x).clamp(1, line.len().max(2) - 1);
    match (line.get(k - 1), line.get(k)) {
        (Some(a), Some(b)) if b.0 > a.0 => {
            a.1 + (i64::from(b.1 - a.1) * i64::from(x.clamp(a.0, b.0) - a.0) / i64::from(b.0 - a.0)) as i32
        }
        (Some(a), _) => a.1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_has_a_colour_of_its_own_and_the_last_is_the_darkest() {
        for count in 1..=40 {
            let colours = colours(count);
            assert_eq!(colours.len(), count);
            assert_eq!(colours.last(), theme::DEPTHS.last());
            let mut distinct: Vec<_> = colours.iter().map(|c| (c.0, c.1, c.2)).collect();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), count);
        }
        assert_eq!(colours(4), theme::DEPTHS);
    }

    #[test]
    fn lines_are_cut_at_the_edges() {
        let line = [(1.0, 5.0), (2.0, 3.0), (3.0, 1.0), (4.0, -1.0), (5.0, 1.0), (6.0, 1.0)];
        let got = within(&line, [0.0, 4.0]);
        let expected = [vec![(1.5, 4.0), (2.0, 3.0), (3.0, 1.0), (3.5, 0.0)], vec![(4.5, 0.0), (5.0, 1.0), (6.0, 1.0)]];
        assert_eq!(got, expected);
        assert!(within(&line, [7.0, 9.0]).is_empty() && within(&line[..1], [0.0, 9.0]).is_empty());
    }
}
