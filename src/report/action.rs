//! The gradient as it is and after the advised change.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::measure::Measurement;
use crate::predict::Prediction;
use crate::spec::Quantity;
use crate::study::{After, Study};

const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;

pub(super) fn applies(study: &Study) -> bool {
    let asked = study.measurements.of(SIGNAL).next().is_some();
    study.depth() > 1 && asked && study.action.after.is_some()
}

pub(super) fn title(study: &Study) -> String {
    let action = &study.action;
    let change =
        action.advised.and_then(|k| action.candidates.get(k)).map_or("", |candidate| candidate.change.as_str());
    let at = |layer: usize| {
        let m = action.after.as_ref()?.measured.iter().find(|m| m.layer == layer)?;
        if is_typical(study) { m.log10_mean } else { m.log10_rms }
    };
    match at(1).zip(at(study.depth())) {
        Some((first, last)) => {
            format!("With {change}, layer 1 gets {} layer {}\u{2019}s dL/dh", words::share(first - last), study.depth())
        }
        None => format!("After the change: {change}"),
    }
}

/// Whether typical values are predicted, for the network as it is and after the change.
fn is_typical(study: &Study) -> bool {
    study.action.typical
}

pub(super) fn caption(study: &Study) -> String {
    let what =
        if is_typical(study) { "typical: mean of log10 over networks" } else { "root mean square over networks" };
    format!(
        "Norm of the gradient with respect to the pre-activations, dL/dh ({what}), relative to the last layer, log scale. Lines: predicted; \
         points: measured (bars: three standard errors). Blue and orange: the network as it is; green: the same network after the advised \
         change, drawn and run anew. Look for a level line: then the gradient reaches every layer alike."
    )
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let Some(After { predicted, measured }) = &study.action.after else { return Ok(String::new()) };
    let own_predicted: Vec<&Prediction> = study.predictions.of(SIGNAL).collect();
    let own_measured: Vec<&Measurement> = study.measurements.of(SIGNAL).collect();
    let after_predicted: Vec<&Prediction> = predicted.iter().collect();
    let after_measured: Vec<&Measurement> = measured.iter().collect();
    let typical = is_typical(study);
    let series = [
        (lines(&own_predicted, typical), points(&own_measured, typical), theme::PREDICTION, theme::MEASUREMENT),
        (lines(&after_predicted, typical), points(&after_measured, typical), theme::LIMIT, theme::LIMIT),
    ];
    let legend = Legend::new(vec![
        (Symbol::Line, theme::PREDICTION, "as it is: predicted"),
        (Symbol::Point, theme::MEASUREMENT, "as it is: measured"),
        (Symbol::Line, theme::LIMIT, "after: predicted"),
        (Symbol::Point, theme::LIMIT, "after: measured"),
    ]);
    let values = series.iter().flat_map(|(line, points, _, _)| {
        line.iter().map(|p| p.1).chain(points.iter().map(|p| p.1)).collect::<Vec<f64>>()
    });
    let (low, high) = theme::padded_span(values, 0.08, 0.6).unwrap_or((-1.0, 1.0));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 380, &title(study), |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let mut chart = theme::chart(&plot, Axis::whole(1, study.depth()), Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("layer (1 = next to the input)"), "dL/dh, relative to the last layer")?;
        for (line, points, line_colour, point_colour) in series {
            chart.draw_series([PathElement::new(line, line_colour.stroke_width(theme::THICK))])?;
            let size = if study.depth() > 60 { theme::POINT / 2 } else { theme::POINT };
            for (x, y, error) in points {
                let bar = vec![(x, y - 3.0 * error), (x, y + 3.0 * error)];
                chart.draw_series([PathElement::new(bar, point_colour.stroke_width(theme::MEDIUM))])?;
                chart.draw_series([Circle::new((x, y), size, point_colour.filled())])?;
            }
        }
        Ok(())
    })
}

/// Relative to the last layer.
fn lines(predictions: &[&Prediction], typical: bool) -> Vec<(f64, f64)> {
    let of = |p: &Prediction| if typical { p.log10_mean } else { p.log10_rms };
    let last = predictions.last().and_then(|p| of(p)).unwrap_or(0.0);
    predictions.iter().filter_map(|p| Some((p.layer as f64, of(p)? - last))).collect()
}

fn points(measurements: &[&Measurement], typical: bool) -> Vec<(f64, f64, f64)> {
    let of = |m: &Measurement| if typical { m.log10_mean_estimate() } else { m.estimate() };
    let last = measurements.iter().rev().find_map(|m| of(m)).map_or(0.0, |estimate| estimate.value);
    let point = |m: &&Measurement| of(m).map(|e| (m.layer as f64, e.value - last, e.standard_error));
    measurements.iter().filter_map(point).collect()
}
