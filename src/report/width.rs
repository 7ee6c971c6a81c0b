//! The difference between measurement and prediction against 1/width.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words::significant;
use crate::claims::{LayerVerdict, ProfileVerdict, Verdict};
use crate::stats::Estimate;
use crate::study::{Judgement, Study};

pub(super) fn applies(study: &Study) -> bool {
    matches!(study.gradient_verdict, Judgement::Judged(_))
}

fn profile(study: &Study) -> Option<&ProfileVerdict> {
    match &study.gradient_verdict {
        Judgement::Judged(profile) => Some(profile),
        Judgement::Withheld(_) => None,
    }
}

pub(super) fn title(study: &Study) -> String {
    match profile(study).map(|profile| profile.verdict) {
        Some(Verdict::Confirmed) => {
            "Extrapolated to infinite width, the measured gradients meet the prediction".to_owned()
        }
        Some(Verdict::Refuted) => {
            "Extrapolated to infinite width, the measured gradients miss the prediction".to_owned()
        }
        _ => "Whether the measured gradients meet the prediction at infinite width is open".to_owned(),
    }
}

pub(super) fn caption(study: &Study) -> String {
    let Some(profile) = profile(study) else { return String::new() };
    format!(
        "Measured minus predicted log10 of the root-mean-square weight gradient, against the reciprocal width (1 = this \
         network). Points with three standard errors; lines: least squares, linear in 1/width, over all widths. The verdict is \
         about the left end, infinite width: the {:.0} % interval there must lie inside the green band of \u{b1}{} ({}).",
        100.0 * profile.level,
        significant(profile.stated_error),
        profile.resolution
    )
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let Some(profile) = profile(study) else { return Ok(String::new()) };
    let count = profile.layers.len();
    let mut chosen: Vec<&LayerVerdict> = [0, count / 2, count - 1].map(|k| &profile.layers[k]).to_vec();
    chosen.dedup_by_key(|layer| layer.layer);
    let colour = |layer: &LayerVerdict| theme::layer_colour(layer.layer, study.depth());
    let labels: Vec<String> = chosen.iter().map(|layer| format!("layer {}", layer.layer)).collect();
    let mut entries: Vec<(Symbol, RGBColor, &str)> =
        labels.iter().zip(&chosen).map(|(label, layer)| (Symbol::Point, colour(layer), label.as_str())).collect();
    entries.push((Symbol::Line, theme::PREDICTION, "prediction"));
    entries.push((Symbol::Band, theme::LIMIT, "allowed error in the limit"));

    let furthest = profile.widths.iter().map(|width| 1.0 / width.factor).fold(1.0, f64::max);
    let reach = |estimate: &Estimate| {
        [estimate.value - 3.0 * estimate.standard_error, estimate.value + 3.0 * estimate.standard_error]
    };
    let values = chosen
        .iter()
        .flat_map(|layer| layer.differences.iter().chain([&layer.limit]).flat_map(reach))
        .chain([-profile.stated_error, profile.stated_error]);
    let (low, high) = theme::padded_span(values, 0.08, 1e-6).unwrap_or((-1.0, 1.0));
    let legend = Legend::new(entries);
    let mut ticks: Vec<(f64, String)> =
        profile.widths.iter().map(|width| (1.0 / width.factor, width_label(study, width.factor))).collect();
    ticks.push((0.0, "\u{221e}".to_owned()));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 400, &title(study), |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let x_axis = Axis::with_ticks(-0.07 * furthest, 1.07 * furthest, ticks);
        let mut chart = theme::chart(&plot, x_axis.clone(), Axis::linear(low, high), true)?;
        let allowed = [(x_axis.low(), -profile.stated_error), (x_axis.high(), profile.stated_error)];
        chart.draw_series([Rectangle::new(allowed, theme::LIMIT.mix(0.15).filled())])?;
        let description = "width of the network, on the scale of 1/width";
        theme::mesh(&mut chart, Some(description), "log10 measured \u{2212} log10 predicted")?;
        let zero = vec![(x_axis.low(), 0.0), (x_axis.high(), 0.0)];
        chart.draw_series([PathElement::new(zero, theme::PREDICTION.stroke_width(theme::MEDIUM))])?;
        for (series, layer) in chosen.iter().enumerate() {
            let colour = colour(layer);
            // Side by side, so that bars of different layers do not hide each other.
            let aside = 0.012 * furthest * (series as f64 - 1.0);
            let at = |x: f64| layer.limit.value + layer.gap.value * x;
            let fit = vec![(0.0 + aside, at(0.0)), (furthest + aside, at(furthest))];
            chart.draw_series([PathElement::new(fit, colour.stroke_width(theme::MEDIUM))])?;
            let points = profile
                .widths
                .iter()
                .map(|width| 1.0 / width.factor)
                .zip(&layer.differences)
                .chain([(0.0, &layer.limit)]);
            for (x, estimate) in points {
                let [from, to] = reach(estimate);
                chart.draw_series([PathElement::new(
                    vec![(x + aside, from), (x + aside, to)],
                    colour.stroke_width(theme::MEDIUM),
                )])?;
                let style = if x == 0.0 { colour.stroke_width(theme::MEDIUM) } else { colour.filled() };
                chart.draw_series([Circle::new((x + aside, estimate.value), theme::POINT, style)])?;
            }
        }
        Ok(())
    })
}

/// The width in units where all layers have the same, else relative to the network's own.
fn width_label(study: &Study, factor: f64) -> String {
    let own = study.layers[0].fan_out;
    if study.layers.iter().all(|layer| layer.fan_out == own) {
        format!("{}", (own as f64 * factor).round())
    } else if factor == 1.0 {
        "own width".to_owned()
    } else if factor > 1.0 {
        format!("{factor:.0}\u{d7}")
    } else {
        format!("1/{:.0}", 1.0 / factor)
    }
}
