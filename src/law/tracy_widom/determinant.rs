//! The Tracy-Widom distribution functions as Fredholm determinants: the oracle of the tables.

use nalgebra::DMatrix;

use crate::law::Field;
use crate::numeric::{airy, gauss_legendre};

/// The discretised operator `w_i^(1/2) K(x_i, x_j) w_j^(1/2)`.
///
/// Complex: the Airy kernel `(Ai(x) Ai'(y) - Ai'(x) Ai(y)) / (x - y)` on (s, inf). Real: `Ai((x + y)/2 + s) / 2` on (0, inf).
fn operator(field: Field, s: f64, nodes: usize) -> DMatrix<f64> {
    let end = 16f64.max(s + 8.0);
    let (start, length) = match field {
        Field::Real => (0.0, 2.0 * (end - s)),
        Field::Complex => (s, end - s),
    };
    let rule: Vec<(f64, f64)> =
        gauss_legendre(nodes).into_iter().map(|(t, w)| (start + length * t, (length * w).sqrt())).collect();
    match field {
        Field::Real => DMatrix::from_fn(nodes, nodes, |i, j| {
            rule[i].1 * rule[j].1 * 0.5 * airy(0.5 * (rule[i].0 + rule[j].0) + s).value
        }),
        Field::Complex => {
            let at: Vec<_> = rule.iter().map(|(x, _)| airy(*x)).collect();
            DMatrix::from_fn(nodes, nodes, |i, j| {
                let kernel = if i == j {
                    at[i].derivative.powi(2) - rule[i].0 * at[i].value.powi(2)
                } else {
                    (at[i].value * at[j].derivative - at[i].derivative * at[j].value) / (rule[i].0 - rule[j].0)
                };
                rule[i].1 * rule[j].1 * kernel
            })
        }
    }
}

/// `F(s) = det(1 - K)`.
pub(super) fn distribution(field: Field, s: f64, nodes: usize) -> f64 {
    (DMatrix::identity(nodes, nodes) - operator(field, s, nodes)).determinant()
}

/// `1 - F(s)` to relative accuracy, where K is small: `ln F = - sum_k tr K^k / k`.
pub(super) fn survival(field: Field, s: f64, nodes: usize) -> f64 {
    let k = operator(field, s, nodes);
    let (mut power, mut sum) = (k.clone(), 0.0);
    for order in 1..=40 {
        sum += power.trace() / f64::from(order);
        power = &power * &k;
    }
    -(-sum).exp_m1()
}
