//! What an alert says: the likely cause and what to try.

use super::super::{AlertRecord, LayerRecord, StepRecord};
use super::{Reference, Rule, Score, Test};
use crate::spec::{AlertKind, Policies};

/// Updates larger than this share of the weights are too large for most networks.
const LARGE_UPDATE: f64 = 0.05;

pub(super) fn alert(
    rule: &Rule,
    score: &Score,
    step: &StepRecord,
    (layers, before): (&[LayerRecord], &[LayerRecord]),
    reference: &Reference,
    policies: &Policies,
) -> AlertRecord {
    let view = View { step, layers, before, reference, layer: score.layer };
    let (cause, advice) = match rule.test {
        Test::LossRise | Test::GradientRise | Test::LargeUpdate => view.diverging(),
        Test::Vanishing => view.vanishing(score),
        Test::Exploding => view.exploding(score),
        Test::Saturating => view.saturating(),
        Test::Dying => view.dying(),
        Test::Oscillating => view.oscillating(),
        Test::Overflow => view.overflow(),
        Test::Underflow => view.underflow(),
    };
    AlertRecord {
        step: step.step,
        layer: score.layer,
        alert: rule.kind,
        quantity: score.quantity.to_owned(),
        value: Some(score.value).filter(|value| value.is_finite()),
        expected: score.expected.filter(|value| value.is_finite()),
        cause,
        advice,
        action: policies.of(rule.kind).name().to_owned(),
    }
}

/// What theory warns of before the first step.
pub(super) fn preflight(score: &Score, reference: &Reference, policies: &Policies) -> AlertRecord {
    let step = StepRecord::default();
    let view = View { step: &step, layers: &[], before: &[], reference, layer: score.layer };
    let format = reference.format.map_or("the number format", |format| format.name);
    let (cause, advice) = view.exploding(score);
    AlertRecord {
        step: 0,
        layer: score.layer,
        alert: AlertKind::Overflow,
        quantity: score.quantity.to_owned(),
        value: Some(score.value).filter(|value| value.is_finite()),
        expected: score.expected,
        cause: format!("theory expects this, beyond the end of {format}, before any update; {cause}"),
        advice,
        action: policies.of(AlertKind::Overflow).name().to_owned(),
    }
}

/// The first number that is not finite.
pub(super) fn non_finite(
    step: &StepRecord,
    (layers, before): (&[LayerRecord], &[LayerRecord]),
    reference: &Reference,
    policies: &Policies,
) -> AlertRecord {
    let lost = |layer: &&LayerRecord| layer.non_finite.is_some_and(|count| count > 0);
    // On the way forward the first layer is hit first, on the way back the last.
    let forward = layers.iter().filter(lost).find(|layer| layer.pre_activation_rms.is_none());
    let first = forward.or_else(|| layers.iter().rev().find(lost));
    let view = View { step, layers, before, reference, layer: first.map(|layer| layer.layer) };
    let where_from = match first {
        Some(layer) if layer.pre_activation_rms.is_none() => {
            "its pre-activations left the number format on the way forward"
        }
        Some(_) => "its gradient left the number format on the way back",
        None if step.loss.is_some() => "the gradient left the number format",
        None => "the loss left the number format",
    };
    let (cause, advice) = match view.largest_update() {
        None if step.step > 0 => {
            let advice = view.smaller_rate();
            (format!("the updates before it, at {}, were too large", view.rate()), advice)
        }
        _ => view.diverging(),
    };
    AlertRecord {
        step: step.step,
        layer: view.layer,
        alert: AlertKind::NonFinite,
        quantity: match first {
            Some(_) => "non_finite",
            None if step.loss.is_some() => "grad_norm",
            None => "loss",
        }
        .to_owned(),
        value: first.and_then(|layer| layer.non_finite).map(|count| count as f64),
        expected: Some(0.0),
        cause: format!("{where_from}; {cause}"),
        advice,
        action: policies.of(AlertKind::NonFinite).name().to_owned(),
    }
}

