//! A product of matrices of any widths, ensembles and masks.
//!
//! `layer` says what a layer is, `transform` holds its S-transform with the edges, moments and the closed form of the distribution function,
//! `curve` solves it over the support.

mod curve;
mod layer;
mod transform;

pub use layer::{Layer, Weights};

use super::finite_size::gaussian_second_moment;
use super::{Atom, Fact, Law, LawError, Parameters, Scaling, Support, Variable};
use curve::{CERTIFIED, Curve};
use transform::Transform;

/// The law of squared singular values of a product of independent large matrices: rectangular, of independent entries or Haar, with masks.
///
/// # Formula
///
/// `J = D_L W_L ... D_1 W_1`, W_l is n_l x n_{l-1} with entries of variance 1/n_{l-1}, D_l a diagonal of independent zeros and ones (the
/// identity without a mask); widths to infinity at fixed ratios and L. The law is that of the eigenvalues of `J^T J` (n_0 x n_0), zeros included.
/// With moments `m_k` of it and `m = sum_k m_k x^-k`, independent factors multiply their S-transforms:
///
/// ```text
/// x(m) = (1 + m) / (m S(m)),    for independent entries throughout (n_L/n_0) (1 + m)/m prod_l (1 + m n_0/n_l)
/// x rho(x) = -Im m(x + i0) / pi,    atom at 0: 1 - min(1, min_l p_l n_l / n_0)
/// P(X > x) = (1/pi) Im [g m - sum_j k_j r_j ln(m + r_j)],    ln x = C - ln m + sum_j k_j ln(m + r_j),  g = sum_j k_j - 1
/// ```
///
/// with the ranks `r_j` over n_0 of the factors and integers `k_j`. Without independent entries the product of the factors' norms may be an
/// atom, of mass `sum_j k_j r_j` if that is positive.
///
/// # Accuracy
///
/// Distribution function about 1e-13 absolute; relative in the lower tail of a law that reaches 0, which has `F ~ x^(1/k)`. Logarithms of x
/// are the native scale. Certified at construction to 1e-9: mass from above and from below at every node, monotonicity, and moments 1, 2, 3
/// against Lagrange inversion. One interval of support is assumed besides atoms; a law with gaps would fail these checks and be refused.
///
/// # Source
///
/// Mueller 2002; Burda, Jarosz, Livan, Nowak and Swiech 2010; S-transform: Voiculescu 1987; masks: Pennington, Schoenholz and Ganguli 2018. The
/// distribution function is integrated here, checked by quadrature in the tests.
///
/// # Example
///
/// ```
/// use gradspectra::law::{FreeProduct, Law, Layer, Weights};
/// let law = FreeProduct::new(&[100, 200, 50], &[Layer::new(Weights::Independent); 2])?;
/// assert!((law.support().high - 3.74669022267706478).abs() < 1e-12);
/// assert!((law.cdf(0.0) - 0.5).abs() < 1e-15);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FreeProduct {
    widths: Vec<usize>,
    layers: Vec<Layer>,
    transform: Transform,
    /// `None` for a law of atoms alone.
    curve: Option<Curve>,
}

/// Layers at most.
const MOST_LAYERS: usize = 100_000;
/// Largest ratio of two widths, masks included.
const LARGEST_RATIO: f64 = 1e9;
/// Above this quantile the survival function is integrated from the edge.
const NEAR_EDGE: f64 = 1e-3;

