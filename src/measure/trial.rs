//! One trial: a network, its inputs, one forward and one backward pass under hooks.

use nalgebra::DMatrix;

use super::MeasureError;
use crate::activation::saturation_threshold;
use crate::linalg::{Real, ln_norm};
use crate::network::{BoundLoss, Gradients, Hooks, Layers, Network, Parameter, Tape, bind_loss, draw_inputs};
use crate::spec::{Quantity, Spec};
use crate::stats::Stream;

/// What the hooks saw of one layer; NaN where nothing was recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerRecord {
    ln_weight_gradient: f64,
    ln_bias_gradient: f64,
    ln_pre_activation_gradient: f64,
    ln_activation_gradient: f64,
    ln_input_rms: f64,
    ln_pre_activation_rms: f64,
    batch_correlation: f64,
    saturated: f64,
    inactive: f64,
}

impl LayerRecord {
    const EMPTY: Self = Self {
        ln_weight_gradient: f64::NAN,
        ln_bias_gradient: f64::NAN,
        ln_pre_activation_gradient: f64::NAN,
        ln_activation_gradient: f64::NAN,
        ln_input_rms: f64::NAN,
        ln_pre_activation_rms: f64::NAN,
        batch_correlation: f64::NAN,
        saturated: f64::NAN,
        inactive: f64::NAN,
    };

    /// Natural logarithm of a logarithmic quantity, the value of any other.
    pub(super) fn get(&self, quantity: Quantity) -> f64 {
        match quantity {
            Quantity::GradientNorms => self.ln_weight_gradient,
            Quantity::BiasGradientNorms => self.ln_bias_gradient,
            Quantity::PreActivationGradientNorms => self.ln_pre_activation_gradient,
            Quantity::ActivationGradientNorms => self.ln_activation_gradient,
            Quantity::LayerInputs => self.ln_input_rms,
            Quantity::PreActivations => self.ln_pre_activation_rms,
            Quantity::BatchCorrelations => self.batch_correlation,
            Quantity::SaturatedFraction => self.saturated,
            Quantity::InactiveFraction => self.inactive,
        }
    }
}

/// The buffers of one thread, reused from trial to trial.
pub(super) struct Workspace<T: Real> {
    network: Network<T>,
    tape: Tape<T>,
    gradients: Gradients<T>,
}

impl<T: Real> Workspace<T> {
    pub fn new(spec: &Spec, stream: Stream) -> Result<Self, MeasureError> {
        Ok(Self { network: Network::sample(spec, stream)?, tape: Tape::new(), gradients: Gradients::new() })
    }

    /// Runs one trial: draws a network into the buffers, runs it forward and back, and records what the hooks see.
    pub fn run(&mut self, spec: &Spec, stream: Stream) -> Result<Vec<LayerRecord>, MeasureError> {
        self.network.resample(spec, stream)?;
        let input = draw_inputs(spec, stream);
        let loss = bind_loss(spec, stream);
        self.observe(spec, &input, &loss)
    }

    fn observe(
        &mut self,
        spec: &Spec,
        input: &DMatrix<T>,
        loss: &BoundLoss<T>,
    ) -> Result<Vec<LayerRecord>, MeasureError> {
        let Self { network, tape, gradients } = self;
        let asked = |quantity: Quantity| spec.measure.quantities.contains(&quantity);
        let mut records = vec![LayerRecord::EMPTY; network.depth()];
        let mut norms = vec![[f64::NAN; 2]; network.depth()];
        let mut signals = vec![f64::NAN; network.depth()];
        let mut arriving = vec![f64::NAN; network.depth()];
        let mut hooks = Hooks::new();
        hooks.on_forward(Layers::All, |event| {
            let record = &mut records[event.layer - 1];
            let h = event.pre_activation;
            if asked(Quantity::PreActivations) {
                record.ln_pre_activation_rms = ln_norm(h.as_slice()) - 0.5 * (h.len() as f64).ln();
            }
            if asked(Quantity::LayerInputs) {
                record.ln_input_rms = ln_norm(event.input.as_slice()) - 0.5 * (event.input.len() as f64).ln();
            }
            if asked(Quantity::BatchCorrelations) {
                record.batch_correlation = batch_correlation(h);
            }
            if asked(Quantity::SaturatedFraction) || asked(Quantity::InactiveFraction) {
                let activation = &spec.network.blocks[event.layer - 1].activation;
                let sup = activation.derivative_bounds().sup_abs;
                let shares = UnitShares::of(event.slope, sup);
                record.saturated = shares.saturated;
                record.inactive = shares.inactive;
            }
            Ok(())
        });
        hooks.on_parameter_gradient(Layers::All, |event| {
            let (parameter, quantity) = match event.parameter {
                Parameter::Weight => (0, Quantity::GradientNorms),
                Parameter::Bias => (1, Quantity::BiasGradientNorms),
            };
            if asked(quantity) {
                norms[event.layer - 1][parameter] = ln_norm(event.gradient);
            }
            Ok(())
        });
        if asked(Quantity::PreActivationGradientNorms) {
            hooks.on_pre_activation_gradient(Layers::All, |event| {
                signals[event.layer - 1] = ln_norm(event.gradient.as_slice());
                Ok(())
            });
        }
        if asked(Quantity::ActivationGradientNorms) {
            hooks.on_output_gradient(Layers::All, |event| {
                arriving[event.layer - 1] = ln_norm(event.gradient.as_slice());
                Ok(())
            });
        }
        network.forward_into(input, 0, &mut hooks, tape)?;
        if spec.measure.quantities.iter().any(|quantity| quantity.is_gradient()) {
            let evaluated = loss.evaluate(tape.output()).expect("the loss was drawn for this network's outputs");
            network.backward_into(tape, &evaluated.gradient, 0, &mut hooks, gradients)?;
        }
        drop(hooks);
        for (((record, [weight, bias]), signal), arriving) in records.iter_mut().zip(norms).zip(signals).zip(arriving) {
            record.ln_activation_gradient = arriving;
            record.ln_weight_gradient = weight;
            record.ln_bias_gradient = bias;
            record.ln_pre_activation_gradient = signal;
        }
        Ok(records)
    }
}

