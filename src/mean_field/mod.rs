//! Mean-field theory of wide random networks: how the covariance of a batch travels through a layer.
//!
//! [`Kernel`] is the covariance matrix of a batch of B samples, averaged over units; [`ScaledKernel`] carries it with a
//! logarithmic scale, so that no depth over- or underflows; [`activation_maps`] are the variance and correlation maps with
//! their gradients chi.
//!
//! What the maps lead to: [`VarianceMap`] (all fixed points of the variance), [`CorrelationMap`] (that of the correlation), both in
//! [`phase_point`] and, by the thousand, [`phase_points`] and [`PhaseTable`]; [`transient`] is the way there; [`EdgeOfChaos`] is where gradients hold;
//! [`tailored()`] scales and shifts an activation so that the maps take prescribed values at a given depth.
//!
//! Nothing here draws a random number or reads a measurement.

mod common_map;
mod correlation;
mod edge;
mod error;
mod kernel;
mod maps;
mod phase;
mod phase_table;
mod tailored;
mod transient;
mod variance;

pub use common_map::common_correlation_maps;
pub use correlation::{CorrelationFixedPoint, CorrelationMap, CorrelationTable};
pub use edge::{Critical, EdgeOfChaos, EdgePoint, NoCritical, critical_correlation_rate, critical_sigma_w};
pub use error::MeanFieldError;
pub use kernel::{Kernel, ScaledKernel};
pub use maps::{ActivationMaps, BiasNode, MapError, SampleVector, activation_maps, reference_scale};
pub use phase::{Phase, PhasePoint, phase_point, phase_points};
pub use phase_table::PhaseTable;
pub use tailored::{Tailoring, TailoringError, tailored, tailored_leaky_relu};
pub use transient::{PairState, Transient, TransientLayer, transient};
pub use variance::{FixedPoint, GREATEST_VARIANCE, LEAST_VARIANCE, Scales, Stability, VarianceMap, Variances};
