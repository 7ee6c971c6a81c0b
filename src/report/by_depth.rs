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
    /// The same from an explicit product, where it differs.
    pub plain: Vec<(f64, f64)>,
}

/// One end of the spectrum against depth: (depth, log10, half-width of its band).
pub(super) type End = Vec<(f64, f64, f64)>;

/// Colours of the curves: the last is always the darkest.
fn colours(count: usize) -> impl Iterator<Item = RGBColor> {
    theme::DEPTHS.into_iter().skip(theme::DEPTHS.len().saturating_sub(count))
}

/// What the legend says about the spectra.
pub(super) fn entries<'a>(curves: &'a [SpectrumCurve], plain: &'a str) -> Vec<(Symbol, RGBColor, &'a str)> {
    let colours = colours(curves.len());
    let mut entries: Vec<_> =
        curves.iter().zip(colours).map(|(curve, colour)| (Symbol::Point, colour, curve.label.as_str())).collect();
    if curves.iter().any(|curve| !curve.plain.is_empty()) {
        entries.push((Symbol::Dashed, theme::SHADE, plain));
    }
    entries
}

/// log10 of the singular values against their index, one curve a depth.
pub(super) fn spectrum_panel(area: &Area<'_>, curves: &[SpectrumCurve], name: &str) -> Result<(), DrawingError> {
    let size = curves.iter().map(|curve| curve.size).max().unwrap_or(1).max(2);
    let values = curves.iter().flat_map(|curve| {
        let bands = curve.points.iter().flat_map(|(_, y, half)| [y - half, y + half]);
        bands.chain(curve.plain.iter().map(|point| point.1))
    });
    let Some((low, high)) = theme::padded_span(values, 0.05, 0.6) else {
        return nothing(area, "all singular values are exactly zero");
    };
    let mut chart = theme::chart(area, Axis::whole(1, size), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("index i, from the largest"), name)?;
    let radius = if size > 120 { theme::POINT / 4 } else { theme::POINT / 2 };
    for (curve, colour) in curves.iter().zip(colours(curves.len())) {
        band(&mut chart, &curve.points, colour)?;
        theme::dashed(&mut chart, &curve.plain, colour)?;
        if let [only] = curve.plain[..] {
            chart.draw_series([Circle::new(only, theme::POINT, colour.stroke_width(theme::MEDIUM))])?;
        }
        chart.draw_series(curve.points.iter().map(|(x, y, _)| Circle::new((*x, *y), radius, colour.filled())))?;
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

/// A line below which a number format keeps nothing, or not all digits.
struct Floor {
    label: String,
    line: Vec<(f64, f64)>,
}

/// What double precision keeps beside the largest entry: half an ulp of 1.
const F64_RANGE: f64 = -53.0 * std::f64::consts::LOG10_2;

/// The floors that lie between the ends of the axis.
fn floors(largest: &End, first: f64, last: f64, low: f64, high: f64) -> Vec<Floor> {
    let mut floors = Vec::new();
    for format in FORMATS.iter().filter(|format| ["f16", "f32"].contains(&format.name)) {
        // The smallest subnormal number is twice the largest that rounds to zero.
        let subnormal = format.log10_zero + std::f64::consts::LOG10_2;
        for (what, at) in [("smallest normal", format.log10_normal), ("smallest subnormal", subnormal)] {
            if low < at && at < high {
                floors.push(Floor { label: format!("{} {what}", format.name), line: vec![(first, at), (last, at)] });
            }
        }
    }
    let relative: Vec<(f64, f64)> = largest.iter().map(|(x, y, _)| (*x, y + F64_RANGE)).collect();
    if relative.iter().any(|(_, y)| low < *y) {
        floors.push(Floor { label: "all that f64 keeps".to_owned(), line: relative });
    }
    floors
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
    let axis = Axis::whole(1, depth.max(2));
    let (first, last) = (axis.low(), axis.high());
    let mut chart = theme::chart(area, axis, Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("depth: factors in the product"), name)?;
    let floors = floors(largest, first, last, low, high);
    for floor in &floors {
        let visible: Vec<(f64, f64)> = floor.line.iter().copied().filter(|(_, y)| *y > low && *y < high).collect();
        theme::dashed(&mut chart, &visible, theme::SHADE)?;
    }
    let ends = [(largest, theme::LIMIT), (smallest, theme::MEASUREMENT)];
    for (end, colour) in ends {
        band(&mut chart, end, colour)?;
        let line: Vec<(f64, f64)> = end.iter().map(|(x, y, _)| (*x, *y)).collect();
        chart.draw_series([PathElement::new(line.clone(), colour.stroke_width(theme::MEDIUM))])?;
        let radius = if end.len() > 30 { theme::POINT / 3 } else { theme::POINT / 2 };
        chart.draw_series(line.into_iter().map(|at| Circle::new(at, radius, colour.filled())))?;
    }
    let curves: Vec<Vec<(f64, f64)>> =
        [largest, smallest].map(|end| end.iter().map(|(x, y, _)| (*x, *y)).collect()).into();
    label(area, &chart, &floors, &curves)
}

/// What the legend says about the ends of the spectrum.
pub(super) const ENDS: [(Symbol, RGBColor, &str); 2] =
    [(Symbol::Line, theme::LIMIT, "largest"), (Symbol::Line, theme::MEASUREMENT, "smallest nonzero")];

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
        let (width, height) = (theme::text_width(&floor.label, LABEL), LABEL as i32);
        let gap = theme::UNIT as i32 * 2;
        let line: Vec<(i32, i32)> = floor.line.iter().map(pixel).collect();
        let room = plot_x.end - plot_x.start - width - 4 * gap;
        let places = (0..=8).flat_map(|k| {
            let left = plot_x.start + 2 * gap + room.max(0) * (8 - k) / 8;
            let y = height_at(&line, left + width / 2);
            [(left, y - gap - height), (left, y + gap)]
        });
        let cost = |place: &Box2| {
            let outside = place.top < plot_y.start || place.bottom > plot_y.end;
            let names = placed.iter().filter(|other| other.meets(place)).count();
            let data: usize = curves
                .iter()
                .map(|curve| curve.windows(2).filter(|w| place.crossed(pixel(&w[0]), pixel(&w[1]))).count().min(3))
                .sum();
            let lines =
                floors.iter().filter(|other| other.line.windows(2).any(|w| place.crossed(pixel(&w[0]), pixel(&w[1]))));
            100 * usize::from(outside) + 10 * names + 3 * data + lines.count()
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
