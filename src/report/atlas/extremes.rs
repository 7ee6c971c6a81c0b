//! Largest and smallest singular values.

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words::significant;
use super::marks;
use crate::study::{Atlas, Extreme};

pub(super) fn title(_: &Atlas) -> String {
    "The largest singular value hardly varies, the smallest varies by its own size".to_owned()
}

pub(super) fn caption(atlas: &Atlas) -> String {
    let e = &atlas.extremes;
    format!(
        "Histograms over {} Gaussian matrices of {n} x {n} (seed {}). Left: the largest singular value, s_max^2 centred and scaled: the Tracy-Widom law (line, \
         beta = 1), whose width is only n^(-2/3) of the value; dashed: the law of complex matrices, which is not theirs (farthest distance of the distribution functions: {} and {}). \
         Right: n times the smallest singular value: Edelman\u{2019}s law (line), which has a density even at zero: nearly singular matrices are common; dashed: complex \
         matrices, which avoid zero ({} and {}).",
        e.trials,
        atlas.seed,
        significant(e.largest.distance),
        significant(e.largest.other_distance),
        significant(e.smallest.distance),
        significant(e.smallest.other_distance),
        n = e.width,
    )
}

pub(super) fn draw(atlas: &Atlas) -> Result<String, DrawingError> {
    let e = &atlas.extremes;
    let legend = Legend::new(vec![
        (Symbol::Band, theme::MEASUREMENT, "measured"),
        (Symbol::Line, theme::PREDICTION, "law of real matrices"),
        (Symbol::Dashed, theme::SHADE, "law of complex matrices"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 400, &title(atlas), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * UNIT);
        panel(&left, &e.largest, "s_max\u{b2}, centred and scaled")?;
        panel(&right, &e.smallest, "n s_min / \u{3c3}_w")
    })
}

fn panel(area: &Area<'_>, extreme: &Extreme, name: &str) -> Result<(), DrawingError> {
    let density = &extreme.measured;
    let values = density.values.iter().copied().chain(extreme.law.iter().chain(&extreme.other).map(|p| p.1));
    let high = 1.08 * values.fold(0.0, f64::max);
    let mut chart = theme::chart(area, Axis::linear(density.low, density.high), Axis::linear(0.0, high), true)?;
    theme::mesh(&mut chart, Some(name), "density")?;
    marks::histogram(&mut chart, density, high)?;
    theme::dashed(&mut chart, &extreme.other, theme::SHADE)?;
    marks::line(&mut chart, extreme.law.iter().copied(), theme::PREDICTION, theme::THICK)
}
