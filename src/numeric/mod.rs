//! Numerical analysis without domain words: adaptive quadrature over panels ([`integrate`]) and maximisation of a
//! smooth function on an interval ([`maximize`]).

mod gauss_legendre;
mod kronecker;
mod maximize;
mod quadrature;

pub use gauss_legendre::gauss_legendre;
pub use kronecker::Kronecker;
pub use maximize::{Maximum, maximize};
pub use quadrature::{
    Adapted, Integral, NODES, Tolerance, adapt, integrate, panel_integral, panel_nodes, panel_weights,
};
