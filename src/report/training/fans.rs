//! Weight gradients by layer at several steps, with what theory says of them.

use plotters::prelude::*;

use super::super::by_depth::colours;
use super::super::theme::{self, Axis, DrawingError, Legend, Symbol, UNIT};
use super::series::{Predicted, Training, Value};
use super::steps::{Edges, StepAxis, lost, lost_in_words, runs};
use super::words;
use crate::watch::Basis;

/// Curves in one figure: as many as can be followed.
const MOST_CURVES: usize = 5;
/// Points along a curve: more would cover one another.
const MOST_POINTS: usize = 120;

/// The steps that are drawn: the first, the last and some between, evenly along the axis; where there are predictions, if there are enough.
fn steps(training: &Training<'_>) -> Vec<u64> {
    let all = training.gradient_steps();
    let predicted: Vec<u64> = all.iter().copied().filter(|step| is_predicted(training, *step)).collect();
    let candidates = if predicted.len() >= 3 { predicted } else { all.clone() };
    let axis = StepAxis::new(&all);
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
    let (from, to) = (axis.at(*first), axis.at(*last));
    let nearest = |k: usize| {
        let at = from + (to - from) * k as f64 / (MOST_CURVES - 1) as f64;
        candidates.iter().copied().min_by(|a, b| (axis.at(*a) - at).abs().total_cmp(&(axis.at(*b) - at).abs()))
    };
    let mut steps: Vec<u64> = (1..MOST_CURVES - 1).filter_map(nearest).chain([*first, *last]).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

fn is_predicted(training: &Training<'_>, step: u64) -> bool {
    training.numbers.iter().any(|layer| shown(training, step, *layer).is_some())
}

/// The prediction from the specification where there is one (the first step), else from the layers' scales at the step.
fn shown(training: &Training<'_>, step: u64, layer: usize) -> Option<Predicted> {
    let from = |basis| training.prediction(step, layer, basis);
    from(Basis::Specification).or_else(|| from(Basis::LayerStatistics))
}

pub(super) fn title(training: &Training<'_>) -> String {
    words::comparison(training)
}

pub(super) fn caption(training: &Training<'_>) -> String {
    let steps = steps(training);
    let predicted = steps.iter().any(|step| is_predicted(training, *step));
    let banded = training.log.predictions.iter().any(|p| p.log10_standard_deviation.is_some());
    let band = if banded { ", with its standard deviation over networks as a band" } else { "" };
    let theory = if predicted {
        format!(
            " Lines are predictions of mean-field theory, root mean squares over networks: solid from the specification alone{band}; \
             dashed from the scales that weights and biases have at the step, as if they were drawn anew with them. \
             Where training has made weights that depend on each other, points leave the dashed line: that difference is what was learnt."
        )
    } else {
        " The log holds no predictions for these steps; lines join the points.".to_owned()
    };
    let values = steps.iter().flat_map(|s| training.numbers.iter().map(|l| training.weight_gradient(*s, *l)));
    format!(
        "Norm of dL/dW by layer at {} recorded steps, light to dark. A straight slope is a constant factor per layer.{theory}{}",
        steps.len(),
        lost_in_words(values.filter(|value| *value != Value::Missing))
    )
}

/// One step as it is drawn.
struct Fan {
    label: String,
    points: Vec<(f64, Value)>,
    line: Vec<(f64, Value)>,
    band: Vec<(f64, f64, f64)>,
    from_specification: bool,
}

fn fan(training: &Training<'_>, step: u64) -> Fan {
    let n = &training.numbers;
    let count = n.len().min(MOST_POINTS);
    let layers = (0..count).map(|k| if count < 2 { n[0] } else { n[k * (n.len() - 1) / (count - 1)] });
    let layers: Vec<usize> = layers.collect();
    let at = |layer: usize| layer as f64;
    let predictions = |layer: &usize| shown(training, step, *layer);
    let band = layers.iter().filter_map(|layer| {
        let p = predictions(layer).filter(|p| p.basis == Basis::Specification)?;
        Some((at(*layer), p.log10_norm, p.spread?))
    });
    Fan {
        label: format!("step {}", words::count(step as f64)),
        points: layers.iter().map(|layer| (at(*layer), training.weight_gradient(step, *layer))).collect(),
        line: layers
            .iter()
            .map(|l| (at(*l), predictions(l).map_or(Value::Missing, |p| Value::At(p.log10_norm))))
            .collect(),
        band: band.collect(),
        from_specification: layers.iter().any(|l| predictions(l).is_some_and(|p| p.basis == Basis::Specification)),
    }
}

/// Layers with room beside the first and the last, so that their points are whole.
fn layer_axis(first: usize, last: usize) -> Axis {
    let axis = Axis::whole(first, last);
    let room = 0.01 * (last - first) as f64;
    Axis::with_ticks(axis.low() - room, axis.high() + room, axis.ticks().to_vec())
}

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let fans: Vec<Fan> = steps(training).into_iter().map(|step| fan(training, step)).collect();
    let colours = colours(fans.len());
    let predicted = |specification: bool| {
        fans.iter().any(|fan| {
            fan.from_specification == specification && fan.line.iter().any(|(_, value)| value.finite().is_some())
        })
    };
    let mut entries: Vec<_> =
        fans.iter().zip(&colours).map(|(fan, colour)| (Symbol::Point, *colour, fan.label.as_str())).collect();
    if predicted(true) {
        entries.push((Symbol::Line, theme::SHADE, "predicted from the specification"));
    }
    if fans.iter().any(|fan| !fan.band.is_empty()) {
        entries.push((Symbol::Band, theme::SHADE, "\u{b1} one standard deviation over networks"));
    }
    if predicted(false) {
        entries.push((Symbol::Dashed, theme::SHADE, "predicted from the layers\u{2019} scales at that step"));
    }
    let legend = Legend::new(entries);
    let values = fans.iter().flat_map(|fan| {
        let bands = fan.band.iter().flat_map(|(_, y, half)| [y - half, y + half]);
        fan.points.iter().chain(&fan.line).filter_map(|(_, value)| value.finite()).chain(bands)
    });
    let found = theme::padded_span(values, 0.06, 0.6);
    let span = found.unwrap_or((-1.0, 1.0));
    let edges = Edges::around(span, fans.iter().map(|fan| fan.points.as_slice()));
    let (first, last) = training.ends().unwrap_or((1, 1));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 440, &title(training), |area| {
        let (top, plot) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (low, high) = edges.span();
        // Without a finite number no height means anything.
        let y = if found.is_some() { Axis::log10(low, high) } else { Axis::with_ticks(low, high, Vec::new()) };
        let mut chart = theme::chart(&plot, layer_axis(first, last), y, true)?;
        theme::mesh(&mut chart, Some("layer"), "|dL/dW|, norm")?;
        for (fan, colour) in fans.iter().zip(&colours) {
            if fan.band.len() > 1 {
                let upper = fan.band.iter().map(|(x, y, half)| (*x, y + half));
                let lower = fan.band.iter().rev().map(|(x, y, half)| (*x, y - half));
                chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.2).filled())])?;
            }
            for run in runs(&fan.line).into_iter().filter(|run| run.len() > 1) {
                if fan.from_specification {
                    chart.draw_series([PathElement::new(run, colour.stroke_width(theme::MEDIUM))])?;
                } else {
                    theme::dashed(&mut chart, &run, *colour)?;
                }
            }
        }
        let radius = if training.numbers.len() > 40 { theme::POINT / 2 } else { theme::POINT * 3 / 4 };
        let theory = predicted(true) || predicted(false);
        for (k, (fan, colour)) in fans.iter().zip(&colours).enumerate() {
            for run in runs(&fan.points) {
                if !theory && run.len() > 1 {
                    chart.draw_series([PathElement::new(run.clone(), colour.stroke_width(theme::THIN))])?;
                }
                chart.draw_series(run.into_iter().map(|at| Circle::new(at, radius, colour.filled())))?;
            }
            lost(&mut chart, &fan.points, edges.of_curve(k), *colour)?;
        }
        Ok(())
    })
}
