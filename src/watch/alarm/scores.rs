//! The scores that tests look at.

use serde::{Deserialize, Serialize};

use super::super::{LayerRecord, PredictionRecord, StepRecord};
use super::Test;
use crate::spec::NumberFormat;

/// What a run is compared with.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// The number format that the numbers live in.
    pub format: Option<&'static NumberFormat>,
    /// Whether the loss is bounded below by zero: then a rise by decades means something.
    pub loss_is_positive: bool,
    /// Mean loss at the start, over many samples: one mini-batch may be unlike the others.
    pub first_loss: Option<f64>,
    /// What theory says of the layers at the start, where it reaches.
    pub predicted: Vec<PredictionRecord>,
    /// `sqrt(fan_in Var W)` of every layer at the start, and the critical one of its activation, where there is one.
    pub sigma_w: Vec<(f64, Option<f64>)>,
    /// The activation of every layer.
    pub activations: Vec<String>,
    /// Entries of the weights of every layer.
    pub entries: Vec<usize>,
    /// Units of every layer.
    pub units: Vec<usize>,
}

/// One score: how far from healthy, with what it was made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The score, 0 for nothing unusual.
    pub score: f64,
    /// The layer that is worst, from 1, where one is.
    pub layer: Option<usize>,
    /// The quantity, as the log names it.
    pub quantity: &'static str,
    /// Its value.
    pub value: f64,
    /// What it was expected to be.
    pub expected: Option<f64>,
}

/// What scores remember of earlier steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The first loss.
    first_loss: Option<f64>,
    /// The last losses, newest last.
    losses: Vec<f64>,
    /// Moving average of the loss.
    smooth_loss: Option<f64>,
    /// Its smallest value so far, and how many steps ago that was.
    best_loss: Option<(f64, u64)>,
    /// Moving averages of how far log10 of the loss, and of the gradient's norm, are from those of their moving averages.
    loss_spread: f64,
    gradient_spread: f64,
    /// log10 of the gradient's norm: its moving average before the newest step.
    smooth_gradient: Option<f64>,
    first_gradient: Option<f64>,
    /// log10 of the largest size among the numbers, by step that was recorded in full, newest last.
    sizes: Vec<(u64, f64)>,
    /// The newest records of the layers.
    newest: Vec<LayerRecord>,
    gradient: Option<f64>,
}

/// Decades by which the gradient may fall or grow through the layers before it counts.
const HARMLESS_DECADES: f64 = 2.0;

/// Updates up to this share of the weights do not count; the share that is usual in a training that goes well.
const HARMLESS_UPDATE: f64 = 0.1;
const USUAL_UPDATE: f64 = 1e-3;

/// Weight of the newest step in moving averages.
const NEWEST: f64 = 0.1;

/// Full records over which growth is looked at, and steps over which it is carried on.
const WINDOW: usize = 4;
const AHEAD: f64 = 5.0;

/// Steps beyond the next full record over which it is carried on to decide whether a closer look is due.
const FAR_AHEAD: f64 = 5.0;

/// Steps from one full record to the next, at least.
const USUAL_GAP: f64 = 20.0;

/// A loss, or a gradient, that exceeds its moving average by so many decades is worth a closer look,
const JUMP: f64 = 0.2;
/// if that is also so many times as far as it usually is from it.
const UNUSUAL: f64 = 5.0;
/// One step that is farther off than this counts as this far: what is usual is not decided by one.
const MOST_SPREAD: f64 = 1.0;

/// Largest Gaussian number among a million, in standard deviations.
const TALLEST: f64 = 5.0;

/// Decades that stand for an exact zero among gradients.
const ZERO: f64 = 50.0;

