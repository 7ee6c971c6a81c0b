//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]) and maximisation of a
//! smooth function on an interval ([`maximize`]).

mod maximize;
mod quadrature;

pub use maximize::{Maximum, maximize};
pub use quadrature::{Integral, integrate};
