//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]), maximisation of a smooth function on
//! an interval ([`maximize`]), Chebyshev series ([`Chebyshev`]), the normal distribution to the last places.

mod chebyshev;
mod gauss_legendre;
mod kronecker;
mod maximize;
mod normal;
mod quadrature;

pub use chebyshev::Chebyshev;
pub use gauss_legendre::gauss_legendre;
pub use kronecker::Kronecker;
pub use maximize::{Maximum, maximize};
pub use normal::{exp_minus_square, mills_ratio, normal_cdf, normal_density, normal_tail_moments};
pub use quadrature::{Integral, integrate};
