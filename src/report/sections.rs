//! What the page says around the figures of its sections: advice, changes, causes, variants, agreement.

use std::fmt::Write as _;

use super::html::{escape, verdict_sentence};
use super::words::{self, significant};
use super::{lesson, worst_case};
use crate::spec::Quantity;
use crate::stats::Estimate;
use crate::study::{Action, Critical, Judgement, ProfileSummary, Range, Regime, SpectraOrReason, Study, Variant};

/// What to do, in one sentence.
pub(super) fn advice(study: &Study) -> Option<String> {
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

pub(super) fn action(study: &Study) -> String {
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

pub(super) fn causes(study: &Study) -> String {
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

pub(super) fn variants(study: &Study) -> String {
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
         <th>dL/dW, layer 1 / last: predicted</th><th>measured</th><th>typical: measured</th></tr></thead>\n<tbody>\n",
    );
    for variant in &study.variants {
        let cells = variant_row(variant);
        html.push_str("<tr>");
        for cell in &cells {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>\n");
        let losses = lesson::losses(variant);
        if !losses.is_empty() {
            let _ = writeln!(
                html,
                "<tr><td></td><td class=\"note\" colspan=\"{}\">{}: {}</td></tr>",
                cells.len() - 1,
                escape(&variant.name),
                escape(&losses)
            );
        }
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

fn variant_row(variant: &Variant) -> [String; 9] {
    let none = || "\u{2013}".to_owned();
    let range = |quantity: Quantity| variant.ranges.iter().find(|range| range.quantity == quantity);
    let (signal, weights) = (range(Quantity::PreActivationGradientNorms), range(Quantity::GradientNorms));
    let plain = |log10: Option<f64>| log10.map_or_else(none, words::power);
    let measured = |estimate: Option<Estimate>| {
        estimate.map_or_else(none, |e| {
            format!("{} \u{b1} {:.1} %", words::power(e.value), 100.0 * std::f64::consts::LN_10 * e.standard_error)
        })
    };
    let typical = |range: Option<&Range>| {
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
    ]
}

pub(super) fn agreement(study: &Study) -> String {
    match &study.gradient_verdict {
        Judgement::Judged(profile) => format!("<p>{}</p>\n", escape(&verdict_sentence(profile))),
        Judgement::Withheld(reason) => format!("<p>No verdict: {}.</p>\n", escape(reason)),
    }
}