impl FreeProduct {
    /// The law of the product of `layers` between `widths` n_0, ..., n_L.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for widths that are 0, of another number than layers + 1, or further apart than 1e9; [`LawError::NotCertified`] if
    /// the law fails its own checks.
    pub fn new(widths: &[usize], layers: &[Layer]) -> Result<Self, LawError> {
        let joined = || shorten(widths);
        if layers.is_empty() || layers.len() > MOST_LAYERS || widths.len() != layers.len() + 1 {
            let allowed = format!("n_0,...,n_L, one more than the ensembles, of which there are {}", layers.len());
            return Err(LawError::value("widths", joined(), allowed));
        }
        let sizes: Vec<f64> = widths.iter().map(|width| *width as f64).collect();
        let kept = layers.iter().fold(1.0, |least: f64, layer| least.min(layer.kept));
        let (least, most) = sizes.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), n| (low.min(*n), high.max(*n)));
        if !(least >= 1.0 && most <= LARGEST_RATIO * least * kept) {
            return Err(LawError::value("widths", joined(), "above 0, with ratios up to 1e9, masks included"));
        }
        if layers.iter().any(|layer| !(layer.kept > 0.0 && layer.kept <= 1.0)) {
            return Err(LawError::value("ensembles", "a mask", "of a probability above 0 and at most 1"));
        }
        let transform = Transform::new(&sizes, layers);
        let mut law = Self { widths: widths.to_vec(), layers: layers.to_vec(), transform, curve: None };
        if !law.transform.is_atomic() {
            let refuse = |failure: curve::Failure| LawError::NotCertified {
                law: law.title(),
                check: failure.check,
                found: failure.found,
                allowed: CERTIFIED,
            };
            let curve = Curve::follow(&law.transform).map_err(refuse)?;
            if let Some(failure) = curve.certify(&law.transform) {
                return Err(refuse(failure));
            }
            law.curve = Some(curve);
        }
        Ok(law)
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        let named: Vec<Layer> = given.ensembles.iter().map(|text| Layer::parse(text)).collect::<Result<_, _>>()?;
        let ratio_only = || LawError::Missing {
            law: "free_product",
            parameter: "widths",
            what: "n_0,...,n_L (or --factors for square matrices)",
            example: "784,256,10",
        };
        let count = match (given.factors, &given.widths[..], named.len()) {
            (Some(factors), widths, _) if widths.len() > 1 && widths.len() != factors.saturating_add(1) => {
                return Err(LawError::value(
                    "factors",
                    factors,
                    format!("{} for these widths, or left out", widths.len() - 1),
                ));
            }
            (Some(factors), _, _) => factors,
            (None, [_, rest @ ..], _) if !rest.is_empty() => rest.len(),
            (None, _, named) if named > 1 => named,
            _ => return Err(ratio_only()),
        };
        if !(1..=MOST_LAYERS).contains(&count) {
            return Err(LawError::value("factors", count, format!("from 1 to {MOST_LAYERS}")));
        }
        let widths = match given.widths[..] {
            // Square: only ratios matter to the limit.
            [] => vec![1; count + 1],
            [width] => vec![width; count + 1],
            _ => given.widths.clone(),
        };
        let layers = match named[..] {
            [] => vec![Layer::new(Weights::Independent); count],
            [layer] => vec![layer; count],
            _ if named.len() == count => named,
            _ => {
                let allowed = format!("one for all layers, or one for each of the {count}");
                return Err(LawError::value("ensembles", given.ensembles.join(","), allowed));
            }
        };
        Self::new(&widths, &layers)
    }

    /// Probability of the atom at 0.
    fn null(&self) -> f64 {
        (1.0 - self.transform.rank()).max(0.0)
    }

    /// `ln` and probability of the atom above 0, if there is one.
    fn top(&self) -> Option<(f64, f64)> {
        let mass = self.transform.norm_mass();
        (mass > 0.0).then_some((self.transform.ln_norm, mass))
    }

    /// Probability above 0 and at most the upper edge of the continuous part.
    fn continuous_mass(&self) -> f64 {
        (self.transform.rank() - self.transform.norm_mass()).max(0.0)
    }

    /// Whether the atom at the top is at most this; to rounding.
    fn reaches_top(ln_x: f64, ln_norm: f64) -> bool {
        ln_x >= ln_norm - 4.0 * f64::EPSILON * ln_norm.abs().max(1.0)
    }
}

/// Widths in an error message.
fn shorten(widths: &[usize]) -> String {
    match widths {
        [first @ .., _] if widths.len() > 12 => {
            format!("{},... ({} widths)", super::marchenko_pastur::join(&first[..8]), widths.len())
        }
        _ => super::marchenko_pastur::join(widths),
    }
}

impl Law for FreeProduct {
    fn title(&self) -> String {
        let square = self.widths.iter().all(|width| *width == self.widths[0]);
        let count = self.layers.len();
        let shape = if square {
            format!("{count} square factor{}", if count == 1 { "" } else { "s" })
        } else {
            shorten(&self.widths)
        };
        let number = |chosen: fn(&Layer) -> bool| self.layers.iter().filter(|layer| chosen(layer)).count();
        let (haar, masks) = (number(|layer| layer.weights == Weights::Orthogonal), number(|layer| layer.kept < 1.0));
        let with = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
        format!("product of free factors, {shape}{}{}", with(haar, "of them orthogonal"), with(masks, "with a mask"))
    }

    fn variable(&self) -> Variable {
        Variable::SquaredSingularValue
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large widths at fixed ratios and a fixed number of factors; factors independent, of independent entries of finite variance \
         1/fan_in or Haar; masks independent of the weights; eigenvalues of J^T J (n_0 x n_0), zeros included"
    }

