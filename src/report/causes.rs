//! Why the weight gradient changes from layer to layer: stacked causes.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::spec::Gain;
use crate::study::Study;

const COLOURS: [RGBColor; 4] =
    [RGBColor(86, 180, 233), RGBColor(230, 159, 0), RGBColor(204, 121, 167), RGBColor(0, 158, 115)];

/// Bars of one figure: deeper networks are drawn in groups of layers.
const MOST_BARS: usize = 12;

pub(super) fn applies(study: &Study) -> bool {
    !study.measurements.gains.is_empty()
}

/// Sum over steps of each part and of the total, measured.
fn totals(study: &Study) -> Option<[f64; 5]> {
    let gains = &study.measurements.gains;
    (!gains.is_empty()).then(|| {
        let mut sums = [0.0; 5];
        for gain in gains {
            for (sum, (_, part)) in sums.iter_mut().zip(gain.parts()) {
                *sum += part.value;
            }
            sums[4] += gain.total.value;
        }
        sums
    })
}

pub(super) fn title(study: &Study) -> String {
    let Some([weights, saturation, ..]) = totals(study) else {
        return "Causes of the change, layer by layer".to_owned();
    };
    let steps = study.measurements.gains.len() as f64;
    let factor = |log10: f64| words::significant(10f64.powf(log10 / steps));
    format!(
        "A layer\u{2019}s weights multiply the gradient by {}, its slopes by {}: together {}",
        factor(weights),
        factor(saturation),
        factor(weights + saturation)
    )
}

pub(super) fn caption(study: &Study) -> String {
    let mut text = String::from(
        "log10 of the factor by which the weight gradient dL/dW changes from each layer to the one below, split into its causes; they add \
         up to the total (marks). Left bar: measured; right, pale bar: predicted. Weights: what W^T does to the norm (sigma_w at infinite \
         width). Saturation: what the slopes of the activation do (the root of E phi'^2). Input: the size of the layer's input. Alignment: how \
         much the samples of the batch agree, which makes their gradients add up instead of averaging out.",
    );
    if study.measurements.gains.len() > MOST_BARS {
        text.push_str(" Steps are summed in groups.");
    }
    text
}

/// One group of steps.
struct Bar {
    label: String,
    parts: [f64; 4],
    total: f64,
}

fn bars(gains: impl Iterator<Item = Gain<f64>>, group: usize) -> Vec<Bar> {
    let gains: Vec<Gain<f64>> = gains.collect();
    gains
        .chunks(group)
        .map(|steps| {
            let mut bar = Bar { label: String::new(), parts: [0.0; 4], total: 0.0 };
            for step in steps {
                for (sum, (_, part)) in bar.parts.iter_mut().zip(step.parts()) {
                    *sum += part;
                }
                bar.total += step.total;
            }
            let (to, from) = (steps[0].layer, steps[steps.len() - 1].layer + 1);
            bar.label = format!("{from}\u{2192}{to}");
            bar
        })
        .collect()
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let gains = &study.measurements.gains;
    let group = gains.len().div_ceil(MOST_BARS);
    let measured = bars(gains.iter().map(|gain| gain.map(|part| part.value)), group);
    // Predicted steps are compared only if all are there.
    let predicted =
        if study.gains.len() == gains.len() { bars(study.gains.iter().copied(), group) } else { Vec::new() };
    let names = ["weights", "saturation", "input", "alignment"];
    let mut entries: Vec<(Symbol, RGBColor, &str)> =
        names.iter().zip(COLOURS).map(|(name, colour)| (Symbol::Box, colour, *name)).collect();
    entries.push((Symbol::Point, theme::REFERENCE, "total, measured"));
    if !predicted.is_empty() {
        entries.push((Symbol::Hollow, theme::REFERENCE, "total, predicted"));
    }
    let legend = Legend::new(entries);
    let ends = measured.iter().chain(&predicted).flat_map(|bar| {
        let sum = |sign: f64| bar.parts.iter().filter(|part| **part * sign > 0.0).sum::<f64>();
        [sum(1.0), sum(-1.0)]
    });
    let (low, high) = theme::padded_span(ends.chain([0.0]), 0.06, 0.02).unwrap_or((-1.0, 1.0));
    let ticks = measured.iter().enumerate().map(|(k, bar)| (k as f64, bar.label.clone())).collect();
    let count = measured.len() as f64;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 420, &title(study), |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let x_axis = Axis::with_ticks(-0.6, count - 0.4, ticks);
        let mut chart = theme::chart(&plot, x_axis.clone(), Axis::linear(low, high), true)?;
        theme::mesh(&mut chart, Some("step back, from layer \u{2192} to layer"), "log10 of the factor")?;
        let zero = vec![(x_axis.low(), 0.0), (x_axis.high(), 0.0)];
        chart.draw_series([PathElement::new(zero, theme::REFERENCE.stroke_width(theme::THIN))])?;
        for (set, from, to, strength) in [(&measured, -0.36, -0.02, 1.0), (&predicted, 0.02, 0.36, 0.45)] {
            for (k, bar) in set.iter().enumerate() {
                let (mut up, mut down) = (0.0, 0.0);
                for (part, colour) in bar.parts.iter().zip(COLOURS) {
                    let base = if *part >= 0.0 { &mut up } else { &mut down };
                    let corners = [(k as f64 + from, *base), (k as f64 + to, *base + part)];
                    chart.draw_series([Rectangle::new(corners, colour.mix(strength).filled())])?;
                    *base += part;
                }
                let at = (k as f64 + 0.5 * (from + to), bar.total);
                let style = if strength == 1.0 {
                    theme::REFERENCE.filled()
                } else {
                    theme::REFERENCE.stroke_width(theme::MEDIUM)
                };
                chart.draw_series([Circle::new(at, theme::POINT, style)])?;
            }
        }
        Ok(())
    })
}