/// A ratio in words.
fn share(ratio: f64) -> String {
    if ratio < 2.0 { format!("{:.0} %", 100.0 * ratio) } else { format!("{ratio:.1e} times their size") }
}

/// sigma_w of a layer.
struct Scale {
    now: f64,
    at_the_start: f64,
    critical: f64,
}

impl Scale {
    fn started_critical(&self) -> bool {
        (self.at_the_start / self.critical - 1.0).abs() < 0.03
    }
}

struct View<'a> {
    step: &'a StepRecord,
    /// The layers at the step; empty where they were not recorded.
    layers: &'a [LayerRecord],
    /// The layers when they were recorded last before.
    before: &'a [LayerRecord],
    reference: &'a Reference,
    layer: Option<usize>,
}

impl View<'_> {
    /// The newest records of the layers.
    fn newest(&self) -> &[LayerRecord] {
        if self.layers.is_empty() { self.before } else { self.layers }
    }

    /// The largest update in units of its weights, with its layer, at the step or the last one at which it is known.
    fn largest_update(&self) -> Option<(usize, f64)> {
        let largest = |layers: &[LayerRecord]| {
            let ratios = layers.iter().filter_map(|layer| Some((layer.layer, layer.update_ratio?)));
            ratios.max_by(|a, b| a.1.total_cmp(&b.1))
        };
        largest(self.layers).or_else(|| largest(self.before))
    }

    fn rate(&self) -> String {
        match self.step.learning_rate {
            Some(rate) => format!("the learning rate {rate:.3e}"),
            None => "the learning rate".to_owned(),
        }
    }

    /// How sigma_w of the layer stands to the critical one: `|W|_F / sqrt(fan_out)` at the step where the log knows it, else that of the start.
    fn scale(&self) -> Option<Scale> {
        let index = self.layer?.checked_sub(1)?;
        let &(at_the_start, critical) = self.reference.sigma_w.get(index)?;
        let norm =
            self.newest().iter().find(|layer| Some(layer.layer) == self.layer).and_then(|layer| layer.weight_norm);
        let units = self.reference.units.get(index).copied().unwrap_or(0) as f64;
        let now = norm.map(|norm| norm / units.sqrt()).filter(|sigma_w| sigma_w.is_finite());
        Some(Scale { now: now.unwrap_or(at_the_start), at_the_start, critical: critical? })
    }

    /// What to try where every layer multiplies the gradient by the wrong factor.
    fn better_scale(&self, more: &str) -> String {
        match self.scale() {
            // The advice would be what is there already.
            Some(scale) if scale.started_critical() => format!(
                "{more}, a smaller learning rate, inputs of another size, or fewer layers (sigma_w = {:.3} was critical at the start)",
                scale.at_the_start
            ),
            _ => format!("weights = {{ preset = \"critical\" }}, {more}"),
        }
    }

    fn activation(&self) -> &str {
        let index = self.layer.and_then(|layer| layer.checked_sub(1));
        index.and_then(|index| self.reference.activations.get(index)).map_or("the activation", String::as_str)
    }

    /// Share of saturated units in the layers above the one looked at.
    fn saturated_above(&self) -> f64 {
        let above = self.newest().iter().filter(|layer| Some(layer.layer) >= self.layer);
        let shares: Vec<f64> = above.filter_map(|layer| layer.saturated_fraction).collect();
        if shares.is_empty() { 0.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
    }

    fn smaller_rate(&self) -> String {
        match self.step.learning_rate {
            Some(rate) => {
                format!("learning_rate = {:.1e}, a warm-up, or clip_norm below the norms before the rise", rate / 10.0)
            }
            None => "a learning rate ten times smaller, a warm-up, or clipping by norm".to_owned(),
        }
    }

    fn diverging(&self) -> (String, String) {
        match self.largest_update() {
            Some((layer, ratio)) if ratio > LARGE_UPDATE => (
                format!(
                    "{} is too large: one step changes the weights of layer {layer} by {}",
                    self.rate(),
                    share(ratio)
                ),
                self.smaller_rate(),
            ),
            _ => (
                "the gradient is large where the network starts, or one batch is unlike the others".to_owned(),
                "weights = { preset = \"critical\" }, clip_norm, or a look at the data of this batch".to_owned(),
            ),
        }
    }

    fn vanishing(&self, score: &Score) -> (String, String) {
        let decades = score.expected.map_or(0.0, |from| (from / score.value.max(1e-300)).log10());
        let saturated = self.saturated_above();
        let cause = match self.scale() {
            _ if saturated > 0.3 => format!(
                "{:.0} % of the units above are saturated: their slopes multiply the gradient by nearly nothing",
                100.0 * saturated
            ),
            Some(Scale { now, critical, .. }) if now < 0.97 * critical => format!(
                "sigma_w = {now:.3} is below the critical {critical:.3} of {}: every layer shrinks the gradient ({decades:.1} decades in all)",
                self.activation()
            ),
            _ => format!(
                "weights and slopes of {} shrink the gradient in every layer ({decades:.1} decades in all)",
                self.activation()
            ),
        };
        (cause, self.better_scale("orthogonal weights, or another activation"))
    }

    fn exploding(&self, score: &Score) -> (String, String) {
        let decades = score.expected.map_or(0.0, |from| (score.value / from.max(1e-300)).log10());
        let grown = if decades > 0.0 && self.step.loss.is_some() {
            format!(" ({decades:.1} decades in all)")
        } else {
            String::new()
        };
        let cause = match self.scale() {
            Some(Scale { now, critical, .. }) if now > 1.03 * critical => format!(
                "sigma_w = {now:.3} is above the critical {critical:.3} of {}: every layer enlarges what passes through it{grown}",
                self.activation()
            ),
            _ => format!("the weights enlarge what passes through every layer{grown}"),
        };
        (cause, self.better_scale("clip_norm"))
    }

    fn saturating(&self) -> (String, String) {
        let cause = match self.largest_update() {
            Some((layer, ratio)) if ratio > LARGE_UPDATE => format!(
                "updates are too large ({} of the weights in layer {layer}) and have driven {} into its flat parts",
                share(ratio),
                self.activation()
            ),
            _ => format!("pre-activations are large for {}: its slope is below 5 % of its largest", self.activation()),
        };
        (cause, "a smaller learning rate, smaller initial weights, or an activation without flat parts".to_owned())
    }

    fn dying(&self) -> (String, String) {
        (
            format!(
                "units of {} get no gradient from any sample of the batch: biases or weights have moved them into the flat part",
                self.activation()
            ),
            "a smaller learning rate, no negative initial biases, or leaky_relu(0.1)".to_owned(),
        )
    }

    fn oscillating(&self) -> (String, String) {
        (
            format!(
                "{} oversteps: successive updates point against each other and the loss goes up and down without falling",
                self.rate()
            ),
            match self.step.learning_rate {
                Some(rate) => format!("learning_rate = {:.1e}, or a schedule that lowers it", rate / 3.0),
                None => "a learning rate three times smaller, or a schedule that lowers it".to_owned(),
            },
        )
    }

    fn overflow(&self) -> (String, String) {
        let format = self.reference.format.map_or("the number format", |format| format.name);
        (
            format!("the largest numbers reach the end of {format} within a few steps at their present growth"),
            "a smaller learning rate, clip_norm, or a format with a larger range (bf16, f32)".to_owned(),
        )
    }

    fn underflow(&self) -> (String, String) {
        let format = self.reference.format.map_or("the number format", |format| format.name);
        (
            format!("entries of the weight gradient are below the smallest number of {format} and round to zero"),
            "weights = { preset = \"critical\" }, a loss that is multiplied by a constant, or a format with a larger range".to_owned(),
        )
    }
}
