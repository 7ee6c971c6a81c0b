//! Measured over predicted, step by step.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::series::{Training, Value};
use super::steps::{Edges, StepAxis, course};
use super::words;
use crate::watch::Basis;

/// One layer: log10 of measured over predicted by step, from each basis.
struct Ratios {
    layer: usize,
    colour: RGBColor,
    from_scales: Vec<(u64, f64)>,
    from_specification: Vec<(u64, f64)>,
}

fn ratios(training: &Training<'_>) -> Vec<Ratios> {
    let of = |layer: usize, basis: Basis| {
        let ratio = |step: &u64| {
            let predicted = training.prediction(*step, layer, basis)?.log10_norm;
            Some((*step, training.weight_gradient(*step, layer).finite()? - predicted))
        };
        training.weight_gradients.keys().filter_map(ratio).collect()
    };
    let layer = |(layer, colour)| Ratios {
        layer,
        colour,
        from_scales: of(layer, Basis::LayerStatistics),
        from_specification: of(layer, Basis::Specification),
    };
    training.chosen().into_iter().map(layer).collect()
}

impl Ratios {
    fn all(&self) -> impl Iterator<Item = &(u64, f64)> {
        self.from_scales.iter().chain(&self.from_specification)
    }
}

pub(super) fn applies(training: &Training<'_>) -> bool {
    !training.predictions.is_empty() && ratios(training).iter().any(|layer| layer.all().next().is_some())
}

pub(super) fn title(training: &Training<'_>) -> String {
    let ratios = ratios(training);
    let all = || ratios.iter().flat_map(Ratios::all);
    let (Some(first), Some(last)) = (all().map(|r| r.0).min(), all().map(|r| r.0).max()) else {
        return "Nothing to compare".to_owned();
    };
    let factor = |step: u64| {
        let worst = all().filter(|r| r.0 == step).map(|r| r.1.abs()).fold(0.0, f64::max);
        words::power(worst)
    };
    let start = format!("Prediction and measurement agree within a factor of {} at step {first}", factor(first));
    if last > first { format!("{start}, of {} at step {last}", factor(last)) } else { start }
}

pub(super) fn caption(_: &Training<'_>) -> String {
    "Measured norm of dL/dW over the predicted one. Points: the prediction starts from the scales that weights and biases have at that step, its \
     mini-batch, and the gradient of the loss at the outputs; rings: from the specification alone, before any weight is drawn. Both assume wide \
     layers with independent weights, and are root mean squares over networks: one network scatters around 1 by its standard deviation (the band \
     of the figure above). A curve that leaves 1 for good says that the weights are no longer independent."
        .to_owned()
}

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let ratios = ratios(training);
    let labels: Vec<String> = ratios.iter().map(|r| format!("layer {}", r.layer)).collect();
    let mut entries: Vec<_> =
        ratios.iter().zip(&labels).map(|(r, label)| (Symbol::Point, r.colour, label.as_str())).collect();
    if ratios.iter().any(|r| !r.from_specification.is_empty()) {
        entries.push((Symbol::Hollow, theme::SHADE, "over the specification\u{2019}s prediction"));
    }
    entries.push((Symbol::Line, theme::PREDICTION, "as predicted"));
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 380, &title(training), |area| {
        let (top, plot) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        panel(&plot, &ratios)
    })
}

fn panel(area: &Area<'_>, ratios: &[Ratios]) -> Result<(), DrawingError> {
    let mut steps: Vec<u64> = ratios.iter().flat_map(Ratios::all).map(|r| r.0).collect();
    steps.sort_unstable();
    let axis = StepAxis::new(&steps);
    let values = ratios.iter().flat_map(Ratios::all).map(|r| r.1).chain([0.0]);
    let span = theme::padded_span(values, 0.08, 0.4).unwrap_or((-1.0, 1.0));
    let mut chart = theme::chart(area, axis.axis.clone(), Axis::log10(span.0, span.1), true)?;
    theme::mesh(&mut chart, Some(axis.description()), "measured / predicted")?;
    let one = vec![(axis.axis.low(), 0.0), (axis.axis.high(), 0.0)];
    chart.draw_series([PathElement::new(one, theme::PREDICTION.stroke_width(theme::THICK))])?;
    for r in ratios {
        let points = r.from_scales.iter().map(|(step, ratio)| (axis.at(*step), Value::At(*ratio))).collect();
        course(&mut chart, points, &axis.axis, Edges::around(span, std::iter::empty()), r.colour)?;
        let ring = |(step, ratio): &(u64, f64)| {
            let size = theme::POINT + 2 * UNIT as i32;
            Circle::new((axis.at(*step), *ratio), size, r.colour.stroke_width(theme::MEDIUM))
        };
        chart.draw_series(r.from_specification.iter().map(ring))?;
    }
    Ok(())
}
