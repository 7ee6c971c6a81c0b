//! The page around the figures.

use std::fmt::Write as _;

use super::words::{self, significant};
use super::{Figure, Section, atlas, sections, spectra};
use crate::claims::{LayerVerdict, ProfileVerdict, Verdict};
use crate::measure::Measurement;
use crate::predict::Statistic;
use crate::spec::Quantity;
use crate::stats::Estimate;
use crate::study::{Judgement, Study};

const STYLE: &str = include_str!("style.css");

/// The order of the page.
const SECTIONS: [(Section, &str); 7] = [
    (Section::Profile, "What happens"),
    (Section::Action, "What to change"),
    (Section::Causes, "Why"),
    (Section::Variants, "The lesson, sentence by sentence, and its variants"),
    (Section::Spectra, "Singular values and eigenvalues"),
    (Section::Eigenvalues, "Do eigenvalues decide?"),
    (Section::Agreement, "Theory and experiment"),
];

/// The page as one self-contained HTML text: figures inline, no script, no network.
pub fn page(study: &Study, figures: &[(&Figure, String)]) -> String {
    let mut html = head(&format!("{}: gradients predicted and measured", study.name));
    header(&mut html, study);
    let mut number = 0;
    for (section, heading) in SECTIONS {
        let intro = match section {
            Section::Action => sections::action(study),
            Section::Causes => sections::causes(study),
            Section::Variants => sections::variants(study),
            Section::Spectra => {
                spectra::sentence(study).map(|text| format!("<p>{}</p>\n", escape(&text))).unwrap_or_default()
            }
            Section::Eigenvalues => study.eigenvalues.as_ref().map(atlas::myth::section).unwrap_or_default(),
            Section::Agreement => sections::agreement(study),
            Section::Profile => String::new(),
        };
        let own: Vec<&(&Figure, String)> = figures.iter().filter(|(figure, _)| figure.section == section).collect();
        if own.is_empty() && intro.is_empty() {
            continue;
        }
        let _ = write!(html, "<section>\n<h2>{heading}</h2>\n{intro}");
        for (figure, svg) in own {
            number += 1;
            html.push_str(&self::figure(&FigureOnPage {
                number,
                name: figure.name,
                svg,
                title: &(figure.title)(study),
                caption: &(figure.caption)(study),
            }));
        }
        html.push_str("</section>\n");
    }
    layer_table(&mut html, study);
    network_table(&mut html, study);
    withheld(&mut html, study);
    understanding(&mut html, study);
    html.push_str(FOOT);
    html
}

/// The beginning of a page, self-contained: no script, no network.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(title)
    )
}

/// The end of a page.
pub(super) const FOOT: &str = "</main>\n</body>\n</html>\n";

/// A figure and what stands with it.
pub(super) struct FigureOnPage<'a> {
    pub number: usize,
    pub name: &'a str,
    pub svg: &'a str,
    pub title: &'a str,
    pub caption: &'a str,
}

/// The figure with its caption and a link to its file.
pub(super) fn figure(figure: &FigureOnPage<'_>) -> String {
    let FigureOnPage { number, name, svg, title, caption } = figure;
    format!(
        "<figure id=\"{name}\">\n{}\n<figcaption><b>Figure {number}.</b> {} \
         (<a href=\"{name}.svg\">{name}.svg</a>)</figcaption>\n</figure>\n",
        inline(svg, title),
        escape(caption)
    )
}

