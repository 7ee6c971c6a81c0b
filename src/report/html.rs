//! The page around the figures.

use std::fmt::Write as _;

use super::words::{self, significant};
use super::{Figure, Section, lesson, spectra, worst_case};
use crate::claims::{LayerVerdict, ProfileVerdict, Verdict};
use crate::measure::Measurement;
use crate::predict::Statistic;
use crate::spec::{Precision, Quantity};
use crate::stats::Estimate;
use crate::study::{Action, Critical, Judgement, ProfileSummary, Regime, SpectraOrReason, Study, Variant};

const STYLE: &str = include_str!("style.css");

/// The order of the page.
const SECTIONS: [(Section, &str); 6] = [
    (Section::Profile, "What happens"),
    (Section::Action, "What to change"),
    (Section::Causes, "Why"),
    (Section::Variants, "The lesson, sentence by sentence, and its variants"),
    (Section::Spectra, "Singular values and eigenvalues"),
    (Section::Agreement, "Theory and experiment"),
];

/// The page as one self-contained HTML text: figures inline, no script, no network.
pub fn page(study: &Study, figures: &[(&Figure, String)]) -> String {
    let mut html = String::new();
    let title = escape(&format!("{}: gradients predicted and measured", study.name));
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    header(&mut html, study);
    let mut number = 0;
    for (section, heading) in SECTIONS {
        let intro = match section {
            Section::Action => action(study),
            Section::Causes => causes(study),
            Section::Variants => variants(study),
            Section::Spectra => {
                spectra::sentence(study).map(|text| format!("<p>{}</p>\n", escape(&text))).unwrap_or_default()
            }
            Section::Agreement => agreement(study),
            Section::Profile => String::new(),
        };
        let own: Vec<&(&Figure, String)> = figures.iter().filter(|(figure, _)| figure.section == section).collect();
        if own.is_empty() && intro.is_empty() {
            continue;
        }
        let _ = write!(html, "<section>\n<h2>{heading}</h2>\n{intro}");
        for (figure, svg) in own {
            number += 1;
            let _ = write!(
                html,
                "<figure id=\"{name}\">\n{svg}\n<figcaption><b>Figure {number}.</b> {caption} \
                 (<a href=\"{name}.svg\">{name}.svg</a>)</figcaption>\n</figure>\n",
                name = figure.name,
                svg = inline(svg, &(figure.title)(study)),
                caption = escape(&(figure.caption)(study)),
            );
        }
        html.push_str("</section>\n");
    }
    layer_table(&mut html, study);
    network_table(&mut html, study);
    withheld(&mut html, study);
    understanding(&mut html, study);
    html.push_str("</main>\n</body>\n</html>\n");
    html
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
        for quantity in shown {
            let name = words::symbol(quantity);
            item(
                &format!("{name}, layer 1 / layer {}: predicted", study.depth()),
                &ratio(study.predicted_log10_ratio(quantity)),
            );
            item(&format!("{name}: measured (rms)"), &ratio(study.measured_log10_ratio(quantity)));
            item(&format!("{name}: typical network"), &ratio(study.typical_log10_ratio(quantity)));
        }
        let factor = study.measured_log10_ratio(signal).map(|log10| significant(10f64.powf(log10 / steps)));
        let factor = factor.unwrap_or_else(|| "\u{2013}".to_owned());
        item(&format!("{}: factor per layer", words::symbol(signal)), &factor);
    }
    match &study.gradient_verdict {
        Judgement::Judged(profile) => {
            item("Theory and experiment", &format!("<span class=\"{0}\">{0}</span>", profile.verdict));
        }
        Judgement::Withheld(_) => item("Theory and experiment", "<span class=\"inconclusive\">no verdict</span>"),
    }
    html.push_str("</dl>\n");
    if let Some(advice) = advice(study) {
        let _ = writeln!(html, "<p class=\"advice\">{advice}</p>");
    }
}

