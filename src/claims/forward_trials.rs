//! What a claim looks at in the pre-activations of networks, one forward pass each.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::ClaimError;
use crate::linalg::single_threaded_blas;
use crate::measure::{MeasureError, Progress};
use crate::network::{Hooks, Layers, Network, draw_inputs};
use crate::spec::Spec;
use crate::stats::Stream;

/// A number, or several, of the pre-activations (width x batch) of the given layers: one list a trial, in the order of the layers.
pub(super) fn forward_trials<R: Send>(
    spec: &Spec,
    experiment: &str,
    layers: &[usize],
    progress: &dyn Progress,
    look: impl Fn(&DMatrix<f64>) -> R + Sync,
) -> Result<Vec<Vec<R>>, ClaimError> {
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, experiment);
    progress.begin(experiment, spec.measure.trials as u64);
    let trial = |network: &mut Option<Network<f64>>, trial| {
        if progress.interrupted() {
            return Err(MeasureError::Interrupted);
        }
        let stream = stream.trial(trial);
        let network = match network {
            Some(network) => {
                network.resample(spec, stream)?;
                network
            }
            None => network.insert(Network::sample(spec, stream)?),
        };
        let mut seen = Vec::with_capacity(layers.len());
        let mut hooks = Hooks::<f64>::new();
        hooks.on_forward(Layers::All, |event| {
            if layers.contains(&event.layer) {
                seen.push(look(event.pre_activation));
            }
            Ok(())
        });
        network.forward(&draw_inputs(spec, stream), 0, &mut hooks)?;
        drop(hooks);
        progress.advance(1);
        Ok(seen)
    };
    let trials: Result<Vec<_>, _> = (0..spec.measure.trials as u64).into_par_iter().map_init(|| None, trial).collect();
    progress.end();
    Ok(trials?)
}