fn header(html: &mut String, study: &Study) {
    let _ = write!(
        html,
        "<h1>{}</h1>\n<p class=\"finding\">{}.</p>\n",
        escape(&study.name),
        escape(&words::finding(study))
    );
    html.push_str("<dl class=\"summary\">\n");
    let mut item = |term: &str, text: &str| {
        let _ = writeln!(html, "<div><dt>{}</dt><dd>{}</dd></div>", escape(term), text);
    };
    if study.depth() > 1 {
        let steps = (study.depth() - 1) as f64;
        let ratio = |log10: Option<f64>| log10.map_or_else(|| "\u{2013}".to_owned(), words::ratio);
        let signal = study.signal();
        let mut shown = vec![signal, Quantity::GradientNorms];
        shown.dedup();
        shown.retain(|&quantity| study.measurements.of(quantity).next().is_some());
        for &quantity in &shown {
            let name = words::symbol(quantity);
            item(
                &format!("{name}, layer 1 / layer {}: predicted", study.depth()),
                &ratio(study.predicted_log10_ratio(quantity)),
            );
            item(&format!("{name}: measured (rms)"), &ratio(study.measured_log10_ratio(quantity)));
            item(&format!("{name}: typical network"), &ratio(study.typical_log10_ratio(quantity)));
        }
        if shown.contains(&signal) {
            let factor = study.measured_log10_ratio(signal).map(|log10| significant(10f64.powf(log10 / steps)));
            let factor = factor.unwrap_or_else(|| "\u{2013}".to_owned());
            item(&format!("{}: factor per layer", words::symbol(signal)), &factor);
        }
    }
    match &study.gradient_verdict {
        Judgement::Judged(profile) => {
            item("Theory and experiment", &format!("<span class=\"{0}\">{0}</span>", profile.verdict));
        }
        Judgement::Withheld(_) => item("Theory and experiment", "<span class=\"inconclusive\">no verdict</span>"),
    }
    html.push_str("</dl>\n");
    if let Some(advice) = sections::advice(study) {
        let _ = writeln!(html, "<p class=\"advice\">{advice}</p>");
    }
}

pub(super) fn verdict_sentence(profile: &ProfileVerdict) -> String {
    let what = match profile.verdict {
        Verdict::Confirmed => "The prediction is confirmed",
        Verdict::Refuted => "The prediction is refuted",
        Verdict::Inconclusive => "The verdict is open",
    };
    let mut text = format!("{what}: ");
    if let Some(worst) = profile.worst() {
        let _ = write!(
            text,
            "extrapolated to infinite width, the measured gradients differ from it most in layer {}, by {} in log10 (interval {} to {}), where \u{b1}{:.4} is allowed ({}). ",
            worst.layer,
            minus(worst.limit.value),
            minus(worst.interval.low),
            minus(worst.interval.high),
            profile.stated_error,
            profile.resolution
        );
        let own = |layer: &&LayerVerdict| layer.differences.first().map_or(0.0, |difference| difference.value.abs());
        let gap = profile.layers.iter().max_by(|a, b| own(a).total_cmp(&own(b)));
        if let Some((gap, difference)) = gap.and_then(|gap| Some((gap, gap.differences.first()?))) {
            let _ = write!(
                text,
                "At this network\u{2019}s own width measurement and prediction differ most in layer {}: by {}. ",
                gap.layer,
                percentage(*difference)
            );
        }
        if let Some(reason) = &profile.open {
            let _ = write!(text, "It is open because {reason}. ");
        }
    }
    for control in &profile.controls {
        let _ = write!(text, "The mistake \u{201c}{}\u{201d} is {}. ", control.mistake, control.verdict);
    }
    text
}

/// Four decimals with a sign.
fn minus(value: f64) -> String {
    format!("{value:+.4}").replace('-', "\u{2212}")
}

/// A difference of decimal logarithms as a percentage with its standard error.
fn percentage(difference: Estimate) -> String {
    let percent = 100.0 * (10f64.powf(difference.value) - 1.0);
    let error = 100.0 * std::f64::consts::LN_10 * difference.standard_error * 10f64.powf(difference.value);
    let sign = if percent < 0.0 { "\u{2212}" } else { "+" };
    format!("{sign}{:.1} \u{b1} {:.1} %", percent.abs(), error)
}