/// The first layer whose numbers are predicted to pass the end of the format, forward or back.
pub(super) fn predicted_overflow(reference: &Reference) -> Option<Score> {
    let format = reference.format?;
    let limit = format.log10_overflow - TALLEST.log10();
    let forward = reference.predicted.iter().find_map(|p| {
        let rms = p.pre_activation_rms?;
        (rms.log10() > limit).then_some((p.layer, "pre_activation_rms", rms))
    });
    let backward = || {
        reference.predicted.iter().rev().find_map(|p| {
            let entries = *reference.entries.get(p.layer.checked_sub(1)?)? as f64;
            let entry = p.log10_weight_grad_norm? - 0.5 * entries.log10();
            (entry > limit).then_some((p.layer, "weight_grad_norm", 10f64.powf(p.log10_weight_grad_norm?)))
        })
    };
    let (layer, quantity, value) = forward.or_else(backward)?;
    Some(Score { score: f64::INFINITY, layer: Some(layer), quantity, value, expected: None })
}

/// Decades from what was usual, where both are positive.
fn rise(now: Option<f64>, usual: Option<f64>) -> Option<f64> {
    let (now, usual) = now.zip(usual).filter(|(now, usual)| *now > 0.0 && *usual > 0.0)?;
    Some((now / usual).log10())
}

impl History {
    pub(super) fn add(&mut self, step: &StepRecord, layers: &[LayerRecord]) {
        let usual_gradient = self.usual_gradient_norm();
        for (now, usual, spread) in [
            (step.loss, self.smooth_loss, &mut self.loss_spread),
            (step.grad_norm, usual_gradient, &mut self.gradient_spread),
        ] {
            if let Some(rise) = rise(now, usual) {
                *spread += NEWEST * (rise.abs().min(MOST_SPREAD) - *spread);
            }
        }
        if let Some(loss) = step.loss {
            self.first_loss.get_or_insert(loss);
            let smooth = self.smooth_loss.map_or(loss, |smooth| smooth + NEWEST * (loss - smooth));
            self.smooth_loss = Some(smooth);
            self.best_loss = Some(match self.best_loss {
                Some((best, age)) if best <= smooth => (best, age + 1),
                _ => (smooth, 0),
            });
            self.losses.push(loss);
            if self.losses.len() > 3 {
                self.losses.remove(0);
            }
        }
        // The newest gradient is compared with the average before it.
        if let Some(before) = self.gradient {
            let smooth = self.smooth_gradient.map_or(before, |smooth| smooth + NEWEST * (before - smooth));
            self.smooth_gradient = Some(smooth);
        }
        self.gradient = step.grad_norm.filter(|norm| *norm > 0.0).map(f64::log10);
        self.first_gradient = self.first_gradient.or(self.gradient);
        if layers.is_empty() {
            return;
        }
        self.newest = layers.to_vec();
        // Only what JSON can hold: the state goes into checkpoints.
        let size = Some(self.largest_size()).filter(|size| size.is_finite());
        self.sizes.extend(size.map(|size| (step.step, size)));
        if self.sizes.len() > WINDOW {
            self.sizes.remove(0);
        }
    }

    /// The newest records of the layers; empty before the first.
    pub(super) fn newest(&self) -> &[LayerRecord] {
        &self.newest
    }

    /// Whether the loss or the gradient of a coming step is far above what was usual before it.
    pub(super) fn has_jumped(&self, step: &StepRecord) -> bool {
        let jumps = |now, usual, spread: f64| rise(now, usual).is_some_and(|rise| rise > JUMP.max(UNUSUAL * spread));
        jumps(step.loss, self.smooth_loss, self.loss_spread)
            || jumps(step.grad_norm, self.usual_gradient_norm(), self.gradient_spread)
    }

    /// Whether the largest number would pass the end of the format before long if it went on growing.
    pub(super) fn nears_the_end(&self, reference: &Reference) -> bool {
        let gap = match self.sizes[..] {
            [.., (before, _), (last, _)] => last.saturating_sub(before) as f64,
            _ => 0.0,
        };
        let ahead = self.carried_on(gap.max(USUAL_GAP) + FAR_AHEAD);
        reference.format.zip(ahead).is_some_and(|(format, size)| size > format.log10_overflow)
    }

