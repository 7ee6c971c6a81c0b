//! Mean-field theory of wide random networks: how the covariance of a batch travels through a layer.
//!
//! [`Kernel`] is the covariance matrix of a batch of B samples, averaged over units; [`ScaledKernel`] carries it with a
//! logarithmic scale, so that no depth over- or underflows; [`activation_maps`] are the variance and correlation maps with
//! their gradients chi. Nothing here draws a random number or reads a measurement.

mod critical;
mod kernel;
mod maps;

pub use critical::{Critical, NoCritical, critical_sigma_w};
pub use kernel::{Kernel, ScaledKernel};
pub use maps::{ActivationMaps, BiasNode, MapError, SampleVector, activation_maps, reference_scale};
