//! Shares of units that hardly pass a gradient on: saturated, inactive, dead.

use super::super::theme::{self, Axis, DrawingError, Legend, UNIT};
use super::heat::{HeatMap, Scale, with_overlay};
use super::series::{Training, Value};
use super::steps::StepAxis;
use crate::watch::LayerRecord;

/// A share, its name and what it is.
struct Share {
    name: &'static str,
    meaning: &'static str,
    read: fn(&LayerRecord) -> Option<f64>,
}

const SHARES: [Share; 3] = [
    Share {
        name: "saturated",
        meaning: "Saturated: pre-activations at which the slope is below 5 % of the largest it can be, but not zero.",
        read: |record| record.saturated_fraction,
    },
    Share {
        name: "inactive",
        meaning: "Inactive: pre-activations at which the slope is exactly zero (half of them in a healthy ReLU layer).",
        read: |record| record.inactive_fraction,
    },
    Share {
        name: "dead",
        meaning: "Dead: units whose slope is zero for every sample of the mini-batch; no gradient reaches their weights.",
        read: |record| record.dead_fraction,
    },
];

fn value(share: Option<f64>) -> Value {
    match share {
        Some(share) if share.is_finite() => Value::At(share.clamp(0.0, 1.0)),
        _ => Value::Missing,
    }
}

/// Largest share: (share, step, layer).
fn largest(training: &Training<'_>, share: &Share) -> Option<(f64, u64, usize)> {
    let read = |r: &LayerRecord| value((share.read)(r)).finite().map(|value| (value, r.step, r.layer));
    training.records().filter_map(read).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Shares that are not zero throughout: a panel of one colour says less than a sentence.
fn shown<'s>(training: &Training<'_>, shares: &'s [Share]) -> Vec<&'s Share> {
    shares.iter().filter(|share| largest(training, share).is_some_and(|(most, ..)| most > 0.0)).collect()
}

pub(super) fn applies(training: &Training<'_>) -> bool {
    !shown(training, &SHARES).is_empty()
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 1.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

pub(super) fn title(training: &Training<'_>) -> String {
    // The worst that is there: dead units learn nothing, inactive ones are every ReLU layer's half.
    let worst = [&SHARES[2], &SHARES[0], &SHARES[1]];
    let found = worst.into_iter().find_map(|share| Some((share, largest(training, share).filter(|l| l.0 > 0.0)?)));
    match found {
        Some((share, (most, step, layer))) => {
            format!("At worst, {} of layer {layer} is {} (step {step})", percent(most), share.name)
        }
        None => "No unit is saturated, inactive or dead".to_owned(),
    }
}

pub(super) fn caption(training: &Training<'_>) -> String {
    let meaning = |share: &&Share| {
        let most = largest(training, share);
        let most = most.map(|(most, step, layer)| format!(" At most {}: layer {layer}, step {step}.", percent(most)));
        format!("{}{}", share.meaning, most.unwrap_or_default())
    };
    let meanings: Vec<String> = shown(training, &SHARES).iter().map(meaning).collect();
    let zero = SHARES.iter().filter(|share| largest(training, share).is_some_and(|(most, ..)| most == 0.0));
    let zero: Vec<&str> = zero.map(|share| share.name).collect();
    let zero =
        if zero.is_empty() { String::new() } else { format!(" At no recorded step was a unit {}.", zero.join(" or ")) };
    format!(
        "Shares by layer and step. {}{zero} White: not recorded, or not defined for the activation.",
        meanings.join(" ")
    )
}

/// Height of a panel.
const PANEL: u32 = 230;

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let shown = shown(training, &SHARES);
    let maps: Vec<HeatMap> = shown
        .iter()
        .map(|share| HeatMap::new(training, &training.table(|record| value((share.read)(record))), 50))
        .collect();
    let most = maps.iter().flat_map(HeatMap::values).filter_map(Value::finite).fold(0.0, f64::max).max(0.01);
    let step = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2].into_iter().find(|step| most <= 6.0 * step).unwrap_or(0.2);
    let high = (most / step).ceil() * step;
    let ticks = (0..=7).map(|k| f64::from(k) * step).filter(|at| *at <= high * (1.0 + 1e-9));
    let scale = Scale::new(Axis::with_ticks(0.0, high, ticks.map(|at| (at, percent(at))).collect()));
    let axis = StepAxis::new(&training.layers.keys().copied().collect::<Vec<_>>());
    let legend = Legend::new(Vec::new());
    let height = PANEL * maps.len() as u32 + 30;
    let mut overlay = String::new();
    let svg = theme::svg(theme::TITLE_HEIGHT + 8 + height, &title(training), |area| {
        legend.draw(area)?;
        let (plots, bar) = area.split_horizontally(830 * UNIT);
        for (k, (map, share)) in maps.iter().zip(&shown).enumerate() {
            let last = k + 1 == maps.len();
            let (_, rest) = plots.split_vertically((8 + PANEL * k as u32) * UNIT);
            let (panel, _) = rest.split_vertically((PANEL + if last { 30 } else { 0 }) * UNIT);
            let x = last.then(|| axis.description());
            map.draw(&panel, (&axis, &scale), (x, &format!("layer: {}", share.name)), &mut overlay)?;
        }
        let (bar, _) = bar.split_vertically((PANEL + 60) * UNIT);
        scale.draw(&bar, ["share", ""])
    })?;
    Ok(with_overlay(&svg, &overlay))
}