    /// log10 of the largest number after so many further steps at its present growth.
    fn carried_on(&self, steps: f64) -> Option<f64> {
        let &(last, now) = self.sizes.last()?;
        let &(first, before) = self.sizes.first()?;
        let growth = if last > first { (now - before) / (last - first) as f64 } else { 0.0 };
        Some(now + steps * growth.max(0.0))
    }

    pub(super) fn usual_gradient_norm(&self) -> Option<f64> {
        self.smooth_gradient.or(self.first_gradient).map(|log| 10f64.powf(log))
    }

    /// log10 of the largest pre-activation or activation that is likely; `-inf` where all are zero or none is known.
    fn largest_size(&self) -> f64 {
        let of = |layer: &LayerRecord| {
            let values = [layer.pre_activation_rms, layer.activation_rms];
            values.into_iter().flatten().fold(0.0_f64, f64::max)
        };
        (TALLEST * self.newest.iter().map(of).fold(0.0, f64::max)).log10()
    }

    pub(super) fn score(&self, test: Test, reference: &Reference) -> Option<Score> {
        match test {
            Test::LossRise => self.loss_rise(reference),
            Test::GradientRise => self.gradient_rise(),
            Test::LargeUpdate => self.large_update(),
            Test::Vanishing => self.through_the_layers(-1.0),
            Test::Exploding => self.through_the_layers(1.0),
            Test::Saturating => self.share(|layer| layer.saturated_fraction, "saturated_fraction", reference),
            Test::Dying => self.share(|layer| layer.dead_fraction, "dead_fraction", reference),
            Test::Oscillating => self.oscillation(),
            Test::Overflow => self.overflow(reference),
            Test::Underflow => self.underflow(reference),
        }
    }

    fn loss_rise(&self, reference: &Reference) -> Option<Score> {
        let (first, now) = (reference.first_loss.or(self.first_loss)?, *self.losses.last()?);
        (reference.loss_is_positive && first > 0.0 && now > 0.0).then(|| Score {
            score: (now / first).log10().max(0.0),
            layer: None,
            quantity: "loss",
            value: now,
            expected: Some(first),
        })
    }

    fn gradient_rise(&self) -> Option<Score> {
        let now = self.gradient?;
        let before = self.smooth_gradient?.max(self.first_gradient?);
        Some(Score {
            score: (now - before).max(0.0),
            layer: None,
            quantity: "grad_norm",
            value: 10f64.powf(now),
            expected: Some(10f64.powf(before)),
        })
    }

