//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]), maximisation of a smooth function on
//! an interval ([`maximize`]), Chebyshev series ([`Chebyshev`]).

mod chebyshev;
mod gauss_legendre;
mod kronecker;
mod maximize;
mod quadrature;

pub use chebyshev::Chebyshev;
pub use gauss_legendre::gauss_legendre;
pub use kronecker::Kronecker;
pub use maximize::{Maximum, maximize};
pub use quadrature::{Integral, integrate};
