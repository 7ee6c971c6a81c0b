//! The spectrum of a product of given matrices.

use super::FigureError;
use super::by_depth::{self, End, SpectrumCurve};
use super::theme::{self, DrawingError, Legend};
use crate::measure::{ChainSpectrum, DepthRange, DepthSpectrum};

/// The finding of a product of `factors` matrices, as the title of its figure.
fn title(spectrum: &ChainSpectrum) -> String {
    let whole = spectrum.whole();
    let (depth, size) = (whole.depth, whole.log10_singular_values.len());
    let factors = if depth == 1 { "One factor".to_owned() } else { format!("{depth} factors") };
    if whole.rank() == 0 {
        return format!("{factors}: the product is exactly zero");
    }
    let values = match (size, whole.rank()) {
        (1, _) => "a single singular value".to_owned(),
        (_, rank) if rank == size => format!("{size} singular values"),
        (_, rank) => format!("rank {rank} of {size}"),
    };
    let span = whole.decades().map_or_else(String::new, |decades| format!(" over {decades:.1} decades"));
    let unknown = match whole.undetermined() {
        0 => String::new(),
        count => format!(" ({count} not determined)"),
    };
    let plain = match whole.lost() {
        _ if whole.plain_overflows => "overflows".to_owned(),
        0 => "loses none".to_owned(),
        lost => format!("loses {lost}"),
    };
    format!("{factors}: {values}{span}{unknown}; multiplied out, f64 {plain}")
}

/// The SVG of a product: its spectrum by depth, and the ends of the spectrum against depth.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn chain_figure(spectrum: &ChainSpectrum) -> Result<String, FigureError> {
    draw(spectrum).map_err(|source| FigureError { figure: "chain", source })
}

fn draw(spectrum: &ChainSpectrum) -> Result<String, DrawingError> {
    let curves: Vec<SpectrumCurve> = spectrum.depths.iter().map(curve).collect();
    let mut entries = by_depth::entries(&curves, "multiplied out in f64");
    entries.extend(by_depth::ENDS);
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 460, &title(spectrum), |area| {
        let (top, plots) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * theme::UNIT);
        by_depth::spectrum_panel(&left, &curves, "singular value")?;
        let end = |of: fn(&DepthRange) -> Option<f64>| -> End {
            spectrum.ranges.iter().filter_map(|range| Some((range.depth as f64, of(range)?, 0.0))).collect()
        };
        let (largest, smallest) = (end(|range| range.log10_largest), end(|range| range.log10_smallest));
        by_depth::range_panel(&right, spectrum.whole().depth, &largest, &smallest, "largest and smallest")
    })
}

fn curve(depth: &DepthSpectrum) -> SpectrumCurve {
    let indexed = |values: &[Option<f64>]| -> Vec<(f64, f64)> {
        values.iter().enumerate().filter_map(|(i, value)| Some(((i + 1) as f64, (*value)?))).collect()
    };
    let (points, undetermined): (Vec<_>, Vec<_>) =
        indexed(&depth.log10_singular_values).into_iter().partition(|(x, _)| depth.determined[*x as usize - 1]);
    // Where nothing is lost the two coincide.
    let mut plain = if depth.lost() > 0 { indexed(&depth.plain_log10_singular_values) } else { Vec::new() };
    // Rounding errors far below everything true would only press the rest together.
    let floor = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min) - FAR_BELOW;
    plain.retain(|point| point.1 > floor || points.is_empty());
    SpectrumCurve {
        label: label(depth),
        size: depth.log10_singular_values.len(),
        points: points.into_iter().map(|(x, y)| (x, y, 0.0)).collect(),
        undetermined,
        plain,
        law: Vec::new(),
    }
}

fn label(depth: &DepthSpectrum) -> String {
    let factors = if depth.depth == 1 { "1 factor".to_owned() } else { format!("{} factors", depth.depth) };
    if depth.rank() == 0 { format!("{factors}: all zero") } else { factors }
}

/// Decades.
const FAR_BELOW: f64 = 20.0;