    /// Decades by which the largest update exceeds a tenth of its weights.
    fn large_update(&self) -> Option<Score> {
        let ratios = self.newest.iter().filter_map(|layer| Some((layer.layer, layer.update_ratio?)));
        let (layer, ratio) = ratios.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Score {
            score: (ratio / HARMLESS_UPDATE).log10().max(0.0),
            layer: Some(layer),
            quantity: "update_ratio",
            value: ratio,
            expected: Some(USUAL_UPDATE),
        })
    }

    /// Largest change of log10 |dL/dH_l| from some layer down to layer l, in the direction of `sign`.
    fn through_the_layers(&self, sign: f64) -> Option<Score> {
        let mut worst: Option<(f64, usize, f64, f64)> = None;
        let mut start: Option<(f64, f64)> = None;
        for layer in self.newest.iter().rev() {
            let norm = layer.pre_activation_grad_norm.or(layer.weight_grad_norm)?;
            // Nothing comes from the loss: then nothing can vanish on the way.
            if norm == 0.0 && start.is_none() {
                return None;
            }
            let log = if norm > 0.0 { norm.log10() } else { start.map_or(0.0, |(log, _)| log) - ZERO };
            if let Some((from, expected)) = start {
                let change = sign * (log - from);
                if worst.is_none_or(|(most, ..)| change > most) {
                    worst = Some((change, layer.layer, norm, expected));
                }
            }
            if start.is_none_or(|(from, _)| sign * (log - from) < 0.0) {
                start = Some((log, norm));
            }
        }
        worst.map(|(change, layer, value, expected)| Score {
            score: (change - HARMLESS_DECADES).max(0.0),
            layer: Some(layer),
            quantity: "pre_activation_grad_norm",
            value,
            expected: Some(expected),
        })
    }

    /// -log10 of the share that is left: 1 for nine units in ten.
    fn share(
        &self,
        of: impl Fn(&LayerRecord) -> Option<f64>,
        quantity: &'static str,
        reference: &Reference,
    ) -> Option<Score> {
        let shares = self.newest.iter().filter_map(|layer| Some((layer.layer, of(layer)?)));
        let (layer, value) = shares.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let predicted = reference.predicted.iter().find(|prediction| prediction.layer == layer);
        let expected =
            if quantity == "saturated_fraction" { predicted.and_then(|p| p.saturated_fraction) } else { Some(0.0) };
        Some(Score { score: -(1.0 - value).max(1e-6).log10(), layer: Some(layer), quantity, value, expected })
    }

    /// Minus the mean cosine of successive updates, while the loss goes up and down and gains nothing.
    fn oscillation(&self) -> Option<Score> {
        let cosines: Vec<f64> = self.newest.iter().filter_map(|layer| layer.update_cosine).collect();
        let [before, middle, now] = self.losses[..] else { return None };
        let (_, age) = self.best_loss?;
        if cosines.is_empty() {
            return None;
        }
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let zigzag = (middle - before) * (now - middle) < 0.0 && age > 10;
        let lowest =
            self.newest.iter().min_by(|a, b| a.update_cosine.unwrap_or(1.0).total_cmp(&b.update_cosine.unwrap_or(1.0)));
        Some(Score {
            score: if zigzag { (-mean).max(0.0) } else { 0.0 },
            layer: lowest.map(|layer| layer.layer),
            quantity: "update_cosine",
            value: mean,
            expected: Some(0.0),
        })
    }

    /// Decades by which the largest number, carried on for a few steps at its present growth, passes the end of the format.
    fn overflow(&self, reference: &Reference) -> Option<Score> {
        let format = reference.format?;
        let ahead = self.carried_on(AHEAD)?;
        let worst = self
            .newest
            .iter()
            .max_by(|a, b| a.pre_activation_rms.unwrap_or(0.0).total_cmp(&b.pre_activation_rms.unwrap_or(0.0)))?;
        Some(Score {
            score: (ahead - format.log10_overflow).max(0.0),
            layer: Some(worst.layer),
            quantity: "pre_activation_rms",
            value: worst.pre_activation_rms?,
            expected: reference.predicted.iter().find(|p| p.layer == worst.layer).and_then(|p| p.pre_activation_rms),
        })
    }

    /// Decades by which the root mean square entry of a weight gradient lies below the smallest number of the format.
    fn underflow(&self, reference: &Reference) -> Option<Score> {
        let format = reference.format?;
        let entry = |layer: &LayerRecord| {
            let entries = *reference.entries.get(layer.layer.checked_sub(1)?)? as f64;
            let norm = layer.weight_grad_norm?;
            Some((layer.layer, norm, (norm / entries.sqrt()).log10().max(format.log10_zero - ZERO)))
        };
        let smallest = self.newest.iter().filter_map(entry).min_by(|a, b| a.2.total_cmp(&b.2))?;
        Some(Score {
            score: (format.log10_zero - smallest.2).max(0.0),
            layer: Some(smallest.0),
            quantity: "weight_grad_norm",
            value: smallest.1,
            expected: reference
                .predicted
                .iter()
                .find(|p| p.layer == smallest.0)
                .and_then(|p| p.log10_weight_grad_norm)
                .map(|log10| 10f64.powf(log10)),
        })
    }
}
