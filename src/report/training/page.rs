//! The page around the figures of a training.

use std::fmt::Write as _;

use super::super::html::{self, FigureOnPage, escape};
use super::series::Training;
use super::{TrainingFigure, TrainingSection, words};
use crate::watch::{AlertRecord, Header, LayerHeader};

/// The order of the page.
const SECTIONS: [(TrainingSection, &str); 3] = [
    (TrainingSection::Course, "The course of the training"),
    (TrainingSection::Gradients, "Gradients by layer and step"),
    (TrainingSection::Movement, "What moves"),
];

/// Alerts in the table at most.
const MOST_ALERTS: usize = 100;

pub(super) fn page(training: &Training<'_>, figures: &[(&TrainingFigure, String)]) -> String {
    let header = &training.log.header;
    let name = if header.name.is_empty() { "a training" } else { &header.name };
    let mut text = html::head(&format!("{name}: gradients in training"));
    let _ = write!(text, "<h1>{}</h1>\n<p class=\"finding\">{}.</p>\n", escape(name), escape(&words::flow(training)));
    summary(&mut text, training);
    alerts(&mut text, training);
    let mut number = 0;
    for (section, heading) in SECTIONS {
        let own: Vec<_> = figures.iter().filter(|(figure, _)| figure.section == section).collect();
        if own.is_empty() {
            continue;
        }
        let _ = write!(text, "<section>\n<h2>{heading}</h2>\n");
        for (figure, svg) in own {
            number += 1;
            text.push_str(&html::figure(&FigureOnPage {
                number,
                name: figure.name,
                svg,
                title: &(figure.title)(training),
                caption: &(figure.caption)(training),
            }));
        }
        text.push_str("</section>\n");
    }
    if figures.is_empty() {
        text.push_str("<p>The log holds layers and steps, but none of the quantities that are drawn.</p>\n");
    }
    network(&mut text, header);
    understanding(&mut text, training);
    text.push_str(html::FOOT);
    text
}

/// What was trained, and how it ended.
fn summary(text: &mut String, training: &Training<'_>) {
    let header = &training.log.header;
    text.push_str("<dl class=\"summary\">\n");
    let mut item = |term: &str, words: String| {
        let _ = writeln!(text, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(&words));
    };
    item("Layers recorded", training.numbers.len().to_string());
    let steps = training.gradient_steps();
    if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
        let span = if first == last { format!("step {first}") } else { format!("from {first} to {last}") };
        let full = training.layers.len();
        let full = if full < steps.len() { format!(", {full} of them in full") } else { String::new() };
        item("Steps recorded", format!("{}, {span}{full}", steps.len()));
    }
    let last = |read: fn(&crate::watch::EvaluationRecord) -> Option<f64>| {
        training.evaluations.values().rev().find_map(|record| read(record)).filter(|share| share.is_finite())
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share.clamp(0.0, 1.0));
    if let Some(share) = last(|record| record.train_accuracy) {
        item("Accuracy, training samples", percent(share));
    }
    if let Some(share) = last(|record| record.test_accuracy) {
        item("Accuracy, test samples", percent(share));
    }
    item("Alerts", training.alerts.len().to_string());
    text.push_str("</dl>\n");
    let facts = [
        ("written by", Some(header.source.clone()).filter(|source| !source.is_empty())),
        ("data", header.data.clone()),
        ("loss", header.loss.clone()),
        ("optimiser", header.optimizer.clone()),
        ("batch", header.batch.map(|batch| batch.to_string())),
        ("precision", header.precision.clone()),
        ("steps planned", header.steps.map(|steps| steps.to_string())),
        ("seed", header.seed.map(|seed| seed.to_string())),
        ("linear algebra", header.blas.clone()),
    ];
    let facts: Vec<String> = facts
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}", escape(&value?))))
        .chain([format!("end: {}", words::ending(training.log))])
        .collect();
    let _ = writeln!(text, "<p>{}.</p>", facts.join("; "));
}