/// What to do, in one sentence.
fn advice(study: &Study) -> Option<String> {
    let action = &study.action;
    let critical = match &action.critical {
        Critical::SigmaW(critical) => {
            format!("sigma_w is {}, the critical one {}", significant(action.sigma_w), significant(*critical))
        }
        Critical::None(reason) => format!("sigma_w is {}; {}", significant(action.sigma_w), escape(reason)),
    };
    if study.depth() < 2 {
        return None;
    }
    let Some(candidate) = action.advised.and_then(|k| action.candidates.get(k)) else {
        let holds = action.own.is_some_and(|own| own.judged(action.typical).largest <= std::f64::consts::LOG10_2);
        let text = if holds {
            "The predicted gradient stays within a factor of two over all layers: nothing to change"
        } else if action.own.is_none() {
            "The gradient of this network is not predicted, and no change could be compared with it"
        } else {
            "None of the changes that were tried is predicted to help"
        };
        return Some(format!("<b>{text}.</b> {critical}."));
    };
    let after = action.after.as_ref().and_then(|after| {
        let typical = action.typical;
        let at = |layer: usize| {
            let m = after.measured.iter().find(|m| m.layer == layer)?;
            if typical { m.log10_mean } else { m.log10_rms }
        };
        Some(at(1)? - at(study.depth())?)
    });
    let predicted = candidate.profile.judged(action.typical).range;
    let measured = after.map_or_else(String::new, |log10| {
        let far = (log10 - predicted).abs() > std::f64::consts::LOG10_2;
        let warning = if far { " (this network is too narrow for its depth for the prediction to hold)" } else { "" };
        format!(", measured {}{warning}", words::ratio(log10))
    });
    Some(format!(
        "<b>Change: <code>{}</code>.</b> Layer 1 then {}gets {} layer {}\u{2019}s dL/dh as predicted{measured}. {critical}.",
        candidate.lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br>"),
        if action.typical { "typically " } else { "" },
        words::share(candidate.profile.judged(action.typical).range),
        study.depth(),
    ))
}

fn action(study: &Study) -> String {
    let Action { candidates, advised, formats, log10_rate, own, .. } = &study.action;
    let mut html = String::new();
    if !candidates.is_empty() {
        html.push_str(
            "<div class=\"scroll\"><table>\n<thead><tr><th>change</th><th>lines in [network]</th><th>predicted dL/dh, layer 1 / last: rms</th>\
             <th>typical</th><th>largest departure of any layer</th></tr></thead>\n<tbody>\n",
        );
        let none = || "\u{2013}".to_owned();
        let cells = |profile: Option<&ProfileSummary>| {
            [
                profile.map_or_else(none, |profile| words::ratio(profile.rms.range)),
                profile.and_then(|profile| profile.typical).map_or_else(none, |typical| words::ratio(typical.range)),
                profile.map_or_else(none, |profile| {
                    format!("a factor of {}", words::power(profile.judged(study.action.typical).largest))
                }),
            ]
            .join("</td><td>")
        };
        let _ = writeln!(html, "<tr><td>none</td><td>\u{2013}</td><td>{}</td></tr>", cells(own.as_ref()));
        for (k, candidate) in candidates.iter().enumerate() {
            let lines: Vec<String> =
                candidate.lines.iter().map(|line| format!("<code>{}</code>", escape(line))).collect();
            let mark = if *advised == Some(k) { " (advised)" } else { "" };
            let _ = writeln!(
                html,
                "<tr><td>{}{mark}</td><td>{}</td><td>{}</td></tr>",
                escape(&candidate.change),
                lines.join("<br>"),
                cells(Some(&candidate.profile))
            );
        }
        html.push_str(
            "</tbody>\n</table></div>\n<p class=\"note\">Advised is the first that keeps every layer within a factor of two of the last one, \
             fewest changes first; else the one with the smallest departure. Typical: the mean of the logarithm over networks of this width, \
             by which they are judged where it is predicted for the network itself; a change for which it is not is then not advised.</p>\n",
        );
    }
    let steady = 1.01f64.log10();
    let inside =
        formats.iter().all(|f| [f.overflow, f.subnormal, f.zero].into_iter().flatten().all(|depth| depth > 100.0));
    if log10_rate.is_some_and(|rate| rate.abs() < steady) && inside {
        html.push_str("<p>dL/dh changes by less than 1 % a layer: at that rate no number format ends within a hundred layers.</p>\n");
    } else if let Some(rate) = log10_rate.filter(|_| !formats.is_empty()) {
        let _ = write!(
            html,
            "<p>At the measured rate, a factor of {} a layer, an entry of dL/dh in the first layer leaves the number formats at these depths:</p>\n\
             <div class=\"scroll\"><table>\n<thead><tr><th>format</th><th>overflows</th><th>loses digits (subnormal)</th>\
             <th>is exactly zero</th></tr></thead>\n<tbody>\n",
            significant(10f64.powf(rate))
        );
        let depth = |depth: Option<f64>| match depth {
            Some(depth) if depth < 1e7 => format!("{depth:.0} layers"),
            Some(_) => "beyond 10 million layers".to_owned(),
            None => "never".to_owned(),
        };
        for format in formats {
            let _ = writeln!(
                html,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&format.format),
                depth(format.overflow),
                depth(format.subnormal),
                depth(format.zero)
            );
        }
        html.push_str("</tbody>\n</table></div>\n");
    }
    html
}

