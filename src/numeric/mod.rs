//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]), maximisation of a smooth
//! function on an interval ([`maximize`]), intervals that contain the exact result ([`Interval`]) and numbers beyond the range
//! of doubles ([`Extended`]).

mod extended;
mod gauss_legendre;
mod interval;
mod kronecker;
mod maximize;
mod quadrature;

pub use extended::Extended;
pub use gauss_legendre::gauss_legendre;
pub use interval::Interval;
pub use kronecker::Kronecker;
pub use maximize::{Maximum, maximize};
pub use quadrature::{Integral, integrate};
