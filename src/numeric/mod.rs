//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]), maximisation of a smooth function on
//! an interval ([`maximize`]), bisection ([`bisect`]), Chebyshev series ([`Chebyshev`]), the Airy function ([`airy()`]), the gamma function and its
//! derivatives ([`polygamma`]), the normal distribution to the last places, intervals that contain the exact result ([`Interval`]) and
//! numbers beyond the range of doubles ([`Extended`]).

mod airy;
mod bisect;
mod chebyshev;
mod exponential;
mod extended;
mod gamma;
mod gauss_legendre;
mod interval;
mod kronecker;
mod lanes;
mod maximize;
mod normal;
mod quadrature;

pub use airy::{Airy, airy};
pub use bisect::bisect;
pub use chebyshev::Chebyshev;
pub use exponential::{Decay, decay};
pub use extended::Extended;
pub use gamma::{digamma_minus_ln, ln_gamma_beyond_linear, polygamma};
pub use gauss_legendre::gauss_legendre;
pub use interval::Interval;
pub use kronecker::Kronecker;
pub use lanes::Lanes;
pub use maximize::{Maximum, maximize};
pub use normal::{exp_minus_square, mills_ratio, normal_cdf, normal_density, normal_tail_moments, upper_tail_moments};
pub use quadrature::{
    Adapted, Integral, NODES, Tolerance, adapt, integrate, panel_integral, panel_nodes, panel_weights,
};