    fn source(&self) -> &'static str {
        "Mueller 2002; Burda et al. 2010; Voiculescu 1987"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(2.0 * self.layers.len() as f64)
    }

    fn support(&self) -> Support {
        match &self.curve {
            Some(curve) => {
                Support { low: curve.lower.map_or(0.0, |edge| edge.ln_x.exp()), high: curve.upper.ln_x.exp() }
            }
            None => {
                let at = self.top().map_or(0.0, |(ln_norm, _)| ln_norm.exp());
                Support { low: if self.null() > 0.0 { 0.0 } else { at }, high: at }
            }
        }
    }

    fn atoms(&self) -> Vec<Atom> {
        let zero = (self.null() > 0.0).then(|| Atom { at: 0.0, mass: self.null() });
        let top = self.top().map(|(ln_norm, mass)| Atom { at: ln_norm.exp(), mass });
        zero.into_iter().chain(top).collect()
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x < 0.0 || self.curve.is_none() {
            return 0.0;
        }
        if x == 0.0 {
            return if self.curve.as_ref().is_some_and(|curve| curve.lower.is_none()) { f64::INFINITY } else { 0.0 };
        }
        self.pdf_of_ln(x.ln()) / x
    }

    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() || x < 0.0 {
            return if x.is_nan() { x } else { 0.0 };
        }
        self.cdf_of_ln(x.ln())
    }

    fn survival(&self, x: f64) -> f64 {
        if x.is_nan() || x < 0.0 {
            return if x.is_nan() { x } else { 1.0 };
        }
        let ln_x = x.ln();
        let above = self.top().map_or(0.0, |(ln_norm, mass)| if Self::reaches_top(ln_x, ln_norm) { 0.0 } else { mass });
        match &self.curve {
            Some(curve) if ln_x < curve.upper.ln_x => {
                if curve.lower.is_some_and(|lower| ln_x <= lower.ln_x) || x == 0.0 {
                    return self.transform.rank();
                }
                let mass = self.transform.above(curve.at(&self.transform, ln_x).exp());
                if above == 0.0 && mass < NEAR_EDGE { curve.above_by_quadrature(&self.transform, ln_x) } else { mass }
            }
            _ => above,
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        self.ln_quantile(p).exp()
    }

    fn moment(&self, k: u32) -> Option<f64> {
        self.transform.ln_moment(k).map(f64::exp)
    }

    fn mean_log(&self) -> Option<f64> {
        self.transform.mean_log()
    }

    fn pdf_of_ln(&self, ln_x: f64) -> f64 {
        if ln_x.is_nan() {
            return ln_x;
        }
        match &self.curve {
            Some(curve)
                if ln_x < curve.upper.ln_x && ln_x > curve.lower.map_or(f64::NEG_INFINITY, |edge| edge.ln_x) =>
            {
                self.transform.density_of_ln(curve.at(&self.transform, ln_x).exp())
            }
            _ => 0.0,
        }
    }

    fn cdf_of_ln(&self, ln_x: f64) -> f64 {
        if ln_x.is_nan() {
            return ln_x;
        }
        let top = self.top().filter(|(ln_norm, _)| !Self::reaches_top(ln_x, *ln_norm)).map_or(0.0, |(_, mass)| mass);
        match &self.curve {
            Some(curve) if ln_x < curve.upper.ln_x => {
                if ln_x == f64::NEG_INFINITY || curve.lower.is_some_and(|lower| ln_x <= lower.ln_x) {
                    return self.null();
                }
                let delta = curve.at(&self.transform, ln_x).exp();
                let below = self.null() + self.transform.below(delta);
                if below < 0.5 { below } else { (1.0 - self.transform.above(delta)).clamp(0.0, 1.0) }
            }
            _ => 1.0 - top,
        }
    }

    fn ln_quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p <= self.null() && self.null() > 0.0 {
            return f64::NEG_INFINITY;
        }
        let mass = p - self.null();
        match (&self.curve, self.top()) {
            (None, Some((ln_norm, _))) => ln_norm,
            (Some(_), Some((ln_norm, _))) if mass > self.continuous_mass() => ln_norm,
            (Some(curve), _) if mass >= self.continuous_mass() => curve.upper.ln_x,
            (Some(curve), _) if mass <= 0.0 => curve.lower.map_or(f64::NEG_INFINITY, |edge| edge.ln_x),
            (Some(curve), _) => curve.ln_quantile(&self.transform, mass),
            (None, None) => f64::NEG_INFINITY,
        }
    }

    fn ln_upper_edge(&self) -> f64 {
        let atom = self.top().map_or(f64::NEG_INFINITY, |(ln_norm, _)| ln_norm);
        self.curve.as_ref().map_or(atom, |curve| curve.upper.ln_x)
    }

    fn facts(&self) -> Vec<Fact> {
        let atom = self.top().map_or(f64::NEG_INFINITY, |(ln_norm, _)| ln_norm);
        let top = 0.5 * self.ln_upper_edge().max(atom);
        let largest = "the limit of the largest singular value at sigma_w = 1";
        let mut facts = vec![Fact::new("largest_singular_value", top.exp(), largest)];
        if !(top.exp() > 0.0 && top.exp().is_finite()) {
            facts = vec![Fact::new("ln_largest_singular_value", top, format!("ln of {largest}"))];
        }
        let gaussian = self.layers.iter().all(|layer| layer.weights == Weights::Independent && layer.kept == 1.0);
        if gaussian && self.widths[0] > 1 {
            let second = gaussian_second_moment(self.widths.iter().copied());
            let meaning = "E tr (J^T J)^2 / n_0 of real Gaussian matrices of these widths, exact, at sigma_w = 1";
            facts.push(Fact::new("finite_size_moment_2", second, meaning));
        }
        facts
    }
}

#[cfg(test)]
mod tests;
