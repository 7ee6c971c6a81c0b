//! Gradient norm by layer: prediction, measurement, reference.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::spec::Quantity;
use crate::study::Study;

const QUANTITY: Quantity = Quantity::GradientNorms;

/// Whether it was asked for: what is asked for is measured in every layer.
pub(super) fn applies(study: &Study) -> bool {
    study.measurements.of(QUANTITY).next().is_some()
}

pub(super) fn title(study: &Study) -> String {
    match study.measured_log10_ratio(QUANTITY) {
        Some(log10) if study.depth() > 1 => {
            format!("The weight gradient of layer 1 is {} that of layer {}", words::share(log10), study.depth())
        }
        _ => "The weight gradient, layer by layer".to_owned(),
    }
}

pub(super) fn caption(study: &Study) -> String {
    let mut text = String::from(
        "Frobenius norm of the weight gradient dL/dW of every layer, log scale. Points: root mean square over the measured \
         networks; bars: three standard errors (often smaller than the point); band: the middle 90 % of the networks.",
    );
    if study.predictions.of(QUANTITY).next().is_some() {
        text.push_str(
            " Line: mean-field prediction from the specification alone, in the limit of infinite width, with the correlations \
             between the samples of the batch.",
        );
        if !predicted_spread(study)[0].is_empty() {
            text.push_str(
                " Dashed: the middle 90 % of networks as predicted, a log-normal with the mean and the variance of the logarithm to leading \
                 order in 1/width.",
            );
        }
    }
    if study.reference.is_some() {
        text.push_str(" Rings: PyTorch\u{2019}s own draws of the same network.");
    }
    text.push_str(
        " Look at the slope from right to left: each step is what one layer makes of the gradient, together with the size of the \
         layer\u{2019}s input and the correlations in the batch.",
    );
    let lost: Vec<_> = study.measurements.of(QUANTITY).filter(|m| m.zeros + m.non_finite > 0).collect();
    if let [first, .., last] | [first @ last] = lost[..] {
        text.push_str(&format!(
            " In {} of {} layers (layer {}: {} zero and {} not finite of {}; to layer {}: {} and {}) some norms are exactly zero or \
             not finite: these are left out.",
            lost.len(),
            study.depth(),
            first.layer,
            first.zeros,
            first.non_finite,
            first.trials,
            last.layer,
            last.zeros,
            last.non_finite
        ));
    }
    text
}

/// The 5 and 95 % quantiles of a log-normal with the predicted mean and deviation, by layer; empty where they are withheld.
fn predicted_spread(study: &Study) -> [Vec<(f64, f64)>; 2] {
    let edge = |side: f64| -> Vec<(f64, f64)> {
        study
            .predictions
            .of(QUANTITY)
            .filter_map(|p| Some((p.layer as f64, p.log10_mean? + side * NINETY_PERCENT * p.log10_standard_deviation?)))
            .collect()
    };
    [edge(-1.0), edge(1.0)]
}

/// Half-width of the middle 90 % of a normal distribution, in standard deviations.
const NINETY_PERCENT: f64 = 1.644_853_626_951_472;

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let measured: Vec<_> = study.measurements.of(QUANTITY).collect();
    let predicted: Vec<(f64, f64)> =
        study.predictions.of(QUANTITY).filter_map(|p| Some((p.layer as f64, p.log10_rms?))).collect();
    let band: Vec<(f64, f64, f64)> =
        measured.iter().filter_map(|m| m.log10_quantiles.map(|q| (m.layer as f64, q[0], q[4]))).collect();
    let points: Vec<(f64, f64, f64)> =
        measured.iter().filter_map(|m| m.estimate().map(|e| (m.layer as f64, e.value, e.standard_error))).collect();
    let spread = predicted_spread(study);
    let reference: Vec<(f64, f64)> = study
        .reference
        .iter()
        .flat_map(|reference| reference.layers.iter().map(|layer| (layer.layer as f64, layer.log10_rms)))
        .collect();

    let mut entries = Vec::new();
    if !predicted.is_empty() {
        entries.push((Symbol::Line, theme::PREDICTION, "predicted rms (infinite width)"));
    }
    if !spread[0].is_empty() {
        entries.push((Symbol::Dashed, theme::PREDICTION, "predicted middle 90 %"));
    }
    let label = format!("measured rms, {} networks", study.trials);
    if !points.is_empty() {
        entries.push((Symbol::Point, theme::MEASUREMENT, label.as_str()));
        entries.push((Symbol::Band, theme::MEASUREMENT, "measured middle 90 %"));
    }
    if let Some(reference) = &study.reference {
        entries.push((Symbol::Hollow, theme::REFERENCE, reference.label.as_str()));
    }

    let values = predicted
        .iter()
        .chain(&reference)
        .chain(spread.iter().flatten())
        .map(|point| point.1)
        .chain(points.iter().map(|point| point.1))
        .chain(band.iter().flat_map(|(_, low, high)| [*low, *high]));
    let heading = title(study);
    let Some((low, high)) = theme::padded_span(values, 0.06, 0.3) else {
        return theme::svg(theme::TITLE_HEIGHT + 60, &heading, |area| {
            let message = "No layer has a finite, non-zero gradient norm: there is nothing to draw on a log scale.";
            let unit = theme::UNIT as i32;
            area.draw(&Text::new(message, (8 * unit, 10 * unit), theme::font(theme::TEXT)))?;
            Ok(())
        });
    };
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 500, &heading, |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let mut chart = theme::chart(&plot, Axis::whole(1, study.depth()), Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("layer (1 = next to the input)"), "norm of dL/dW")?;

        // A band over one layer is a bar of some width, not a line.
        let wide: Vec<(f64, f64, f64)> = match band[..] {
            [(x, low, high)] => vec![(x - 0.15, low, high), (x + 0.15, low, high)],
            _ => band.clone(),
        };
        let outline: Vec<(f64, f64)> =
            wide.iter().map(|b| (b.0, b.1)).chain(wide.iter().rev().map(|b| (b.0, b.2))).collect();
        if !outline.is_empty() {
            chart.draw_series([Polygon::new(outline, theme::MEASUREMENT.mix(0.25).filled())])?;
        }
        let line = match predicted[..] {
            [(x, y)] => vec![(x - 0.3, y), (x + 0.3, y)],
            _ => predicted.clone(),
        };
        chart.draw_series([PathElement::new(line, theme::PREDICTION.stroke_width(theme::THICK))])?;
        for edge in &spread {
            theme::dashed(&mut chart, edge, theme::PREDICTION)?;
        }
        let size = if study.depth() > 60 { theme::POINT / 2 } else { theme::POINT };
        for &(x, y, error) in &points {
            let bar = vec![(x, y - 3.0 * error), (x, y + 3.0 * error)];
            chart.draw_series([PathElement::new(bar, theme::MEASUREMENT.stroke_width(theme::MEDIUM))])?;
        }
        chart.draw_series(points.iter().map(|&(x, y, _)| Circle::new((x, y), size, theme::MEASUREMENT.filled())))?;
        let ring = |&(x, y): &(f64, f64)| {
            Circle::new((x, y), size + theme::POINT / 2, theme::REFERENCE.stroke_width(theme::MEDIUM))
        };
        chart.draw_series(reference.iter().map(ring))?;
        Ok(())
    })
}