fn layer_table(html: &mut String, study: &Study) {
    // A specification may ask for the spectrum of the product alone.
    if study.measurements.measurements.is_empty() {
        return;
    }
    html.push_str(
        "<section>\n<h2>Layer by layer</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>layer</th>\
         <th>predicted rms |dL/dW|</th><th>measured rms (\u{b1} s.e.)</th><th>typical |dL/dW| (\u{d7}/\u{f7} spread)</th>\
         <th>measured against predicted (\u{b1} s.e.)</th><th>verdict in the limit</th><th>rms |dL/dh|: predicted, measured</th><th>rms h: predicted, measured</th>\
         <th>batch correlation: predicted, measured</th><th>saturated</th><th>inactive</th></tr></thead>\n<tbody>\n",
    );
    for layer in shown_rows(study.depth()) {
        html.push_str("<tr>");
        for cell in row(study, layer) {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    if study.depth() > MAX_ROWS {
        html.push_str("<p class=\"note\">One layer in several is shown here; data.json has them all.</p>\n");
    }
    html.push_str("</section>\n");
}

const MAX_ROWS: usize = 100;

/// All layers of a network of usual depth, a regular selection with both ends of a deeper one.
fn shown_rows(depth: usize) -> Vec<usize> {
    if depth <= MAX_ROWS {
        return (1..=depth).collect();
    }
    let mut rows: Vec<usize> = (0..MAX_ROWS).map(|k| 1 + k * (depth - 1) / (MAX_ROWS - 1)).collect();
    rows.dedup();
    rows
}

fn row(study: &Study, layer: usize) -> [String; 11] {
    let signal = Quantity::PreActivationGradientNorms;
    let none = || "\u{2013}".to_owned();
    let measured = |quantity| study.measurements.get(quantity, layer);
    let value = |measurement: Option<&Measurement>| {
        measurement.and_then(|m| m.value).map_or_else(none, |value| number(Some(value), None))
    };
    let predicted =
        |quantity| study.predictions.get(quantity, layer).map_or_else(none, |p| number(p.value, p.log10_rms));
    let gradient = measured(Quantity::GradientNorms);
    let verdict = match &study.gradient_verdict {
        Judgement::Judged(profile) => profile.layers.iter().find(|l| l.layer == layer),
        Judgement::Withheld(_) => None,
    };
    let correlation = measured(Quantity::BatchCorrelations).and_then(|m| Some((m.value?, m.standard_error?)));
    let correlation = correlation
        .map_or_else(none, |(value, error)| format!("{value:.4} \u{b1} {error:.4}").replace('-', "\u{2212}"));
    let share = |quantity| {
        measured(quantity).and_then(|m| m.value).map_or_else(none, |share| format!("{:.1} %", 100.0 * share))
    };
    [
        layer.to_string(),
        predicted(Quantity::GradientNorms),
        gradient.map_or_else(none, |m| {
            let relative = m
                .standard_error
                .map_or_else(String::new, |error| format!(" \u{b1} {:.1} %", error * std::f64::consts::LN_10 * 100.0));
            let lost = if m.zeros + m.non_finite > 0 {
                format!(" ({} zero, {} not finite)", m.zeros, m.non_finite)
            } else {
                String::new()
            };
            format!("{}{relative}{lost}", number(m.value, m.log10_rms))
        }),
        gradient.and_then(|m| Some((m.log10_mean?, m.log10_standard_deviation?))).map_or_else(
            none,
            |(mean, spread)| {
                format!(
                    "{} \u{d7}/\u{f7} {}",
                    number(Some(10f64.powf(mean)).filter(|v| *v > 0.0 && v.is_finite()), Some(mean)),
                    significant(10f64.powf(spread))
                )
            },
        ),
        verdict.and_then(|l| l.differences.first()).map_or_else(none, |difference| percentage(*difference)),
        verdict.map_or_else(none, |l| format!("<span class=\"{0}\">{0}</span>", l.verdict)),
        format!("{}, {}", predicted(signal), value(measured(signal))),
        format!("{}, {}", predicted(Quantity::PreActivations), value(measured(Quantity::PreActivations))),
        format!("{}, {}", predicted(Quantity::BatchCorrelations), correlation),
        share(Quantity::SaturatedFraction),
        share(Quantity::InactiveFraction),
    ]
}

/// Four significant digits; a power of ten where the value is far from one or only its logarithm fits.
fn number(value: Option<f64>, log10: Option<f64>) -> String {
    match (value, log10) {
        (Some(value), _) if value == 0.0 || (1e-3..1e5).contains(&value.abs()) => {
            let decimals = (3.0 - value.abs().max(1e-12).log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{value:.decimals$}").replace('-', "\u{2212}")
        }
        (Some(value), _) => power_form(value.abs().log10(), value < 0.0),
        (None, Some(log10)) => power_form(log10, false),
        (None, None) => "\u{2013}".to_owned(),
    }
}

fn power_form(log10: f64, negative: bool) -> String {
    let exponent = log10.floor();
    let sign = if negative { "\u{2212}" } else { "" };
    format!(
        "{sign}{:.3}\u{b7}10<sup>{}</sup>",
        10f64.powf(log10 - exponent),
        format!("{exponent}").replace('-', "\u{2212}")
    )
}

fn network_table(html: &mut String, study: &Study) {
    let _ = write!(
        html,
        "<section>\n<h2>The network</h2>\n<p>{} layers, run in {}; loss: {}; inputs: {}; {} trials, seed {}.</p>\n\
         <div class=\"scroll\"><table>\n<thead><tr><th>layers</th><th>shape (in \u{2192} out)</th><th>activation</th>\
         <th>weights</th><th>sigma_w</th><th>biases</th><th>sigma_b</th></tr></thead>\n<tbody>\n",
        study.depth(),
        study.precision.words(),
        study.loss.name(),
        escape(&study.data),
        study.trials,
        study.seed
    );
    let mut start = 0;
    while start < study.layers.len() {
        let first = &study.layers[start];
        let same = |other: &crate::spec::LayerDescription| {
            crate::spec::LayerDescription { layer: first.layer, ..other.clone() } == *first
        };
        let count = study.layers[start..].iter().take_while(|other| same(other)).count();
        let last = start + count;
        let layers = if count == 1 { first.layer.to_string() } else { format!("{} to {last}", first.layer) };
        let _ = writeln!(
            html,
            "<tr><td>{layers}</td><td>{} \u{2192} {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            first.fan_in,
            first.fan_out,
            escape(&first.activation),
            escape(&first.weight_ensemble),
            number(Some(first.sigma_w), None),
            first.bias_ensemble.as_deref().map_or_else(|| "none".to_owned(), escape),
            number(Some(first.sigma_b), None)
        );
        start = last;
    }
    html.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn withheld(html: &mut String, study: &Study) {
    if study.predictions.not_predicted.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>What is not predicted</h2>\n<ul>\n");
    for item in &study.predictions.not_predicted {
        let layers = words::layers(&item.layers);
        let what = if item.statistic == Statistic::TypicalValue { " (typical value and spread)" } else { "" };
        let _ = writeln!(html, "<li>{}{what}, {layers}: {}.</li>", item.quantity.name(), escape(&item.reason));
    }
    html.push_str("</ul>\n</section>\n");
}

fn understanding(html: &mut String, study: &Study) {
    let _ = write!(html, include_str!("understanding.html"), trials = study.trials);
    if let Some(prediction) = study.predictions.of(Quantity::GradientNorms).next() {
        html.push_str("<h3>Hypotheses of the gradient prediction</h3>\n<ul>\n");
        for hypothesis in &prediction.hypotheses {
            let _ = writeln!(html, "<li>{}.</li>", escape(hypothesis));
        }
        let _ = write!(html, "</ul>\n<p class=\"note\">Source: {}.</p>\n", escape(&prediction.source));
    }
    let _ = write!(
        html,
        "<p class=\"note\">Made by gradspectra {} with {}. The figures are also files beside this page; \
         <code>gradspectra report data.json</code> renders it again without recomputing.</p>\n</section>\n",
        escape(&study.version),
        escape(&study.blas_core)
    );
}

/// The SVG as part of the page: scales with it, and says what it is to a reader who cannot see it.
fn inline(svg: &str, title: &str) -> String {
    let body = svg.find("<svg").map_or(svg, |start| &svg[start..]);
    // The namespace is needed in a file of its own only.
    body.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1).replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(title)),
        1,
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
