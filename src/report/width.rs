//! The difference between measurement and prediction against 1/width.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Symbol};
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
            "As the network widens, the measured gradients converge to the prediction".to_owned()
        }
        Some(Verdict::Refuted) => {
            "As the network widens, the measured gradients do not converge to the prediction".to_owned()
        }
        _ => "Too few networks to tell whether the measured gradients converge to the prediction".to_owned(),
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
    let labels: Vec<String> = chosen.iter().map(|layer| format!("layer {}", layer.layer)).collect();
    let mut entries: Vec<(Symbol, RGBColor, &str)> =
        labels.iter().zip(theme::LAYERS).map(|(label, colour)| (Symbol::Point, colour, label.as_str())).collect();
    entries.push((Symbol::Band, theme::LIMIT, "allowed error in the limit"));

    let furthest = profile.widths.iter().map(|(factor, _)| 1.0 / factor).fold(1.0, f64::max);
    let reach = |estimate: &Estimate| {
        [estimate.value - 3.0 * estimate.standard_error, estimate.value + 3.0 * estimate.standard_error]
    };
    let values = chosen
        .iter()
        .flat_map(|layer| layer.differences.iter().chain([&layer.limit]).flat_map(reach))
        .chain([-profile.stated_error, profile.stated_error]);
    let (low, high) = theme::padded_span(values, 0.08, 1e-6).unwrap_or((-1.0, 1.0));
    let strip = 26 * theme::legend_rows(&entries) + 6;
    let mut ticks: Vec<(f64, String)> = profile
        .widths
        .iter()
        .map(|(factor, _)| (1.0 / factor, if *factor == 1.0 { "this width".to_owned() } else { width_label(*factor) }))
        .collect();
    ticks.push((0.0, "\u{221e}".to_owned()));
    theme::svg(420 + strip, |area| {
        let (top, plot) = area.split_vertically(strip);
        theme::legend(&top, &entries)?;
        let mut chart = ChartBuilder::on(&plot)
            .margin_right(40)
            .margin_top(6)
            .x_label_area_size(56)
            .y_label_area_size(96)
            .build_cartesian_2d(Axis::with_ticks(-0.07 * furthest, 1.07 * furthest, ticks), Axis::linear(low, high))?;
        let x_axis = chart.as_coord_spec().x_spec().clone();
        let allowed = [(x_axis.low(), -profile.stated_error), (x_axis.high(), profile.stated_error)];
        chart.draw_series([Rectangle::new(allowed, theme::LIMIT.mix(0.15).filled())])?;
        chart
            .configure_mesh()
            .light_line_style(WHITE.mix(0.0))
            .bold_line_style(BLACK.mix(0.12))
            .x_desc("width of the network, on the scale of 1/width")
            .y_desc("log10 measured \u{2212} log10 predicted")
            .label_style(theme::font(theme::TEXT))
            .axis_desc_style(theme::font(theme::TEXT + 1))
            .draw()?;
        let zero = vec![(x_axis.low(), 0.0), (x_axis.high(), 0.0)];
        chart.draw_series([PathElement::new(zero, theme::PREDICTION.stroke_width(2))])?;
        for (series, (layer, colour)) in chosen.iter().zip(theme::LAYERS).enumerate() {
            // Side by side, so that bars of different layers do not hide each other.
            let aside = 0.012 * furthest * (series as f64 - 1.0);
            let at = |x: f64| layer.limit.value + layer.gap.value * x;
            let fit = vec![(0.0 + aside, at(0.0)), (furthest + aside, at(furthest))];
            chart.draw_series([PathElement::new(fit, colour.stroke_width(2))])?;
            let points = profile
                .widths
                .iter()
                .map(|(factor, _)| 1.0 / factor)
                .zip(&layer.differences)
                .chain([(0.0, &layer.limit)]);
            for (x, estimate) in points {
                let [from, to] = reach(estimate);
                chart.draw_series([PathElement::new(
                    vec![(x + aside, from), (x + aside, to)],
                    colour.stroke_width(2),
                )])?;
                let style = if x == 0.0 { colour.stroke_width(2) } else { colour.filled() };
                chart.draw_series([Circle::new((x + aside, estimate.value), 6, style)])?;
            }
        }
        Ok(())
    })
}

fn width_label(factor: f64) -> String {
    if factor > 1.0 { format!("{factor:.0}\u{d7}") } else { format!("1/{:.0}", 1.0 / factor) }
}