/// Mean over pairs of samples of `h_a . h_b`, divided by the mean of `|h_a|^2`.
fn batch_correlation<T: Real>(h: &DMatrix<T>) -> f64 {
    let batch = h.ncols() as f64;
    if h.ncols() < 2 {
        return f64::NAN;
    }
    // sum_{a != b} h_a . h_b = |sum_a h_a|^2 - sum_a |h_a|^2, both relative to the largest entry.
    let scale = h.iter().map(|entry| entry.to_f64().abs()).fold(0.0, f64::max);
    let mut squares = 0.0;
    let mut square_of_sum = 0.0;
    for unit in h.row_iter() {
        let mut sum = 0.0;
        for entry in unit.iter() {
            let value = entry.to_f64() / scale;
            sum += value;
            squares += value * value;
        }
        square_of_sum += sum * sum;
    }
    (square_of_sum - squares) / (batch - 1.0) / squares
}

/// How the units of a layer stand on their activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitShares {
    /// Share with `0 < |phi'| <` [`SATURATION`](crate::activation::SATURATION) `sup |phi'|`.
    pub saturated: f64,
    /// Share with `phi' = 0` exactly.
    pub inactive: f64,
}

impl UnitShares {
    /// Before anything was seen.
    pub const UNKNOWN: Self = Self { saturated: f64::NAN, inactive: f64::NAN };

    /// The shares from the slopes of a layer, over units and samples.
    pub fn of<T: Real>(slope: &DMatrix<T>, derivative_sup: f64) -> Self {
        let (bound, count) = (saturation_threshold(derivative_sup), slope.len() as f64);
        let share = |test: &dyn Fn(f64) -> bool| slope.iter().filter(|d| test(d.to_f64().abs())).count() as f64 / count;
        Self { saturated: share(&|d| d > 0.0 && d < bound), inactive: share(&|d| d == 0.0) }
    }
}

/// The pre-activations of chosen layers in one trial, entry by entry.
pub(super) fn visit_pre_activations<T: Real>(
    spec: &Spec,
    stream: Stream,
    mut visit: impl FnMut(usize, f64) + Send,
) -> Result<(), MeasureError> {
    let network = Network::<T>::sample(spec, stream)?;
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::All, |event| {
        event.pre_activation.iter().for_each(|h: &T| visit(event.layer, h.to_f64()));
        Ok(())
    });
    network.forward(&draw_inputs(spec, stream), 0, &mut hooks)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_and_saturation_of_a_small_batch() {
        let h = DMatrix::from_row_slice(2, 3, &[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert!((batch_correlation(&h) - 1.0).abs() < 1e-15);
        let orthogonal = DMatrix::from_row_slice(2, 2, &[1e200, 0.0, 0.0, 1e200]);
        assert_eq!(batch_correlation(&orthogonal), 0.0);
        let slope = DMatrix::from_row_slice(1, 4, &[0.0_f32, 0.01, 0.2, f32::NAN]);
        assert_eq!(UnitShares::of(&slope, 0.25), UnitShares { saturated: 0.25, inactive: 0.25 });
    }
}