fn alerts(text: &mut String, training: &Training<'_>) {
    text.push_str("<section>\n<h2>Alerts</h2>\n");
    if training.alerts.is_empty() {
        text.push_str("<p>None was raised.</p>\n</section>\n");
        return;
    }
    text.push_str(
        "<div class=\"scroll claims alerts\"><table>\n<thead><tr><th>step</th><th>layer</th><th>alert</th><th>quantity</th><th>value</th>\
         <th>expected</th><th>likely cause</th><th>what to try</th><th>done</th></tr></thead>\n<tbody>\n",
    );
    for alert in training.alerts.iter().take(MOST_ALERTS) {
        text.push_str("<tr>");
        for cell in row(alert) {
            let _ = write!(text, "<td>{}</td>", escape(&cell));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table></div>\n");
    let more = training.alerts.len().saturating_sub(MOST_ALERTS);
    if more > 0 {
        let _ = writeln!(text, "<p class=\"note\">{more} later alerts are in the log.</p>");
    }
    text.push_str("</section>\n");
}

fn row(alert: &AlertRecord) -> [String; 9] {
    let number = |value: Option<f64>, none: &str| value.map_or_else(|| none.to_owned(), words::quantity);
    [
        alert.step.to_string(),
        alert.layer.map_or_else(|| "network".to_owned(), |layer| layer.to_string()),
        alert.alert.name().replace('_', " "),
        alert.quantity.replace('_', " "),
        number(alert.value, "not finite"),
        number(alert.expected, "\u{2013}"),
        alert.cause.clone(),
        alert.advice.clone(),
        alert.action.clone(),
    ]
}

/// The layers of the header, runs of equal ones in one row.
fn network(text: &mut String, header: &Header) {
    if header.layers.is_empty() {
        return;
    }
    text.push_str(
        "<section>\n<h2>The network</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>layers</th><th>name</th>\
         <th>shape (in \u{2192} out)</th><th>activation</th></tr></thead>\n<tbody>\n",
    );
    let same =
        |a: &LayerHeader, b: &LayerHeader| (&a.activation, a.fan_in, a.fan_out) == (&b.activation, b.fan_in, b.fan_out);
    let runs = header.layers.chunk_by(same);
    let dash = |words: &str| if words.is_empty() { "\u{2013}".to_owned() } else { escape(words) };
    for run in runs.take(200) {
        let (first, last) = (&run[0], &run[run.len() - 1]);
        let range = |a: String, b: String| if a == b { a } else { format!("{a} to {b}") };
        let _ = writeln!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{} \u{2192} {}</td><td>{}</td></tr>",
            range(first.layer.to_string(), last.layer.to_string()),
            range(dash(&first.name), dash(&last.name)),
            first.fan_in,
            first.fan_out,
            dash(&first.activation)
        );
    }
    text.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn understanding(text: &mut String, training: &Training<'_>) {
    text.push_str(
        "<section>\n<h2>Understanding this page</h2>\n<ul>\n\
         <li><b>Norms</b> are Euclidean, over all entries of a matrix. Gradients are those before clipping and before the update, weights those after it.</li>\n\
         <li><b>Layers</b> are counted from the inputs: layer 1 is the first, and the last that the gradient reaches on its way back.</li>\n\
         <li><b>Vanishing and exploding</b> are about the change from layer to layer, at one step. Gradients of all layers that get smaller together \
         are what a loss does that is being learnt.</li>\n",
    );
    if !training.predictions.is_empty() {
        text.push_str(
            "<li><b>Predictions</b> are mean-field theory: root mean squares over networks whose weights are independent, in the limit of wide layers. \
             At step 0 that is what the network is; later it is what a network of the same scales would do that has learnt nothing.</li>\n",
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        text,
        "</ul>\n<p class=\"note\">Drawn by gradspectra {version} from the log alone. The figures are also files beside this page; \
         <code>gradspectra report LOG.jsonl</code> draws it again.</p>\n</section>\n"
    );
}
