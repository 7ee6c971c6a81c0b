//! The S-transform of a product, and the edges of its spectrum.

use nalgebra::Complex;

use super::layer::{Layer, Weights};
use crate::numeric::bisect;

/// `x(m)`, the inverse of the generating function of moments, in the variable `v = 1/m`.
///
/// # Formula
///
/// With `m(x) = sum_k m_k x^-k`, the moments those of `J^T J` (n_0 x n_0, zeros included), and S multiplicative,
/// `x(m) = (1 + m) / (m S(m))`. Every layer contributes factors of the form `(1 + a m)^(+-1)`, where `1/a` is a rank over n_0:
///
/// ```text
/// independent entries, to width n_l:   (n_l / n_{l-1}) (1 + m n_0/n_l)
/// orthogonal, to n_l < n_{l-1}:        (n_l / n_{l-1}) (1 + m n_0/n_l) / (1 + m n_0/n_{l-1})      to n_l >= n_{l-1}: n_l / n_{l-1}
/// a mask of kept units p:              p (1 + m n_0/(p n_l)) / (1 + m n_0/n_l)
/// ```
///
/// In all `ln x = C - g ln v + sum_j k_j ln(v + a_j)` with integers k_j, `sum_j k_j = g + 1`, and g layers of independent entries.
/// The generating function of a law on `x >= 0` maps the upper half-plane of x into that of v.
#[derive(Debug, Clone)]
pub(super) struct Transform {
    /// `C = ln m_1`.
    pub ln_mean: f64,
    /// ln of the product of the squared norms of orthogonal factors: the largest x, where there are no others.
    pub ln_norm: f64,
    /// g.
    pub independent: f64,
    /// By decreasing a.
    pub terms: Vec<Term>,
}

/// `(1 + a m)^k`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub a: f64,
    pub k: f64,
    /// `a_1 - a`.
    pub gap: f64,
}

/// A point where the curve of complex v leaves the real axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    /// `v + a_1`.
    pub delta: f64,
    /// `ln x`.
    pub ln_x: f64,
    /// Second derivative of `ln x` by v.
    pub curvature: f64,
}

/// Ranks that agree to this are one: rounding of `p n`.
const SAME_RANK: f64 = 1e-13;

impl Transform {
    pub fn new(widths: &[f64], layers: &[Layer]) -> Self {
        let first = widths[0];
        let mut powers: Vec<(f64, i64)> = vec![(1.0, 1)];
        let (mut ln_mean, mut ln_norm, mut independent) = (0.0, 0.0, 0.0);
        for (pair, layer) in widths.windows(2).zip(layers) {
            let (before, after) = (pair[0], pair[1]);
            ln_mean += (after / before).ln() + layer.kept.ln();
            ln_norm += (after / before).max(1.0).ln();
            match layer.weights {
                Weights::Independent => {
                    independent += 1.0;
                    powers.push((first / after, 1));
                }
                Weights::Orthogonal if after < before => powers.extend([(first / after, 1), (first / before, -1)]),
                Weights::Orthogonal => {}
            }
            if layer.kept < 1.0 {
                powers.extend([(first / (layer.kept * after), 1), (first / after, -1)]);
            }
        }
        powers.sort_by(|one, other| other.0.total_cmp(&one.0));
        let mut merged: Vec<(f64, i64)> = Vec::new();
        for (a, k) in powers {
            match merged.last_mut() {
                Some(last) if last.0 - a <= SAME_RANK * last.0 => last.1 += k,
                _ => merged.push((a, k)),
            }
        }
        merged.retain(|(_, k)| *k != 0);
        let top = merged.first().map_or(1.0, |(a, _)| *a);
        let terms = merged.into_iter().map(|(a, k)| Term { a, k: k as f64, gap: top - a }).collect();
        Self { ln_mean, ln_norm, independent, terms }
    }

    /// `a_1`: n_0 over the smallest rank.
    pub fn a(&self) -> f64 {
        self.terms[0].a
    }

    /// The rank over n_0: 1 less the atom at 0.
    pub fn rank(&self) -> f64 {
        1.0 / self.a()
    }

    /// A law of two points, 0 and one other.
    pub fn is_atomic(&self) -> bool {
        self.independent == 0.0 && self.terms.len() == 1
    }

    /// Probability of the product of the norms.
    pub fn norm_mass(&self) -> f64 {
        if self.independent > 0.0 {
            return 0.0;
        }
        let (sum, size) = self
            .terms
            .iter()
            .fold((0.0, 0.0), |(sum, size), term| (sum + term.k / term.a, size + (term.k / term.a).abs()));
        if sum > 8.0 * f64::EPSILON * size { sum } else { 0.0 }
    }