fn causes(study: &Study) -> String {
    if let SpectraOrReason::Withheld(reason) = &study.spectra {
        return format!("<p class=\"note\">Worst case and spectra are left out: {}.</p>\n", escape(reason));
    }
    let bounds = worst_case::bounds(study);
    let Some((_, bound, slopes)) = bounds.first().filter(|_| study.depth() > 1) else { return String::new() };
    let measured = study.measured_log10_ratio(Quantity::PreActivationGradientNorms);
    let Some(measured) = measured else { return String::new() };
    format!(
        "<p>Over the {} steps from the last layer to the first, sup |phi'| alone comes to a factor of {}, the bound with the weights to {}. \
         What happens is {}.</p>\n",
        study.depth() - 1,
        words::power(*slopes),
        words::power(*bound),
        words::power(measured)
    )
}

fn variants(study: &Study) -> String {
    if study.variants.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<table class=\"claims\">\n<thead><tr><th>the lesson says</th><th>verdict</th><th>numbers</th></tr></thead>\n<tbody>\n",
    );
    for sentence in lesson::sentences(study) {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td><b>{}</b></td><td>{}</td></tr>",
            escape(&sentence.says),
            escape(&sentence.verdict),
            escape(&sentence.numbers)
        );
    }
    html.push_str(
        "</tbody>\n</table>\n<div class=\"scroll\"><table>\n<thead><tr><th>variant</th><th>what happens</th>\
         <th>dL/dh, layer 1 / last: predicted</th><th>measured (rms \u{b1} s.e.)</th><th>typical: predicted</th><th>typical: measured (\u{d7}/\u{f7} spread)</th>\
         <th>dL/dW, layer 1 / last: predicted</th><th>measured</th><th>typical: measured</th><th>lost</th></tr></thead>\n<tbody>\n",
    );
    for variant in &study.variants {
        html.push_str("<tr>");
        for cell in variant_row(variant) {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

fn variant_row(variant: &Variant) -> [String; 10] {
    let none = || "\u{2013}".to_owned();
    let range = |quantity: Quantity| variant.ranges.iter().find(|range| range.quantity == quantity);
    let (signal, weights) = (range(Quantity::PreActivationGradientNorms), range(Quantity::GradientNorms));
    let plain = |log10: Option<f64>| log10.map_or_else(none, words::power);
    let measured = |estimate: Option<Estimate>| {
        estimate.map_or_else(none, |e| {
            format!("{} \u{b1} {:.1} %", words::power(e.value), 100.0 * std::f64::consts::LN_10 * e.standard_error)
        })
    };
    let typical = |range: Option<&crate::study::Range>| {
        let range = range.and_then(|range| range.measured.as_ref());
        range
            .and_then(|range| Some((range.log10_mean?, range.log10_standard_deviation?)))
            .map_or_else(none, |(mean, spread)| {
                format!("{} \u{d7}/\u{f7} {}", words::power(mean.value), significant(10f64.powf(spread)))
            })
    };
    let regime = match variant.regime {
        Regime::Vanishes => "vanishes",
        Regime::Holds => "holds",
        Regime::Explodes => "explodes",
        Regime::Lost => "lost",
        Regime::NotMeasured => "not measured",
    };
    [
        format!("<b>{}</b><br>{}", escape(&variant.name), escape(&variant.summary)),
        regime.to_owned(),
        plain(signal.and_then(|range| range.predicted)),
        measured(signal.and_then(|range| range.measured.as_ref()?.log10_rms_ratio)),
        plain(signal.and_then(|range| range.predicted_mean)),
        typical(signal),
        plain(weights.and_then(|range| range.predicted)),
        measured(weights.and_then(|range| range.measured.as_ref()?.log10_rms_ratio)),
        typical(weights),
        escape(&lesson::losses(variant)),
    ]
}

fn agreement(study: &Study) -> String {
    match &study.gradient_verdict {
        Judgement::Judged(profile) => format!("<p>{}</p>\n", escape(&verdict_sentence(profile))),
        Judgement::Withheld(reason) => format!("<p>No verdict: {}.</p>\n", escape(reason)),
    }
}

fn verdict_sentence(profile: &ProfileVerdict) -> String {
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
        match study.precision {
            Precision::F64 => "double precision",
            Precision::F32 => "single precision",
        },
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