    /// `ln x` and its derivative by `w = ln(v + a_1)`, in the upper half-plane.
    ///
    /// Of long products the terms all but cancel where v is large, and only the first one is known to relative accuracy where it is near
    /// -a_1: hence three forms.
    pub fn ln_x(&self, w: Complex<f64>) -> (Complex<f64>, Complex<f64>) {
        let delta = w.exp();
        let v = delta - self.a();
        let g = self.independent;
        let first = self.terms[0].k;
        if g == 0.0 && v.norm_sqr() < 16.0 * self.a() * self.a() {
            // Analytic at v = 0, where the other form is not.
            let (mut value, mut slope) = (w * first + self.ln_mean, Complex::from(first));
            for term in &self.terms[1..] {
                let shifted = delta - term.gap;
                value += shifted.ln() * term.k;
                slope += delta / shifted * term.k;
            }
            return (value, slope);
        }
        let (m, ln_v) = (v.inv(), v.ln());
        // The slope by v is [1 - sum k_j a_j / (v + a_j)] / v.
        let mut value = ln_v + self.ln_mean;
        let mut slope = Complex::from(1.0);
        for (j, term) in self.terms.iter().enumerate() {
            let shifted = delta - term.gap;
            let ratio = m * term.a;
            value += term.k
                * if ratio.norm_sqr() < 0.25 {
                    ln_1p(ratio)
                } else if j == 0 {
                    w - ln_v
                } else {
                    shifted.ln() - ln_v
                };
            if j > 0 {
                slope -= shifted.inv() * (term.k * term.a);
            }
        }
        // delta times the first term is a number, however small delta is.
        (value, (slope * delta - first * self.a()) * m)
    }

    /// Minus the angle of `1 + a m` in the upper half-plane of v, all terms; `delta = v + a_1`.
    fn angle(&self, term: &Term, delta: Complex<f64>) -> f64 {
        let v = delta - self.a();
        (term.a * delta.im).atan2(v.re * (delta.re - term.gap) + delta.im * delta.im)
    }

    /// `-Im m`.
    fn minus_im_m(&self, delta: Complex<f64>) -> f64 {
        delta.im / (delta - self.a()).norm_sqr()
    }

    /// Density of `ln x`: `-Im m / pi`.
    pub fn density_of_ln(&self, delta: Complex<f64>) -> f64 {
        self.minus_im_m(delta) / std::f64::consts::PI
    }

    /// Mass above x, with the atom at the top: `-(1/pi) Im of the integral of m d(ln x) = g m - sum_j (k_j / a_j) ln(m + 1/a_j)`.
    pub fn above(&self, delta: Complex<f64>) -> f64 {
        let logs: f64 = self.terms.iter().map(|term| term.k / term.a * self.angle(term, delta)).sum();
        let linear = if self.independent > 0.0 { self.independent * self.minus_im_m(delta) } else { 0.0 };
        (logs - linear) / std::f64::consts::PI
    }

    /// Continuous mass below x: the rest up to [`Self::rank`], where `Im ln x = 0` has taken out what cancels in the lower tail.
    pub fn below(&self, delta: Complex<f64>) -> f64 {
        let v = delta - self.a();
        let logs: f64 =
            self.terms[1..].iter().map(|term| term.k * term.gap / (term.a * self.a()) * self.angle(term, delta)).sum();
        let linear = if self.independent > 0.0 { self.independent * self.minus_im_m(delta) } else { 0.0 };
        (self.rank() * delta.im.atan2(-v.re) + linear - logs) / std::f64::consts::PI
    }

    /// The real `ln x` at real v, given as delta.
    fn ln_x_real(&self, delta: f64) -> f64 {
        let v = delta - self.a();
        if self.independent == 0.0 && v.abs() < 4.0 * self.a() {
            return self.ln_mean + self.terms.iter().map(|term| term.k * (delta - term.gap).abs().ln()).sum::<f64>();
        }
        let term = |term: &Term| {
            let ratio = term.a / v;
            term.k * if ratio.abs() < 0.5 { ratio.ln_1p() } else { ((delta - term.gap) / v).abs().ln() }
        };
        self.ln_mean + v.abs().ln() + self.terms.iter().map(term).sum::<f64>()
    }

    /// The upper edge of the continuous part: the largest critical point of x(v), a minimum.
    ///
    /// With independent entries `v (ln x)' = 1 - sum_j k_j a_j / (v + a_j)` has one root on v > 0; without, `(ln x)'` itself has one right of
    /// the smallest -a_j, at negative v if there is an atom above the edge.
    pub fn upper_edge(&self) -> Edge {
        let base = if self.independent > 0.0 { 0.0 } else { self.terms.last().map_or(0.0, |term| -term.a) };
        let at = |u: f64| {
            let step = u.exp();
            let (mut value, mut slope) = (if self.independent > 0.0 { 1.0 } else { 0.0 }, 0.0);
            for term in &self.terms {
                let shifted = step + (term.a + base);
                let weight = if self.independent > 0.0 { -term.k * term.a } else { term.k };
                value += weight / shifted;
                slope -= weight / (shifted * shifted);
            }
            (value, slope)
        };
        // Shifted: bisection towards 0 would go on to the subnormal numbers. Newton's step restores what the shift has cost.
        let u = bisect(100.0, 700.0, |u| at(u - 400.0).0 >= 0.0) - 400.0;
        let (value, slope) = at(u);
        let polish = value / (slope * u.exp());
        let u = if polish.abs() < 1e-9 { u - polish } else { u };
        let step = u.exp();
        let curvature = if self.independent > 0.0 { at(u).1 / step } else { at(u).1 };
        let delta = step + (self.a() + base);
        Edge { delta, ln_x: self.ln_x_real(delta), curvature }
    }

    /// The lower edge of the continuous part, if it is not 0: where one rank alone is smallest, the maximum of x(v) between -a_1 and -a_2.
    pub fn lower_edge(&self) -> Option<Edge> {
        let [first, second, ..] = &self.terms[..] else { return None };
        if first.k != 1.0 {
            return None;
        }
        let gap = second.gap;
        let slopes = |logit: f64| {
            // Distances from both ends, each to relative accuracy.
            let (delta, rest) = (gap / (1.0 + (-logit).exp()), gap / (1.0 + logit.exp()));
            let v = delta - self.a();
            let (mut value, mut slope) =
                (-self.independent / v + 1.0 / delta, self.independent / (v * v) - 1.0 / (delta * delta));
            for term in &self.terms[1..] {
                let shifted = -rest - (term.gap - gap);
                value += term.k / shifted;
                slope -= term.k / (shifted * shifted);
            }
            (delta, value, slope)
        };
        let logit = bisect(100.0, 1500.0, |logit| slopes(logit - 800.0).1 <= 0.0) - 800.0;
        let (delta, _, curvature) = slopes(logit);
        Some(Edge { delta, ln_x: self.ln_x_real(delta), curvature })
    }

    /// `ln E x^k` by Lagrange inversion: `m_k = (1/k) [m^(k-1)] (m x(m))^k`, a series of binomials. `None` if k is large or the series cancels.
    pub fn ln_moment(&self, k: u32) -> Option<f64> {
        const LARGEST: u32 = 256;
        if k == 0 {
            return Some(0.0);
        }
        if k > LARGEST {
            return None;
        }
        let count = k as usize;
        let power = f64::from(k);
        // Per a_1^n, so that coefficients stay in range.
        let mut series = vec![0.0; count];
        let mut sizes = vec![0.0; count];
        (series[0], sizes[0]) = (1.0, 1.0);
        let mut exponent = 0.0;
        for term in &self.terms {
            let mut binomials = vec![1.0];
            for n in 1..count {
                let previous: f64 = binomials[n - 1];
                binomials.push(previous * (term.k * power - (n - 1) as f64) / n as f64 * (term.a / self.a()));
            }
            for n in (0..count).rev() {
                let times = |series: &[f64], sign: fn(f64) -> f64| {
                    (0..=n).map(|i| series[i] * sign(binomials[n - i])).sum::<f64>()
                };
                (series[n], sizes[n]) = (times(&series, |b| b), times(&sizes, f64::abs));
            }
            let largest = sizes.iter().fold(0.0_f64, |most, size| most.max(*size));
            if largest > 1e100 {
                exponent += largest.ln();
                series.iter_mut().chain(&mut sizes).for_each(|value| *value /= largest);
            }
        }
        let (value, size) = (series[count - 1], sizes[count - 1]);
        let trusted = value > 1e-4 * size && value.is_finite();
        trusted.then(|| exponent + value.ln() - power.ln() + power * self.ln_mean + (power - 1.0) * self.a().ln())
    }

    /// `E ln x` where there is no atom at 0: `C + 1 + sum_j k_j int_0^1 ln(1 - a_j y) dy`.
    pub fn mean_log(&self) -> Option<f64> {
        let term = |term: &Term| {
            let rest = 1.0 - term.a;
            let end = if rest <= 0.0 { 0.0 } else { rest / term.a * (-term.a).ln_1p() };
            term.k * (-1.0 - end)
        };
        (self.a() <= 1.0).then(|| self.ln_mean + 1.0 + self.terms.iter().map(term).sum::<f64>())
    }
}

/// `ln(1 + z)` for small z.
fn ln_1p(z: Complex<f64>) -> Complex<f64> {
    Complex::new(0.5 * (z.re * (2.0 + z.re) + z.im * z.im).ln_1p(), z.im.atan2(1.0 + z.re))
}
